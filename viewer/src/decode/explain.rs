//! Why the kernel refused a request, or warned about it: what an answer's extended ack says of the
//! request that it answers.
//!
//! ```text
//! NLMSGERR_ATTR_OFFS 60 ──► request, walked ──► IFLA_LINKINFO.IFLA_INFO_DATA.IFLA_VLAN_ID, its value
//! NLMSGERR_ATTR_POLICY  ──► Limits          ──► u16, at most 4095
//! NLMSGERR_ATTR_MISS_TYPE in the set of the attribute at NLMSGERR_ATTR_MISS_NEST ──► its name
//! ```
//!
//! The request is the one that is echoed; where only its header is, or nothing, it is the one that was
//! recorded. It is decoded again, by the same decoder as always, for a visitor that looks out for the
//! place (`locate`), and again to show what is there (`show`). Offsets may lie: then they lead to no
//! place, and nothing is said of it.

mod limits;
mod locate;
mod show;
mod walk;

use super::context::Decoder;
use super::message;
use super::{Direction, Engine, MessageHead, Value, Visitor};
use crate::wire::attr::{Attr, Attrs};
use crate::wire::message::{HEADER_LEN, Message, Nlmsghdr};
use crate::wire::{self, Step};
pub use limits::Limits;
use locate::{Locate, Place};
use show::{Head, Identify, Show};
pub use walk::Listener;
use walk::Walk;

/// Most bytes of requests that are walked through for the answers of one datagram. A hostile peer might
/// let many small answers refer to one large request.
pub const MAX_WALK_LEN: usize = 256 << 10;

/// Numbers of an extended ack's attributes: `NLMSGERR_ATTR_*`.
const MSG: u16 = 1;
const OFFS: u16 = 2;
const COOKIE: u16 = 3;
const POLICY: u16 = 4;
const MISS_TYPE: u16 = 5;
const MISS_NEST: u16 = 6;

/// What is said of a request.
pub struct Explanation<'a> {
    /// What went wrong, as a positive errno; 0 if nothing did but there is a warning.
    pub errno: i32,
    /// The kernel's words.
    pub message: Option<&'a [u8]>,
    /// Where in the request the culprit is, in bytes from its beginning.
    pub offset: Option<usize>,
    /// What stands there.
    pub culprit: Option<Culprit>,
    /// What the culprit has to be.
    pub limits: Option<Limits<'a>>,
    /// What is not there but should be.
    pub missing: Option<Missing>,
    /// What a family says beyond errors.
    pub cookie: Option<&'a [u8]>,
    /// Whether the whole request stands in the answer.
    pub is_echoed: bool,
    /// The record that the request came in, and which message of it it is; None if it was not recorded.
    pub record: Option<(u64, usize)>,
    request: Option<Request<'a>>,
    place: Option<Place>,
}

/// A part of a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Culprit {
    /// How it is reached, from the outermost on.
    pub path: Vec<Crumb>,
    /// How far into it the offset leads, in bytes, if not to its beginning.
    pub beyond: usize,
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Crumb {
    /// An attribute, a struct or a member, by its C name.
    Name(String),
    /// An attribute of a set that does not have its number, and what to call such ones.
    Unknown(u16, Option<String>),
    /// An element by its index, or by a type that is no name.
    Index(u64),
}

/// An attribute that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Its type.
    pub number: u32,
    /// Its C name, if the spec has it.
    pub name: Option<String>,
    /// The attribute that it should be in, if that is not the message itself and is there.
    pub nest: Vec<Crumb>,
}

/// A request that can be walked through.
#[derive(Clone, Copy)]
struct Request<'a> {
    engine: Engine<'a>,
    protocol: u32,
    message: Message<'a>,
}

impl std::fmt::Debug for Explanation<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Explanation")
            .field("errno", &self.errno)
            .field("offset", &self.offset)
            .field("culprit", &self.culprit)
            .field("limits", &self.limits)
            .field("missing", &self.missing)
            .finish_non_exhaustive()
    }
}

impl Explanation<'_> {
    /// Whether the kernel said more than an error number.
    #[must_use]
    pub const fn has_reason(&self) -> bool {
        self.message.is_some() || self.offset.is_some() || self.missing.is_some()
    }

    /// Shows the culprit's value: what a visitor would be shown within its attribute, or of its member.
    pub fn show_value(&self, to: &mut dyn Listener) {
        if let (Some(request), Some(place)) = (&self.request, &self.place) {
            request.walk(&mut Show::new(place, to));
        }
    }

    /// Tells what the request is about: names and values of what identifies things, the first few.
    pub fn identify(&self, mut tell: impl FnMut(&str, &Value<'_>)) {
        if let Some(request) = &self.request {
            request.walk(&mut Identify::new(MAX_IDENTITIES, &mut tell));
        }
    }

    /// Hands on what a visitor is told at the request's beginning.
    pub fn head(&self, mut take: impl FnMut(&MessageHead<'_>)) {
        if let Some(request) = &self.request {
            request.walk(&mut Head(Some(&mut take)));
        }
    }
}

/// How many names and values say what a request is about.
const MAX_IDENTITIES: usize = 4;

impl Request<'_> {
    fn walk(&self, listener: &mut dyn Listener) {
        let Self { engine, protocol, message } = self;
        let mut walk = Walk(listener);
        message::one(engine, *protocol, Direction::Send, message, 0, 0, false, &mut walk);
    }
}

/// What an extended ack says.
#[derive(Debug, Default)]
struct Said<'a> {
    message: Option<&'a [u8]>,
    offset: Option<usize>,
    cookie: Option<&'a [u8]>,
    policy: Option<&'a [u8]>,
    missing: Option<u32>,
    nest: Option<usize>,
}

impl<'a> Said<'a> {
    fn read(attrs: &'a [u8]) -> Self {
        let mut said = Self::default();
        let number =
            |attr: &Attr<'_>| wire::u32_at(attr.payload, 0).filter(|_| attr.payload.len() == 4);
        let offset = |attr: &Attr<'_>| number(attr).and_then(|n| usize::try_from(n).ok());
        for step in Attrs::new(attrs) {
            let Step::Element(attr) = step else { continue };
            match attr.number() {
                MSG => said.message = Some(attr.payload),
                OFFS => said.offset = offset(&attr),
                COOKIE => said.cookie = Some(attr.payload),
                POLICY => said.policy = Some(attr.payload),
                MISS_TYPE => said.missing = number(&attr),
                MISS_NEST => said.nest = offset(&attr),
                _ => {}
            }
        }
        said
    }
}

impl<'a, V: Visitor> Decoder<'a, V> {
    /// Tells the visitor why an answer is none that one hopes for, if there is anything to tell.
    /// `echo` is the request as it came back, `attrs` the extended ack.
    pub(super) fn explain(&mut self, error: i32, echo: Option<(&'a [u8], bool)>, attrs: &'a [u8]) {
        if !V::EXPLAINS || self.direction == Direction::Send || (error == 0 && attrs.is_empty()) {
            return;
        }
        let (bytes, record) = self.answered(echo);
        if !self.visitor.may_walk(bytes.len()) {
            return;
        }
        let said = Said::read(attrs);
        let request = Nlmsghdr::read(bytes).map(|header| Request {
            engine: self.engine,
            protocol: self.protocol,
            message: Message {
                at: 0,
                header,
                payload: bytes.get(HEADER_LEN..).unwrap_or(&[]),
                cut: false,
                more: false,
            },
        });
        let missing = said.missing.and_then(|number| u16::try_from(number).ok());
        let mut locate = Locate::new(said.offset, said.nest, missing);
        if let Some(request) = request.filter(|_| said.offset.is_some() || missing.is_some()) {
            request.walk(&mut locate);
        }
        let missing = said.missing.map(|number| Missing {
            number,
            name: locate.missing_name,
            nest: locate.nest_path,
        });
        let (culprit, place) = locate.found.unzip();
        let explanation = Explanation {
            errno: error.saturating_neg().max(0),
            message: said.message,
            offset: said.offset,
            culprit,
            limits: said.policy.map(|policy| Limits::read(self.tables, policy)),
            missing,
            cookie: said.cookie,
            is_echoed: echo.is_some_and(|(_, capped)| !capped),
            record,
            request,
            place,
        };
        self.visitor.explanation(&explanation);
    }

    /// The request that is answered, as much of it as there is, and where it was recorded.
    fn answered(&self, echo: Option<(&'a [u8], bool)>) -> (&'a [u8], Option<(u64, usize)>) {
        let Some((echo, capped)) = echo else {
            let asked = self.engine.requests.asked(&self.nlmsghdr);
            return asked
                .map_or((&[], None), |asked| (asked.bytes, Some((asked.record, asked.part))));
        };
        let header = Nlmsghdr::read(echo);
        let by = |header: &Nlmsghdr| self.engine.requests.asked_by(&self.nlmsghdr, header);
        let asked = header.as_ref().and_then(by);
        // It may have been forgotten, and another one have its number.
        let asked = asked.filter(|asked| Nlmsghdr::read(asked.bytes) == header);
        let record = asked.map(|asked| (asked.record, asked.part));
        let said = header.map_or(0, |header| header.len as usize).max(HEADER_LEN);
        match (asked, echo.get(..said).filter(|_| !capped)) {
            (_, Some(whole)) => (whole, record),
            (Some(asked), None) => (asked.bytes, record),
            (None, None) if capped => (echo.get(..HEADER_LEN).unwrap_or(echo), record),
            (None, None) => (echo, record),
        }
    }
}

#[cfg(test)]
mod tests;
