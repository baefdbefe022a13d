//! The links to those who read the records: a viewer's socket, a capture file, or both.
//!
//! Frames go to a viewer through a [`ring`] that is shared with it, which takes no descriptor and no
//! system call. Where there can be none, and to a file, they go over a [`parked`] descriptor: a frame
//! is one write of a gather list, small enough that the kernel takes it whole or not at all. Either
//! way there is no lock and no buffer, so threads, signal handlers and forked children may share it.
#![forbid(unsafe_code)]

mod file;
mod frame;
mod hello;
mod parked;
mod ring;
mod stream;

use core::sync::atomic::Ordering;

use nlproto::record::CallHead;
use nlproto::{Bye, Lost, Record};

use crate::config::Config;
use crate::process::Process;
use crate::sys;
use crate::view::{Span, View};
use crate::{config, confinement, fdtable, process, thread};
use parked::{Held, Parked};
use ring::Ring;

/// What kind of link.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// To a viewer.
    Socket,
    /// To a capture file.
    File,
}

/// What became of a frame.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// Delivered.
    Sent,
    /// There was no room, or not in time.
    Full,
    /// The descriptor is no longer ours: the program closed or replaced it.
    Stolen,
    /// Nobody reads any more.
    Dead,
    /// The kernel could not read the caller's bytes a second time.
    Unreadable,
}

/// One link. A ring is looked for before the parked descriptor.
struct Link {
    kind: Kind,
    parked: Parked,
}

/// Where a link's frames go.
#[derive(Clone, Copy)]
enum Way {
    /// Into a ring.
    Ring(&'static Ring),
    /// Over a descriptor.
    Parked(Held),
}

impl Way {
    /// Tells a connection, a ring or a file from those before.
    fn identity(self) -> u64 {
        match self {
            Self::Ring(ring) => ring.identity(),
            Self::Parked(held) => held.identity(),
        }
    }

    /// Most bytes of a frame.
    fn frame_room(self) -> usize {
        match self {
            Self::Ring(ring) => ring.frame_room(),
            Self::Parked(_) => frame::MAX_WRITE_LEN,
        }
    }
}

static SOCKET: Link = Link { kind: Kind::Socket, parked: Parked::new() };
static FILE: Link = Link { kind: Kind::File, parked: Parked::new() };

fn links() -> impl Iterator<Item = &'static Link> {
    [&SOCKET, &FILE].into_iter()
}

/// Whether anybody reads.
pub(crate) fn is_live() -> bool {
    links().any(Link::is_set)
}

/// Looks for those who may read and do not yet; at load, and when the program opens a netlink
/// socket.
pub(crate) fn look() {
    let Some((config, process)) = config::current().zip(process::current()) else { return };
    let was_live = is_live();
    for link in links() {
        link.look(config, process);
    }
    if !was_live && is_live() {
        fdtable::scan();
    }
}

/// Hands over the record of one call, or of one message of it.
pub(crate) fn call(head: &CallHead, view: &View) {
    let Some((config, process)) = config::current().zip(process::current()) else { return };
    for link in links().filter(|link| link.is_set()) {
        link.call(config, process, head, view);
    }
}

/// Tells the readers which socket is under a descriptor, if they do not know.
pub(crate) fn announce(fd: i32) {
    let Some((config, process)) = config::current().zip(process::current()) else { return };
    for link in links().filter(|link| link.is_set()) {
        let _ = link.announce(config, process, fd);
    }
}

/// Makes the next call on a descriptor tell again which socket it is.
pub(crate) fn unannounce(fd: i32) {
    if let Some(process) = process::current() {
        process.unannounce(fd);
    }
}

/// Says Bye, if Hello was said.
pub(crate) fn end() {
    let Some((config, process)) = config::current().zip(process::current()) else { return };
    if thread::may_be_guest(process) {
        return;
    }
    for link in links() {
        link.end(config, process);
    }
}

impl Link {
    fn ring(&self) -> Option<&'static Ring> {
        match self.kind {
            Kind::Socket => ring::current(),
            Kind::File => None,
        }
    }

    /// Where frames go now.
    fn way(&self) -> Option<Way> {
        self.ring().map(Way::Ring).or_else(|| self.parked.held().map(Way::Parked))
    }

    fn is_set(&self) -> bool {
        self.ring().is_some() || self.parked.is_set()
    }

    /// Connects or opens, greets, and only then lets others see the link.
    fn look(&self, config: &Config, process: &Process) {
        let is_fine = self.parked.is_set() || self.ring().is_some_and(Ring::is_fresh);
        if is_fine || confinement::is_confined() || thread::may_be_guest(process) {
            return;
        }
        let found = match self.kind {
            Kind::Socket => stream::open(config).filter(|fd| !self.hand_over(config, process, *fd)),
            Kind::File => file::open(config),
        };
        let Some(held) = found.and_then(parked::park) else { return };
        if self.kind == Kind::Socket {
            // The viewer of a ring that was there before has gone.
            ring::give_up();
        }
        let account = process.account(self.kind);
        // A file that was merely opened again knows this process.
        let is_known = account.greeted.load(Ordering::Relaxed) == held.identity();
        let greeted = is_known || {
            account.begin();
            self.greet(config, process, Way::Parked(held)) == Outcome::Sent
        };
        if !greeted || !self.parked.set(held) {
            held.close();
        }
    }

    /// Makes a ring, hands it over along with the Hello, and hangs up. If that cannot be, the
    /// connection is left as it was, to be used itself.
    fn hand_over(&self, config: &Config, process: &Process, socket: i32) -> bool {
        let Some(layout) = config.ring else { return false };
        let Some((memory, ring)) = ring::make(layout, process) else { return false };
        let account = process.account(self.kind);
        account.begin();
        let mut begun = false;
        let outcome = hello::write(config, process, account, |bytes| {
            let sent = sys::socket::send_with_descriptor(socket, bytes, memory);
            begun = sent.is_ok();
            if sent == Ok(bytes.len()) { Outcome::Sent } else { Outcome::Full }
        });
        sys::file::close(memory);
        if outcome == Outcome::Sent {
            account.greeted.store(ring.identity(), Ordering::Relaxed);
            ring::publish(ring);
        }
        if begun {
            sys::file::close(socket);
        }
        begun
    }

    fn greet(&self, config: &Config, process: &Process, way: Way) -> Outcome {
        let account = process.account(self.kind);
        let outcome = hello::write(config, process, account, |bytes| {
            self.write(config, process, way, &[Span::of(bytes)])
        });
        if outcome == Outcome::Sent {
            account.greeted.store(way.identity(), Ordering::Relaxed);
        }
        outcome
    }

    /// Where frames go, after this process has said Hello there.
    fn ready(&self, config: &Config, process: &Process) -> Result<Way, Outcome> {
        let way = self.way().ok_or(Outcome::Dead)?;
        if process.account(self.kind).greeted.load(Ordering::Relaxed) == way.identity() {
            return Ok(way);
        }
        match self.greet(config, process, way) {
            Outcome::Sent => Ok(way),
            other => Err(other),
        }
    }

    /// Writes one whole frame, or what begins a stream.
    fn write(&self, config: &Config, process: &Process, way: Way, frame: &[Span]) -> Outcome {
        let account = process.account(self.kind);
        let held = match way {
            Way::Ring(ring) => return ring.write(config, process, account, frame),
            Way::Parked(_) if confinement::is_confined() => return Outcome::Full,
            Way::Parked(held) => held,
        };
        let Some(stat) = held.stat_if_ours() else { return Outcome::Stolen };
        match self.kind {
            Kind::Socket => stream::write(config, account, held.fd(), frame),
            Kind::File => file::write(held.fd(), stat.len, frame),
        }
    }

    /// Writes a record that has no bytes of the caller.
    fn small(&self, config: &Config, process: &Process, way: Way, record: &Record<'_>) -> Outcome {
        let account = process.account(self.kind);
        let number = account.take_number();
        let outcome = frame::small(process.key(), number, record, |bytes| {
            self.write(config, process, way, &[Span::of(bytes)])
        });
        if outcome == Outcome::Stolen {
            account.give_back(number);
        }
        outcome
    }

    /// Says what was lost, as soon as there is room again.
    fn report_losses(&self, config: &Config, process: &Process, way: Way) -> Result<(), Outcome> {
        let account = process.account(self.kind);
        if account.lost.load(Ordering::Relaxed) == 0 {
            return Ok(());
        }
        // Looked at first, so that the report itself is not among the lost.
        let has_room = match way {
            Way::Ring(ring) => ring.has_room(),
            Way::Parked(_) if confinement::is_confined() => false,
            Way::Parked(held) => self.kind == Kind::File || stream::has_room(held.fd()),
        };
        if !has_room {
            return Err(Outcome::Full);
        }
        let count = account.lost.swap(0, Ordering::Relaxed);
        if count == 0 {
            return Ok(());
        }
        let total = account.lost_total.load(Ordering::Relaxed);
        match self.small(config, process, way, &Record::Lost(Lost { count, total })) {
            Outcome::Sent => Ok(()),
            other => {
                account.lost.fetch_add(count, Ordering::Relaxed);
                Err(other)
            }
        }
    }

    fn announce(&self, config: &Config, process: &Process, fd: i32) -> Result<(), Outcome> {
        let account = process.account(self.kind);
        if fd < 0 || account.is_announced(fd) || confinement::is_confined() {
            return Ok(());
        }
        let way = self.ready(config, process)?;
        let Some(socket) = fdtable::probe(fd) else { return Ok(()) };
        match self.small(config, process, way, &Record::Socket(socket)) {
            Outcome::Sent => {
                account.set_announced(fd);
                Ok(())
            }
            other => Err(other),
        }
    }

    fn call(&self, config: &Config, process: &Process, head: &CallHead, view: &View) {
        let mut outcome = self.try_call(config, process, head, view);
        if outcome == Outcome::Stolen && !thread::may_be_guest(process) {
            // The program did not mean the viewer: it closes whatever it did not open itself.
            self.parked.forget();
            self.look(config, process);
            outcome = self.try_call(config, process, head, view);
        }
        if outcome == Outcome::Unreadable {
            outcome = self.try_call(config, process, head, &view.without_bytes());
        }
        if outcome == Outcome::Dead && !thread::may_be_guest(process) {
            match self.ring() {
                Some(_) => ring::give_up(),
                None => self.parked.forget(),
            }
        }
        if outcome != Outcome::Sent {
            process.account(self.kind).lose();
            if let Some(ring) = self.ring() {
                ring.lose();
            }
        }
    }

    fn try_call(
        &self,
        config: &Config,
        process: &Process,
        head: &CallHead,
        view: &View,
    ) -> Outcome {
        self.deliver(config, process, head, view).map_or_else(|outcome| outcome, |()| Outcome::Sent)
    }

    fn deliver(
        &self,
        config: &Config,
        process: &Process,
        head: &CallHead,
        view: &View,
    ) -> Result<(), Outcome> {
        let way = self.ready(config, process)?;
        self.report_losses(config, process, way)?;
        self.announce(config, process, head.fd)?;
        // A file would keep what was written before the kernel came upon bytes it cannot read; into
        // a ring we copy ourselves.
        let is_asked_first = self.kind == Kind::File || matches!(way, Way::Ring(_));
        let readable = is_asked_first.then(|| view.readable());
        let view = readable.as_ref().unwrap_or(view);
        let account = process.account(self.kind);
        frame::call(process.key(), account, head, view, way.frame_room(), |frame| {
            self.write(config, process, way, frame)
        })
    }

    fn end(&self, config: &Config, process: &Process) {
        let Some(way) = self.way() else { return };
        let account = process.account(self.kind);
        if account.greeted.load(Ordering::Relaxed) != way.identity() {
            return;
        }
        if self.report_losses(config, process, way).is_ok() {
            let lost = account.lost_total.load(Ordering::Relaxed);
            let _ = self.small(config, process, way, &Record::Bye(Bye { lost }));
        }
    }
}
