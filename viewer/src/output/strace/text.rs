//! A buffer's text: what stands for the bytes in `sendto(3, …, 32, 0)`.
//!
//! ```text
//! [{nlmsghdr}, {fixed header}, [[{nlattr}, value], [{nlattr}, value]]]
//! ```
//! A list of one is written without its brackets, and so is a message or attribute without payload.

use super::bpf::Instruction;
use super::lexical::{
    comment, dec, hex, hex_padded, hex_string, ipv4, ipv6, mac, quoted, signed, string,
};
use crate::decode::{
    AttrHead, Enum, Hint, List, MessageHead, Opaque, Order, Slot, StructHead, StructStyle, Value,
    Visitor, parts,
};
use crate::output::text;

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
    out: &'o mut Vec<u8>,
    /// The levels around the innermost one.
    levels: &'o mut Vec<Level>,
    top: Level,
    limit: usize,
    show_secrets: bool,
    /// A member's name has just been written; its value follows without a separator.
    named: bool,
    /// Values need a second look, for one of the next two reasons.
    special: bool,
    /// A `struct sock_filter` whose members are coming.
    instruction: Option<Instruction>,
    /// A `struct inet_diag_sockopt`.
    socket_options: Wait,
    /// The value that comes next is a number, with its name in a comment.
    number_first: bool,
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

    /// Runs `write` between `htons(` and `)` for a number in network order.
    fn ordered(&mut self, order: Order, size: u8, write: impl FnOnce(&mut Self)) {
        let function: &[u8] = match (order, size) {
            (Order::Big, 2) => b"htons(",
            (Order::Big, 4) => b"htonl(",
            (Order::Big, 8) => b"htobe64(",
            _ => b"",
        };
        self.out.extend_from_slice(function);
        write(self);
        if !function.is_empty() {
            self.out.push(b')');
        }
    }

    #[inline]
    fn named_number(&mut self, v: u64, name: Option<&str>, label: Option<&str>) {
        match name {
            Some(name) if self.number_first => {
                self.number_first = false;
                hex(self.out, v);
                comment(self.out, name);
            }
            Some(name) => self.out.extend_from_slice(name.as_bytes()),
            None => {
                self.number_first = false;
                hex(self.out, v);
                if let Some(label) = label {
                    comment(self.out, label);
                }
            }
        }
    }

    fn flags(&mut self, v: u64, set: &Enum, more: Option<&Enum>, label: Option<&str>) {
        if std::mem::take(&mut self.number_first) && v != 0 {
            hex(self.out, v);
            self.out.extend_from_slice(b" /* ");
            let known = set.flags(v, |_name: &str| {}) != v;
            match (known, label) {
                (false, Some(label)) => self.out.extend_from_slice(label.as_bytes()),
                _ => self.flag_names(v, set, more, None),
            }
            return self.out.extend_from_slice(b" */");
        }
        self.flag_names(v, set, more, label);
    }

    fn flag_names(&mut self, v: u64, set: &Enum, more: Option<&Enum>, label: Option<&str>) {
        let out = &mut *self.out;
        let mut any = false;
        let mut one = |name: &str| {
            if std::mem::replace(&mut any, true) {
                out.push(b'|');
            }
            out.extend_from_slice(name.as_bytes());
        };
        let mut left = set.flags(v, &mut one);
        if let Some(more) = more
            && left != 0
        {
            left = more.flags(left, &mut one);
        }
        if any && left != 0 {
            self.out.push(b'|');
        }
        if !any || left != 0 {
            hex(self.out, left);
        }
        if let Some(label) = label.filter(|_| !any && left != 0) {
            comment(self.out, label);
        }
    }

    fn unsigned(&mut self, v: u64, size: u8, hint: Hint) {
        match hint {
            Hint::Hex => hex(self.out, v),
            Hint::HexPadded => hex_padded(self.out, v, size),
            Hint::ClockT => self.time(v, 100, 2),
            Hint::Msecs => self.time(v, 1000, 3),
            Hint::Uid | Hint::Gid if size == 4 && v == u64::from(u32::MAX) => {
                self.out.extend_from_slice(b"-1");
            }
            Hint::Fd if size == 4 => {
                signed(self.out, i64::from(u32::try_from(v).unwrap_or(0).cast_signed()));
            }
            Hint::Dev => {
                self.out.extend_from_slice(b"makedev(");
                hex(self.out, (v >> 8) & 0xfff);
                self.out.extend_from_slice(b", ");
                hex(self.out, (v & 0xff) | ((v >> 12) & 0xf_ff00));
                self.out.push(b')');
            }
            _ => dec(self.out, v),
        }
    }

    fn time(&mut self, v: u64, per_second: u64, digits: usize) {
        dec(self.out, v);
        if v > 0 {
            let whole = v.checked_div(per_second).unwrap_or(0);
            let part = v.checked_rem(per_second).unwrap_or(0);
            self.out.extend_from_slice(b" /* ");
            dec(self.out, whole);
            self.out.push(b'.');
            text::padded(self.out, part, digits);
            self.out.extend_from_slice(b" s */");
        }
    }

    /// `A<<12|B<<6|C`
    fn sequence(&mut self, v: u64, bits: u8, set: &Enum) {
        let mut left = parts(v, bits, set).count();
        for (number, name) in parts(v, bits, set) {
            left = left.saturating_sub(1);
            self.named_number(number, name, set.label.as_deref());
            if left > 0 {
                self.out.extend_from_slice(b"<<");
                let shift = u64::from(bits).saturating_mul(u64::try_from(left).unwrap_or(0));
                dec(self.out, shift);
                self.out.push(b'|');
            }
        }
    }

    /// A set of numbers, as strace writes sets: `[1 5]`, and what is missing where most are in it. If
    /// they have names, nobody knows how many there are to be missing.
    fn bitmap(&mut self, bytes: &[u8], word: u8, names: Option<&Enum>) {
        let set: u32 = bytes.iter().map(|byte| byte.count_ones()).sum();
        if names.is_some() || (set as usize) <= bytes.len().saturating_mul(4) {
            self.out.push(b'[');
            self.bits(Value::bit_ranges(bytes, word), names);
        } else {
            self.out.extend_from_slice(b"~[");
            let unset: Vec<u8> = bytes.iter().map(|byte| !byte).collect();
            self.bits(Value::bit_ranges(&unset, word), None);
        }
        self.out.push(b']');
    }

    fn bits(&mut self, ranges: impl Iterator<Item = (usize, usize)>, names: Option<&Enum>) {
        for (n, bit) in ranges.flat_map(|(first, last)| first..=last).enumerate() {
            if n > 0 {
                self.out.push(b' ');
            }
            let number = u64::try_from(bit).unwrap_or(u64::MAX);
            match names {
                None => dec(self.out, number),
                Some(names) => {
                    self.named_number(number, names.name_of(number), names.label.as_deref());
                }
            }
        }
    }

    fn opaque(&mut self, bytes: &[u8], why: Opaque) {
        if why == Opaque::Secret {
            self.out.extend_from_slice(b"/* ");
            text::redacted(self.out, bytes.len());
            self.out.extend_from_slice(b" */");
        } else {
            hex_string(self.out, bytes, self.limit);
        }
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

impl Text<'_> {
    /// Writes a value's text alone.
    #[inline(always)]
    fn plain(&mut self, value: &Value<'_>) {
        match *value {
            Value::Present => {}
            Value::Uint { v, order: Order::Host, hint: Hint::None, .. } => dec(self.out, v),
            Value::Uint { v, size, order: Order::Host, hint } => self.unsigned(v, size, hint),
            Value::Int { v, order: Order::Host, .. } => signed(self.out, v),
            Value::Enum { v, order: Order::Host, name, label, .. } => {
                self.named_number(v, name, label);
            }
            Value::Flags { v, order: Order::Host, set, more, label, .. } => {
                self.flags(v, set, more, label);
            }
            Value::Uint { v, size, order, hint } => {
                self.ordered(order, size, |t| t.unsigned(v, size, hint));
            }
            Value::Int { v, size, order, .. } => {
                self.ordered(order, size, |t| signed(t.out, v));
            }
            Value::Enum { v, size, order, name, label, .. } => {
                self.ordered(order, size, |t| t.named_number(v, name, label));
            }
            Value::Sequence { v, size, order, bits, set } => {
                self.ordered(order, size, |t| t.sequence(v, bits, set));
            }
            Value::Flags { v, size, order, set, more, label } => {
                self.ordered(order, size, |t| t.flags(v, set, more, label));
            }
            Value::NamedPart { size, order, name, rest, .. } => self.ordered(order, size, |t| {
                t.out.extend_from_slice(name.as_bytes());
                t.out.push(b'|');
                hex(t.out, rest);
            }),
            Value::Split { high, low, shift, .. } => {
                self.named_number(high.v, high.name, high.label);
                self.out.extend_from_slice(b"<<");
                dec(self.out, u64::from(shift));
                self.out.push(b'|');
                self.named_number(low.v, low.name, low.label);
            }
            Value::Interface { index, name } => match name {
                Some(name) => {
                    self.out.extend_from_slice(b"if_nametoindex(");
                    quoted(self.out, name.as_bytes());
                    self.out.push(b')');
                }
                None => dec(self.out, index.cast_unsigned() & 0xffff_ffff),
            },
            Value::Ipv4(address) => ipv4(self.out, address),
            Value::Ipv6(address) => {
                self.out.extend_from_slice(b"inet_pton(AF_INET6, \"");
                ipv6(self.out, address);
                self.out.extend_from_slice(b"\")");
            }
            Value::Mac { bytes, .. } if bytes.len() > 32 => {
                hex_string(self.out, bytes, self.limit);
            }
            Value::Mac { bytes, family } => {
                let shown = family.map_or(32, hardware_len).min(bytes.len());
                mac(self.out, bytes.get(..shown).unwrap_or(bytes));
            }
            Value::Uuid(bytes) => hex_string(self.out, &bytes, self.limit),
            Value::Errno { v, name } => match name {
                Some(name) => {
                    self.out.push(b'-');
                    self.out.extend_from_slice(name.as_bytes());
                }
                None => signed(self.out, i64::from(v)),
            },
            Value::Bitmap { bytes, word, set } => self.bitmap(bytes, word, set),
            Value::Text { bytes, kind } => string(self.out, bytes, kind, self.limit),
            Value::Bytes { bytes, why } => self.opaque(bytes, why),
        }
    }
}

/// How many bytes of a link-layer address strace shows. It takes the message's address family for a
/// hardware type (`ARPHRD_*`), so that an address in an AF_BRIDGE message is a single byte.
const fn hardware_len(family: u64) -> usize {
    match family {
        0 | 3 => 7,
        1 | 6 => 6,
        7 => 1,
        15 => 2,
        24 => 16,
        27 => 8,
        32 => 20,
        _ => 32,
    }
}
