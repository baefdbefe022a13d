//! Reads what the shim writes: from a capture file, or as a viewer would.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use nlproto::{Call, Event, FrameReader, Function, Hello, Origin, Record, Socket, capture, codec};

use super::ring::Lost;

/// One frame of a stream.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) process: u64,
    pub(crate) number: u64,
    body: Vec<u8>,
}

impl Frame {
    pub(crate) fn record(&self) -> Record<'_> {
        codec::decode(&self.body).expect("a record")
    }
}

/// The frames of a stream, and how many bytes of it were none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Frames {
    pub(crate) all: Vec<Frame>,
    pub(crate) skipped: usize,
    pub(crate) preambles: usize,
    /// What the ring that it came by says of losses; `None` if it came by a stream.
    pub(crate) in_ring: Option<Lost>,
}

impl Frames {
    pub(crate) fn of(mut rest: &[u8]) -> Self {
        let mut frames = Self::default();
        let mut reader = FrameReader::new();
        while !rest.is_empty() {
            let (event, len) = reader.next(rest).expect("a stream of this version");
            let (event, len) = match event {
                // The stream has ended: what begins here was torn.
                Event::NeedMore(_) => capture::skip(rest),
                other => (other, len),
            };
            match event {
                Event::Frame(head, body) => frames.all.push(Frame {
                    process: head.process,
                    number: head.number,
                    body: body.to_vec(),
                }),
                Event::Preamble => frames.preambles += 1,
                Event::Skipped(n) => frames.skipped += n,
                Event::NeedMore(_) => unreachable!("replaced above"),
            }
            rest = &rest[len..];
        }
        frames
    }

    pub(crate) fn of_file(path: &Path) -> Self {
        Self::of(&fs::read(path).expect("the shim makes the file"))
    }

    /// The records, each with its process.
    pub(crate) fn records(&self) -> impl Iterator<Item = (u64, Record<'_>)> {
        self.all.iter().map(|frame| (frame.process, frame.record()))
    }

    pub(crate) fn hellos(&self) -> Vec<(u64, Hello<'_>)> {
        let hello = |(process, record)| match record {
            Record::Hello(hello) => Some((process, hello)),
            _ => None,
        };
        self.records().filter_map(hello).collect()
    }

    pub(crate) fn sockets(&self) -> Vec<Socket> {
        let socket = |(_, record)| match record {
            Record::Socket(socket) => Some(socket),
            _ => None,
        };
        self.records().filter_map(socket).collect()
    }

    /// The calls, each with its process and all of its bytes.
    pub(crate) fn calls(&self) -> Vec<(u64, Call<'_>, Vec<u8>)> {
        let mut calls: Vec<(u64, Call<'_>, Vec<u8>)> = Vec::new();
        let mut places = HashMap::new();
        for frame in &self.all {
            match frame.record() {
                Record::Call(call) => {
                    places.insert((frame.process, frame.number), calls.len());
                    calls.push((frame.process, call, call.payload.to_vec()));
                }
                Record::Part(part) => {
                    let place = places.get(&(frame.process, part.call)).expect("the part's call");
                    let bytes = &mut calls[*place].2;
                    assert_eq!(part.offset, bytes.len() as u64, "parts have holes");
                    bytes.extend_from_slice(part.payload);
                }
                _ => {}
            }
        }
        calls
    }

    /// Sum of the losses reported, and the last total.
    pub(crate) fn lost(&self) -> (u64, u64) {
        self.records().fold((0, 0), |(sum, total), (_, record)| match record {
            Record::Lost(lost) => (sum + lost.count, lost.total),
            _ => (sum, total),
        })
    }

    /// How many records are known to be lost: as the ring says, which knows of all; else as the
    /// processes' last words have it.
    pub(crate) fn lost_for_certain(&self) -> u64 {
        if let Some(Lost { full, torn }) = self.in_ring {
            return full + torn;
        }
        let mut totals = HashMap::new();
        for (process, record) in self.records() {
            match record {
                Record::Lost(lost) => totals.insert(process, lost.total),
                Record::Bye(bye) => totals.insert(process, bye.lost),
                _ => None,
            };
        }
        totals.values().sum()
    }

    /// What the messages sent were numbered, in the order of the records.
    pub(crate) fn sequence(&self) -> Vec<(u64, u32)> {
        let sends = |(process, call, bytes): (u64, Call<'_>, Vec<u8>)| {
            // One of which a part is lost is lost.
            if (bytes.len() as u64) < call.head.payload_total {
                return None;
            }
            let function = Function::from_number(Origin::split(call.head.function).0)?;
            let sent = function.kind() == nlproto::function::Kind::Send && call.head.ret > 0;
            let seq = bytes.get(8..12)?.try_into().ok()?;
            sent.then(|| (process, u32::from_ne_bytes(seq)))
        };
        self.calls().into_iter().filter_map(sends).collect()
    }

    /// Checks what holds of every stream: each process says Hello first, numbers its frames without
    /// holes, and names a socket before the first call on it.
    pub(crate) fn check(&self) {
        assert_eq!(self.skipped, 0, "bytes that are no frame");
        let mut next = HashMap::new();
        let mut known = HashSet::new();
        for frame in &self.all {
            let record = frame.record();
            let expected = next.entry(frame.process).or_insert(0_u64);
            assert_eq!(frame.number, *expected, "a hole before {record:?}");
            assert_eq!(*expected == 0, matches!(record, Record::Hello(_)), "{record:?}");
            *expected += 1;
            match record {
                Record::Socket(socket) => {
                    known.insert((frame.process, socket.fd));
                }
                Record::Call(call) if call.head.fd >= 0 => {
                    assert!(known.contains(&(frame.process, call.head.fd)), "{call:?}");
                }
                _ => {}
            }
        }
    }
}

/// A connection's bytes, and what its ring has lost, if there was one.
type Bytes = (Vec<u8>, Option<Lost>);

/// A viewer that keeps what it hears.
pub(crate) struct Viewer {
    path: PathBuf,
    listener: JoinHandle<Vec<JoinHandle<Bytes>>>,
    ended: Arc<AtomicBool>,
    paused: Arc<AtomicBool>,
}

impl Viewer {
    pub(crate) fn listen(path: &Path) -> Self {
        let listener = UnixListener::bind(path).expect("a free name");
        Self::on(path, listener)
    }

    pub(crate) fn on(path: &Path, listener: UnixListener) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let paused = Arc::new(AtomicBool::new(false));
        let (end, pause) = (Arc::clone(&ended), Arc::clone(&paused));
        let listener = thread::spawn(move || {
            let mut readers = Vec::new();
            loop {
                let Ok((stream, _)) = listener.accept() else { return readers };
                if end.load(Ordering::Acquire) {
                    // What is still in the queue came before the end.
                    listener.set_nonblocking(true).expect("a listener");
                }
                let pause = Arc::clone(&pause);
                readers.push(thread::spawn(move || read_all(stream, &pause)));
            }
        });
        Self { path: path.to_owned(), listener, ended, paused }
    }

    /// Stops reading, as a stopped viewer does, or goes on.
    pub(crate) fn pause(&self, paused: bool) {
        self.paused.store(paused, Ordering::Release);
    }

    /// What each connection brought, after all of them have ended.
    pub(crate) fn finish(self) -> Vec<Frames> {
        self.ended.store(true, Ordering::Release);
        // Wakes it; who is refused finds that it has already come to the end of those that waited.
        drop(UnixStream::connect(&self.path));
        let readers = self.listener.join().expect("the listener ends well");
        let streams = readers.into_iter().map(|it| it.join().expect("a reader ends well"));
        let streams = streams.filter(|(bytes, _)| !bytes.is_empty());
        streams.map(|(bytes, in_ring)| Frames { in_ring, ..Frames::of(&bytes) }).collect()
    }

    /// What the only connection brought.
    pub(crate) fn only(self) -> Frames {
        let mut streams = self.finish();
        assert_eq!(streams.len(), 1, "connections");
        streams.remove(0)
    }
}

fn read_all(mut stream: UnixStream, paused: &AtomicBool) -> Bytes {
    let mut portion = vec![0; 1 << 16];
    while paused.load(Ordering::Acquire) {
        thread::sleep(Duration::from_millis(1));
    }
    let (n, ring) = read_first(&stream, &mut portion);
    let mut bytes = portion[..n].to_vec();
    if let Some(ring) = ring {
        assert_eq!(stream.read(&mut portion).expect("the end"), 0, "the connection is kept");
        let lost = super::ring::read_all(&ring, paused, &mut bytes);
        return (bytes, Some(lost));
    }
    loop {
        while paused.load(Ordering::Acquire) {
            thread::sleep(Duration::from_millis(1));
        }
        match stream.read(&mut portion) {
            Ok(0) | Err(_) => return (bytes, None),
            Ok(n) => bytes.extend_from_slice(&portion[..n]),
        }
    }
}

/// The first bytes of a connection, and the ring that may come along with them.
fn read_first(stream: &UnixStream, room: &mut [u8]) -> (usize, Option<OwnedFd>) {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC;
    let received = recvmsg(stream, &mut [IoSliceMut::new(room)], &mut control, flags);
    let ring = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    (received.map_or(0, |received| received.bytes), ring)
}
