//! What a hook does before and after the real call.
//!
//! Before: decide, without a system call, whether the call can be of interest, and read the clock.
//! After: find out whether it was netlink, fill in the record's head, hand it to the links, and put
//! errno back as the real call left it.
#![forbid(unsafe_code)]

use nlproto::function::{EXPLAINED, Kind};
use nlproto::record::CallHead;
use nlproto::{Function, Origin};

use crate::fdtable::{self, Class, Doubt};
use crate::link::Speaker;
use crate::view::{Messages, View};
use crate::{config, confinement, link, process, sys, thread};

/// A call that may be worth a record has begun. Holds nothing that would have to be given back: the
/// real call may never return.
#[derive(Clone, Copy)]
pub(crate) struct Before {
    enter_ns: u64,
}

impl Before {
    /// Begins a call that is only made on sockets.
    pub(crate) fn on_socket(fd: i32) -> Option<Self> {
        may_be_netlink(fd).then(Self::anywhere).flatten()
    }

    /// Begins a call that is made on files of all kinds.
    pub(crate) fn on_file(fd: i32) -> Option<Self> {
        is_netlink(fd).then(Self::anywhere).flatten()
    }

    /// Begins a call that is recorded whatever its descriptor.
    pub(crate) fn anywhere() -> Option<Self> {
        link::is_live().then(Self::now)
    }

    /// Begins a call that makes a socket of this domain.
    pub(crate) fn new_socket(domain: i32) -> Option<Self> {
        (domain == libc::AF_NETLINK && config::current().is_some()).then(Self::now)
    }

    fn now() -> Self {
        Self { enter_ns: sys::monotonic_ns() }
    }
}

/// Whether a call that is only made on sockets is worth a look: one of an unknown kind is asked about
/// afterwards.
#[inline]
fn may_be_netlink(fd: i32) -> bool {
    fd >= 0 && fdtable::class(fd) != Class::Other
}

/// Whether one that is made on files of all kinds, and mostly on others, is: only descriptors already known to
/// be netlink are worth a system call.
#[inline]
fn is_netlink(fd: i32) -> bool {
    fdtable::class(fd) == Class::Netlink
}

/// Has a call made that is made on files of all kinds, and what came of it told to `note` if that may be worth
/// a record.
#[inline(always)]
pub(crate) fn on_file<R: Copy>(
    fd: i32,
    make: impl FnOnce() -> R,
    note: impl FnOnce(Before, R),
) -> R {
    // Two ways, so that a call on anything else goes straight on to the real function.
    if is_netlink(fd) { noted(make, note) } else { make() }
}

/// The same for one that is only made on sockets.
#[inline(always)]
pub(crate) fn on_socket<R: Copy>(
    fd: i32,
    make: impl FnOnce() -> R,
    note: impl FnOnce(Before, R),
) -> R {
    if may_be_netlink(fd) { noted(make, note) } else { make() }
}

#[inline(never)]
fn noted<R: Copy>(make: impl FnOnce() -> R, note: impl FnOnce(Before, R)) -> R {
    let before = Before::anywhere();
    let ret = make();
    if let Some(before) = before {
        note(before, ret);
    }
    ret
}

/// A call as its arguments and result describe it.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    function: Function,
    origin: Origin,
    fd: i32,
    ret: i64,
    flags: i32,
    count: u32,
    args: [i32; 3],
}

impl Call {
    /// A call of `function` on `fd` that returned `ret`.
    pub(crate) fn new(function: Function, fd: i32, ret: impl TryInto<i64>) -> Self {
        let ret = ret.try_into().unwrap_or(i64::MAX);
        Self { function, origin: Origin::Program, fd, ret, flags: 0, count: 0, args: [0; 3] }
    }

    /// Made by somebody else, or otherwise, than by the program calling the function.
    pub(crate) fn origin(self, origin: Origin) -> Self {
        Self { origin, ..self }
    }

    /// With its flags argument.
    pub(crate) fn flags(self, flags: i32) -> Self {
        Self { flags, ..self }
    }

    /// With the number of messages it was given.
    pub(crate) fn count(self, count: u32) -> Self {
        Self { count, ..self }
    }

    /// With the arguments that are no bytes.
    pub(crate) fn args(self, args: [i32; 3]) -> Self {
        Self { args, ..self }
    }

    /// Whether the call leaves a doubt that its descriptor is the socket that it was: it failed, or is
    /// made on all kinds of files, or brought an address that is not netlink's.
    fn doubt(&self, after: &After, view: &View) -> Doubt {
        let is_of_sockets = self.ret >= 0 || after.errno == libc::EAGAIN;
        if is_of_sockets && !self.function.is_of_files() && !view.is_foreign() {
            Doubt::None
        } else {
            Doubt::Some
        }
    }

    fn head(
        &self,
        speaker: Speaker,
        (before, after): (Before, &After),
        protocol: i32,
        index: u32,
        view: &View,
    ) -> CallHead {
        CallHead {
            function: self.function as u32 | self.origin.bits(),
            fd: self.fd,
            tid: thread::id(speaker.process()),
            protocol,
            enter_ns: before.enter_ns,
            exit_ns: after.exit_ns,
            ret: self.ret,
            errno: if self.ret < 0 { after.errno } else { 0 },
            flags: self.flags,
            msg_flags: view.msg_flags,
            index,
            count: self.count,
            iov_count: view.iov_count,
            buf_len: view.buf_len,
            name_len: view.name_len,
            args: self.args,
            control_len: view.control_len,
            payload_total: view.moved as u64,
        }
    }
}

/// A call has returned.
struct After {
    exit_ns: u64,
    errno: i32,
}

impl After {
    fn now() -> Self {
        let errno = sys::errno();
        Self { exit_ns: sys::monotonic_ns(), errno }
    }

    /// Lets the caller see errno as the real call left it.
    fn restore(&self) {
        sys::set_errno(self.errno);
    }
}

/// Who speaks of a call, and the protocol of its socket, if it is netlink and somebody reads.
#[inline]
fn netlink(call: &Call, after: &After, view: &View) -> Option<(Speaker, i32)> {
    let speaker = Speaker::current()?;
    let process = speaker.process();
    let doubt = call.doubt(after, view);
    let protocol = fdtable::protocol(process, call.fd, after.exit_ns, doubt)?;
    if call.ret >= 0 && call.function.kind() == Kind::Send && fdtable::is_unbound(call.fd) {
        // The kernel has just given it a port id.
        link::unannounce(call.fd);
    }
    Some((speaker, protocol))
}

/// Records a call that moves bytes, or asks about a socket.
#[inline(never)]
pub(crate) fn call(before: Before, call: Call, view: &View) {
    let after = After::now();
    if let Some((speaker, protocol)) = netlink(&call, &after, view) {
        let head = call.head(speaker, (before, &after), protocol, 0, view);
        link::call(speaker, &head, view);
    }
    after.restore();
}

/// Records a call that changes what there is to know about a socket.
#[inline(never)]
pub(crate) fn change(before: Before, call: Call, view: &View) {
    let after = After::now();
    if let Some((speaker, protocol)) = netlink(&call, &after, view) {
        let head = call.head(speaker, (before, &after), protocol, 0, view);
        link::call(speaker, &head, view);
        link::unannounce(call.fd);
    }
    after.restore();
}

/// Records each message that one call moved; a call that moved none is one record.
#[inline(never)]
pub(crate) fn messages(before: Before, call: Call, messages: Messages) {
    let after = After::now();
    if let Some((speaker, protocol)) = netlink(&call, &after, &View::nothing()) {
        let one = |view: &View, index| {
            let head = call.head(speaker, (before, &after), protocol, index, view);
            link::call(speaker, &head, view);
        };
        if call.ret <= 0 {
            one(&View::nothing(), 0);
        }
        for (view, index) in messages.views().zip(0..) {
            one(&view, index);
        }
    }
    after.restore();
}

/// Records a call that carried bytes between a netlink socket and another descriptor, which nobody
/// but the kernel has seen.
#[inline(never)]
pub(crate) fn unseen(before: Before, call: Call, asked: usize) {
    let after = After::now();
    let view = View::nothing();
    if let Some((speaker, protocol)) = netlink(&call, &after, &view) {
        let mut head = call.head(speaker, (before, &after), protocol, 0, &view);
        head.buf_len = asked as u64;
        head.payload_total = u64::try_from(call.ret).unwrap_or(0);
        link::call(speaker, &head, &view);
    }
    after.restore();
}

/// Records a call of socket(AF_NETLINK, …). A new socket is the occasion to look for a viewer.
#[inline(never)]
pub(crate) fn new_socket(before: Before, call: Call) {
    let after = After::now();
    let mut protocol = -1;
    if call.fd >= 0 {
        fdtable::forget(call.fd);
        if confinement::is_confined() {
            let [_, _, asked] = call.args;
            fdtable::made(call.fd, asked);
        }
        link::look();
    }
    if let (Some(process), 0..) = (process::current(), call.fd) {
        let known = fdtable::protocol(process, call.fd, after.exit_ns, Doubt::Some);
        protocol = known.unwrap_or(-1);
    }
    let is_explained = call.fd >= 0 && call.origin != Origin::Libc && explain(call.fd);
    let call = if is_explained { call.flags(EXPLAINED) } else { call };
    bare(before, &after, call, protocol);
    after.restore();
}

/// Has the kernel explain its refusals on a new socket, if that is wanted.
fn explain(fd: i32) -> bool {
    let is_wanted = config::current().is_some_and(|config| config.explains);
    is_wanted && link::is_live() && !confinement::is_confined() && sys::socket::explain(fd)
}

/// Records a call without bytes.
fn bare(before: Before, after: &After, call: Call, protocol: i32) {
    let Some(speaker) = Speaker::current() else { return };
    let view = View::nothing();
    let head = call.head(speaker, (before, after), protocol, 0, &view);
    link::call(speaker, &head, &view);
}

/// Records a call whose netlink stays inside libc. What it returns may be a code of its own, with
/// which errno has nothing to do.
#[inline(never)]
pub(crate) fn internal(before: Before, call: Call, errno_counts: bool) {
    let after = After::now();
    let Some(speaker) = Speaker::current() else { return after.restore() };
    let view = View::nothing();
    let mut head = call.head(speaker, (before, &after), -1, 0, &view);
    if !errno_counts {
        head.errno = 0;
    }
    link::call(speaker, &head, &view);
    after.restore();
}

/// Records that the program is about to confine itself; afterwards it could be too late.
#[inline(never)]
pub(crate) fn confining() {
    let Some(before) = Before::anywhere() else { return };
    let after = After::now();
    // The thread's id and its process are known from here on.
    bare(before, &after, Call::new(Function::Seccomp, -1, 0), -1);
    after.restore();
}

/// A netlink socket that is about to be closed.
#[derive(Clone, Copy)]
pub(crate) struct Closing {
    before: Before,
    protocol: i32,
    /// Bytes that nobody has read, room for them, and messages for which there was none.
    memory: [i32; 3],
}

/// Forgets a netlink socket that is about to be closed, after which it can no longer be asked.
#[inline(never)]
fn closing_netlink(fd: i32) -> Option<Closing> {
    let process = process::current().filter(|_| link::is_live());
    let protocol = process.and_then(|process| fdtable::protocol(process, fd, 0, Doubt::Some));
    let mut memory = [-1; 3];
    if protocol.is_some() {
        link::announce(fd);
        if !confinement::is_confined() {
            memory = sys::socket::memory(fd).unwrap_or(memory);
        }
    }
    fdtable::forget(fd);
    let (before, protocol) = Before::anywhere().zip(protocol)?;
    Some(Closing { before, protocol, memory })
}

/// Forgets a descriptor that is about to be closed, and says whether that is worth a record.
pub(crate) fn closing(fd: i32) -> Option<Closing> {
    match fdtable::class(fd) {
        Class::Netlink => closing_netlink(fd),
        _ => {
            fdtable::forget(fd);
            None
        }
    }
}

/// Records the close of a netlink socket.
#[inline(never)]
pub(crate) fn closed(closing: Closing, call: Call) {
    let after = After::now();
    bare(closing.before, &after, call.args(closing.memory), closing.protocol);
    after.restore();
}

/// A descriptor has come from another process: it may be netlink, and used by write and read alone.
#[cold]
#[inline(never)]
pub(crate) fn passed(fd: i32) {
    if config::current().is_none() || confinement::is_confined() {
        return;
    }
    let errno = sys::errno();
    if !link::is_live() && sys::socket::is_netlink(fd) {
        link::look();
    }
    if link::is_live() {
        fdtable::forget(fd);
        fdtable::probe(fd);
    }
    sys::set_errno(errno);
}

/// A descriptor has been duplicated: of the new number nothing is known but, if the old one is
/// netlink, that it is worth a probe.
pub(crate) fn duplicated(old: i32, new: i32) {
    if new < 0 || new == old {
        return;
    }
    if fdtable::class(old) == Class::Netlink {
        let errno = sys::errno();
        fdtable::forget(new);
        if confinement::is_confined() {
            fdtable::copied(old, new);
        } else {
            fdtable::probe(new);
        }
        sys::set_errno(errno);
    } else if fdtable::class(new) != Class::Unknown {
        let errno = sys::errno();
        fdtable::forget(new);
        sys::set_errno(errno);
    }
}
