//! Numbers, flags and bitmaps.

use std::net::Ipv4Addr;

use serde_json::Value;

use super::attrs::Why;
use super::choose::count_of;
use super::expect::Expected;
use super::names::Entries;
use super::{Builder, Payload};
use crate::spec_facts::{Spec, text};

impl<'s> Builder<'s> {
    /// A number: `forced`, or a name of its enum, or just one.
    pub(super) fn scalar(
        &mut self,
        spec: &'s Spec,
        item: &Value,
        forced: Option<u64>,
    ) -> Result<Payload, Why> {
        let kind = text(item, "type").unwrap_or_default();
        let mut bytes = width(kind).ok_or_else(|| format!("type {kind}"))?;
        if bytes == 0 {
            bytes = if self.count.is_multiple_of(2) { 4 } else { 8 };
        }
        let big = text(item, "byte-order") == Some("big-endian");
        let wire = |v: u64| {
            let le = v.to_le_bytes();
            let mut field = le[..bytes].to_vec();
            if big {
                field.reverse();
            }
            field
        };
        let signed = kind.starts_with('s');
        let hint = text(item, "display-hint");
        if hint == Some("ipv4") && bytes == 4 {
            let address = Ipv4Addr::from(self.number(4) as u32 | 0x0a00_0000);
            return Ok((address.octets().to_vec(), Expected::Text(address.to_string())));
        }
        if let Some(reference) = text(item, "enum") {
            let entries = Entries::of(self.specs, spec, reference)
                .ok_or_else(|| format!("no enum {reference}"))?;
            if let Some(bits) = count_of(item, "part-bits") {
                // Of one part.
                let parts: Vec<u64> = entries.all.iter().map(|e| e.value).collect();
                let fits: Vec<u64> =
                    parts.into_iter().filter(|v| *v > 0 && v >> bits == 0).collect();
                self.count += 1;
                let v = *fits.get(self.count as usize % fits.len().max(1)).ok_or("no part")?;
                let names = entries.name(v).map(str::to_owned).into_iter().collect();
                return Ok((wire(v), Expected::Flags(v, names)));
            }
            let flags = entries.bits || item["enum-as-flags"] == true;
            return self
                .named_number(&entries, flags, (bytes, signed), forced)
                .map(|(v, e)| (wire(v), e));
        }
        let v = forced.unwrap_or_else(|| self.number(bytes));
        if hint == Some("errno") {
            let field = wire((-22_i64).cast_unsigned());
            return Ok((field, Expected::Number(-22, Some("EINVAL".to_owned()))));
        }
        if signed && forced.is_none() {
            let negative = -i128::from(v);
            return Ok((wire(negative as u64), Expected::Number(negative, None)));
        }
        let unused = u32::try_from(64 - 8 * bytes).expect("a width");
        let said = match signed {
            true => i128::from(v.cast_signed() << unused >> unused),
            false => i128::from(v),
        };
        Ok((wire(v), Expected::Number(said, None)))
    }

    /// A number, or bits, with names.
    pub(super) fn named_number(
        &mut self,
        entries: &Entries,
        flags: bool,
        (bytes, signed): (usize, bool),
        forced: Option<u64>,
    ) -> Result<(u64, Expected), Why> {
        let unused = 64_u32.saturating_sub(8 * u32::try_from(bytes).map_err(|e| e.to_string())?);
        let extended = |v: u64| v.cast_signed() << unused >> unused;
        let fits = |v: u64| match signed {
            true => extended(v) == v.cast_signed(),
            false => bytes >= 8 || v >> (bytes * 8) == 0,
        };
        self.count += 1;
        let turn = self.count as usize;
        if flags {
            let bits: Vec<u64> =
                entries.all.iter().map(|e| e.mask).filter(|m| *m != 0 && fits(*m)).collect();
            if bits.is_empty() {
                return Err("flags of no bits".to_owned());
            }
            let v = forced.unwrap_or(bits[turn % bits.len()] | bits[turn / 2 % bits.len()]);
            let (names, left) = entries.flags(v);
            if left != 0 {
                return Ok((v, Expected::Number(i128::from(v), None)));
            }
            return Ok((v, Expected::Flags(v, names)));
        }
        let values: Vec<u64> = entries.all.iter().map(|e| e.value).filter(|v| fits(*v)).collect();
        let v = match forced {
            Some(v) => v,
            None => *values.get(turn % values.len().max(1)).ok_or("an enum of no values")?,
        };
        let v = if signed { extended(v).cast_unsigned() } else { v };
        let said = if signed { i128::from(v.cast_signed()) } else { i128::from(v) };
        Ok((v, Expected::Number(said, entries.name(v).map(str::to_owned))))
    }

    pub(super) fn bitfield32(&mut self, spec: &'s Spec, item: &Value) -> Result<Payload, Why> {
        let entries = match text(item, "enum") {
            Some(reference) => Some(
                Entries::of(self.specs, spec, reference)
                    .ok_or_else(|| format!("no enum {reference}"))?,
            ),
            None => None,
        };
        let (mut bytes, mut fields) = (Vec::new(), Vec::new());
        for name in ["value", "selector"] {
            let (v, expected) = match &entries {
                Some(entries) => self.named_number(entries, true, (4, false), None)?,
                None => {
                    let v = self.number(4);
                    (v, Expected::Number(i128::from(v), None))
                }
            };
            bytes.extend(&v.to_le_bytes()[..4]);
            fields.push((name.to_owned(), expected));
        }
        Ok((bytes, Expected::Struct("nla_bitfield32".to_owned(), fields, Vec::new())))
    }

    /// Three of the bits that have names.
    pub(super) fn bitmap(&mut self, spec: &'s Spec, item: &Value) -> Result<Payload, Why> {
        let word = text(item, "sub-type").and_then(width).unwrap_or(1);
        let entries = text(item, "enum").and_then(|e| Entries::of(self.specs, spec, e));
        // In a struct it has a length.
        let room = item.get("len").and_then(|_| self.length_of(spec, item).ok());
        let mut bits: Vec<u64> = match &entries {
            None => vec![3, 8, room.map_or(70, |len| len as u64 * 8 - 1)],
            Some(entries) => {
                let all: Vec<u64> = entries.all.iter().map(|e| e.value).collect();
                vec![all[0], all[all.len() / 2], all[all.len() - 1]]
            }
        };
        bits.sort_unstable();
        bits.dedup();
        let last = *bits.last().ok_or("a bitmap of no bits")? as usize;
        let mut bytes = vec![0; room.unwrap_or((last / 8 + 1).next_multiple_of(word))];
        for bit in &bits {
            bytes[*bit as usize / 8] |= 1 << (bit % 8);
        }
        let name =
            |bit: &u64| (*bit, entries.as_ref().and_then(|e| e.name(*bit)).map(str::to_owned));
        let bits = bits.iter().map(name).collect();
        Ok((bytes.clone(), Expected::Bitmap(bytes, bits)))
    }
}

/// Bytes of a number's type; 0 for one of 4 or 8.
pub(super) fn width(kind: &str) -> Option<usize> {
    match kind {
        "uint" | "sint" => Some(0),
        _ => kind.strip_prefix(['u', 's'])?.parse::<usize>().ok().map(|bits| bits / 8),
    }
}
