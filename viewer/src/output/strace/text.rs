//! A buffer's text: what stands for the bytes in `sendto(3, …, 32, 0)`.
//!
//! ```text
//! [{nlmsghdr}, {fixed header}, [[{nlattr}, value], [{nlattr}, value]]]
//! ```
//! A list of one is written without its brackets, and so is a message or attribute without payload.

use super::bpf::Instruction;
use super::lexical::{comment, dec, hex_string, ipv6, signed};
use crate::decode::{
    AttrHead, List, MessageHead, Opaque, Slot, StructHead, StructStyle, Value, Visitor,
};

/// What is open, so that separators and closing brackets come right.
#[derive(Debug, Clone, Copy)]
pub(super) struct Level {
    /// The bracket that closes it; 0 for none.
    close: u8,
    state: u8,
}

/// It has an item, so that the next one needs a separator.
const ANY: u8 = 1;
/// Its items are separated at all.
const SEPARATES: u8 = 2;
/// A struct that is cut short: shown by its first member alone.
const SHORT: u8 = 4;
/// Not shown at all.
const MUTED: u8 = 8;

impl Level {
    /// What is around the outermost item.
    const OUTSIDE: Self = Self { close: 0, state: 0 };

    const fn is(self, state: u8) -> bool {
        self.state & state == state
    }
}

/// Writes a buffer's text into `out`.
pub(super) struct Text<'o> {
    pub(super) out: &'o mut Vec<u8>,
    /// The levels around the innermost one.
    levels: &'o mut Vec<Level>,
    top: Level,
    pub(super) limit: usize,
    pub(super) show_secrets: bool,
    /// A member's name has just been written; its value follows without a separator.
    named: bool,
    /// Values need a second look, for one of the next two reasons.
    special: bool,
    /// A `struct sock_filter` whose members are coming.
    instruction: Option<Instruction>,
    /// A `struct inet_diag_sockopt`.
    socket_options: Wait,
    /// The value that comes next is a number, with its name in a comment.
    pub(super) number_first: bool,
}

/// How far a struct has come whose unknown rest strace shows by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    No,
    Members,
    Rest,
}

impl<'o> Text<'o> {
    pub(super) fn new(
        out: &'o mut Vec<u8>,
        levels: &'o mut Vec<Level>,
        limit: usize,
        show_secrets: bool,
    ) -> Self {
        levels.clear();
        Self {
            out,
            levels,
            top: Level::OUTSIDE,
            limit,
            show_secrets,
            named: false,
            special: false,
            instruction: None,
            socket_options: Wait::No,
            number_first: false,
        }
    }

    /// Whether what comes now is to be left out.
    #[inline]
    const fn muted(&self) -> bool {
        self.top.is(MUTED) || self.top.is(SHORT | ANY)
    }

    /// Begins an item of the innermost level.
    #[inline]
    fn item(&mut self) {
        if self.named {
            self.named = false;
            return;
        }
        if self.top.is(ANY) {
            self.out.extend_from_slice(b", ");
        } else if self.top.is(SEPARATES) {
            self.top.state |= ANY;
        }
    }

    /// Opens a level, in brackets if it has some. `any` says that its first item is written with it.
    #[inline]
    fn open(&mut self, brackets: Option<(u8, u8)>, any: bool, short: bool) {
        let mut level = Level { close: 0, state: if any { SEPARATES | ANY } else { SEPARATES } };
        // What has a name by now is shown, also in a struct of which only that is.
        if !self.named && self.muted() {
            level.state |= MUTED;
        } else {
            self.item();
            if let Some((open, close)) = brackets {
                self.out.push(open);
                level.close = close;
            }
            if short {
                level.state |= SHORT;
            }
        }
        self.levels.push(self.top);
        self.top = level;
    }

    #[inline]
    fn close(&mut self) {
        let level = self.top;
        self.top = self.levels.pop().unwrap_or(Level::OUTSIDE);
        if level.is(SHORT) {
            if level.is(ANY) {
                self.out.extend_from_slice(b", ");
            }
            self.out.extend_from_slice(b"...");
        }
        if level.close != 0 {
            self.out.push(level.close);
        }
    }

    #[inline]
    fn field(&mut self, name: &str) {
        self.item();
        if !name.is_empty() {
            self.out.extend_from_slice(name.as_bytes());
            self.out.push(b'=');
        }
    }

    #[inline(always)]
    fn slot(&mut self, slot: Slot<'_>) {
        match slot {
            Slot::Plain => self.item(),
            Slot::Field(name) => self.field(name),
            Slot::Index(index, name, label) => self.index(index, name, label),
        }
    }

    fn index(&mut self, index: u64, name: Option<&str>, label: Option<&str>) {
        self.item();
        self.out.push(b'[');
        match name {
            Some(name) => self.out.extend_from_slice(name.as_bytes()),
            None => {
                dec(self.out, index);
                if let Some(label) = label {
                    comment(self.out, label);
                }
            }
        }
        self.out.extend_from_slice(b"]=");
    }
}

impl Visitor for Text<'_> {
    const STRACE: bool = true;

    fn shows_secrets(&self) -> bool {
        self.show_secrets
    }

    fn message_begin(&mut self, head: &MessageHead<'_>) {
        let bracket = (!head.payload.is_empty()).then_some((b'[', b']'));
        self.open(bracket, true, false);
        if self.muted() {
            return;
        }
        let h = head.header;
        self.out.extend_from_slice(b"{nlmsg_len=");
        dec(self.out, u64::from(h.len));
        self.out.extend_from_slice(b", nlmsg_type=");
        self.plain(&head.ty);
        self.out.extend_from_slice(b", nlmsg_flags=");
        self.plain(&head.flags);
        self.out.extend_from_slice(b", nlmsg_seq=");
        dec(self.out, u64::from(h.seq));
        self.out.extend_from_slice(b", nlmsg_pid=");
        signed(self.out, i64::from(h.portid.cast_signed()));
        self.out.push(b'}');
    }

    fn message_end(&mut self) {
        self.close();
    }

    fn list_begin(&mut self, list: List, many: bool) {
        let bracket = (many || list == List::Array).then_some((b'[', b']'));
        self.open(bracket, false, false);
    }

    fn list_end(&mut self, _list: List, _many: bool) {
        self.close();
    }

    fn attr_begin(&mut self, head: &AttrHead<'_>) {
        let bracket = (!head.payload.is_empty()).then_some((b'[', b']'));
        self.open(bracket, true, false);
        if self.muted() {
            return;
        }
        let (len, ty): (&[u8], &[u8]) =
            if head.own_header { (b"{len=", b", type=") } else { (b"{nla_len=", b", nla_type=") };
        self.out.extend_from_slice(len);
        dec(self.out, u64::from(head.len));
        self.out.extend_from_slice(ty);
        if head.is_nested() {
            self.out.extend_from_slice(b"NLA_F_NESTED|");
        }
        if head.is_net_byteorder() {
            self.out.extend_from_slice(b"NLA_F_NET_BYTEORDER|");
        }
        if let Some((names, bits)) = head.flags {
            self.flag_names(bits, names, None, None);
            self.out.push(b'|');
        }
        self.named_number(u64::from(head.number()), head.name, head.label);
        self.out.push(b'}');
    }

    fn attr_end(&mut self) {
        if self.special {
            self.socket_options = Wait::No;
            self.special = false;
        }
        self.close();
    }

    fn struct_begin(&mut self, slot: Slot<'_>, head: &StructHead<'_>) {
        if !self.muted() {
            self.slot(slot);
            self.named = true;
        }
        match head.name {
            "sock_filter" if !self.muted() => {
                self.named = false;
                self.special = true;
                self.instruction = Some(Instruction::default());
                return;
            }
            "inet_diag_sockopt" => {
                self.special = true;
                self.socket_options = Wait::Members;
            }
            _ => {}
        }
        // Without a C name it is no struct, just values that belong together, unless strace takes it for one.
        let is_one =
            head.style != StructStyle::Members || head.fixed_header || !head.name.is_empty();
        let braces = is_one.then_some((b'{', b'}'));
        self.open(braces, false, head.short);
    }

    fn struct_end(&mut self) {
        if self.special {
            if let Some(instruction) = self.instruction.take() {
                return instruction.write(self.out);
            }
            if self.socket_options == Wait::Members {
                self.socket_options = Wait::Rest;
            }
        }
        self.close();
    }

    fn field_begin(&mut self, name: &str) {
        if !self.muted() {
            self.field(name);
            self.named = true;
        }
    }

    fn number_first(&mut self) {
        self.number_first = true;
    }

    #[inline(always)]
    fn value(&mut self, slot: Slot<'_>, value: &Value<'_>) {
        if self.special {
            // A copy, so that in all other cases the value need not be in memory.
            let (slot, value) = (slot, *value);
            if self.special_value(slot, &value) {
                return;
            }
        }
        let nothing =
            matches!(value, Value::Present | Value::Bytes { why: Opaque::Unreachable, .. });
        if nothing || self.muted() {
            return;
        }
        match (slot, value) {
            (Slot::Field(name), Value::Ipv6(address)) => {
                self.item();
                self.out.extend_from_slice(b"inet_pton(AF_INET6, \"");
                ipv6(self.out, *address);
                self.out.extend_from_slice(b"\", &");
                self.out.extend_from_slice(name.as_bytes());
                self.out.push(b')');
            }
            _ => {
                self.slot(slot);
                self.plain(value);
            }
        }
    }
}

impl Text<'_> {
    /// Writes a value of one of the structs that strace has forms of its own for. Returns whether it
    /// is one.
    #[cold]
    fn special_value(&mut self, slot: Slot<'_>, value: &Value<'_>) -> bool {
        match (self.socket_options, value) {
            (Wait::Rest, Value::Bytes { bytes, .. }) => {
                if bytes.iter().any(|b| *b != 0) {
                    self.item();
                    let last = bytes.len().saturating_add(1);
                    self.out.extend_from_slice(format!("/* bytes 2..{last} */ ").as_bytes());
                    hex_string(self.out, bytes, self.limit);
                }
                return true;
            }
            (Wait::Members, _) if matches!(slot, Slot::Field("unused")) && !self.muted() => {
                self.slot(slot);
                self.plain(value);
                comment(self.out, "bits 3..8");
                return true;
            }
            _ => {}
        }
        match (&mut self.instruction, slot) {
            (Some(instruction), Slot::Field(name)) => {
                let v = value.number().and_then(|v| u64::try_from(v).ok());
                instruction.set(name, v.unwrap_or(0));
                true
            }
            _ => false,
        }
    }
}
