//! Decodes what connected programs say, until no more comes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::session::Session;
use crate::error::say;
use crate::source::reader::{Connection, Event, Reading};
use crate::source::stream::{Piece, Stream};
use crate::state::reassembly::Gone;

/// A process that was still connected when reading stopped: its id and its name.
pub(super) type Left = (u32, String);

/// How long an answer waits for its request.
const PATIENCE: Duration = Duration::from_millis(50);

/// A connection and what has come of it.
struct Speaker {
    connection: Arc<Connection>,
    stream: Stream,
    /// The processes that spoke by it: after a fork there are several.
    processes: Vec<u64>,
    /// Bytes that belong to no record.
    skipped: usize,
    /// Records that were lost on connections before this one.
    lost_before: u64,
}

/// Why no more comes from a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// Its programs are gone.
    Closed,
    /// They are not, but we stop.
    Left,
}

/// Decodes until the reader ends, or nobody wants what is decoded and `until_in_vain` says to end
/// then. Returns who was still connected.
pub(super) fn serve(reading: &Reading, session: &mut Session, until_in_vain: bool) -> Vec<Left> {
    let mut speakers: HashMap<u64, Speaker> = HashMap::new();
    let mut left = Vec::new();
    while let Some(event) = next(reading, session, until_in_vain) {
        match event {
            Event::Opened(connection) => {
                speakers.insert(connection.id, Speaker::new(connection));
            }
            Event::Bytes(id, chunk) => {
                if let Some(speaker) = speakers.get_mut(&id)
                    && !speaker.hear(chunk.bytes(), session)
                {
                    speakers.remove(&id);
                }
                reading.recycle(chunk);
            }
            Event::Closed { id, lost } => {
                if let Some(speaker) = speakers.remove(&id) {
                    speaker.end(&mut speakers, lost, End::Closed, session);
                }
            }
            Event::Left { id, lost } => {
                if let Some(speaker) = speakers.remove(&id) {
                    left.extend(speaker.who(session));
                    speaker.end(&mut speakers, lost, End::Left, session);
                }
            }
        }
    }
    left
}

/// What comes next; None if nothing will, or nobody wants it.
fn next(reading: &Reading, session: &mut Session, until_in_vain: bool) -> Option<Event> {
    if let Some(event) = reading.poll() {
        return Some(event);
    }
    session.flush();
    if until_in_vain && session.is_in_vain() {
        return None;
    }
    if session.is_holding() {
        if let Some(event) = reading.wait_for(PATIENCE) {
            return Some(event);
        }
        session.release();
        session.flush();
    }
    reading.wait()
}

impl Speaker {
    fn new(connection: Arc<Connection>) -> Self {
        let stream = Stream::new();
        Self { connection, stream, processes: Vec::new(), skipped: 0, lost_before: 0 }
    }

    /// Takes bytes; false if there is no use in more of them.
    fn hear(&mut self, bytes: &[u8], session: &mut Session) -> bool {
        let Self { connection, stream, processes, skipped, .. } = self;
        let heard = stream.feed(bytes, &mut |piece| match piece {
            Piece::Frame(head, whole, body) => {
                // Who connects speaks first; others that speak by the connection are its children.
                let peer = connection.peer.pid;
                let pid_here = Some(peer).filter(|pid| *pid != 0 && processes.is_empty());
                if processes.last() != Some(&head.process) {
                    note(processes, head.process);
                }
                session.frame_from(pid_here, &head, whole, body);
            }
            Piece::Skipped(len) => *skipped = skipped.saturating_add(len),
        });
        let Err(error) = heard else { return true };
        connection.refuse();
        let pid = connection.peer.pid;
        say(format_args!("process {pid} is not listened to any more: {error}"));
        false
    }

    /// No more will come: takes what is left of it. So many records are known to be lost.
    fn end(mut self, others: &mut HashMap<u64, Self>, lost: u64, end: End, session: &mut Session) {
        let torn = self.stream.finish(&mut |piece| match piece {
            Piece::Frame(head, whole, body) => session.frame(&head, whole, body),
            Piece::Skipped(len) => self.skipped = self.skipped.saturating_add(len),
        });
        let skipped = self.skipped.saturating_add(torn);
        if skipped > 0 {
            let pid = self.connection.peer.pid;
            say(format_args!("process {pid} sent {skipped} bytes that belong to no record"));
        }
        let lost = self.lost_before.saturating_add(lost);
        // A process may have connected anew before we saw the old connection close; then it is told of
        // all losses when that one ends.
        let goes_on =
            |other: &&mut Self| other.processes.iter().any(|key| self.processes.contains(key));
        let Some(heir) = others.values_mut().find(goes_on) else {
            if end == End::Closed {
                session.part_silently(&self.processes);
            }
            let gone = match end {
                End::Closed => Gone::Ended,
                End::Left => Gone::Unheard,
            };
            return session.end_processes(&self.processes, lost, gone);
        };
        heir.lost_before = heir.lost_before.saturating_add(lost);
        for key in self.processes {
            if !heir.processes.contains(&key) {
                // In front: those at the end were heard of last.
                heir.processes.insert(0, key);
            }
        }
    }

    /// The processes that speak by it.
    fn who(&self, session: &Session) -> Vec<Left> {
        let known = self.processes.iter().filter_map(|key| session.process(*key));
        let mut who: Vec<Left> = known.map(|process| (process.pid, process.comm.clone())).collect();
        if who.is_empty() {
            who.push((self.connection.peer.pid, "process".into()));
        }
        who
    }
}

/// Moves a process to the end of the list, where the next frame's is looked for first.
fn note(processes: &mut Vec<u64>, key: u64) {
    /// A connection that ever more processes share is one of a program that forks for ever; its
    /// first ones have long ended.
    const MAX_PROCESSES: usize = 1024;
    processes.retain(|known| *known != key);
    if processes.len() >= MAX_PROCESSES {
        processes.remove(0);
    }
    processes.push(key);
}
