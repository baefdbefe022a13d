//! What headers say, for those who look at no more.

use super::message::GENERIC;
use super::{Asked, Direction, Engine, MessageHead, Value};
use crate::wire::message::{ERROR, Nlmsghdr};

impl<'e> Engine<'e> {
    /// Whether there is a spec of a protocol's messages.
    #[must_use]
    pub fn has_spec(&self, protocol: u32) -> bool {
        protocol == GENERIC || self.registry.protocol(protocol).is_some()
    }

    /// The generic family with this message type: the one that always has it, else as was learned.
    pub(super) fn generic_family(&self, ty: u16) -> Option<&'e str> {
        self.registry.reserved(ty).or_else(|| self.names.generic_family(ty))
    }

    /// Whether bytes are messages of a protocol, of which the last is not all there.
    #[must_use]
    pub fn is_cut(&self, protocol: u32, bytes: &[u8]) -> bool {
        let tables = self.registry.protocol(protocol);
        tables.is_none_or(|tables| tables.framed() && !tables.has_short_lengths())
            && !super::is_whole(bytes)
    }

    /// The request that a message answers, if any. Errors and acknowledgements say by the header that
    /// they echo which of several with one sequence number it is.
    #[must_use]
    pub fn answered(&self, head: &MessageHead<'_>) -> Option<Asked<'e>> {
        if head.direction == Direction::Send || head.echoed {
            return None;
        }
        let is_error = head.control && head.header.ty == ERROR;
        let echo = head.payload.get(4..).filter(|_| is_error).and_then(Nlmsghdr::read);
        match echo {
            Some(echo) => self.requests.asked_by(&head.header, &echo),
            None => self.requests.asked(&head.header),
        }
    }

    /// A positive error number, or 0.
    #[must_use]
    pub fn errno(&self, v: i32) -> Value<'e> {
        let tables = self.registry.bare();
        let names = tables.control().errors.and_then(|id| tables.enumeration(id));
        let v = u64::from(v.unsigned_abs());
        let name = names.filter(|_| v != 0).and_then(|names| names.name_of(v));
        Value::named(v, 4, name, None)
    }

    /// The name of what a message to the kernel asks of a generic family.
    #[must_use]
    pub fn request_operation(&self, protocol: u32, ty: u16, command: u8) -> Option<&'e str> {
        let family = self.generic_family(ty).filter(|_| protocol == GENERIC)?;
        let found = self.registry.generic(family)?.by_number(u16::from(command), true);
        found.operation.filter(|_| !found.is_default).map(|operation| &*operation.c_name)
    }

    /// The type of a message to the kernel.
    #[must_use]
    pub fn request_type(&self, protocol: u32, ty: u16) -> Value<'e> {
        let name = match protocol {
            GENERIC => self.generic_family(ty),
            _ => self
                .registry
                .protocol(protocol)
                .map(|tables| tables.by_number(ty, true))
                .filter(|resolved| !resolved.is_default)
                .and_then(|resolved| resolved.operation)
                .map(|operation| &*operation.c_name),
        };
        Value::named(u64::from(ty), 2, name, None)
    }
}
