//! Appends numbers, addresses and bytes as text, without allocating.

use std::io::Write as _;
use std::net::Ipv6Addr;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Both digits of every byte.
#[allow(clippy::indexing_slicing, reason = "computed by the compiler, which would say so")]
const PAIRS: [[u8; 2]; 256] = {
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [HEX[byte >> 4], HEX[byte & 15]];
        byte += 1;
    }
    pairs
};

/// A number that can be written.
pub trait Integer: itoa::Integer + TryInto<u8> + Copy {}

impl<T: itoa::Integer + TryInto<u8> + Copy> Integer for T {}

/// A decimal number.
#[inline]
pub fn decimal(out: &mut Vec<u8>, v: impl Integer) {
    // Most numbers in messages are no larger.
    match v.try_into() {
        Ok(digit @ 0..=9) => out.push(b'0' + digit),
        Ok(tens @ 10..=99) => out.extend_from_slice(&[b'0' + tens / 10, b'0' + tens % 10]),
        _ => out.extend_from_slice(itoa::Buffer::new().format(v).as_bytes()),
    }
}

/// A decimal number with zeros before it, up to `width` digits.
pub fn padded(out: &mut Vec<u8>, v: u64, width: usize) {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(v).as_bytes();
    for _ in digits.len()..width {
        out.push(b'0');
    }
    out.extend_from_slice(digits);
}

/// `0x` and the digits that the number has, at least `width` of them.
pub fn hex(out: &mut Vec<u8>, v: u64, width: usize) {
    out.extend_from_slice(b"0x");
    hex_digits(out, v, width);
}

/// The octal digits that the number has.
pub fn octal(out: &mut Vec<u8>, v: u64) {
    let significant = (64 - v.leading_zeros()).div_ceil(3).max(1);
    for nth in (0..significant).rev() {
        out.push(digit(v.checked_shr(nth.saturating_mul(3)).unwrap_or(0) & 7));
    }
}

/// The hexadecimal digits that the number has, at least `width` of them.
pub fn hex_digits(out: &mut Vec<u8>, v: u64, width: usize) {
    let significant = (64 - v.leading_zeros()).div_ceil(4) as usize;
    let start = out.len();
    let end = start.saturating_add(significant.max(width).max(1));
    out.resize(end, b'0');
    let mut left = v;
    for place in out.iter_mut().skip(end.saturating_sub(significant)).rev() {
        *place = digit(left);
        left >>= 4;
    }
}

/// A byte as two hexadecimal digits.
#[inline]
pub fn hex_byte(out: &mut Vec<u8>, byte: u8) {
    // There are as many pairs as bytes, so the default is never taken.
    out.extend_from_slice(PAIRS.get(usize::from(byte)).unwrap_or(b"??"));
}

/// The digit of the lowest four bits.
fn digit(v: u64) -> u8 {
    // The mask keeps the index below 16, so the default is never taken.
    HEX.get((v & 15) as usize).copied().unwrap_or(b'?')
}

/// Bytes as hexadecimal digits without anything between them.
pub fn hex_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.reserve(bytes.len().saturating_mul(2));
    for byte in bytes {
        hex_byte(out, *byte);
    }
}

/// Bytes as pairs of hexadecimal digits with `between` between them.
pub fn hex_joined(out: &mut Vec<u8>, bytes: &[u8], between: u8) {
    for (n, byte) in bytes.iter().enumerate() {
        if n > 0 {
            out.push(between);
        }
        hex_byte(out, *byte);
    }
}

/// An IPv4 address.
pub fn ipv4(out: &mut Vec<u8>, address: [u8; 4]) {
    for (n, byte) in address.iter().enumerate() {
        if n > 0 {
            out.push(b'.');
        }
        decimal(out, *byte);
    }
}

/// An IPv6 address in its canonical form.
pub fn ipv6(out: &mut Vec<u8>, address: [u8; 16]) {
    // Writing to a Vec cannot fail.
    let _ = write!(out, "{}", Ipv6Addr::from(address));
}

/// A UUID with its four hyphens.
pub fn uuid(out: &mut Vec<u8>, bytes: [u8; 16]) {
    for (n, byte) in bytes.iter().enumerate() {
        if matches!(n, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        hex_byte(out, *byte);
    }
}

/// Ranges of numbers, as `0-3,7`.
pub fn ranges(out: &mut Vec<u8>, ranges: impl Iterator<Item = (usize, usize)>, between: u8) {
    for (n, (first, last)) in ranges.enumerate() {
        if n > 0 {
            out.push(between);
        }
        decimal(out, first);
        if last > first {
            out.push(b'-');
            decimal(out, last);
        }
    }
}

/// What stands for so many bytes of key material.
pub fn redacted(out: &mut Vec<u8>, len: usize) {
    out.extend_from_slice(b"<redacted ");
    decimal(out, len);
    out.extend_from_slice(b" bytes>");
}

/// A byte where it is printable ASCII, else a dot.
#[must_use]
pub const fn printable(byte: u8) -> u8 {
    if byte.is_ascii_graphic() || byte == b' ' { byte } else { b'.' }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn numbers() {
        assert_eq!(text(|o| decimal(o, u64::MAX)), "18446744073709551615");
        assert_eq!(text(|o| decimal(o, i64::MIN)), "-9223372036854775808");
        assert_eq!(text(|o| padded(o, 42, 6)), "000042");
        assert_eq!(text(|o| padded(o, 1_234_567, 6)), "1234567");
        assert_eq!(text(|o| octal(o, 0o755)), "755");
        assert_eq!(text(|o| octal(o, 0)), "0");
        assert_eq!(text(|o| octal(o, u64::MAX)), "1777777777777777777777");
        assert_eq!(text(|o| hex(o, 0, 0)), "0x0");
        assert_eq!(text(|o| hex(o, 0xdead_beef, 0)), "0xdeadbeef");
        assert_eq!(text(|o| hex(o, 0x1f, 4)), "0x001f");
        assert_eq!(text(|o| hex(o, u64::MAX, 99)).len(), 101);
    }

    #[test]
    fn addresses() {
        assert_eq!(text(|o| ipv4(o, [192, 0, 2, 255])), "192.0.2.255");
        let mut v6 = [0; 16];
        v6[0] = 0x20;
        v6[1] = 0x01;
        v6[15] = 1;
        assert_eq!(text(|o| ipv6(o, v6)), "2001::1");
        assert_eq!(text(|o| uuid(o, v6)), "20010000-0000-0000-0000-000000000001");
        assert_eq!(text(|o| hex_joined(o, &[2, 0, 0xff], b':')), "02:00:ff");
        assert_eq!(text(|o| hex_bytes(o, b"\x00\xa9")), "00a9");
    }
}
