//! Times and sizes as people write them: three digits and a unit.

use super::text;

/// A time in nanoseconds: `420 ns`, `17.3 µs`, `1.20 ms`, `3.00 s`.
pub fn duration(out: &mut Vec<u8>, ns: u64) {
    scaled(out, ns, 1000, &["ns", "µs", "ms", "s"]);
}

/// A number of bytes: `96 B`, `11.3 KiB`, `1.20 MiB`.
pub fn size(out: &mut Vec<u8>, len: u64) {
    scaled(out, len, 1024, &["B", "KiB", "MiB", "GiB", "TiB"]);
}

fn scaled(out: &mut Vec<u8>, v: u64, step: u64, units: &[&str]) {
    let (mut whole, mut rest, mut unit) = (v, 0, 0_usize);
    while whole >= step && unit.saturating_add(1) < units.len() {
        rest = whole % step;
        whole /= step;
        unit = unit.saturating_add(1);
    }
    text::decimal(out, whole);
    let digits = match whole {
        _ if unit == 0 => 0,
        0..=9 => 2,
        10..=99 => 1,
        _ => 0,
    };
    if digits > 0 {
        out.push(b'.');
        // Cut, not rounded, so that 1.999 is no 2.00 beside a 1.
        let scale = if digits == 2 { 100 } else { 10 };
        text::padded(out, rest * scale / step, digits);
    }
    out.push(b' ');
    out.extend_from_slice(units.get(unit).unwrap_or(&"").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn three_digits_and_a_unit() {
        for (ns, text) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1000, "1.00 µs"),
            (17_399, "17.3 µs"),
            (999_999, "999 µs"),
            (1_204_000, "1.20 ms"),
            (3_000_000_000, "3.00 s"),
            (7_200_000_000_000, "7200 s"),
        ] {
            assert_eq!(written(|out| duration(out, ns)), text);
        }
        for (len, text) in
            [(96, "96 B"), (1023, "1023 B"), (11_600, "11.3 KiB"), (1 << 21, "2.00 MiB")]
        {
            assert_eq!(written(|out| size(out, len)), text);
        }
    }
}
