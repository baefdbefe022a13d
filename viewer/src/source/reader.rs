//! The thread that accepts connections and reads them and their rings, so that decoding never keeps a
//! program waiting longer than the queue between the two is long.
//!
//! A program that hands over a ring has no other way to say that there is something in it than the
//! ring itself: so rings are looked at often while there is something, and rarely while there is not.
//!
//! Bytes are handed on as they come, in buffers that come back; what they mean is not looked at here.

use std::io::{self, IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use super::Error;
use super::ring::{self, Ring};
use super::socket::{Admission, Listener, Peer};
use crate::error::{reason, say};

/// Bytes of one buffer.
const CHUNK_LEN: usize = 128 << 10;
/// Most buffers on their way, 8 MiB in all.
const QUEUE_LEN: usize = 64;
/// What is read of one connection after the reader was told to stop: more than any socket holds
/// unless root made it bigger, yet an end even if the program never pauses.
const MAX_AFTER_STOP: usize = 16 << 20;
/// How often rings are looked at while there is something in one of them.
const BUSY_PACE: Duration = Duration::from_micros(500);
/// How often rings are looked at when there has been nothing for a moment.
const QUIET_PACE: Duration = Duration::from_millis(20);
/// How often rings are looked at when there has been nothing for a while.
const IDLE_PACE: Duration = Duration::from_millis(50);
/// What a while is.
const WHILE: Duration = Duration::from_secs(2);
/// Connections accepted after the stop, more than wait in any queue by default.
const MAX_BACKLOG: usize = 4096;
/// How long accepting pauses when there is no descriptor left for another connection.
const NO_DESCRIPTOR_PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// A connection, as both threads know it.
#[derive(Debug)]
pub struct Connection {
    /// Tells it from the others.
    pub id: u64,
    /// Who is at its other end.
    pub peer: Peer,
    refused: AtomicBool,
    /// To hang up by; none once its records come through a ring.
    stream: Mutex<Option<UnixStream>>,
}

impl Connection {
    /// Nothing more is wanted from it: hangs up. The reader sees its end and reports it closed.
    pub fn refuse(&self) {
        self.refused.store(true, Ordering::Relaxed);
        if let Some(stream) = self.take_stream() {
            // It fails if the peer has hung up first.
            let _closed_already = stream.shutdown(Shutdown::Both);
        }
    }

    fn take_stream(&self) -> Option<UnixStream> {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What the reader tells the decoding thread.
#[derive(Debug)]
pub enum Event {
    /// Somebody connected.
    Opened(Arc<Connection>),
    /// Bytes of a connection. The buffer goes back by [`Reading::recycle`].
    Bytes(u64, Chunk),
    /// No more will come of this connection.
    Closed {
        /// Which.
        id: u64,
        /// How many records its programs know to be lost, where they share memory with us.
        lost: u64,
    },
    /// The reader was stopped while it was still open.
    Left {
        /// Which.
        id: u64,
        /// As of a connection that is closed.
        lost: u64,
    },
}

/// A buffer with some bytes.
#[derive(Debug)]
pub struct Chunk {
    room: Box<[u8]>,
    len: usize,
}

impl Chunk {
    fn new() -> Self {
        Self { room: vec![0; CHUNK_LEN].into_boxed_slice(), len: 0 }
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.room.get(..self.len).unwrap_or_default()
    }
}

/// The decoding thread's end of the reader.
#[derive(Debug)]
pub struct Reading {
    events: Receiver<Event>,
    spare: Sender<Chunk>,
    thread: JoinHandle<()>,
}

impl Reading {
    /// What has come already, without waiting.
    #[must_use]
    pub fn poll(&self) -> Option<Event> {
        self.events.try_recv().ok()
    }

    /// What comes next; None when the reader has ended.
    #[must_use]
    pub fn wait(&self) -> Option<Event> {
        self.events.recv().ok()
    }

    /// What comes next within a time, if anything does.
    #[must_use]
    pub fn wait_for(&self, time: Duration) -> Option<Event> {
        self.events.recv_timeout(time).ok()
    }

    /// Gives a buffer back.
    pub fn recycle(&self, chunk: Chunk) {
        // The queue is as long as there are buffers; one too many is just freed.
        let _freed = self.spare.try_send(chunk);
    }

    /// Waits until the reader's thread is gone, and the socket's file with it.
    pub fn join(self) {
        drop(self.events);
        // A panic in it has been reported by its own message.
        let _panicked = self.thread.join();
    }
}

/// Starts reading. A byte (or the end) on `stop` makes the reader take what has arrived and end.
///
/// # Errors
/// No thread can be started.
pub fn start(listener: Listener, admission: Admission, stop: UnixStream) -> Result<Reading, Error> {
    let (event_sender, events) = bounded(QUEUE_LEN);
    let (spare, spare_receiver) = bounded(QUEUE_LEN);
    let reader = Reader {
        listener,
        admission,
        stop,
        connections: Vec::new(),
        opened: 0,
        budget: usize::MAX,
        pause: false,
        told_of_pause: false,
        pace: BUSY_PACE,
        progressed: Instant::now(),
        events: event_sender,
        spare: spare_receiver,
    };
    let thread = thread::Builder::new()
        .name("reader".into())
        .spawn(move || reader.run())
        .map_err(Error::system("start a thread"))?;
    Ok(Reading { events, spare, thread })
}

/// The decoding thread is gone, so nobody wants what is read.
struct NobodyListens;

struct Open {
    connection: Arc<Connection>,
    input: Input,
    /// What may still be read, in bytes.
    budget: usize,
    /// Bytes that a ring may still hold from before its program went on by another; rings opened later
    /// wait for them, so that what one thread says stays in order.
    before_next: usize,
    done: bool,
}

/// Where a connection's bytes come from.
enum Input {
    /// A ring can only come along with its first bytes.
    Stream {
        stream: UnixStream,
        is_silent: bool,
    },
    Ring(Box<Ring>),
}

struct Reader {
    listener: Listener,
    admission: Admission,
    stop: UnixStream,
    connections: Vec<Open>,
    opened: u64,
    /// What may still be read of a connection, in bytes.
    budget: usize,
    /// Accepting failed: not to be tried again at once.
    pause: bool,
    told_of_pause: bool,
    /// How long to wait before rings are looked at again.
    pace: Duration,
    /// When something came out of a ring last.
    progressed: Instant,
    events: Sender<Event>,
    spare: Receiver<Chunk>,
}

impl Reader {
    fn run(mut self) {
        let Ok(()) = self.read_until_stopped() else { return };
        if self.read_what_is_left().is_ok() {
            for open in &self.connections {
                let left = Event::Left { id: open.connection.id, lost: open.lost() };
                let _nobody_listens = self.events.send(left);
            }
        }
    }

    /// Takes what the kernel holds already: connections not yet accepted, bytes not yet read.
    fn read_what_is_left(&mut self) -> Result<(), NobodyListens> {
        self.budget = MAX_AFTER_STOP;
        for open in &mut self.connections {
            open.budget = self.budget;
        }
        for number in 0..self.listener.sockets().len() {
            let mut accepted = 0;
            while accepted < MAX_BACKLOG && self.accept(number)? {
                accepted += 1;
            }
        }
        self.pause = true;
        loop {
            let ready = self.poll(Some(Timespec { tv_sec: 0, tv_nsec: 0 }));
            let streams = self.read(&ready.connections)?;
            let rings = self.read_rings(true)?;
            self.close()?;
            if !streams && !rings {
                return Ok(());
            }
        }
    }

    fn read_until_stopped(&mut self) -> Result<(), NobodyListens> {
        loop {
            let timeout = self.pause.then_some(NO_DESCRIPTOR_PAUSE).or_else(|| self.ring_pause());
            let ready = self.poll(timeout);
            if ready.stop {
                return Ok(());
            }
            self.pause = false;
            self.read(&ready.connections)?;
            self.read_rings(false)?;
            self.close()?;
            for number in ready.listeners {
                self.accept(number)?;
            }
        }
    }

    /// Waits until something can be done.
    fn poll(&mut self, timeout: Option<Timespec>) -> Ready {
        let accepting = if self.pause { &[] } else { self.listener.sockets() };
        let wanted = std::iter::once(self.stop.as_fd())
            .chain(accepting.iter().map(AsFd::as_fd))
            .chain(self.connections.iter().filter_map(Open::descriptor));
        let mut fds: Vec<_> =
            wanted.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
        // Interrupted is as good as nothing ready; no other failure can befall these descriptors.
        let _interrupted = poll(&mut fds, timeout.as_ref());
        let mut ready = fds.iter().map(|fd| !fd.revents().is_empty());
        let stop = ready.next().unwrap_or(false);
        let listeners = (0..).zip(ready.by_ref().take(accepting.len()));
        let listeners = listeners.filter_map(|(number, ready)| ready.then_some(number)).collect();
        Ready { stop, listeners, connections: ready.collect() }
    }

    /// How long to wait for other things before rings are looked at again; None without rings.
    fn ring_pause(&self) -> Option<Timespec> {
        let has_rings = self.connections.iter().any(|open| matches!(open.input, Input::Ring(_)));
        has_rings.then_some(Timespec { tv_sec: 0, tv_nsec: self.pace.subsec_nanos().into() })
    }

    /// Reads each ready connection once; says whether anything came of it.
    fn read(&mut self, ready: &[bool]) -> Result<bool, NobodyListens> {
        let mut progress = false;
        let mut new_rings = Vec::new();
        let streams = self.connections.iter_mut().filter(|open| open.descriptor().is_some());
        for (open, _) in streams.zip(ready).filter(|(_, ready)| **ready) {
            let mut chunk = self.spare.try_recv().unwrap_or_else(|_| Chunk::new());
            progress |= open.read(&mut chunk);
            if matches!(open.input, Input::Ring(_)) {
                new_rings.push(Arc::clone(&open.connection));
            }
            if chunk.len > 0 {
                let event = Event::Bytes(open.connection.id, chunk);
                self.events.send(event).map_err(|_| NobodyListens)?;
            }
        }
        for next in new_rings {
            self.connections.iter_mut().for_each(|open| open.note_next(&next));
        }
        Ok(progress)
    }

    /// Takes a turn at each ring; says whether anything came of it. At the end, whether a ring's
    /// programs are gone is asked at once.
    fn read_rings(&mut self, at_end: bool) -> Result<bool, NobodyListens> {
        let now = Instant::now();
        let heartbeat_ms = ring::now_ms();
        let (mut progress, mut more) = (false, false);
        let mut chunk = None;
        let mut must_wait = false;
        for open in &mut self.connections {
            let Input::Ring(ring) = &mut open.input else { continue };
            if must_wait {
                ring.beat(heartbeat_ms);
                continue;
            }
            let mut filled = match chunk.take() {
                Some(chunk) => chunk,
                None => self.spare.try_recv().unwrap_or_else(|_| Chunk::new()),
            };
            filled.len = 0;
            ring.beat(heartbeat_ms);
            let room = filled.room.len().min(open.budget);
            let room = filled.room.get_mut(..room).unwrap_or_default();
            if open.connection.refused.load(Ordering::Relaxed) {
                open.done = true;
            } else {
                match ring.take(room, now, at_end || open.before_next > 0) {
                    Ok(turn) => {
                        filled.len = turn.len;
                        more |= turn.is_full;
                        open.done = turn.is_last;
                        let left = open.before_next.saturating_sub(turn.len);
                        open.before_next = if turn.is_full { left } else { 0 };
                        must_wait = open.before_next > 0;
                    }
                    Err(error) => {
                        let pid = open.connection.peer.pid;
                        say(format_args!("process {pid} is not listened to any more: {error}"));
                        open.done = true;
                    }
                }
            }
            if filled.len > 0 {
                progress = true;
                open.budget = open.budget.saturating_sub(filled.len);
                let event = Event::Bytes(open.connection.id, filled);
                self.events.send(event).map_err(|_| NobodyListens)?;
            } else {
                chunk = Some(filled);
            }
        }
        if progress {
            self.progressed = now;
        }
        let is_idle = now.saturating_duration_since(self.progressed) > WHILE;
        let slowest = if is_idle { IDLE_PACE } else { QUIET_PACE };
        self.pace = match (more, progress) {
            (true, _) => Duration::ZERO,
            (_, true) => BUSY_PACE,
            _ => self.pace.saturating_mul(2).clamp(BUSY_PACE, slowest),
        };
        Ok(progress)
    }

    /// Lets go of the connections that are done with.
    fn close(&mut self) -> Result<(), NobodyListens> {
        for open in self.connections.extract_if(.., |open| open.done) {
            let event = Event::Closed { id: open.connection.id, lost: open.lost() };
            self.events.send(event).map_err(|_| NobodyListens)?;
        }
        Ok(())
    }

    /// Accepts one connection; says whether there was one.
    fn accept(&mut self, number: usize) -> Result<bool, NobodyListens> {
        let Some(socket) = self.listener.sockets().get(number) else { return Ok(false) };
        let stream = match accept_one(socket) {
            Ok(Some(stream)) => stream,
            Ok(None) => return Ok(false),
            Err(e) => {
                if !self.told_of_pause {
                    say(format_args!("cannot accept a connection: {}", reason(&e)));
                }
                (self.pause, self.told_of_pause) = (true, true);
                return Ok(false);
            }
        };
        let peer = match Peer::of(&stream) {
            Ok(peer) => peer,
            Err(e) => {
                say(format_args!("a connection is refused: its peer is not known: {}", reason(&e)));
                return Ok(true);
            }
        };
        if !self.admission.admits(peer) {
            say(format_args!(
                "process {} is refused: it belongs to user {}, and only our own user and root are \
                 listened to",
                peer.pid, peer.uid
            ));
            return Ok(true);
        }
        let connection = Arc::new(Connection {
            id: self.opened,
            peer,
            refused: AtomicBool::new(false),
            stream: Mutex::new(stream.try_clone().ok()),
        });
        let input = Input::Stream { stream, is_silent: true };
        self.opened = self.opened.wrapping_add(1);
        self.events.send(Event::Opened(Arc::clone(&connection))).map_err(|_| NobodyListens)?;
        let budget = self.budget;
        self.connections.push(Open { connection, input, budget, before_next: 0, done: false });
        self.pace = BUSY_PACE;
        Ok(true)
    }
}

impl Open {
    /// What to wait for, unless it is a ring.
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match &self.input {
            Input::Stream { stream, .. } => Some(stream.as_fd()),
            Input::Ring(_) => None,
        }
    }

    /// A ring has come by a connection. If it is to take the place of this one, it waits until what is in
    /// this one is read.
    fn note_next(&mut self, next: &Connection) {
        let Input::Ring(ring) = &self.input else { return };
        let is_other = self.connection.id != next.id;
        let is_of_same = self.connection.peer.pid == next.peer.pid && next.peer.pid != 0;
        if is_other && (is_of_same || ring.is_to_be_renewed()) {
            self.before_next = ring.capacity();
        }
    }

    /// How many records its programs know to be lost, where they share memory with us.
    fn lost(&self) -> u64 {
        match &self.input {
            Input::Stream { .. } => 0,
            Input::Ring(ring) => ring.lost(),
        }
    }

    /// Reads once; says whether there was something to read.
    fn read(&mut self, chunk: &mut Chunk) -> bool {
        chunk.len = 0;
        if self.connection.refused.load(Ordering::Relaxed) {
            self.done = true;
            return true;
        }
        if self.budget == 0 {
            return false;
        }
        let mut passed = None;
        let Input::Stream { stream, is_silent } = &mut self.input else { return false };
        let read = if *is_silent {
            receive_first(stream, &mut chunk.room, &mut passed)
        } else {
            stream.read(&mut chunk.room)
        };
        match read {
            Ok(0) => self.done = true,
            Ok(n) => {
                *is_silent = false;
                chunk.len = n;
                self.budget = self.budget.saturating_sub(n);
            }
            Err(e) if is_for_later(&e) => return false,
            // Reset: the peer ended without having read what nobody sends it.
            Err(_) => self.done = true,
        }
        if let Some(file) = passed {
            match Ring::new(file, self.connection.peer.pid) {
                // The connection has done what it was for.
                Ok(ring) => {
                    self.input = Input::Ring(Box::new(ring));
                    drop(self.connection.take_stream());
                }
                Err(error) => {
                    let pid = self.connection.peer.pid;
                    say(format_args!("process {pid} is not listened to: {error}"));
                    self.done = true;
                }
            }
        }
        true
    }
}

/// Which descriptors have something for us.
struct Ready {
    stop: bool,
    /// Numbers of the sockets to accept from.
    listeners: Vec<usize>,
    /// For each connection, whether it is ready.
    connections: Vec<bool>,
}

/// Reads the first bytes of a connection, and the descriptor that may come along with them.
fn receive_first(
    stream: &UnixStream,
    room: &mut [u8],
    passed: &mut Option<OwnedFd>,
) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received =
        recvmsg(stream, &mut [IoSliceMut::new(room)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            *passed = descriptors.last();
        }
    }
    Ok(received.bytes)
}

/// Accepts a connection that does not block; None if there is none after all.
fn accept_one(socket: &UnixListener) -> io::Result<Option<UnixStream>> {
    match socket.accept() {
        Ok((stream, _)) => {
            stream.set_nonblocking(true)?;
            Ok(Some(stream))
        }
        Err(e)
            if is_for_later(&e) || e.raw_os_error() == Some(Errno::CONNABORTED.raw_os_error()) =>
        {
            Ok(None)
        }
        Err(e) => Err(e),
    }
}

fn is_for_later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    struct Running {
        _folder: tempfile::TempDir,
        path: std::path::PathBuf,
        stop: UnixStream,
        reading: Reading,
    }

    fn running() -> Running {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let listener = Listener::bind(&path).unwrap();
        let (stop, stopped) = UnixStream::pair().unwrap();
        let reading = start(listener, Admission::OwnUser, stopped).unwrap();
        Running { _folder: folder, path, stop, reading }
    }

    /// All events until the reader ends, and the bytes of each connection.
    fn all(reading: &Reading) -> (Vec<String>, Vec<u8>) {
        let (mut events, mut bytes) = (Vec::new(), Vec::new());
        while let Some(event) = reading.wait() {
            match event {
                Event::Opened(connection) => events.push(format!("opened {}", connection.id)),
                Event::Bytes(_, chunk) => {
                    bytes.extend_from_slice(chunk.bytes());
                    reading.recycle(chunk);
                }
                Event::Closed { id, .. } => events.push(format!("closed {id}")),
                Event::Left { id, .. } => events.push(format!("left {id}")),
            }
        }
        (events, bytes)
    }

    #[test]
    fn what_was_sent_before_the_stop_is_read() {
        let mut running = running();
        let sent: Vec<u8> = (0..100_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        let mut gone = UnixStream::connect(&running.path).unwrap();
        gone.write_all(&sent).unwrap();
        drop(gone);
        let mut stays = UnixStream::connect(&running.path).unwrap();
        stays.write_all(b"end").unwrap();
        running.stop.write_all(&[0]).unwrap();
        let (mut events, bytes) = all(&running.reading);
        events.sort();
        assert_eq!(events, ["closed 0", "left 1", "opened 0", "opened 1"]);
        assert_eq!(bytes.len(), sent.len() + 3);
        running.reading.join();
        assert!(!running.path.exists());
    }

    #[test]
    fn a_refused_peer_is_hung_up_on() {
        let mut running = running();
        let mut peer = UnixStream::connect(&running.path).unwrap();
        let Some(Event::Opened(connection)) = running.reading.wait() else {
            panic!("nobody connected")
        };
        assert_eq!(connection.peer.pid, std::process::id());
        connection.refuse();
        assert_eq!(peer.read(&mut [0]).unwrap(), 0);
        assert!(matches!(running.reading.wait(), Some(Event::Closed { id: 0, .. })));
        running.stop.write_all(&[0]).unwrap();
        assert_eq!(all(&running.reading).0, [""; 0]);
    }
}
