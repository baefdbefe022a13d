//! What stands at a place in a request, and what the request is about.

use std::ops::Range;

use super::locate::Place;
use super::walk::Listener;
use crate::decode::{AttrHead, Hint, List, MessageHead, Slot, StructHead, TextKind, Value};

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
