//! Values as strace writes them: numbers with their names, flags, sets of bits, addresses, strings.

use super::lexical::{
    comment, dec, hex, hex_padded, hex_string, ipv4, ipv6, mac, quoted, signed, string,
};
use super::text::Text;
use crate::decode::{Enum, Hint, Opaque, Order, Value, parts};
use crate::output::text;

impl Text<'_> {
    /// Runs `write` between `htons(` and `)` for a number in network order.
    pub(super) fn ordered(&mut self, order: Order, size: u8, write: impl FnOnce(&mut Self)) {
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
    pub(super) fn named_number(&mut self, v: u64, name: Option<&str>, label: Option<&str>) {
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

    pub(super) fn flags(&mut self, v: u64, set: &Enum, more: Option<&Enum>, label: Option<&str>) {
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

    pub(super) fn flag_names(
        &mut self,
        v: u64,
        set: &Enum,
        more: Option<&Enum>,
        label: Option<&str>,
    ) {
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

    pub(super) fn unsigned(&mut self, v: u64, size: u8, hint: Hint) {
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

    pub(super) fn time(&mut self, v: u64, per_second: u64, digits: usize) {
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
    pub(super) fn sequence(&mut self, v: u64, bits: u8, set: &Enum) {
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
    pub(super) fn bitmap(&mut self, bytes: &[u8], word: u8, names: Option<&Enum>) {
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

    pub(super) fn bits(
        &mut self,
        ranges: impl Iterator<Item = (usize, usize)>,
        names: Option<&Enum>,
    ) {
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

    pub(super) fn opaque(&mut self, bytes: &[u8], why: Opaque) {
        if why == Opaque::Secret {
            self.out.extend_from_slice(b"/* ");
            text::redacted(self.out, bytes.len());
            self.out.extend_from_slice(b" */");
        } else {
            hex_string(self.out, bytes, self.limit);
        }
    }
}

impl Text<'_> {
    /// Writes a value's text alone.
    #[inline(always)]
    pub(super) fn plain(&mut self, value: &Value<'_>) {
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
