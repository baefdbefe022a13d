//! What the kernel finds wrong with a request, or takes no notice of: what it writes into its log at most.
//!
//! Only visitors that ask for it ([`Visitor::CHECKS`]) are told, and only of messages to the kernel.

use super::attrs::Elements;
use super::context::{Decoder, Scope};
use super::message::GENERIC;
use super::{Issue, IssueKind, Value, Visitor};
use crate::spec::model::{Attr, Checks, Enum, Kind, MemberKind, Order, Struct, ValueNames};
use crate::wire::attr::{self, Attrs};
use crate::wire::message::{self, Message, REQUEST};
use crate::wire::{self, Step, align};

/// `NLM_F_MULTI`, `NLM_F_DUMP_INTR`, `NLM_F_DUMP_FILTERED`: the kernel's to say.
const OF_ANSWERS: u64 = 0x32;

/// A list of attributes, and which of the numbers that lists have were there already.
#[derive(Debug, Clone, Copy)]
pub(super) struct Met<'a> {
    list: &'a [u8],
    numbers: [u64; 8],
}

impl<'a> Met<'a> {
    /// A list of which nothing has been met.
    pub(super) const fn new(list: &'a [u8]) -> Self {
        Self { list, numbers: [0; 8] }
    }

    /// Whether this one has been met before.
    fn again(&mut self, number: u16) -> bool {
        let bit = 1 << (number & 63);
        let Some(word) = self.numbers.get_mut(usize::from(number >> 6)) else { return false };
        let before = *word & bit != 0;
        *word |= bit;
        before
    }
}

impl<'a, V: Visitor> Decoder<'a, V> {
    /// Whether this message is one to be checked.
    pub(super) const fn checks(&self) -> bool {
        V::CHECKS && self.checked
    }

    /// A message's header.
    pub(super) fn check_header(&mut self, found: &Message<'_>, flags: &Value<'_>, control: bool) {
        if !(self.protocol == GENERIC || self.tables.takes_requests()) {
            return;
        }
        let header = found.header;
        if control {
            self.issue(found.at, IssueKind::ControlSent);
        } else if header.flags & REQUEST == 0 {
            self.issue(found.at, IssueKind::NoRequestFlag);
        }
        let Value::Flags { v, set, more, .. } = *flags else { return };
        let unnamed = set.flags(v, |_| {});
        let unnamed = more.map_or(unnamed, |more| more.flags(unnamed, |_| {}));
        let bits = unnamed | v & OF_ANSWERS;
        if bits != 0 {
            self.issue(found.at, IssueKind::Reserved { what: "nlmsg_flags", v: bits });
        }
    }

    /// The bytes between an attribute and the next one of a list.
    fn check_padding(&mut self, bytes: &[u8], found: &attr::Attr<'_>, at: usize) {
        let end = found.at.saturating_add(usize::from(found.len));
        if found.cut || usize::from(found.len) < attr::HEADER_LEN {
            return;
        }
        // The next one alone is looked at, so that a list takes no longer than it is long.
        let flawless = |at: usize| {
            let rest = bytes.get(at..).unwrap_or(&[]);
            matches!(Attrs::new(rest).next(), Some(Step::Element(next))
                if !next.cut
                    && usize::from(next.len) >= attr::HEADER_LEN
                    && next.number() <= attr::LIKELY_TYPE)
        };
        if let Some(kind) = padding(bytes, end, flawless) {
            self.issue(at.saturating_add(found.len.into()), kind);
        }
    }

    /// An attribute, as far as its set knows it.
    pub(super) fn check_attribute(
        &mut self,
        elements: Elements<'a>,
        found: &attr::Attr<'a>,
        at: usize,
        met: &mut Met<'_>,
        scope: &Scope<'a, '_>,
    ) {
        if elements.header().is_some() {
            return;
        }
        self.check_padding(met.list, found, at);
        let Elements::Set(Some(set), true) = elements else { return };
        let number = found.number();
        let again = met.again(number);
        let Some(known) = set.attr(number) else { return };
        if number == 0 && matches!(known.kind, Kind::Unknown) {
            self.issue(at, IssueKind::Reserved { what: "nla_type", v: 0 });
        }
        if again && !known.multi {
            self.issue(at, IssueKind::Duplicate);
        }
        let nest = self.is_nest(&known.kind, found.payload, scope);
        let is_flagged = found.raw_type & attr::NESTED != 0;
        if nest == Some(true) && !is_flagged && known.strict.unwrap_or(self.strict) {
            self.issue(at, IssueKind::NestedMissing);
        }
        if nest == Some(false) && is_flagged {
            self.issue(at, IssueKind::NestedUnexpected);
        }
        let payload_at = at.saturating_add(attr::HEADER_LEN);
        if found.payload.is_empty() {
            let need = self.least_len(&known.kind);
            if need > 0 {
                self.issue(payload_at, IssueKind::WrongSize { need, have: 0 });
            }
        } else {
            self.check_names(&known.kind, found.payload, payload_at);
        }
        if let Some(checks) = &known.checks {
            self.check_value(known, checks, found, payload_at);
        }
    }

    /// Whether a form is attributes; None if that cannot be told.
    fn is_nest(&self, kind: &'a Kind, payload: &'a [u8], scope: &Scope<'a, '_>) -> Option<bool> {
        match kind {
            Kind::Nest(_) | Kind::Indexed(_, _, None) | Kind::TypeValue(..) => Some(true),
            Kind::Flag
            | Kind::Scalar(_)
            | Kind::Text(_)
            | Kind::Ipv4
            | Kind::Ipv6
            | Kind::Ip
            | Kind::Mac
            | Kind::HwAddress
            | Kind::Uuid
            | Kind::Struct(_, None)
            | Kind::Array(..)
            | Kind::Command(..)
            | Kind::Bitmap(..)
            | Kind::Bitfield32(_) => Some(false),
            Kind::With(kind, _) | Kind::Room(_, kind) => self.is_nest(kind, payload, scope),
            Kind::Differs(kinds) => self.is_nest(&kinds.0, payload, scope),
            Kind::Union(id) => {
                let format = self.choose(self.tables.union(*id)?, payload, scope)?;
                match format.header {
                    Some(_) => None,
                    None => self.is_nest(&format.kind, payload, scope),
                }
            }
            _ => None,
        }
    }

    /// How long a payload of this form is at least, as far as that is known without the payload.
    fn least_len(&self, kind: &Kind) -> usize {
        match kind {
            Kind::Scalar(scalar) => usize::from(scalar.size),
            Kind::Ipv4 => 4,
            Kind::Ipv6 | Kind::Uuid => 16,
            Kind::Bitfield32(_) => 8,
            Kind::Struct(id, _) => self.tables.structure(*id).map_or(0, |st| st.min_size),
            Kind::With(kind, _) | Kind::Room(_, kind) => self.least_len(kind),
            Kind::Differs(kinds) => self.least_len(&kinds.0),
            _ => 0,
        }
    }

    /// Numbers and bits that have no name, where the kernel holds requests to those that have one.
    fn check_names(&mut self, kind: &'a Kind, payload: &[u8], at: usize) {
        let kind = real(kind);
        let Kind::Scalar(scalar) = kind else { return };
        if !self.strict || payload.len() != usize::from(scalar.size) {
            return;
        }
        let names = |id| self.tables.enumeration(id).filter(|set: &&'a Enum| !set.partial);
        let v = self.read(kind, payload);
        let unsigned = v.cast_unsigned() & u128::from(u64::MAX);
        let number = u64::try_from(unsigned).unwrap_or(u64::MAX);
        let kind = match scalar.names {
            ValueNames::Enum(id) if scalar.part_bits.is_none() => {
                let unnamed = |set: &Enum| {
                    set.name_of(number).is_none()
                        && set.part_of(number).is_none()
                        && !set.entries.is_empty()
                };
                names(id).filter(|set| unnamed(set)).map(|_| IssueKind::UnknownValue { v })
            }
            ValueNames::Flags(id) => {
                let bits = names(id).map_or(0, |set| set.flags(number, |_| {}));
                (bits != 0).then_some(IssueKind::UnknownBits { bits })
            }
            _ => None,
        };
        if let Some(kind) = kind {
            self.issue(at, kind);
        }
    }

    /// What the kernel's policy asks of a value.
    fn check_value(&mut self, known: &Attr, checks: &Checks, found: &attr::Attr<'_>, at: usize) {
        let payload = found.payload;
        let kind = real(&known.kind);
        let is_text = matches!(kind, Kind::Text(_));
        let len = match payload {
            [text @ .., 0] if is_text => text.len(),
            bytes => bytes.len(),
        };
        if checks.exact_len.is_some_and(|exact| len != exact) {
            let need = checks.exact_len.unwrap_or(0);
            self.issue(at, IssueKind::WrongSize { need, have: len });
        }
        if let Some(min) = checks.min_len.filter(|min| len < *min) {
            self.issue(at, IssueKind::TooShort { len, min });
        }
        if let Some(max) = checks.max_len.filter(|max| len > *max) {
            self.issue(at, IssueKind::TooLong { len, max });
        }
        if checks.terminated && is_text && !payload.contains(&0) {
            self.issue(at, IssueKind::Unterminated);
        }
        if !matches!(kind, Kind::Scalar(_)) || !matches!(payload.len(), 1..=8) {
            return;
        }
        let v = self.read(kind, payload);
        if let Some(min) = checks.min.filter(|min| v < *min) {
            self.issue(at, IssueKind::BelowMin { v, min });
        }
        if let Some(max) = checks.max.filter(|max| v > *max) {
            self.issue(at, IssueKind::AboveMax { v, max });
        }
        let bits = u64::try_from(v).unwrap_or(0) & !checks.mask.unwrap_or(u64::MAX);
        if bits != 0 {
            self.issue(at, IssueKind::UnknownBits { bits });
        }
    }

    /// The number in a payload.
    fn read(&self, kind: &Kind, payload: &[u8]) -> i128 {
        let Kind::Scalar(scalar) = kind else { return 0 };
        let big = scalar.order == Order::Big || self.net_order || cfg!(target_endian = "big");
        let v = wire::number(payload, big);
        match scalar.signed {
            true => i128::from(super::scalar::sign_extend(v, payload.len())),
            false => i128::from(v),
        }
    }

    /// What a struct leaves for later: padding, and in a fixed header members that are reserved.
    pub(super) fn check_struct(&mut self, st: &'a Struct, bytes: &[u8], at: usize, header: bool) {
        for member in &st.members {
            let Some(offset) = member.offset else { break };
            let len = match &member.kind {
                MemberKind::Pad(len) => *len,
                MemberKind::Scalar(scalar) if header && member.nonzero => scalar.size.into(),
                _ => continue,
            };
            let field = bytes.get(offset..offset.saturating_add(len)).unwrap_or(&[]);
            if field.iter().any(|b| *b != 0) {
                let kind = match &member.kind {
                    MemberKind::Pad(_) => IssueKind::PaddingNotZero { len },
                    _ => {
                        let v = wire::number(field, cfg!(target_endian = "big"));
                        IssueKind::Reserved { what: "the member", v }
                    }
                };
                self.issue(at.saturating_add(offset), kind);
            }
        }
    }
}

/// What a message to the kernel leaves between itself and the next one.
pub(super) fn check_message_padding<V: Visitor>(
    bytes: &[u8],
    found: &Message<'_>,
    visitor: &mut V,
) {
    let end = found.at.saturating_add(usize::try_from(found.header.len).unwrap_or(usize::MAX));
    let flawless = |at: usize| {
        let rest = bytes.get(at..).unwrap_or(&[]);
        message::Nlmsghdr::read(rest).is_some_and(|next| {
            let len = usize::try_from(next.len).unwrap_or(usize::MAX);
            (message::HEADER_LEN..=rest.len()).contains(&len)
        })
    };
    if !found.more || found.cut {
        return;
    }
    if let Some(kind) = padding(bytes, end, flawless) {
        visitor.issue(&Issue { at: end, kind });
    }
}

/// What is wrong with the padding behind an end, if what comes next is `flawless` where it stands.
fn padding(bytes: &[u8], end: usize, flawless: impl Fn(usize) -> bool) -> Option<IssueKind> {
    let next = align(end);
    let pad = bytes.get(end..next.min(bytes.len())).filter(|pad| !pad.is_empty())?;
    if pad.iter().all(|b| *b == 0) {
        return None;
    }
    if next < bytes.len() && flawless(end) && !flawless(next) {
        return Some(IssueKind::PaddingMissing);
    }
    Some(IssueKind::PaddingNotZero { len: pad.len() })
}

/// The form behind what only says how it is read.
fn real(kind: &Kind) -> &Kind {
    match kind {
        Kind::With(kind, _) | Kind::Room(_, kind) => real(kind),
        Kind::Differs(kinds) => real(&kinds.0),
        kind => kind,
    }
}
