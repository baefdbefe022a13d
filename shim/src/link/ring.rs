//! The ring shared with the viewer, on the producers' side; `nlproto::ring` is the protocol.
//!
//! A frame costs no system call as long as there is room. No descriptor is kept, so there is none
//! that the program could close, inherit or write to; what is in the ring is the viewer's, even if
//! the program is killed the next moment.
#![forbid(unsafe_code)]

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use nlproto::ring::{
    Claim, Claiming, GONE, HEARTBEAT_MAX_AGE_MS, Layout, MAGIC, Progress, RENEW, VERSION, Word,
    Words,
};
use nlring::Map;
use once_cell::race::OnceRef;

use super::Outcome;
use crate::config::Config;
use crate::process::{Account, Process};
use crate::view::{self, Span};
use crate::{confinement, sys, thread};

/// Rings that one program image may make: one more each time that its viewer has died and another
/// has come. Old ones stay mapped, since a thread may be writing.
const MAX_RINGS: usize = 8;

/// A viewer from which nothing was heard for so long may have died, and another taken its place.
const SILENCE_MS: u64 = 10_000;

/// How often another ring is looked for while it cannot be had.
const RENEWAL_PACE_MS: u64 = 100;

/// Tells the identity of a ring from that of a parked descriptor.
const RING: u64 = 1 << 63;

/// A ring.
pub(super) struct Ring {
    map: Map,
    identity: u64,
    made_ms: u64,
    /// When another one was looked for last; 0 for never.
    renewal_ms: AtomicU64,
}

static RINGS: [OnceRef<'static, Ring>; MAX_RINGS] = [const { OnceRef::new() }; MAX_RINGS];

/// One more than the index of the ring in use; 0 for none.
static CURRENT: AtomicUsize = AtomicUsize::new(0);

/// The ring in use, unless its viewer has said that it is gone.
pub(super) fn current() -> Option<&'static Ring> {
    let index = CURRENT.load(Ordering::Acquire).checked_sub(1)?;
    let ring = RINGS.get(index)?.get()?;
    (ring.map.load(Word::Closed) != GONE).then_some(ring)
}

/// Does without a ring from now on.
pub(super) fn give_up() {
    CURRENT.store(0, Ordering::Release);
}

/// Makes a ring; returns it and the descriptor of its memory, which is for the caller to close.
pub(super) fn make(layout: Layout) -> Option<(i32, Ring)> {
    // Beyond the limit the kernel would answer with SIGXFSZ.
    if sys::limit(libc::RLIMIT_FSIZE) < layout.file_len() as u64 || is_last() {
        return None;
    }
    let (fd, map) = Map::create(layout).ok()?;
    let Some(stat) = sys::file::stat(fd) else {
        sys::file::close(fd);
        return None;
    };
    map.store(Word::Version, VERSION);
    map.store(Word::Granules, layout.granules());
    map.store(Word::Magic, MAGIC);
    let identity = stat.inode | RING;
    let renewal_ms = AtomicU64::new(0);
    Some((fd, Ring { map, identity, made_ms: now_ms(), renewal_ms }))
}

fn is_last() -> bool {
    RINGS.iter().all(|ring| ring.get().is_some())
}

/// Lets everybody use a ring from now on.
pub(super) fn publish(ring: Ring) {
    let Some(ring) = sys::memory::keep(ring) else { return };
    for (place, number) in RINGS.iter().zip(1..) {
        if place.set(ring).is_ok() {
            CURRENT.store(number, Ordering::Release);
            return;
        }
    }
}

impl Ring {
    /// Tells it from other rings, and from connections and files.
    pub(super) fn identity(&self) -> u64 {
        self.identity
    }

    /// Most bytes of a frame.
    pub(super) fn frame_room(&self) -> usize {
        self.map.layout().record_room()
    }

    /// Whether its viewer is worth staying with.
    pub(super) fn is_fresh(&self) -> bool {
        self.silence_ms() < SILENCE_MS && !self.is_to_be_renewed()
    }

    /// Whether its viewer has asked for another one.
    #[inline]
    pub(super) fn is_to_be_renewed(&self) -> bool {
        self.map.load(Word::Closed) == RENEW
    }

    /// Whether the caller is the one to look for another one: the first that asks, and who asks when that
    /// was in vain.
    pub(super) fn take_renewal(&self) -> bool {
        let (now, last) = (now_ms(), self.renewal_ms.load(Ordering::Relaxed));
        is_due(now, last)
            && self
                .renewal_ms
                .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// Whether it would be the time to look for another one.
    fn is_renewal_due(&self) -> bool {
        self.is_to_be_renewed() && is_due(now_ms(), self.renewal_ms.load(Ordering::Relaxed))
    }

    /// How long the viewer has not looked.
    fn silence_ms(&self) -> u64 {
        let seen = self.map.load(Word::Heartbeat).max(self.made_ms);
        now_ms().saturating_sub(seen)
    }

    /// Whether there is room for a small frame.
    pub(super) fn has_room(&self) -> bool {
        let used = self.map.load(Word::Tail).wrapping_sub(self.map.load(Word::Head));
        used < self.map.layout().granules() / 4 * 3
    }

    /// Counts a record that could not be delivered, where the viewer sees it.
    pub(super) fn lose(&self) {
        self.map.add(Word::Lost, 1);
    }

    /// Writes one frame, and waits for room at most as long as the settings say: once, and then not
    /// again until there is some.
    pub(super) fn write(
        &self,
        config: &Config,
        process: &Process,
        account: &Account,
        frame: &[Span],
    ) -> Outcome {
        let len = frame.iter().fold(0_usize, |sum, span| sum.saturating_add(span.len()));
        let layout = self.map.layout();
        if len > layout.record_room() {
            return Outcome::Full;
        }
        // A thread id of another pid namespace would be somebody else's in the viewer's eyes.
        let is_known = self.pid_namespace(process) == process.pid_namespace();
        let owner = if is_known { thread::id(process) } else { 0 };
        let mut deadline_ns = None;
        loop {
            match Claiming::new(layout, owner, len).run(&self.map) {
                Progress::Claimed(claim) => {
                    account.stalled.store(false, Ordering::Relaxed);
                    return self.fill(claim, frame, len);
                }
                Progress::Full if self.is_renewal_due() => return Outcome::Stuck,
                Progress::Full if self.wait(config, account, &mut deadline_ns) => {}
                Progress::Full => return Outcome::Full,
                Progress::Going | Progress::Broken => return Outcome::Dead,
            }
        }
    }

    /// The pid namespace of the first who has written.
    #[inline]
    fn pid_namespace(&self, process: &Process) -> u64 {
        match self.map.load(Word::PidNamespace) {
            0 => self.claim_pid_namespace(process),
            known => known,
        }
    }

    #[cold]
    fn claim_pid_namespace(&self, process: &Process) -> u64 {
        if process.pid_namespace() == 0 && !confinement::is_confined() {
            process.find_pid_namespace();
        }
        let own = process.pid_namespace();
        self.map.replace(Word::PidNamespace, 0, own).map_or_else(|known| known, |()| own)
    }

    #[inline]
    fn fill(&self, claim: Claim, frame: &[Span], len: usize) -> Outcome {
        if let Some(room) = self.map.room(claim.position, len) {
            let mut offset = 0_usize;
            for span in frame {
                view::copy(span, &room, offset);
                offset = offset.saturating_add(span.len());
            }
        }
        let outcome =
            if claim.commit(self.map.layout(), &self.map) { Outcome::Sent } else { Outcome::Full };
        // The next record is mostly of the same size; meanwhile the program goes its way.
        self.map.prefetch(claim.end(), len);
        outcome
    }

    /// Waits a little for the viewer to make room; false if there is no use in trying again.
    fn wait(&self, config: &Config, account: &Account, deadline_ns: &mut Option<u64>) -> bool {
        let stalled = &account.stalled;
        if config.block_ns == 0
            || stalled.load(Ordering::Relaxed)
            || self.map.load(Word::Closed) == GONE
            || self.silence_ms() > HEARTBEAT_MAX_AGE_MS
        {
            return false;
        }
        let now = sys::monotonic_ns();
        let deadline = *deadline_ns.get_or_insert(now.saturating_add(config.block_ns));
        if now >= deadline {
            stalled.store(true, Ordering::Relaxed);
            return false;
        }
        if confinement::is_confined() {
            core::hint::spin_loop();
        } else {
            sys::yield_now();
        }
        true
    }
}

/// Whether another ring is to be looked for, if that was in vain the last time.
fn is_due(now_ms: u64, last_ms: u64) -> bool {
    now_ms.saturating_sub(last_ms) >= RENEWAL_PACE_MS
}

fn now_ms() -> u64 {
    sys::monotonic_ns() / 1_000_000
}
