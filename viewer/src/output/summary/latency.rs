//! How long requests took to their end, however many they are, in bounded memory.

use hdrhistogram::Histogram;

/// Decimal digits that a percentile has right. Each one more takes eight times the memory.
const DIGITS: u8 = 2;
/// Longer times count as this long: a day.
const MAX_NS: u64 = 86_400_000_000_000;

/// Latencies of one kind of request.
#[derive(Debug, Default)]
pub(super) struct Latency {
    /// Made with the first one, since most kinds of messages are no requests.
    histogram: Option<Histogram<u32>>,
    min_ns: u64,
    max_ns: u64,
}

/// What is said of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Figures {
    /// How many there are.
    pub(super) count: u64,
    pub(super) min_ns: u64,
    pub(super) median_ns: u64,
    pub(super) p99_ns: u64,
    pub(super) max_ns: u64,
}

impl Latency {
    /// Counts one.
    pub(super) fn record(&mut self, ns: u64) {
        let is_first = self.histogram.is_none();
        self.min_ns = if is_first { ns } else { self.min_ns.min(ns) };
        self.max_ns = self.max_ns.max(ns);
        if is_first {
            self.histogram = Histogram::new(DIGITS).ok();
        }
        if let Some(histogram) = &mut self.histogram {
            // It grows to what it is given, which is bounded.
            let _always_fits = histogram.record(ns.min(MAX_NS));
        }
    }

    /// What is known of them; None if there were none.
    pub(super) fn figures(&self) -> Option<Figures> {
        let histogram = self.histogram.as_ref().filter(|histogram| !histogram.is_empty())?;
        let (min_ns, max_ns) = (self.min_ns, self.max_ns);
        // The histogram rounds; the ends are known to the nanosecond.
        let at = |quantile| histogram.value_at_quantile(quantile).clamp(min_ns, max_ns);
        let (median_ns, p99_ns) = (at(0.5), at(0.99));
        Some(Figures { count: histogram.len(), min_ns, median_ns, p99_ns, max_ns })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_figure_is_its_own() {
        let mut latency = Latency::default();
        assert_eq!(latency.figures(), None);
        for us in 1..=1000 {
            latency.record(us * 1000);
        }
        let figures = latency.figures().unwrap();
        assert_eq!((figures.count, figures.min_ns, figures.max_ns), (1000, 1000, 1_000_000));
        assert!(figures.median_ns.abs_diff(500_000) < 5_000, "{figures:?}");
        assert!(figures.p99_ns.abs_diff(990_000) < 10_000, "{figures:?}");
    }

    #[test]
    fn a_single_one_is_exact() {
        let mut latency = Latency::default();
        latency.record(84_321);
        let ns = 84_321;
        let figures = Figures { count: 1, min_ns: ns, median_ns: ns, p99_ns: ns, max_ns: ns };
        assert_eq!(latency.figures(), Some(figures));
    }

    #[test]
    fn any_time_takes_bounded_memory() {
        let mut latency = Latency::default();
        for ns in [0, 1, u64::MAX, u64::MAX] {
            latency.record(ns);
        }
        let figures = latency.figures().unwrap();
        assert_eq!((figures.count, figures.min_ns, figures.max_ns), (4, 0, u64::MAX));
        assert!(latency.histogram.unwrap().distinct_values() < 6000);
    }
}
