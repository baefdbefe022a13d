//! Walking through a request: the visitor that the decoder is made for, and what it speaks to.
//!
//! The decoder is made once for all of these walks, since it speaks to them by a [`Listener`].

use std::ops::Range;

use crate::decode::{AttrHead, List, MessageHead, Slot, StructHead, Value, Visitor};
use crate::spec::model::AttrSet;

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
