//! What is missing of a process's records, and what of that is news.

/// Frames of the same process after which one that has not come is given up: more than its other threads
/// hand over while one that has taken a number is kept from going on.
pub(super) const REORDER_WINDOW: u64 = 1 << 18;
/// Gaps in one process's numbers that are watched at the same time.
const MAX_GAPS: usize = 1024;

/// What is lost of one process, seen from both ends: a frame that the shim could not hand over is
/// missing from the numbers, and the shim reports it as well, often sooner. So the greater of the two
/// is what is lost.
#[derive(Debug)]
pub(super) struct Losses {
    /// Numbers that were given up.
    missing: u64,
    /// What the shim reported.
    reported: u64,
    /// The shim's total when we began to listen; None if that is not known.
    before: Option<u64>,
}

impl Losses {
    /// For a process heard of from this frame on. What it lost before that others were to get.
    pub(super) const fn since(number: u64) -> Self {
        let before = if number == 0 { Some(0) } else { None };
        Self { missing: 0, reported: 0, before }
    }

    /// So many numbers were given up; returns how many of them are news.
    pub(super) fn missing(&mut self, count: u64) -> u64 {
        self.news(|losses| losses.missing = losses.missing.saturating_add(count))
    }

    /// The shim reports its total, `count` of which since its report before; returns how many are
    /// news. Going by the total, a report that was overtaken by another does no harm.
    pub(super) fn reported(&mut self, total: u64, count: u64) -> u64 {
        let before = *self.before.get_or_insert(total.saturating_sub(count));
        let total = total.saturating_sub(before);
        self.news(|losses| losses.reported = losses.reported.max(total))
    }

    fn news(&mut self, change: impl FnOnce(&mut Self)) -> u64 {
        let known = self.missing.max(self.reported);
        change(self);
        self.missing.max(self.reported).saturating_sub(known)
    }
}

/// Which of a process's frame numbers have come.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// One more than the highest that came.
    next: u64,
    /// Ranges below it that did not come, each from its first to one more than its last.
    gaps: Vec<(u64, u64)>,
}

impl Numbers {
    /// What is before this number went to another viewer, or nowhere.
    pub(super) const fn since(number: u64) -> Self {
        Self { next: number, gaps: Vec::new() }
    }

    /// Whether only the very first number has come.
    pub(super) fn are_first(&self) -> bool {
        self.next == 1 && self.gaps.is_empty()
    }

    /// A number has come. Returns how many others are given up with it.
    pub(super) fn saw(&mut self, number: u64) -> u64 {
        if number < self.next {
            self.fill(number);
            return 0;
        }
        if number > self.next {
            self.gaps.push((self.next, number));
        }
        self.next = number.saturating_add(1);
        let mut lost = 0_u64;
        while let Some((first, end)) = self.gaps.first().copied() {
            if end.saturating_add(REORDER_WINDOW) >= self.next && self.gaps.len() <= MAX_GAPS {
                break;
            }
            lost = lost.saturating_add(end.saturating_sub(first));
            self.gaps.remove(0);
        }
        lost
    }

    /// A late number has come.
    fn fill(&mut self, number: u64) {
        let at = self.gaps.partition_point(|(_, end)| *end <= number);
        if self.gaps.get(at).is_none_or(|(first, _)| *first > number) {
            return;
        }
        let (first, end) = self.gaps.remove(at);
        let after = number.saturating_add(1);
        if after < end {
            self.gaps.insert(at, (after, end));
        }
        if first < number {
            self.gaps.insert(at, (first, number));
        }
    }

    /// No more will come: returns how many are missing.
    pub(super) fn close(&mut self) -> u64 {
        let lens = self.gaps.drain(..).map(|(first, end)| end.saturating_sub(first));
        lens.fold(0, u64::saturating_add)
    }
}
