//! The way to a place in a request.

use std::ops::Range;

use super::walk::Listener;
use super::{Crumb, Culprit};
use crate::decode::{AttrHead, List, MessageHead, Slot, StructHead};
use crate::spec::model::AttrSet;
use crate::wire::attr;
use crate::wire::message::HEADER_LEN;

/// Where in a request something was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// In the header of the message: which field.
    Header(usize),
    /// An attribute, by the offset of its header.
    Attr(usize),
    /// A member of a struct.
    Member(Range<usize>),
}

/// The fields of a `struct nlmsghdr`, and where each ends.
const HEADER: [(&str, usize); 5] =
    [("nlmsg_len", 4), ("nlmsg_type", 6), ("nlmsg_flags", 8), ("nlmsg_seq", 12), ("nlmsg_pid", 16)];

/// Something open on the way.
enum Open {
    /// What the path does not lead through, or what has no step of its own.
    Other,
    Attr(Option<Crumb>),
    Struct {
        crumb: Option<Crumb>,
        member: Option<Crumb>,
    },
    /// Elements, and how many there have been.
    Elements(u64),
    Element(Crumb),
}

/// Looks for what stands at an offset, and for the attributes that a missing one should stand among.
#[derive(Default)]
pub(super) struct Locate {
    offset: Option<usize>,
    nest: Option<usize>,
    /// The type of the missing attribute.
    missing: Option<u16>,
    open: Vec<Open>,
    /// How many of those are open are attributes.
    attrs: usize,
    /// How much is open around the attributes that one is missing among.
    nest_level: Option<usize>,
    pub(super) found: Option<(Culprit, Place)>,
    pub(super) missing_name: Option<String>,
    pub(super) nest_path: Vec<Crumb>,
}

impl Locate {
    pub(super) fn new(offset: Option<usize>, nest: Option<usize>, missing: Option<u16>) -> Self {
        Self { offset, nest, missing, ..Self::default() }
    }

    fn leads_to(&self, at: &Range<usize>) -> bool {
        [self.offset, self.nest].iter().flatten().any(|place| at.contains(place))
    }

    fn path(&self) -> Vec<Crumb> {
        let crumbs = self.open.iter().flat_map(|open| match open {
            Open::Attr(crumb) => [crumb.as_ref(), None],
            Open::Struct { crumb, member } => [crumb.as_ref(), member.as_ref()],
            Open::Element(crumb) => [Some(crumb), None],
            Open::Other | Open::Elements(_) => [None, None],
        });
        crumbs.flatten().cloned().collect()
    }

    fn find(&mut self, start: usize, place: Place) {
        let beyond = self.offset.map_or(0, |offset| offset.saturating_sub(start));
        self.found = Some((Culprit { path: self.path(), beyond }, place));
    }

    fn pop(&mut self) {
        if let Some(Open::Attr(_)) = self.open.pop() {
            self.attrs = self.attrs.saturating_sub(1);
        }
        if self.nest_level.is_some_and(|level| self.open.len() < level) {
            // It is closed, and what follows is not within.
            self.nest = None;
            self.missing = None;
        }
    }

    /// The index of the next one of the elements that are open.
    fn next_index(&mut self) -> Option<Crumb> {
        let Some(Open::Elements(count)) = self.open.last_mut() else { return None };
        let index = *count;
        *count = count.saturating_add(1);
        Some(Crumb::Index(index))
    }
}

fn name(text: &str) -> Option<Crumb> {
    (!text.is_empty()).then(|| Crumb::Name(text.to_owned()))
}

impl Listener for Locate {
    fn message_begin(&mut self, head: &MessageHead<'_>) {
        self.open.push(Open::Other);
        let Some(offset) = self.offset.filter(|offset| *offset < HEADER_LEN) else { return };
        if head.echoed {
            return;
        }
        let field = HEADER.iter().position(|(_, end)| offset < *end).unwrap_or(0);
        let mut path = vec![Crumb::Name("nlmsghdr".to_owned())];
        let (text, end) = HEADER.get(field).copied().unwrap_or_default();
        // What points to the beginning means all of it.
        if offset > 0 {
            path.extend(name(text));
        }
        let before = field.checked_sub(1).and_then(|before| HEADER.get(before));
        let start = before.map_or(0, |(_, end)| *end).min(end);
        let beyond = offset.saturating_sub(start);
        self.found = Some((Culprit { path, beyond }, Place::Header(field)));
    }

    fn message_end(&mut self) {
        self.pop();
    }

    fn list_begin(&mut self, list: List, _many: bool) {
        let open = match list {
            List::Array | List::Records => Open::Elements(0),
            List::Group => self.next_index().map_or(Open::Other, Open::Element),
            List::Attributes | List::Messages => Open::Other,
        };
        self.open.push(open);
    }

    fn list_end(&mut self, _list: List, _many: bool) {
        self.pop();
    }

    fn attr_begin(&mut self, head: &AttrHead<'_>) {
        let len = attr::HEADER_LEN.saturating_add(head.payload.len());
        let range = head.at..head.at.saturating_add(len);
        let crumb = self.leads_to(&range).then(|| match head.name {
            Some(name) => Crumb::Name(name.to_owned()),
            None if head.named_set => {
                Crumb::Unknown(head.number(), head.label.map(ToOwned::to_owned))
            }
            None => Crumb::Index(head.number().into()),
        });
        self.open.push(Open::Attr(crumb));
        self.attrs = self.attrs.saturating_add(1);
        if self.offset.is_some_and(|offset| range.contains(&offset)) {
            self.find(head.at, Place::Attr(head.at));
        }
        if self.nest == Some(head.at) && self.nest_level.is_none() {
            self.nest_level = Some(self.open.len());
            self.nest_path = self.path();
        }
    }

    fn attr_end(&mut self) {
        self.pop();
    }

    fn struct_begin(&mut self, _slot: Slot<'_>, head: &StructHead<'_>) {
        let index = self.next_index();
        let crumb = if head.fixed_header { name(head.name) } else { index };
        self.open.push(Open::Struct { crumb, member: None });
    }

    fn struct_end(&mut self) {
        self.pop();
    }

    fn member_at(&mut self, text: &str, at: Range<usize>) {
        let leads = self.leads_to(&at);
        if let Some(Open::Struct { member, .. }) = self.open.last_mut() {
            *member = if leads { name(text) } else { None };
        }
        if self.offset.is_some_and(|offset| at.contains(&offset)) {
            self.find(at.start, Place::Member(at));
        }
    }

    fn set_of(&mut self, set: &AttrSet) {
        let is_here = match self.nest {
            None => self.attrs == 0,
            Some(_) => self.nest_level == Some(self.open.len()),
        };
        if let Some(number) = self.missing.filter(|_| is_here && self.missing_name.is_none()) {
            self.missing_name = set.attr(number).map(|attr| attr.c_name.to_string());
        }
    }
}
