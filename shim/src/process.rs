//! What belongs to one process: its key, and its account with each link.
//!
//! All of it lives in memory that the kernel clears in a forked child, however it was forked, so
//! that the child starts from zero without a handler, a lock or a system call. A vfork child shares
//! the memory and is a *guest*: it records under its parent's key and changes nothing else.
#![forbid(unsafe_code)]

use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use once_cell::race::OnceRef;

#[cfg(target_arch = "x86_64")]
use crate::window::Users;
use crate::{confinement, sys, thread};

/// Descriptors that the tables know of.
pub(crate) const TABLE_LEN: usize = 4096;

const BITS: usize = 64;

/// A process's account with one link.
pub(crate) struct Account {
    /// Identity of the connection or file on which this process has said Hello; 0 for none.
    pub(crate) greeted: AtomicU64,
    next: AtomicU64,
    /// Frames lost since the last that was delivered.
    pub(crate) lost: AtomicU64,
    /// Frames lost in all.
    pub(crate) lost_total: AtomicU64,
    /// Whether the last wait was in vain, so that there is no use in another.
    pub(crate) stalled: AtomicBool,
    /// One bit a descriptor: whether the reader knows which socket it is.
    announced: [AtomicU64; TABLE_LEN / BITS],
}

impl Account {
    fn bit(fd: i32) -> Option<(usize, u64)> {
        let fd = usize::try_from(fd).ok().filter(|fd| *fd < TABLE_LEN)?;
        Some((fd / BITS, 1 << (fd % BITS)))
    }

    /// Whether the reader knows the socket under this descriptor.
    pub(crate) fn is_announced(&self, fd: i32) -> bool {
        let Some((word, bit)) = Self::bit(fd) else { return false };
        self.announced.get(word).is_some_and(|word| word.load(Ordering::Relaxed) & bit != 0)
    }

    /// Notes that the reader knows the socket under this descriptor.
    pub(crate) fn set_announced(&self, fd: i32) {
        let Some((word, bit)) = Self::bit(fd) else { return };
        if let Some(word) = self.announced.get(word) {
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }

    fn clear_announced(&self, fd: i32) {
        let Some((word, bit)) = Self::bit(fd) else { return };
        if let Some(word) = self.announced.get(word) {
            word.fetch_and(!bit, Ordering::Relaxed);
        }
    }

    /// Begins to speak to a new reader, which knows nothing.
    pub(crate) fn begin(&self) {
        for word in &self.announced {
            word.store(0, Ordering::Relaxed);
        }
        self.stalled.store(false, Ordering::Relaxed);
    }

    /// Takes the number of the next frame.
    pub(crate) fn take_number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether nothing has been said but Hello, and nothing lost.
    pub(crate) fn is_silent(&self) -> bool {
        self.next.load(Ordering::Relaxed) <= 1 && self.lost_total.load(Ordering::Relaxed) == 0
    }

    /// Gives back the number of a frame that is tried again, unless a later one is already taken.
    pub(crate) fn give_back(&self, number: u64) {
        let next = number.wrapping_add(1);
        let _ = self.next.compare_exchange(next, number, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Counts a frame that could not be delivered.
    pub(crate) fn lose(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
        self.lost_total.fetch_add(1, Ordering::Relaxed);
    }

    fn clear(&self) {
        self.begin();
        for number in [&self.greeted, &self.next, &self.lost, &self.lost_total] {
            number.store(0, Ordering::Relaxed);
        }
    }
}

/// The current process.
pub(crate) struct Process {
    key: AtomicU64,
    pid: AtomicU32,
    pid_namespace: AtomicU64,
    /// A bit for each window's place that is taken.
    places: AtomicU32,
    #[cfg(target_arch = "x86_64")]
    window_users: Users,
    /// By [`crate::link::Kind`].
    accounts: [Account; 2],
}

impl Process {
    /// The key that every frame of this process has.
    pub(crate) fn key(&self) -> u64 {
        self.key.load(Ordering::Relaxed)
    }

    /// Asks which pid namespace it is in.
    pub(crate) fn find_pid_namespace(&self) {
        let namespace = sys::file::inode_at(c"/proc/self/ns/pid").unwrap_or(0);
        self.pid_namespace.store(namespace, Ordering::Relaxed);
    }

    /// Inode of its pid namespace; 0 if that is not known.
    pub(crate) fn pid_namespace(&self) -> u64 {
        self.pid_namespace.load(Ordering::Relaxed)
    }

    /// The account with a link.
    pub(crate) fn account(&self, kind: crate::link::Kind) -> &Account {
        let [socket, file] = &self.accounts;
        match kind {
            crate::link::Kind::Socket => socket,
            crate::link::Kind::File => file,
        }
    }

    /// Whether this is a forked child of the process that the library was loaded into.
    pub(crate) fn is_forked(&self) -> bool {
        self.key() != IMAGE.load(Ordering::Relaxed)
            || self.pid.load(Ordering::Relaxed) != image_pid()
    }

    /// Whether the caller is a vfork child, which uses this process's memory but has descriptors of
    /// its own.
    pub(crate) fn is_guest(&self) -> bool {
        self.pid.load(Ordering::Relaxed) != sys::pid()
    }

    /// Makes the readers forget which socket is under this descriptor.
    pub(crate) fn unannounce(&self, fd: i32) {
        for account in &self.accounts {
            account.clear_announced(fd);
        }
    }

    /// Takes one of so many places for windows.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn take_place(&self, count: usize) -> Option<usize> {
        loop {
            let taken = self.places.load(Ordering::Relaxed);
            let free = taken.trailing_ones();
            let index = usize::try_from(free).ok().filter(|index| *index < count)?;
            let now = taken | 1 << free;
            if self.places.compare_exchange(taken, now, Ordering::AcqRel, Ordering::Relaxed).is_ok()
            {
                return Some(index);
            }
        }
    }

    /// Gives a place back.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn give_place(&self, index: usize) {
        if let Some(bit) = u32::try_from(index).ok().and_then(|index| 1_u32.checked_shl(index)) {
            self.places.fetch_and(!bit, Ordering::AcqRel);
        }
    }

    /// The threads that have windows.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn window_users(&self) -> &Users {
        &self.window_users
    }

    /// Begins anew. Whoever comes second, be it a thread or a signal handler, changes nothing.
    fn begin(&self) {
        if confinement::is_confined() {
            return self.begin_unasked();
        }
        let pid = sys::pid();
        self.pid.store(pid, Ordering::Relaxed);
        // The first one's is asked for when it is needed; a child may have gone to another.
        if IMAGE.load(Ordering::Relaxed) != 0 {
            self.find_pid_namespace();
        }
        // Never 0, which means that the process has not begun.
        let start = sys::monotonic_ns() & u64::from(u32::MAX);
        let key = ((u64::from(pid) << 32) ^ start).max(1);
        let _ = self.key.compare_exchange(0, key, Ordering::AcqRel, Ordering::Relaxed);
    }

    /// Begins anew where it may not be asked who it is.
    fn begin_unasked(&self) {
        let number = CONFINED_CHILDREN.get().map_or(0, |it| it.fetch_add(1, Ordering::Relaxed));
        // Far from what any other process has, and never 0.
        let mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let key = (IMAGE.load(Ordering::Relaxed) ^ mixed).max(1);
        let _ = self.key.compare_exchange(0, key, Ordering::AcqRel, Ordering::Relaxed);
    }

    /// What there is to do in a forked child.
    #[cold]
    fn go_on(&self) {
        let is_unknown = WIPED.load(Ordering::Relaxed) || confinement::is_confined();
        if !is_unknown && self.is_guest() {
            self.clear();
        }
        if self.key.load(Ordering::Acquire) == 0 {
            self.begin();
        }
    }

    /// What the kernel does in a forked child, where it can.
    fn clear(&self) {
        for account in &self.accounts {
            account.clear();
        }
        self.places.store(0, Ordering::Relaxed);
        #[cfg(target_arch = "x86_64")]
        self.window_users.clear();
        self.key.store(0, Ordering::Release);
    }
}

static PROCESS: OnceRef<'static, Process> = OnceRef::new();

/// The key of the process that was the first to have one: the one that the library was loaded into, or a
/// forked child of it.
static IMAGE: AtomicU64 = AtomicU64::new(0);

/// Process id of the process that the library was loaded into.
static IMAGE_PID: AtomicU32 = AtomicU32::new(0);

/// The library has been loaded into this process.
pub(crate) fn begin_image() {
    IMAGE_PID.store(sys::pid(), Ordering::Relaxed);
}

/// Process id of the process that the library was loaded into.
pub(crate) fn image_pid() -> u32 {
    IMAGE_PID.load(Ordering::Relaxed)
}

/// Whether the kernel clears the memory in a forked child.
static WIPED: AtomicBool = AtomicBool::new(false);

/// How many children of a confined process have begun, which share it: they may not ask who they are, and
/// are to be told apart all the same.
static CONFINED_CHILDREN: OnceRef<'static, AtomicU64> = OnceRef::new();

/// Makes ready for children that may not ask who they are.
pub(crate) fn prepare_children() {
    if CONFINED_CHILDREN.get().is_none()
        && let Some(count) = sys::memory::shared_with_children()
    {
        // If another thread was faster, it is that one's.
        let _ = CONFINED_CHILDREN.set(count);
    }
}

/// The process that the caller runs in, made known if it is not: there is somebody to speak to. `None`
/// without memory, and in a vfork child, which is not the process whose memory it would begin in.
pub(crate) fn start() -> Option<&'static Process> {
    if let Some(process) = current() {
        return Some(process);
    }
    if thread::is_borrowed() {
        return None;
    }
    let (process, wiped) = sys::memory::wiped_on_fork::<Process>()?;
    process.begin();
    WIPED.store(wiped, Ordering::Relaxed);
    if PROCESS.set(process).is_ok() {
        IMAGE.store(process.key(), Ordering::Relaxed);
    }
    // If another thread was faster, it is that one's.
    current()
}

/// The process that the caller runs in; `None` before there was anybody to speak to.
#[inline]
pub(crate) fn current() -> Option<&'static Process> {
    let process = PROCESS.get()?;
    if process.key.load(Ordering::Acquire) == 0 || !WIPED.load(Ordering::Relaxed) {
        process.go_on();
    }
    Some(process)
}
