//! When those who read are looked for.
//!
//! Only once the program has to do with netlink, which most programs never have: connecting and sharing a ring
//! costs several times what everything else at load does, in every `sed` of a shell script. That is
//!
//! - when the program opens a netlink socket, was born with one (of a number below 64), or is passed one;
//! - when it calls a function of libc that speaks netlink inside itself;
//! - before it gives up what it takes to find a viewer, or to be trusted by it: its root, namespaces, user,
//!   rights, or system calls. Afterwards it may be too late. This occasion counts once, so that programs
//!   which change users with every request pay for it as little as if they had looked at load.
//!
//! A capture file that is not there yet is made at load, so that it is there whatever the program does.
#![forbid(unsafe_code)]

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::{FILE, is_live, links};
use crate::{config, confinement, fdtable, interpose, process, sys, thread};

/// How long one thread waits for another that looks already, in nanoseconds. It takes a fraction of that,
/// unless it is stopped in the midst.
const PATIENCE_NS: u64 = 200_000_000;

/// How long it sleeps in between: the other one may be of lower priority.
const NAP_NS: u64 = 50_000;

/// Whether a viewer was looked for, be it in vain.
static HAS_LOOKED: AtomicBool = AtomicBool::new(false);

/// Who is looking: process id and thread id; 0 for nobody. A forked child may find its parent here.
static WHO: AtomicU64 = AtomicU64::new(0);

const TID_BITS: u32 = 32;

/// What there is to do at load.
pub(crate) fn begin() {
    let Some(config) = config::current() else { return };
    let makes_file = config.file().is_some_and(|path| sys::file::inode_at(path).is_none());
    if makes_file {
        interpose::find_clock();
        sys::signal::undisturbed(|| FILE.look(config));
        learn(false);
    }
    if fdtable::has_netlink() {
        look();
    }
}

/// Looks for those who may read and do not yet.
///
/// A thread that finds another one looking waits for it: what it is about to say would otherwise be said to
/// nobody.
#[cold]
pub(crate) fn look() {
    let Some(config) = config::current() else { return };
    if links().all(|link| link.is_fine(config)) || confinement::is_confined() || is_guest() {
        return;
    }
    if !HAS_LOOKED.load(Ordering::Relaxed) {
        interpose::find_clock();
    }
    let was_live = is_live();
    sys::signal::undisturbed(|| {
        alone(|| {
            for link in links().filter(|link| !link.is_fine(config)) {
                link.look(config);
            }
        });
    });
    learn(was_live);
    HAS_LOOKED.store(true, Ordering::Release);
}

/// Looks, unless that was done before: the program is about to go where it might not find a viewer.
pub(crate) fn settle() {
    if !HAS_LOOKED.load(Ordering::Acquire) {
        look();
    }
}

/// Learns what descriptors there are, once somebody wants to know.
fn learn(was_live: bool) {
    if !was_live && is_live() {
        fdtable::scan();
    }
}

/// Whether this is a vfork child, whose descriptors are not those of the process that it would speak for.
fn is_guest() -> bool {
    process::current().map_or_else(thread::is_borrowed, thread::may_be_guest)
}

/// Runs `work` while no other thread does, unless that takes too long.
fn alone(work: impl FnOnce()) {
    let me = u64::from(sys::pid()) << TID_BITS | u64::from(sys::tid());
    let has_begun = begin_alone(me);
    work();
    if has_begun {
        let _ = WHO.compare_exchange(me, 0, Ordering::AcqRel, Ordering::Relaxed);
    }
}

fn begin_alone(me: u64) -> bool {
    let mut deadline_ns = None;
    loop {
        let Err(other) = WHO.compare_exchange(0, me, Ordering::AcqRel, Ordering::Acquire) else {
            return true;
        };
        if other >> TID_BITS != me >> TID_BITS {
            // Whoever it was, it is not there in this process.
            let taken = WHO.compare_exchange(other, me, Ordering::AcqRel, Ordering::Relaxed);
            if taken.is_ok() {
                return true;
            }
            continue;
        }
        let now = sys::monotonic_ns();
        if now >= *deadline_ns.get_or_insert(now.saturating_add(PATIENCE_NS)) {
            return false;
        }
        sys::sleep(NAP_NS);
    }
}
