//! Netlink's own messages: errors, acknowledgements, ends of dumps.

use super::context::{Decoder, Scope};
use super::message::{self, GENERIC};
use super::{
    Direction, IssueKind, List, Opaque, Order, Slot, StructHead, StructStyle, Value, Visitor,
};
use crate::wire::message::{ACK_TLVS, CAPPED, DONE, ERROR, HEADER_LEN, Message, Nlmsghdr};

impl<'a, V: Visitor> Decoder<'a, V> {
    pub(super) fn control(
        &mut self,
        protocol: u32,
        header: &Nlmsghdr,
        payload: &'a [u8],
        at: usize,
        scope: &Scope<'a, '_>,
    ) {
        match header.ty {
            ERROR => self.error(protocol, header, payload, at, scope),
            DONE => self.done(header, payload, at, scope),
            _ => {
                let guarded = self.tables.is_guarded();
                self.guarded(Slot::Plain, at, payload, Opaque::Unknown, guarded);
            }
        }
    }

    /// ```text
    /// error s32 · the request, or just its header · attributes of the extended ack
    /// ```
    fn error(
        &mut self,
        protocol: u32,
        header: &Nlmsghdr,
        payload: &'a [u8],
        at: usize,
        scope: &Scope<'a, '_>,
    ) {
        let (Some(error), Some(echo)) = (payload.first_chunk::<4>(), payload.get(4..)) else {
            return self.wrong_size(Slot::Plain, at, payload, 4 + HEADER_LEN);
        };
        let Some(request) = Nlmsghdr::read(echo) else {
            return self.wrong_size(Slot::Plain, at, payload, 4 + HEADER_LEN);
        };
        let said = if header.flags & CAPPED != 0 { 0 } else { request.len as usize };
        let len = said.max(HEADER_LEN).min(echo.len());
        let attrs = echo.get(len..).filter(|attrs| !attrs.is_empty());
        let code = i32::from_ne_bytes(*error);
        let capped = header.flags & CAPPED != 0;
        self.explain(code, Some((echo, capped)), attrs.unwrap_or(&[]));
        self.visitor.list_begin(List::Group, attrs.is_some());
        let style = StructStyle::Members;
        let head = StructHead { name: "nlmsgerr", short: false, fixed_header: false, style };
        self.visitor.struct_begin(Slot::Plain, &head);
        let errno = self.errno(i64::from(code));
        let errno = self.own_error(protocol, request.ty, errno);
        self.visitor.value(Slot::Field("error"), &errno);
        self.visitor.field_begin("msg");
        let end = (request.len as usize).clamp(HEADER_LEN, len);
        let echoed = Message {
            at: at.saturating_add(4),
            header: request,
            payload: echo.get(HEADER_LEN..end).unwrap_or(&[]),
            // Capped on purpose; the flag says so.
            cut: false,
            more: false,
        };
        let depth = scope.depth.saturating_add(1);
        let (engine, visitor) = (self.engine, &mut *self.visitor);
        message::one(&engine, protocol, Direction::Send, &echoed, 0, depth, true, visitor);
        self.visitor.struct_end();
        if let Some(attrs) = attrs {
            self.extended_ack(attrs, at.saturating_add(4).saturating_add(len), scope);
        }
        self.visitor.list_end(List::Group, attrs.is_some());
    }

    /// ```text
    /// error s32 · attributes of the extended ack, if the flags say so
    /// ```
    fn done(&mut self, header: &Nlmsghdr, payload: &'a [u8], at: usize, scope: &Scope<'a, '_>) {
        let Some(error) = payload.first_chunk::<4>() else {
            return self.wrong_size(Slot::Plain, at, payload, 4);
        };
        let rest = payload.get(4..).filter(|rest| !rest.is_empty());
        let code = i32::from_ne_bytes(*error);
        let attrs = rest.filter(|_| header.flags & ACK_TLVS != 0);
        self.explain(code, None, attrs.unwrap_or(&[]));
        let v = i64::from(code);
        let value = if V::STRACE {
            Value::Int { v, size: 4, order: Order::Host, hint: super::Hint::None }
        } else {
            self.errno(v)
        };
        self.visitor.list_begin(List::Group, rest.is_some());
        self.visitor.value(Slot::Plain, &value);
        match rest {
            Some(attrs) if header.flags & ACK_TLVS != 0 => {
                self.extended_ack(attrs, at.saturating_add(4), scope);
            }
            Some(bytes) => {
                self.issue(at.saturating_add(4), IssueKind::Trailing { len: bytes.len() });
                self.bytes(Slot::Plain, bytes, Opaque::Trailing);
            }
            None => {}
        }
        self.visitor.list_end(List::Group, rest.is_some());
    }

    /// The name of an error that only the family of the request has.
    fn own_error(&self, protocol: u32, request: u16, errno: Value<'a>) -> Value<'a> {
        match errno {
            Value::Errno { v, name: None } if v < 0 && !V::STRACE && protocol != GENERIC => {
                let operation = self.tables.by_number(request, true).operation;
                let names = operation.and_then(|op| self.tables.errors(op));
                let name = names.and_then(|names| names.name_of(v.unsigned_abs().into()));
                Value::Errno { v, name }
            }
            other => other,
        }
    }

    fn extended_ack(&mut self, attrs: &'a [u8], at: usize, scope: &Scope<'a, '_>) {
        let set = self.tables.control().error_attrs.and_then(|id| self.tables.set(id));
        self.attributes(set, set.is_some(), attrs, at, scope);
    }
}
