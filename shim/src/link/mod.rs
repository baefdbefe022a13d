//! The links to those who read the records: a viewer's socket, a capture file, or both.
//!
//! A link is a stream of frames over a parked descriptor. It holds no lock and no buffer: a frame is
//! one write of a gather list, small enough that the kernel takes it whole or not at all, so threads,
//! signal handlers and forked children may share the stream. A transport without a descriptor would
//! be a third kind beside [`stream`] and [`mod@file`].
#![forbid(unsafe_code)]

mod file;
mod frame;
mod hello;
mod parked;
mod stream;

use core::sync::atomic::Ordering;

use nlproto::record::CallHead;
use nlproto::{Bye, Lost, Record};

use crate::config::Config;
use crate::process::{Account, Process};
use crate::view::{Span, View};
use crate::{config, fdtable, process};
use parked::{Held, Parked};

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

/// One link.
struct Link {
    kind: Kind,
    parked: Parked,
}

static SOCKET: Link = Link { kind: Kind::Socket, parked: Parked::new() };
static FILE: Link = Link { kind: Kind::File, parked: Parked::new() };

fn links() -> impl Iterator<Item = &'static Link> {
    [&SOCKET, &FILE].into_iter()
}

/// Whether anybody reads.
pub(crate) fn is_live() -> bool {
    SOCKET.parked.is_set() || FILE.parked.is_set()
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
    for link in links().filter(|link| link.parked.is_set()) {
        link.call(config, process, head, view);
    }
}

/// Tells the readers which socket is under a descriptor, if they do not know.
pub(crate) fn announce(fd: i32) {
    let Some((config, process)) = config::current().zip(process::current()) else { return };
    for link in links().filter(|link| link.parked.is_set()) {
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
    if process.is_guest() {
        return;
    }
    for link in links() {
        link.end(config, process);
    }
}

impl Link {
    /// Connects or opens, greets, and only then lets others see the link.
    fn look(&self, config: &Config, process: &Process) {
        if self.parked.is_set() || process.is_guest() {
            return;
        }
        let found = match self.kind {
            Kind::Socket => stream::open(config),
            Kind::File => file::open(config),
        };
        let Some(held) = found.and_then(parked::park) else { return };
        let account = process.account(self.kind);
        // A file that was merely opened again knows this process.
        let is_known = account.greeted.load(Ordering::Relaxed) == held.identity();
        let greeted = is_known || {
            account.begin();
            self.greet(config, process, held) == Outcome::Sent
        };
        if !greeted || !self.parked.set(held) {
            held.close();
        }
    }

    fn greet(&self, config: &Config, process: &Process, held: Held) -> Outcome {
        let account = process.account(self.kind);
        let outcome = hello::write(config, process, account, |bytes| {
            self.write(config, account, held, &[Span::of(bytes)])
        });
        if outcome == Outcome::Sent {
            account.greeted.store(held.identity(), Ordering::Relaxed);
        }
        outcome
    }

    /// The link, after this process has said Hello on it.
    fn ready(&self, config: &Config, process: &Process) -> Result<Held, Outcome> {
        let held = self.parked.held().ok_or(Outcome::Dead)?;
        if process.account(self.kind).greeted.load(Ordering::Relaxed) == held.identity() {
            return Ok(held);
        }
        match self.greet(config, process, held) {
            Outcome::Sent => Ok(held),
            other => Err(other),
        }
    }

    /// Writes one whole frame, or what begins a stream.
    fn write(&self, config: &Config, account: &Account, held: Held, frame: &[Span]) -> Outcome {
        let Some(stat) = held.stat_if_ours() else { return Outcome::Stolen };
        match self.kind {
            Kind::Socket => stream::write(config, account, held.fd(), frame),
            Kind::File => file::write(held.fd(), stat.len, frame),
        }
    }

    /// Writes a record that has no bytes of the caller.
    fn small(
        &self,
        config: &Config,
        process: &Process,
        held: Held,
        record: &Record<'_>,
    ) -> Outcome {
        let account = process.account(self.kind);
        let number = account.take_number();
        let outcome = frame::small(process.key(), number, record, |bytes| {
            self.write(config, account, held, &[Span::of(bytes)])
        });
        if outcome == Outcome::Stolen {
            account.give_back(number);
        }
        outcome
    }

    /// Says what was lost, as soon as there is room again.
    fn report_losses(&self, config: &Config, process: &Process, held: Held) -> Result<(), Outcome> {
        let account = process.account(self.kind);
        if account.lost.load(Ordering::Relaxed) == 0 {
            return Ok(());
        }
        // Looked at first, so that the report itself is not among the lost.
        if self.kind == Kind::Socket && !stream::has_room(held.fd()) {
            return Err(Outcome::Full);
        }
        let count = account.lost.swap(0, Ordering::Relaxed);
        if count == 0 {
            return Ok(());
        }
        let total = account.lost_total.load(Ordering::Relaxed);
        match self.small(config, process, held, &Record::Lost(Lost { count, total })) {
            Outcome::Sent => Ok(()),
            other => {
                account.lost.fetch_add(count, Ordering::Relaxed);
                Err(other)
            }
        }
    }

    fn announce(&self, config: &Config, process: &Process, fd: i32) -> Result<(), Outcome> {
        let account = process.account(self.kind);
        if fd < 0 || account.is_announced(fd) {
            return Ok(());
        }
        let held = self.ready(config, process)?;
        let Some(socket) = fdtable::probe(fd) else { return Ok(()) };
        match self.small(config, process, held, &Record::Socket(socket)) {
            Outcome::Sent => {
                account.set_announced(fd);
                Ok(())
            }
            other => Err(other),
        }
    }

    fn call(&self, config: &Config, process: &Process, head: &CallHead, view: &View) {
        // A file would keep what was written before the kernel came upon bytes it cannot read.
        let readable = (self.kind == Kind::File).then(|| view.readable());
        let view = readable.as_ref().unwrap_or(view);
        let mut outcome = self.try_call(config, process, head, view);
        if outcome == Outcome::Stolen && !process.is_guest() {
            // The program did not mean the viewer: it closes whatever it did not open itself.
            self.parked.forget();
            self.look(config, process);
            outcome = self.try_call(config, process, head, view);
        }
        if outcome == Outcome::Unreadable {
            outcome = self.try_call(config, process, head, &view.without_bytes());
        }
        if outcome == Outcome::Dead && !process.is_guest() {
            self.parked.forget();
        }
        if outcome != Outcome::Sent {
            process.account(self.kind).lose();
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
        let held = self.ready(config, process)?;
        self.report_losses(config, process, held)?;
        self.announce(config, process, head.fd)?;
        let account = process.account(self.kind);
        frame::call(process.key(), account, head, view, |frame| {
            self.write(config, account, held, frame)
        })
    }

    fn end(&self, config: &Config, process: &Process) {
        let Some(held) = self.parked.held() else { return };
        let account = process.account(self.kind);
        if account.greeted.load(Ordering::Relaxed) != held.identity() {
            return;
        }
        if self.report_losses(config, process, held).is_ok() {
            let lost = account.lost_total.load(Ordering::Relaxed);
            let _ = self.small(config, process, held, &Record::Bye(Bye { lost }));
        }
    }
}
