//! Attributes of families without a spec, in the forms that the kernel asks for.

use super::context::{Decoder, Scope};
use super::policy::{Form, Policy, Rule};
use super::scalar::sign_extend;
use super::{Hint, Opaque, Order, Slot, TextKind, Value, Visitor};
use crate::wire;
use crate::wire::attr::{self, Attrs};

impl<'a, V: Visitor> Decoder<'a, V> {
    /// A payload in the form that the kernel asks for, if it has that: answers may differ from the
    /// requests that rules are for. Returns whether it has.
    pub(super) fn by_rule(
        &mut self,
        policy: &'a Policy,
        rule: Rule,
        found: &attr::Attr<'a>,
        at: usize,
        scope: &Scope<'a, '_>,
    ) -> bool {
        let payload = found.payload;
        let order = match found.raw_type & attr::NET_BYTEORDER {
            0 => Order::Host,
            _ => Order::Big,
        };
        let size = u8::try_from(payload.len()).unwrap_or(u8::MAX);
        let number = || wire::number(payload, order == Order::Big || cfg!(target_endian = "big"));
        let hint = Hint::None;
        let fits = match rule.form {
            Form::Unsigned(len) | Form::Signed(len) => payload.len() == len,
            Form::AnyUnsigned | Form::AnySigned => matches!(payload.len(), 4 | 8),
            Form::Nested | Form::NestedArray => Attrs::plausible(payload, attr::TYPE_MASK),
            Form::Bitfield32 => payload.len() == 8,
            Form::Text | Form::Binary => true,
            Form::Flag => false,
        };
        if !fits {
            return false;
        }
        match (rule.form, rule.within) {
            (Form::Unsigned(_) | Form::AnyUnsigned, _) => {
                self.visitor.value(Slot::Plain, &Value::Uint { v: number(), size, order, hint });
            }
            (Form::Signed(_) | Form::AnySigned, _) => {
                let v = sign_extend(number(), payload.len());
                self.visitor.value(Slot::Plain, &Value::Int { v, size, order, hint });
            }
            (Form::Text, _) => self.text(Slot::Plain, TextKind::Attribute, payload),
            (Form::Bitfield32, _) => self.bitfield32(Slot::Plain, None, payload, at),
            (Form::Nested, Some(rules)) => self.ruled(policy, rules, payload, at, scope),
            (Form::NestedArray, Some(rules)) => {
                self.ruled_array(policy, rules, payload, at, scope);
            }
            (Form::Nested | Form::NestedArray, None) => {
                self.attributes(None, false, payload, at, scope);
            }
            (Form::Binary | Form::Flag, _) => {
                self.bytes(Slot::Plain, payload, Opaque::ByNature);
            }
        }
        true
    }
}
