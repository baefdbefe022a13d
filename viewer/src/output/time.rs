//! Times as text.

use super::{TimeStyle, text};

const SECOND_NS: i128 = 1_000_000_000;
const DAY_S: i64 = 86_400;

/// A date in the proleptic Gregorian calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Date {
    year: i64,
    month: u64,
    day: u64,
}

impl Date {
    /// The date so many days after 1970-01-01. Counts years from March, so that the leap day is the
    /// last of its year and months follow one formula.
    const fn from_days(days: i64) -> Self {
        // 0000-03-01 is 719468 days before; 146097 days make the calendar's 400-year cycle.
        let days = days + 719_468;
        let cycle = days.div_euclid(146_097);
        let day = days.rem_euclid(146_097);
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let of_year = day - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let of_month = of_year - (153 * month + 2) / 5 + 1;
        let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
        Self {
            year: year + 400 * cycle + carry,
            month: month.unsigned_abs(),
            day: of_month.unsigned_abs(),
        }
    }
}

/// Writes times; keeps the text of the last second, which most records share with the one before.
#[derive(Debug, Default)]
pub struct Clock {
    second: Option<i64>,
    /// `2026-11-23T18:00:00` of that second.
    text: Vec<u8>,
    first_ns: Option<i128>,
}

/// Splits nanoseconds since 1970 into whole seconds and the rest.
fn split(ns: i128) -> (i64, u64) {
    let second = i64::try_from(ns.div_euclid(SECOND_NS)).unwrap_or(0);
    let rest = u64::try_from(ns.rem_euclid(SECOND_NS)).unwrap_or(0);
    (second, rest)
}

impl Clock {
    fn date_and_time(&mut self, second: i64) -> &[u8] {
        if self.second != Some(second) {
            self.second = Some(second);
            self.text.clear();
            date_time(&mut self.text, second);
        }
        &self.text
    }

    /// Appends nanoseconds since 1970 as RFC 3339 has it, in UTC with nine decimals.
    pub fn rfc3339(&mut self, out: &mut Vec<u8>, ns: i128) {
        let (second, rest) = split(ns);
        out.extend_from_slice(self.date_and_time(second));
        out.push(b'.');
        text::padded(out, rest, 9);
        out.push(b'Z');
    }

    /// Appends nanoseconds since 1970 in the style asked for, with a space after it; nothing for
    /// [`TimeStyle::None`].
    pub fn styled(&mut self, out: &mut Vec<u8>, ns: i128, style: TimeStyle) {
        let first_ns = *self.first_ns.get_or_insert(ns);
        match style {
            TimeStyle::None => return,
            TimeStyle::Clock => {
                let (second, rest) = split(ns);
                let time = self.date_and_time(second);
                out.extend_from_slice(time.get(time.len().saturating_sub(8)..).unwrap_or(time));
                out.push(b'.');
                text::padded(out, rest / 1000, 6);
            }
            TimeStyle::Epoch => seconds(out, ns),
            TimeStyle::Relative => {
                let since = ns.saturating_sub(first_ns);
                if since < 0 {
                    out.push(b'-');
                }
                seconds(out, since.saturating_abs());
            }
        }
        out.push(b' ');
    }
}

/// Appends date and time of day, `2026-11-23T18:00:00`, of so many seconds since 1970.
pub fn date_time(out: &mut Vec<u8>, second: i64) {
    let date = Date::from_days(second.div_euclid(DAY_S));
    let of_day = second.rem_euclid(DAY_S).unsigned_abs();
    text::padded(out, date.year.unsigned_abs(), 4);
    out.push(b'-');
    text::padded(out, date.month, 2);
    out.push(b'-');
    text::padded(out, date.day, 2);
    out.push(b'T');
    text::padded(out, of_day / 3600, 2);
    out.push(b':');
    text::padded(out, of_day / 60 % 60, 2);
    out.push(b':');
    text::padded(out, of_day % 60, 2);
}

fn seconds(out: &mut Vec<u8>, ns: i128) {
    let (second, rest) = split(ns);
    text::decimal(out, second);
    out.push(b'.');
    text::padded(out, rest / 1000, 6);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rfc3339(ns: i128) -> String {
        let mut out = Vec::new();
        Clock::default().rfc3339(&mut out, ns);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn dates() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(rfc3339(-1), "1969-12-31T23:59:59.999999999Z");
        assert_eq!(rfc3339(951_782_400 * SECOND_NS), "2000-02-29T00:00:00.000000000Z");
        assert_eq!(rfc3339(4_107_542_400 * SECOND_NS), "2100-03-01T00:00:00.000000000Z");
        assert_eq!(rfc3339(1_795_456_800_123_456_789), "2026-11-23T18:00:00.123456789Z");
        // The least and the greatest time that a stream can express have four digits too.
        assert_eq!(rfc3339(-i128::from(u64::MAX)).len(), 30);
        assert_eq!(rfc3339(2 * i128::from(u64::MAX)).len(), 30);
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let days_in = |year: i64, month: u64| match month {
            2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let mut expected = Date { year: 1600, month: 1, day: 1 };
        for days in -135_140..135_140 {
            assert_eq!(Date::from_days(days), expected);
            expected.day += 1;
            if expected.day > days_in(expected.year, expected.month) {
                expected.day = 1;
                expected.month += 1;
            }
            if expected.month > 12 {
                expected.month = 1;
                expected.year += 1;
            }
        }
    }

    #[test]
    fn styles() {
        let mut clock = Clock::default();
        let mut styled = |ns, style| {
            let mut out = Vec::new();
            clock.styled(&mut out, ns, style);
            String::from_utf8_lossy(&out).into_owned()
        };
        let ns = 1_795_456_800_123_456_789;
        assert_eq!(styled(ns, TimeStyle::None), "");
        assert_eq!(styled(ns, TimeStyle::Clock), "18:00:00.123456 ");
        assert_eq!(styled(ns, TimeStyle::Epoch), "1795456800.123456 ");
        assert_eq!(styled(ns + SECOND_NS, TimeStyle::Relative), "1.000000 ");
        assert_eq!(styled(ns - 1000, TimeStyle::Relative), "-0.000001 ");
    }
}
