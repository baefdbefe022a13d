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
mod search;
mod stream;

use core::sync::atomic::Ordering;

use nlproto::record::CallHead;
use nlproto::{Bye, Lost, Record};

use crate::config::Config;
use crate::process::Process;
use crate::view::{Span, View};
use crate::{config, confinement, fdtable, process, sys, thread};
use parked::{Held, Parked};
use ring::Ring;
pub(crate) use search::{begin, look, settle};

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
    /// There was no room, but another ring may be had.
    Stuck,
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
}

/// Who speaks, and by what settings.
#[derive(Clone, Copy)]
pub(crate) struct Speaker {
    config: &'static Config,
    process: &'static Process,
}

impl Speaker {
    /// The calling process; `None` before the constructor, and where the shim is to do nothing.
    #[inline]
    pub(crate) fn current() -> Option<Self> {
        let config = config::current()?;
        Some(Self { config, process: process::current()? })
    }

    /// The process.
    pub(crate) fn process(self) -> &'static Process {
        self.process
    }
}

static SOCKET: Link = Link { kind: Kind::Socket, parked: Parked::new() };
static FILE: Link = Link { kind: Kind::File, parked: Parked::new() };

fn links() -> impl Iterator<Item = &'static Link> {
    [&SOCKET, &FILE].into_iter()
}

/// Whether anybody reads.
#[inline]
pub(crate) fn is_live() -> bool {
    SOCKET.is_set() || FILE.is_set()
}

/// Hands over the record of one call, or of one message of it.
#[inline]
pub(crate) fn call(speaker: Speaker, head: &CallHead, view: &View) {
    if SOCKET.is_set() {
        SOCKET.call(speaker, head, view);
    }
    if FILE.is_set() {
        FILE.call(speaker, head, view);
    }
}

/// Tells the readers which socket is under a descriptor, if they do not know.
pub(crate) fn announce(fd: i32) {
    let Some(speaker) = Speaker::current() else { return };
    for link in links().filter(|link| link.is_set()) {
        let Some(way) = link.way() else { continue };
        // If it fails, the next call on the descriptor tries again.
        let _told = link.ready(speaker, way).and_then(|()| link.announce(speaker, way, fd));
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
    let Some(speaker) = Speaker::current() else { return };
    if thread::may_be_guest(speaker.process) {
        return;
    }
    for link in links() {
        link.end(speaker);
    }
}

impl Link {
    #[inline]
    fn ring(&self) -> Option<&'static Ring> {
        match self.kind {
            Kind::Socket => ring::current(),
            Kind::File => None,
        }
    }

    /// Where frames go now.
    #[inline]
    fn way(&self) -> Option<Way> {
        self.ring().map(Way::Ring).or_else(|| self.parked.held().map(Way::Parked))
    }

    #[inline]
    fn is_set(&self) -> bool {
        self.ring().is_some() || self.parked.is_set()
    }

    /// Whether there is no use in looking: somebody reads, or nobody is to.
    fn is_fine(&self, config: &Config) -> bool {
        let is_wanted = match self.kind {
            Kind::Socket => config.socket.is_some(),
            Kind::File => config.has_file(),
        };
        !is_wanted || self.parked.is_set() || self.ring().is_some_and(Ring::is_fresh)
    }

    /// Connects or opens, greets, and only then lets others see the link.
    fn look(&self, config: &'static Config) {
        let found = match self.kind {
            Kind::Socket => stream::open(config),
            Kind::File => file::open(config),
        };
        let Some(fd) = found else { return };
        let Some(process) = process::start().filter(|_| fdtable::start()) else {
            return sys::file::close(fd);
        };
        let speaker = Speaker { config, process };
        if self.kind == Kind::Socket && self.hand_over(speaker, fd) {
            return;
        }
        if self.kind == Kind::Socket {
            stream::prepare(fd);
        }
        let Some(held) = parked::park(fd) else { return };
        if self.kind == Kind::Socket {
            // The viewer of a ring that was there before has gone.
            ring::give_up();
        }
        let account = process.account(self.kind);
        // A file that was merely opened again knows this process.
        let is_known = account.greeted.load(Ordering::Relaxed) == held.identity();
        let greeted = is_known || {
            account.begin();
            self.greet(speaker, Way::Parked(held)) == Outcome::Sent
        };
        if !greeted || !self.parked.set(held) {
            held.close();
        }
    }

    /// Makes a ring, hands it over along with the Hello, and hangs up. If that cannot be, the
    /// connection is left as it was, to be used itself.
    fn hand_over(&self, speaker: Speaker, socket: i32) -> bool {
        let Speaker { config, process } = speaker;
        let Some(layout) = config.ring else { return false };
        let Some((memory, ring)) = ring::make(layout) else { return false };
        let account = process.account(self.kind);
        account.begin();
        let mut begun = false;
        let outcome = hello::write(process, account, Some(socket), |bytes| {
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

    /// The viewer has asked for another ring: makes one, if that can be. Else the old one does as long
    /// as there is room in it.
    #[cold]
    fn renew(&self, ring: &'static Ring) -> Way {
        if ring.take_renewal() {
            look();
        }
        self.way().unwrap_or(Way::Ring(ring))
    }

    #[cold]
    fn greet(&self, speaker: Speaker, way: Way) -> Outcome {
        let process = speaker.process;
        let account = process.account(self.kind);
        let outcome = hello::write(process, account, None, |bytes| {
            self.write(speaker, way, &[Span::of(bytes)])
        });
        if outcome == Outcome::Sent {
            account.greeted.store(way.identity(), Ordering::Relaxed);
        }
        outcome
    }

    /// Sees to it that this process has said Hello there.
    #[inline]
    fn ready(&self, speaker: Speaker, way: Way) -> Result<(), Outcome> {
        let account = speaker.process.account(self.kind);
        if account.greeted.load(Ordering::Relaxed) == way.identity() {
            return Ok(());
        }
        match self.greet(speaker, way) {
            Outcome::Sent => Ok(()),
            other => Err(other),
        }
    }

    /// Writes one whole frame, or what begins a stream.
    #[inline]
    fn write(&self, speaker: Speaker, way: Way, frame: &[Span]) -> Outcome {
        match way {
            Way::Ring(ring) => {
                let account = speaker.process.account(self.kind);
                ring.write(speaker.config, speaker.process, account, frame)
            }
            Way::Parked(held) => self.write_parked(speaker, held, frame),
        }
    }

    #[inline(never)]
    fn write_parked(&self, speaker: Speaker, held: Held, frame: &[Span]) -> Outcome {
        if confinement::is_confined() {
            return Outcome::Full;
        }
        let Some(stat) = held.stat_if_ours() else { return Outcome::Stolen };
        let account = speaker.process.account(self.kind);
        match self.kind {
            Kind::Socket => stream::write(speaker.config, account, held.fd(), frame),
            Kind::File => file::write(held.fd(), stat.len, frame),
        }
    }

    /// Writes a record that has no bytes of the caller.
    #[cold]
    fn small(&self, speaker: Speaker, way: Way, record: &Record<'_>) -> Outcome {
        let account = speaker.process.account(self.kind);
        let number = account.take_number();
        let outcome = frame::small(speaker.process.key(), number, record, |bytes| {
            self.write(speaker, way, &[Span::of(bytes)])
        });
        if matches!(outcome, Outcome::Stolen | Outcome::Stuck) {
            account.give_back(number);
        }
        outcome
    }

    /// Says what was lost, as soon as there is room again.
    #[inline]
    fn report_losses(&self, speaker: Speaker, way: Way) -> Result<(), Outcome> {
        if speaker.process.account(self.kind).lost.load(Ordering::Relaxed) == 0 {
            return Ok(());
        }
        self.report(speaker, way)
    }

    #[cold]
    fn report(&self, speaker: Speaker, way: Way) -> Result<(), Outcome> {
        let account = speaker.process.account(self.kind);
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
        match self.small(speaker, way, &Record::Lost(Lost { count, total })) {
            Outcome::Sent => Ok(()),
            other => {
                account.lost.fetch_add(count, Ordering::Relaxed);
                Err(other)
            }
        }
    }

    /// Tells which socket is under a descriptor, if the reader does not know.
    #[inline]
    fn announce(&self, speaker: Speaker, way: Way, fd: i32) -> Result<(), Outcome> {
        if fd < 0 || speaker.process.account(self.kind).is_announced(fd) {
            return Ok(());
        }
        self.describe(speaker, way, fd)
    }

    #[cold]
    fn describe(&self, speaker: Speaker, way: Way, fd: i32) -> Result<(), Outcome> {
        if confinement::is_confined() {
            return Ok(());
        }
        let Some(socket) = fdtable::probe(fd) else { return Ok(()) };
        match self.small(speaker, way, &Record::Socket(socket)) {
            Outcome::Sent => {
                speaker.process.account(self.kind).set_announced(fd);
                Ok(())
            }
            other => Err(other),
        }
    }

    #[inline]
    fn call(&self, speaker: Speaker, head: &CallHead, view: &View) {
        match self.deliver(speaker, head, view) {
            Ok(()) => {}
            Err(outcome) => self.try_again(speaker, outcome, head, view),
        }
    }

    #[inline]
    fn deliver(&self, speaker: Speaker, head: &CallHead, view: &View) -> Result<(), Outcome> {
        let mut way = self.way().ok_or(Outcome::Dead)?;
        if let Way::Ring(ring) = way
            && ring.is_to_be_renewed()
        {
            way = self.renew(ring);
        }
        self.ready(speaker, way)?;
        self.report_losses(speaker, way)?;
        self.announce(speaker, way, head.fd)?;
        self.put(speaker, way, head, view)
    }

    /// Writes the record of a call. By itself, so that the stack which it takes is not taken while something
    /// else is said before.
    #[inline(never)]
    fn put(&self, speaker: Speaker, way: Way, head: &CallHead, view: &View) -> Result<(), Outcome> {
        // A file would keep what was written before the kernel came upon bytes it cannot read; into
        // a ring we copy ourselves. But over a socket a frame goes whole or not at all.
        let is_asked_first = self.kind == Kind::File || matches!(way, Way::Ring(_));
        let readable = if is_asked_first { view.readable() } else { None };
        let view = readable.as_ref().unwrap_or(view);
        let (key, account) = (speaker.process.key(), speaker.process.account(self.kind));
        match way {
            Way::Ring(ring) => frame::call(key, account, head, view, ring.frame_room(), |frame| {
                ring.write(speaker.config, speaker.process, account, frame)
            }),
            Way::Parked(held) => {
                frame::call(key, account, head, view, frame::MAX_WRITE_LEN, |frame| {
                    self.write_parked(speaker, held, frame)
                })
            }
        }
    }

    /// What to do about a record that could not be delivered; if nothing helps, it counts as lost.
    #[cold]
    fn try_again(&self, speaker: Speaker, outcome: Outcome, head: &CallHead, view: &View) {
        let process = speaker.process;
        let again = |view: &View| self.deliver(speaker, head, view).err();
        let mut outcome = Some(outcome);
        if outcome == Some(Outcome::Stolen) && !thread::may_be_guest(process) {
            // The program did not mean the viewer: it closes whatever it did not open itself.
            self.parked.forget();
            look();
            outcome = again(view);
        }
        if outcome == Some(Outcome::Stuck) {
            outcome = again(view);
        }
        if outcome == Some(Outcome::Unreadable) {
            outcome = again(&view.without_bytes());
        }
        if outcome == Some(Outcome::Dead) && !thread::may_be_guest(process) {
            match self.ring() {
                Some(_) => ring::give_up(),
                None => self.parked.forget(),
            }
        }
        if outcome.is_some() {
            process.account(self.kind).lose();
            if let Some(ring) = self.ring() {
                ring.lose();
            }
        }
    }

    fn end(&self, speaker: Speaker) {
        let Some(way) = self.way() else { return };
        let account = speaker.process.account(self.kind);
        if account.greeted.load(Ordering::Relaxed) != way.identity() {
            return;
        }
        // The viewer sees the end of a ring, and nothing can be missing: a program without netlink
        // need not even touch it.
        if matches!(way, Way::Ring(_)) && account.is_silent() {
            return;
        }
        // If there is no room for that, the Bye says it as well.
        let _said = self.report_losses(speaker, way);
        let lost = account.lost_total.load(Ordering::Relaxed);
        let bye = || self.small(speaker, way, &Record::Bye(Bye { lost }));
        // Nobody is left to be told that it could not be said.
        let _said = match way {
            Way::Parked(held) if self.kind == Kind::Socket && is_ours(held) => {
                stream::with_reserve(held.fd(), bye)
            }
            _ => bye(),
        };
    }
}

/// Whether a descriptor is still what was parked; no, where that may not be asked.
fn is_ours(held: Held) -> bool {
    !confinement::is_confined() && held.stat_if_ours().is_some()
}
