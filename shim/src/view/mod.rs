//! C pointers as bounded views: the only file that reads the caller's memory.
//!
//! Two rules keep it from ever faulting. Nothing is read but after the call succeeded, which means
//! that the kernel has just read or written it itself: what says where the bytes are (`struct msghdr`,
//! arrays of `struct iovec`, lengths that the kernel gives back), and, for the ring, the bytes. And
//! of some bytes not even success says that: an address or an option's value may be longer than the
//! room there was. Those the *kernel* reads: as part of a gather list, where a bad one is an EFAULT of
//! ours, or by a question beforehand ([`View::readable`]).

mod span;

use core::ffi::{CStr, c_char, c_int, c_void};
use core::sync::atomic::{AtomicPtr, Ordering};

use libc::{cmsghdr, iovec, mmsghdr, msghdr, sockaddr, socklen_t};
use nlproto::codec::MAX_NAME_LEN;
use nlring::Room;

pub(crate) use span::Span;

/// The kernel refuses more iovecs in one call.
const MAX_IOVECS: usize = 1024;

/// Length of the addresses that netlink gives back. The room that the caller gave is overwritten
/// by that length and known no more.
const NETLINK_NAME_LEN: usize = size_of::<libc::sockaddr_nl>();

/// Most bytes of an option's value that are recorded. An option says how much it has, which may
/// exceed the room that the caller gave.
const MAX_OPTION_LEN: usize = 256;

/// Where the bytes of a call lie.
#[derive(Clone, Copy)]
enum Memory {
    Buffer(Span),
    Iovecs { base: *const iovec, count: usize },
}

impl Memory {
    fn count(&self) -> usize {
        match self {
            Self::Buffer(_) => 1,
            Self::Iovecs { count, .. } => *count,
        }
    }

    fn at(&self, index: usize) -> Option<Span> {
        match *self {
            Self::Buffer(span) => (index == 0).then_some(span),
            Self::Iovecs { base, count } if index < count => {
                // SAFETY: within the array that the kernel has just walked, as `View::iovecs`
                // demands.
                Some(Span::from(unsafe { base.wrapping_add(index).read_unaligned() }))
            }
            Self::Iovecs { .. } => None,
        }
    }
}

/// All that a record takes from the caller's memory.
#[derive(Clone, Copy)]
pub(crate) struct View {
    memory: Memory,
    /// Number of iovecs given.
    pub(crate) iov_count: u32,
    /// Bytes offered, or room given.
    pub(crate) buf_len: u64,
    /// How many bytes the call moved, clamped to the room there was.
    pub(crate) moved: usize,
    /// The address, or nothing if it may not be read.
    pub(crate) name: Span,
    /// The address's length, as given or returned.
    pub(crate) name_len: u32,
    /// The control data, or nothing if it may not be read.
    pub(crate) control: Span,
    /// The control data's length, as given or returned.
    pub(crate) control_len: u64,
    /// `msg_flags` as the kernel left them.
    pub(crate) msg_flags: c_int,
    /// Whether the address is one that the call gave back: there may have been less room for it than it
    /// has bytes.
    is_received: bool,
    /// Where the kernel has just written a length, next to which such an address mostly lies.
    witness: *const c_void,
    /// Whether the bytes moved may be fewer than the length says.
    is_doubtful: bool,
}

impl View {
    fn new(memory: Memory, moved: isize) -> Self {
        let room = (0..memory.count())
            .filter_map(|index| memory.at(index))
            .fold(0_usize, |sum, span| sum.saturating_add(span.len()));
        Self {
            memory,
            iov_count: u32::try_from(memory.count()).unwrap_or(u32::MAX),
            buf_len: room as u64,
            moved: usize::try_from(moved).unwrap_or(0).min(room),
            name: Span::EMPTY,
            name_len: 0,
            control: Span::EMPTY,
            control_len: 0,
            msg_flags: 0,
            is_received: false,
            witness: core::ptr::null(),
            is_doubtful: false,
        }
    }

    /// A call without bytes, or one of which nothing may be read.
    pub(crate) fn nothing() -> Self {
        Self { iov_count: 0, ..Self::new(Memory::Buffer(Span::EMPTY), 0) }
    }

    /// One buffer, of which a call moved so many bytes (or failed: less than 0).
    pub(crate) fn buffer(base: *const c_void, len: usize, moved: isize) -> Self {
        Self { iov_count: 0, ..Self::new(Memory::Buffer(Span::new(base, len)), moved) }
    }

    /// An array of iovecs, with which a call moved so many bytes (or failed: less than 0).
    ///
    /// # Safety
    /// If `moved` is not negative, the kernel has just accepted `base` as `count` iovecs, and they
    /// stay readable while the view is used.
    pub(crate) unsafe fn iovecs(base: *const iovec, count: usize, moved: isize) -> Self {
        let listed = count.min(MAX_IOVECS);
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        if moved < 0 {
            return Self { iov_count: count, ..Self::nothing() };
        }
        Self { iov_count: count, ..Self::new(Memory::Iovecs { base, count: listed }, moved) }
    }

    /// A message sent.
    ///
    /// # Safety
    /// If `moved` is not negative, the kernel has just accepted `message` as a `struct msghdr`, and
    /// what it points to stays readable while the view is used.
    pub(crate) unsafe fn sent(message: *const msghdr, moved: isize) -> Self {
        if moved < 0 {
            return Self::nothing();
        }
        // SAFETY: the kernel has just read it.
        let message = unsafe { message.read_unaligned() };
        // SAFETY: the kernel has just walked the array.
        unsafe { Self::iovecs(message.msg_iov, count(message.msg_iovlen), moved) }
            .addressed(message.msg_name, message.msg_namelen, MAX_NAME_LEN)
            .controlled(&message)
    }

    /// A message received.
    ///
    /// # Safety
    /// As for [`View::sent`].
    pub(crate) unsafe fn received(message: *const msghdr, moved: isize) -> Self {
        if moved < 0 {
            return Self::nothing();
        }
        let witness = message.cast::<c_void>();
        // SAFETY: the kernel has just written to it.
        let message = unsafe { message.read_unaligned() };
        // SAFETY: the kernel has just walked the array.
        let view = unsafe { Self::iovecs(message.msg_iov, count(message.msg_iovlen), moved) }
            .addressed(message.msg_name, message.msg_namelen, NETLINK_NAME_LEN)
            .controlled(&message);
        Self { msg_flags: message.msg_flags, is_received: true, witness, ..view }
    }

    /// A value of so many bytes that the call took or gave, such as an option's.
    pub(crate) fn option(base: *const c_void, len: socklen_t, ret: c_int) -> Self {
        let len = usize::try_from(len).unwrap_or(0).min(MAX_OPTION_LEN);
        let moved = if ret < 0 { -1 } else { isize::try_from(len).unwrap_or(0) };
        Self { is_doubtful: true, ..Self::buffer(base, len, moved) }
    }

    fn addressed(self, name: *const c_void, len: socklen_t, most: usize) -> Self {
        if name.is_null() {
            return self;
        }
        let span = Span::new(name, usize::try_from(len).unwrap_or(0)).first(most);
        Self { name: span, name_len: len, ..self }
    }

    fn controlled(self, message: &msghdr) -> Self {
        if message.msg_control.is_null() {
            return self;
        }
        let len = count(message.msg_controllen);
        Self { control: Span::new(message.msg_control, len), control_len: len as u64, ..self }
    }

    /// The same with an address that the call took; one that it refused is known by length only.
    pub(crate) fn sent_to(self, name: *const sockaddr, len: socklen_t, ret: isize) -> Self {
        if ret < 0 {
            return Self { name_len: len, ..self };
        }
        self.addressed(name.cast::<c_void>(), len, MAX_NAME_LEN)
    }

    /// The same with an address that the call gave back, if it did.
    ///
    /// # Safety
    /// If `ret` is not negative and `name` not null, the kernel has just written to `len`.
    pub(crate) unsafe fn received_from(
        self,
        name: *const sockaddr,
        len: *const socklen_t,
        ret: isize,
    ) -> Self {
        if ret < 0 || name.is_null() {
            return self;
        }
        let witness = len.cast::<c_void>();
        // SAFETY: the kernel has just written to it.
        let len = unsafe { returned(len) };
        Self { is_received: true, witness, ..self }.addressed(
            name.cast::<c_void>(),
            len,
            NETLINK_NAME_LEN,
        )
    }

    /// Whether the call gave back an address that is none of netlink's, whose length is always the
    /// same.
    pub(crate) fn is_foreign(&self) -> bool {
        self.is_received && self.name.len() > 0 && self.name_len as usize != NETLINK_NAME_LEN
    }

    /// The same without an address or an option's value that cannot be read. What the kernel read or
    /// wrote it vouches for; but a program may leave a wild pointer beside a length of 0, which the
    /// kernel overwrites with the length of what it would have written.
    ///
    /// `None` if that is all of it.
    #[inline]
    pub(crate) fn readable(&self) -> Option<Self> {
        let is_strange = self.is_received && !self.name.is_near(self.witness);
        if is_strange || self.is_doubtful { self.as_far_as_readable() } else { None }
    }

    #[cold]
    fn as_far_as_readable(&self) -> Option<Self> {
        let is_wild = self.is_received && !self.name.is_readable();
        let name = if is_wild { Span::EMPTY } else { self.name };
        let is_doubtful = self.is_doubtful
            && self.memory.at(0).is_some_and(|span| !span.first(self.moved).is_readable());
        let moved = if is_doubtful { 0 } else { self.moved };
        Some(Self { name, moved, ..*self })
    }

    /// The same without the caller's bytes, for when the kernel could not read them again.
    pub(crate) fn without_bytes(self) -> Self {
        Self { moved: 0, name: Span::EMPTY, control: Span::EMPTY, ..self }
    }

    /// The lengths of the iovecs.
    pub(crate) fn iov_lens(&self) -> impl ExactSizeIterator<Item = u64> + '_ {
        let listed = if self.iov_count == 0 { 0 } else { self.memory.count() };
        (0..listed).map(|index| self.memory.at(index).map_or(0, |span| span.len() as u64))
    }

    /// The bytes moved.
    pub(crate) fn payload(&self) -> Payload {
        let moved = self.moved;
        Payload { memory: self.memory, index: 0, offset: 0, moved, left: moved }
    }
}

/// The bytes that a call moved, taken from their front in portions.
pub(crate) struct Payload {
    memory: Memory,
    index: usize,
    offset: usize,
    moved: usize,
    left: usize,
}

impl Payload {
    /// How many bytes the call moved.
    pub(crate) fn moved(&self) -> usize {
        self.moved
    }

    /// How many bytes are not yet taken.
    pub(crate) fn left(&self) -> usize {
        self.left
    }

    /// Takes at most `room` bytes in as many spans as `slots` has; returns how many of each.
    pub(crate) fn take(&mut self, slots: &mut [Span], mut room: usize) -> (usize, usize) {
        let (mut used, mut taken) = (0_usize, 0_usize);
        let mut slots = slots.iter_mut();
        while room > 0 && self.left > 0 {
            let Some(span) = self.memory.at(self.index) else {
                self.left = 0;
                break;
            };
            let span = span.after(self.offset).first(self.left);
            if span.len() == 0 {
                self.index = self.index.saturating_add(1);
                self.offset = 0;
                continue;
            }
            let Some(slot) = slots.next() else { break };
            let span = span.first(room);
            *slot = span;
            used = used.saturating_add(1);
            taken = taken.saturating_add(span.len());
            room = room.saturating_sub(span.len());
            self.left = self.left.saturating_sub(span.len());
            self.offset = self.offset.saturating_add(span.len());
        }
        (used, taken)
    }
}

/// Copies a span into a ring's room; false if it does not fit.
///
/// Only for spans of slices, and of views that [`View::readable`] let pass.
#[inline]
pub(crate) fn copy(span: &Span, room: &Room<'_>, offset: usize) -> bool {
    // SAFETY: readable: a slice's, or bytes that the kernel has just read or written in this very
    // call, or said it could.
    unsafe { room.copy_in(offset, span.base(), span.len()) }
}

/// The messages of one sendmmsg or recvmmsg.
#[derive(Clone, Copy)]
pub(crate) struct Messages {
    base: *const mmsghdr,
    moved: usize,
    sent: bool,
}

impl Messages {
    /// The messages sent.
    ///
    /// # Safety
    /// If `ret` is not negative, the kernel has just handled that many elements of `base`, and what
    /// they point to stays readable while the messages are used.
    pub(crate) unsafe fn sent(base: *const mmsghdr, ret: c_int) -> Self {
        Self { base, moved: usize::try_from(ret).unwrap_or(0), sent: true }
    }

    /// The messages received.
    ///
    /// # Safety
    /// As for [`Messages::sent`].
    pub(crate) unsafe fn received(base: *const mmsghdr, ret: c_int) -> Self {
        Self { base, moved: usize::try_from(ret).unwrap_or(0), sent: false }
    }

    /// Calls `each` with the descriptors that have come along.
    #[inline]
    pub(crate) fn descriptors(self, mut each: impl FnMut(c_int)) {
        for index in 0..self.moved {
            let message = self.base.wrapping_add(index).cast::<msghdr>();
            // SAFETY: the kernel has just handled this element, as the constructors demand; it begins
            // with the message.
            unsafe { descriptors(message, 0, &mut each) };
        }
    }

    /// The messages, in order.
    pub(crate) fn views(self) -> impl Iterator<Item = View> {
        (0..self.moved).map(move |index| {
            // SAFETY: the kernel has just handled this element, as the constructors demand.
            let message = unsafe { self.base.wrapping_add(index).read_unaligned() };
            let moved = isize::try_from(message.msg_len).unwrap_or(isize::MAX);
            if self.sent {
                // SAFETY: the kernel has just handled this element.
                unsafe { View::sent(&raw const message.msg_hdr, moved) }
            } else {
                // SAFETY: the kernel has just handled this element.
                unsafe { View::received(&raw const message.msg_hdr, moved) }
            }
        })
    }
}

/// Calls `each` with the descriptors that have come along with a message.
///
/// # Safety
/// As for [`View::received`].
#[inline]
pub(crate) unsafe fn descriptors(message: *const msghdr, moved: isize, each: impl FnMut(c_int)) {
    /// A control message's head and one descriptor.
    const LEAST: usize = size_of::<cmsghdr>() + size_of::<c_int>();
    if moved < 0 {
        return;
    }
    // SAFETY: the kernel has just written to it.
    let message = unsafe { message.read_unaligned() };
    let len = count(message.msg_controllen);
    if len >= LEAST && !message.msg_control.is_null() {
        // SAFETY: the kernel has just written so many bytes there.
        unsafe { descriptors_among(message.msg_control.cast::<u8>(), len, each) };
    }
}

/// Calls `each` with the descriptors among control data.
///
/// # Safety
/// `base` is valid for reads of `len` bytes.
#[cold]
unsafe fn descriptors_among(base: *const u8, len: usize, mut each: impl FnMut(c_int)) {
    const HEAD_LEN: usize = size_of::<cmsghdr>();
    let mut start = 0_usize;
    while start.saturating_add(HEAD_LEN) <= len {
        // SAFETY: there are bytes for a head.
        let head = unsafe { base.wrapping_add(start).cast::<cmsghdr>().read_unaligned() };
        let end = start.saturating_add(count(head.cmsg_len)).min(len);
        let mut at = start.saturating_add(HEAD_LEN);
        if (head.cmsg_level, head.cmsg_type) == (libc::SOL_SOCKET, libc::SCM_RIGHTS) {
            while at.saturating_add(size_of::<c_int>()) <= end {
                // SAFETY: there are bytes for a descriptor.
                each(unsafe { base.wrapping_add(at).cast::<c_int>().read_unaligned() });
                at = at.saturating_add(size_of::<c_int>());
            }
        }
        // None is shorter than its head.
        start = end.max(at).next_multiple_of(align_of::<cmsghdr>());
    }
}

/// A length of a `struct msghdr`. For musl it has 32 bits and, behind them, padding that the program
/// leaves as it is; and the kernel accepts no longer one in any case.
fn count(len: usize) -> usize {
    len & 0xffff_ffff
}

/// A length that the kernel gave back.
///
/// # Safety
/// The kernel has just written to it.
pub(crate) unsafe fn returned(len: *const socklen_t) -> socklen_t {
    // SAFETY: the caller's promise.
    unsafe { len.read_unaligned() }
}

/// What main is given, while the constructor runs.
static ARGUMENTS: AtomicPtr<*const c_char> = AtomicPtr::new(core::ptr::null_mut());

/// Calls `then`, in which [`arguments`] has these.
///
/// # Safety
/// As for [`strings`], until `then` returns.
pub(crate) unsafe fn with_arguments(array: *const *const c_char, then: impl FnOnce()) {
    ARGUMENTS.store(array.cast_mut(), Ordering::Relaxed);
    then();
    ARGUMENTS.store(core::ptr::null_mut(), Ordering::Relaxed);
}

/// The program's arguments, while it has not begun.
pub(crate) fn arguments() -> impl Iterator<Item = &'static CStr> {
    // SAFETY: null but within `with_arguments`.
    unsafe { strings(ARGUMENTS.load(Ordering::Relaxed)) }
}

/// The strings of a null-terminated array, such as `argv` and `environ`.
///
/// # Safety
/// `array` is null, or such an array of terminated strings, which stay as they are while the
/// strings are used.
pub(crate) unsafe fn strings<'a>(array: *const *const c_char) -> impl Iterator<Item = &'a CStr> {
    let mut next = array;
    core::iter::from_fn(move || {
        if next.is_null() {
            return None;
        }
        // SAFETY: not past the null that ends the array.
        let string = unsafe { next.read() };
        if string.is_null() {
            return None;
        }
        next = next.wrapping_add(1);
        // SAFETY: a terminated string by the caller's promise.
        Some(unsafe { CStr::from_ptr(string) })
    })
}
