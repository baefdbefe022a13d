//! Amounts as people read them: three digits or so, and a unit.

use super::text;

const BYTES: &[&str] = &["B", "KB", "MB", "GB", "TB", "PB"];
const TIMES: &[&str] = &["ns", "µs", "ms", "s"];

/// So many bytes.
pub fn size(out: &mut Vec<u8>, len: u64) {
    scaled(out, len, BYTES);
}

/// So many nanoseconds.
pub fn duration(out: &mut Vec<u8>, ns: u64) {
    scaled(out, ns, TIMES);
}

/// An amount in the first unit of which there are less than a thousand. Each unit is a thousand of the
/// one before.
fn scaled(out: &mut Vec<u8>, amount: u64, units: &[&str]) {
    let amount = u128::from(amount);
    let mut scale = 1_u128;
    for (at, unit) in units.iter().enumerate() {
        let is_last = at.saturating_add(1) == units.len();
        let whole = (amount + scale / 2) / scale;
        if whole < 1000 || is_last {
            let tenths = (amount * 10 + scale / 2) / scale;
            if scale > 1 && tenths < 1000 {
                text::decimal(out, tenths / 10);
                out.push(b'.');
                text::decimal(out, tenths % 10);
            } else {
                text::decimal(out, whole);
            }
            out.push(b' ');
            return out.extend_from_slice(unit.as_bytes());
        }
        scale = scale.saturating_mul(1000);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn amounts_keep_three_digits() {
        for (len, wanted) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 KB"),
            (11_349, "11.3 KB"),
            (99_949, "99.9 KB"),
            (99_950, "100 KB"),
            (999_499, "999 KB"),
            (999_500, "1.0 MB"),
            (u64::MAX, "18447 PB"),
        ] {
            assert_eq!(text(|out| size(out, len)), wanted);
        }
    }

    #[test]
    fn times_end_with_seconds() {
        for (ns, wanted) in [
            (950, "950 ns"),
            (84_321, "84.3 µs"),
            (1_234_567, "1.2 ms"),
            (61_000_000_000, "61.0 s"),
        ] {
            assert_eq!(text(|out| duration(out, ns)), wanted);
        }
        assert_eq!(text(|out| duration(out, u64::MAX)), "18446744074 s");
    }
}
