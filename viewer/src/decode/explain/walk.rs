//! Walking through a request: to a place in it, and again to show what is there.
//!
//! The decoder is made once for all of these walks, since it speaks to them by a [`Listener`].

use std::ops::Range;

use super::{Crumb, Culprit};
use crate::decode::{
    AttrHead, Hint, List, MessageHead, Slot, StructHead, TextKind, Value, Visitor,
};
use crate::spec::model::AttrSet;
use crate::wire::attr;
use crate::wire::message::HEADER_LEN;

/// What a [`Visitor`] is told, as an object. All visitors are listeners too.
#[allow(missing_docs, reason = "the methods are those of Visitor")]
pub trait Listener {
    fn shows_secrets(&self) -> bool {
        false
    }
    fn message_begin(&mut self, _head: &MessageHead<'_>) {}
    fn message_end(&mut self) {}
    fn list_begin(&mut self, _list: List, _many: bool) {}
    fn list_end(&mut self, _list: List, _many: bool) {}
    fn attr_begin(&mut self, _head: &AttrHead<'_>) {}
    fn attr_end(&mut self) {}
    fn struct_begin(&mut self, _slot: Slot<'_>, _head: &StructHead<'_>) {}
    fn struct_end(&mut self) {}
    fn field_begin(&mut self, _name: &str) {}
    fn value(&mut self, _slot: Slot<'_>, _value: &Value<'_>) {}
    fn member_at(&mut self, _name: &str, _at: Range<usize>) {}
    fn set_of(&mut self, _set: &AttrSet) {}
}

impl<V: Visitor> Listener for V {
    fn shows_secrets(&self) -> bool {
        Visitor::shows_secrets(self)
    }
    fn message_begin(&mut self, head: &MessageHead<'_>) {
        Visitor::message_begin(self, head);
    }
    fn message_end(&mut self) {
        Visitor::message_end(self);
    }
    fn list_begin(&mut self, list: List, many: bool) {
        Visitor::list_begin(self, list, many);
    }
    fn list_end(&mut self, list: List, many: bool) {
        Visitor::list_end(self, list, many);
    }
    fn attr_begin(&mut self, head: &AttrHead<'_>) {
        Visitor::attr_begin(self, head);
    }
    fn attr_end(&mut self) {
        Visitor::attr_end(self);
    }
    fn struct_begin(&mut self, slot: Slot<'_>, head: &StructHead<'_>) {
        Visitor::struct_begin(self, slot, head);
    }
    fn struct_end(&mut self) {
        Visitor::struct_end(self);
    }
    fn field_begin(&mut self, name: &str) {
        Visitor::field_begin(self, name);
    }
    fn value(&mut self, slot: Slot<'_>, value: &Value<'_>) {
        Visitor::value(self, slot, value);
    }
}

/// The visitor of a walk.
pub(super) struct Walk<'w>(pub(super) &'w mut dyn Listener);

impl Visitor for Walk<'_> {
    const PLACES: bool = true;

    fn shows_secrets(&self) -> bool {
        self.0.shows_secrets()
    }
    fn message_begin(&mut self, head: &MessageHead<'_>) {
        self.0.message_begin(head);
    }
    fn message_end(&mut self) {
        self.0.message_end();
    }
    fn list_begin(&mut self, list: List, many: bool) {
        self.0.list_begin(list, many);
    }
    fn list_end(&mut self, list: List, many: bool) {
        self.0.list_end(list, many);
    }
    fn attr_begin(&mut self, head: &AttrHead<'_>) {
        self.0.attr_begin(head);
    }
    fn attr_end(&mut self) {
        self.0.attr_end();
    }
    fn struct_begin(&mut self, slot: Slot<'_>, head: &StructHead<'_>) {
        self.0.struct_begin(slot, head);
    }
    fn struct_end(&mut self) {
        self.0.struct_end();
    }
    fn field_begin(&mut self, name: &str) {
        self.0.field_begin(name);
    }
    fn value(&mut self, slot: Slot<'_>, value: &Value<'_>) {
        self.0.value(slot, value);
    }
    fn member_at(&mut self, name: &str, at: Range<usize>) {
        self.0.member_at(name, at);
    }
    fn set_of(&mut self, set: &AttrSet) {
        self.0.set_of(set);
    }
}

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

/// Hands on what is told of one place.
pub(super) struct Show<'s> {
    place: &'s Place,
    to: &'s mut dyn Listener,
    on: bool,
    /// How much is open within the place.
    within: usize,
}

impl<'s> Show<'s> {
    pub(super) fn new(place: &'s Place, to: &'s mut dyn Listener) -> Self {
        Self { place, to, on: false, within: 0 }
    }

    /// Something begins. Whether it is to be handed on.
    const fn begins(&mut self) -> bool {
        if self.on {
            self.within = self.within.saturating_add(1);
        }
        self.on
    }

    /// Something ends. Whether it is to be handed on.
    const fn ends(&mut self) -> bool {
        if self.on && self.within == 0 {
            // It began before the place did.
            self.on = false;
        }
        if self.on {
            self.within = self.within.saturating_sub(1);
        }
        self.on
    }

    /// Where it stands there: within its attribute a value stands by itself, and so does a member's.
    const fn slot<'v>(&self, slot: Slot<'v>) -> Slot<'v> {
        if self.within == 0 { Slot::Plain } else { slot }
    }
}

impl Listener for Show<'_> {
    fn shows_secrets(&self) -> bool {
        self.to.shows_secrets()
    }

    fn message_begin(&mut self, head: &MessageHead<'_>) {
        if self.begins() {
            // Nothing that is found has messages within.
            return;
        }
        let Place::Header(field) = self.place else { return };
        if head.echoed {
            return;
        }
        let number = |n: u32| Value::uint(u64::from(n), 4);
        let value = match field {
            0 => number(head.header.len),
            1 => head.ty,
            2 => head.flags,
            3 => number(head.header.seq),
            _ => number(head.header.portid),
        };
        self.to.value(Slot::Plain, &value);
    }

    fn message_end(&mut self) {
        self.ends();
    }

    fn list_begin(&mut self, list: List, many: bool) {
        if self.begins() {
            self.to.list_begin(list, many);
        }
    }

    fn list_end(&mut self, list: List, many: bool) {
        if self.ends() {
            self.to.list_end(list, many);
        }
    }

    fn attr_begin(&mut self, head: &AttrHead<'_>) {
        if self.begins() {
            self.to.attr_begin(head);
        } else {
            self.on = *self.place == Place::Attr(head.at);
        }
    }

    fn attr_end(&mut self) {
        if self.ends() {
            self.to.attr_end();
        }
    }

    fn struct_begin(&mut self, slot: Slot<'_>, head: &StructHead<'_>) {
        let slot = self.slot(slot);
        if self.begins() {
            self.to.struct_begin(slot, head);
        }
    }

    fn struct_end(&mut self) {
        if self.ends() {
            self.to.struct_end();
        }
    }

    fn field_begin(&mut self, name: &str) {
        if self.on && self.within > 0 {
            self.to.field_begin(name);
        }
    }

    fn value(&mut self, slot: Slot<'_>, value: &Value<'_>) {
        if self.on {
            self.to.value(self.slot(slot), value);
        }
    }

    fn member_at(&mut self, _name: &str, at: Range<usize>) {
        if let Place::Member(wanted) = self.place
            && self.within == 0
        {
            self.on = *wanted == at;
        }
    }
}

/// Tells what a request is about.
pub(super) struct Identify<'i> {
    /// How much is to be told yet.
    left: usize,
    tell: &'i mut dyn FnMut(&str, &Value<'_>),
    /// The attribute that has just begun.
    name: String,
}

impl<'i> Identify<'i> {
    pub(super) fn new(left: usize, tell: &'i mut dyn FnMut(&str, &Value<'_>)) -> Self {
        Self { left, tell, name: String::new() }
    }
}

impl Listener for Identify<'_> {
    fn attr_begin(&mut self, head: &AttrHead<'_>) {
        self.name.clear();
        self.name.push_str(head.name.unwrap_or(""));
    }

    fn attr_end(&mut self) {
        self.name.clear();
    }

    fn value(&mut self, slot: Slot<'_>, value: &Value<'_>) {
        let name = match slot {
            Slot::Field(name) => name,
            Slot::Plain => self.name.as_str(),
            Slot::Index(..) => return,
        };
        if self.left > 0 && !name.is_empty() && identifies(name, value) {
            self.left = self.left.saturating_sub(1);
            (self.tell)(name, value);
        }
    }
}

/// Whether a value is one by which things are told from each other: a name, an address, an interface,
/// a handle, a number that is called one.
fn identifies(name: &str, value: &Value<'_>) -> bool {
    match *value {
        Value::Text { bytes, kind } => {
            !Value::text(bytes, kind).is_empty() && kind != TextKind::Raw
        }
        Value::Ipv4(address) => address != [0; 4],
        Value::Ipv6(address) => address != [0; 16],
        // The longest one there is is InfiniBand's.
        Value::Mac { bytes, .. } => bytes.len() <= 20 && bytes.iter().any(|b| *b != 0),
        Value::Interface { index, .. } => index != 0,
        Value::Uuid(_) => true,
        Value::Uint { v, hint, .. } => {
            let is_id =
                ["_ID", "_INDEX", "_HANDLE", "_PRIORITY"].iter().any(|end| name.ends_with(end));
            v != 0 && (hint == Hint::TcHandle || is_id)
        }
        _ => false,
    }
}

/// Hands on the head of a message, once.
pub(super) struct Head<'h>(pub(super) Option<&'h mut dyn FnMut(&MessageHead<'_>)>);

impl Listener for Head<'_> {
    fn message_begin(&mut self, head: &MessageHead<'_>) {
        if let Some(take) = self.0.take() {
            take(head);
        }
    }
}
