//! A descriptor of our own in a program that does not know of it.
//!
//! It is parked high, where programs rarely go, and closed on exec. The program may close it all the
//! same, or put a file of its own under its number; so before each use it is checked to be what was
//! parked, and a foreign descriptor is neither written to nor closed. (Between the check and the
//! write another thread may close and reopen it. Only a transport without a descriptor has no such
//! window.)
#![forbid(unsafe_code)]

use core::sync::atomic::{AtomicU64, Ordering};

use crate::sys;
use crate::sys::file::Stat;

/// Descriptors are parked from here on, unless the limit is lower.
const HIGH: i32 = 900;

/// The standard descriptors are never used, even where the program has closed them.
const LOWEST: i32 = 3;

/// Bits of a [`Held`] that number the descriptor, plus 1.
const FD_BITS: u32 = 16;

/// A parked descriptor and the identity of what it refers to, in one word, so that threads and
/// signal handlers see both or neither. 0 is none.
pub(super) struct Parked(AtomicU64);

/// What [`Parked`] held at one instant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Held(u64);

impl Parked {
    pub(super) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }

    pub(super) fn held(&self) -> Option<Held> {
        match self.0.load(Ordering::Acquire) {
            0 => None,
            bits => Some(Held(bits)),
        }
    }

    /// Lets others see the link; `false` if somebody else was first.
    pub(super) fn set(&self, held: Held) -> bool {
        self.0.compare_exchange(0, held.0, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Gives the link up, and closes the descriptor if it is still ours.
    pub(super) fn forget(&self) {
        let Some(held) = self.held() else { return };
        if self.0.compare_exchange(held.0, 0, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            held.close();
        }
    }
}

impl Held {
    fn new(fd: i32, stat: &Stat) -> Option<Self> {
        let number = u16::try_from(fd).ok()?.checked_add(1)?;
        Some(Self((digest(stat) << FD_BITS) | u64::from(number)))
    }

    /// Which connection or file it is, whatever its number.
    pub(super) fn identity(self) -> u64 {
        self.0 >> FD_BITS
    }

    pub(super) fn fd(self) -> i32 {
        i32::from(u16::try_from(self.0 & u64::from(u16::MAX)).unwrap_or(0)).saturating_sub(1)
    }

    /// What the descriptor refers to, if that is still what was parked.
    pub(super) fn stat_if_ours(self) -> Option<Stat> {
        sys::file::stat(self.fd()).filter(|stat| digest(stat) == self.identity())
    }

    /// Closes the descriptor if it is still ours.
    pub(super) fn close(self) {
        if self.stat_if_ours().is_some() {
            sys::file::close(self.fd());
        }
    }
}

/// 48 bits of device and inode: all there are of a socket's, and of a file's on most file systems.
fn digest(stat: &Stat) -> u64 {
    let whole = stat.inode ^ stat.dev.rotate_left(32);
    (whole ^ (whole >> 48)) & (u64::MAX >> FD_BITS)
}

/// Moves a fresh descriptor out of the program's way; closes it where that is not possible.
pub(super) fn park(fd: i32) -> Option<Held> {
    let limit = i32::try_from(sys::limit(libc::RLIMIT_NOFILE)).unwrap_or(i32::MAX);
    let mut lowest = HIGH.min(limit.saturating_sub(limit / 8));
    let mut high = sys::file::duplicate(fd, lowest.max(LOWEST));
    while high.is_err() && lowest > LOWEST {
        lowest /= 2;
        high = sys::file::duplicate(fd, lowest.max(LOWEST));
    }
    sys::file::close(fd);
    let high = high.ok()?;
    let held = sys::file::stat(high).and_then(|stat| Held::new(high, &stat));
    if held.is_none() {
        sys::file::close(high);
    }
    held
}
