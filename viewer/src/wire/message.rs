//! Messages.
//!
//! ```text
//! 0        4      6      8        12       16              nlmsg_len
//! ┌────────┬──────┬──────┬────────┬────────┬───────────────┬───────┐
//! │ len    │ type │ flags│ seq    │ portid │ payload       │ pad 4 │ next message …
//! └────────┴──────┴──────┴────────┴────────┴───────────────┴───────┘
//! ```
//! `len` counts header and payload, not the padding (`linux/netlink.h`, netlink(7)).

use super::{Step, u16_at, u32_at};

/// Length of a `struct nlmsghdr` in bytes.
pub const HEADER_LEN: usize = 16;

/// `NLMSG_ERROR`: an error or an acknowledgement.
pub const ERROR: u16 = 2;
/// `NLMSG_DONE`: a dump's end.
pub const DONE: u16 = 3;
/// `NLMSG_MIN_TYPE`: smaller types are netlink's own.
pub const MIN_TYPE: u16 = 0x10;

/// `NLM_F_REQUEST`: it asks for something.
pub const REQUEST: u16 = 0x1;
/// `NLM_F_MULTI`: one of many, which `DONE` ends.
pub const MULTI: u16 = 0x2;
/// `NLM_F_ACK`: it wants to be acknowledged.
pub const ACK: u16 = 0x4;
/// `NLM_F_DUMP_INTR`: what a dump shows has changed meanwhile.
pub const DUMP_INTR: u16 = 0x10;
/// `NLM_F_DUMP`: it asks for all there is.
pub const DUMP: u16 = 0x300;
/// `NLM_F_CAPPED`: an error that echoes no more than its request's header.
pub const CAPPED: u16 = 0x100;
/// `NLM_F_ACK_TLVS`: an extended ack follows.
pub const ACK_TLVS: u16 = 0x200;

/// The fields of a `struct nlmsghdr`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs, reason = "the fields are those of the C struct")]
pub struct Nlmsghdr {
    pub len: u32,
    pub ty: u16,
    pub flags: u16,
    pub seq: u32,
    pub portid: u32,
}

impl Nlmsghdr {
    /// Reads a header; None if there are not 16 bytes.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            len: u32_at(bytes, 0)?,
            ty: u16_at(bytes, 4)?,
            flags: u16_at(bytes, 6)?,
            seq: u32_at(bytes, 8)?,
            portid: u32_at(bytes, 12)?,
        })
    }
}

/// A message as far as it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// Offset of its header in the buffer.
    pub at: usize,
    /// Its header.
    pub header: Nlmsghdr,
    /// Its payload, cut by the header's length and by the end of the buffer.
    pub payload: &'a [u8],
    /// Whether the header's length reaches beyond the buffer.
    pub cut: bool,
    /// Whether anything follows it in the buffer.
    pub more: bool,
}

/// Walks the messages of a buffer.
#[derive(Debug, Clone)]
pub struct Messages<'a> {
    bytes: &'a [u8],
    at: usize,
    ended: bool,
}

impl<'a> Messages<'a> {
    /// A walk from the front of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, ended: false }
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Step<'a, Message<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
        let at = self.at;
        if self.ended {
            self.at = self.bytes.len();
            return Some(Step::Unreachable { at, bytes: rest });
        }
        let Some(header) = Nlmsghdr::read(rest) else {
            self.at = self.bytes.len();
            return Some(Step::Trailing { at, bytes: rest });
        };
        let len = header.len as usize;
        let payload = rest.get(HEADER_LEN..len.clamp(HEADER_LEN, rest.len())).unwrap_or(&[]);
        // The kernel's NLMSG_ALIGN wraps in 32 bits; lengths up there end the walk like short ones.
        let aligned = header.len.wrapping_add(3) & !3;
        let steps = len >= HEADER_LEN && aligned as usize >= HEADER_LEN;
        let more = steps && rest.len() > aligned as usize;
        self.ended = len < HEADER_LEN;
        let taken = if steps {
            aligned as usize
        } else if self.ended {
            HEADER_LEN
        } else {
            rest.len()
        };
        self.at = at.saturating_add(taken.min(rest.len()));
        Some(Step::Element(Message { at, header, payload, cut: len > rest.len(), more }))
    }
}
