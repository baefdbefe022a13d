//! A ring that a program shares with us, on the reading side; `nlproto::ring` is the protocol.
//!
//! Nothing in it is believed: the program may be hostile, or have been killed at any instant. Each word
//! is read once and checked, records are copied out before anybody looks at them, and what no producer
//! writes ends the ring and nothing else.

use std::collections::HashSet;
use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use nlproto::ring::{Consumer, Found, GONE, MAGIC, RENEW, Slot, VERSION, Word, Words};
use nlring::{Access, Map};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use rustix::time::{ClockId, clock_gettime};

/// A record that is still being copied after so long is one of a producer that was stopped or killed.
const COPY_TIME: Duration = Duration::from_millis(20);
/// How often a quiet ring's program is asked whether it still lives.
const CHECK_PACE: Duration = Duration::from_millis(500);
/// How often the kernel is asked whether anybody has a quiet ring mapped, even if its program seems to
/// live: its number may be another's by now, or not be known to us.
const PROBE_PACE: Duration = Duration::from_secs(10);

/// Why a ring is not, or no more, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The kernel refuses.
    #[error("its memory cannot be mapped")]
    Unmappable,
    /// It could be cut short while we read.
    #[error("its memory is not sealed against changes of its length")]
    NotSealed,
    /// So long is no ring's memory.
    #[error("its memory has {0} bytes, which no ring has")]
    Length(u64),
    /// It does not say that it is one, or is of another version.
    #[error("its memory holds no ring of version {VERSION}")]
    NotARing,
    /// Nothing more can be read.
    #[error("its ring holds what no program writes")]
    Broken,
}

impl From<nlring::Error> for Error {
    fn from(error: nlring::Error) -> Self {
        match error {
            nlring::Error::Kernel(_) => Self::Unmappable,
            nlring::Error::NotSealed => Self::NotSealed,
            nlring::Error::Length(len) => Self::Length(len),
        }
    }
}

/// What a turn at a ring brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Turn {
    /// Bytes of whole frames.
    pub len: usize,
    /// There was more than fit.
    pub is_full: bool,
    /// No more will come.
    pub is_last: bool,
}

/// A ring that a program has handed over.
#[derive(Debug)]
pub struct Ring {
    file: OwnedFd,
    map: Map,
    /// The process that handed it over, if it has a number here.
    pid: Option<Pid>,
    consumer: Consumer,
    /// Records behind the head that were read before it could move: their positions.
    taken: HashSet<u64>,
    /// The record at the head that is being copied, and since when.
    unfinished: Option<(Slot, Instant)>,
    /// Set when nobody has the ring mapped any more: where the last record that there can be ends.
    end: Option<u64>,
    torn: u64,
    checked: Instant,
    probed: Instant,
}

impl Ring {
    /// Takes a memory file over, which the process with this number has passed.
    ///
    /// # Errors
    /// It is no ring, or none that can be trusted to stay one.
    pub fn new(file: OwnedFd, pid: u32) -> Result<Self, Error> {
        let map = Map::new(file.as_raw_fd(), Access::Shared)?;
        let layout = map.layout();
        let says = [Word::Magic, Word::Version, Word::Granules].map(|word| map.load(word));
        if says != [MAGIC, VERSION, layout.granules()] {
            return Err(Error::NotARing);
        }
        let now = Instant::now();
        Ok(Self {
            file,
            map,
            pid: i32::try_from(pid).ok().and_then(Pid::from_raw),
            consumer: Consumer::new(layout),
            taken: HashSet::new(),
            unfinished: None,
            end: None,
            torn: 0,
            checked: now,
            probed: now,
        })
    }

    /// Tells the program that it is listened to.
    pub fn beat(&self, now_ms: u64) {
        self.map.store(Word::Heartbeat, now_ms);
    }

    /// How many records are lost for certain: those for which there was no room, and torn ones.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.map.load(Word::Lost).saturating_add(self.torn)
    }

    /// Whether the program was asked for another one.
    #[must_use]
    pub fn is_to_be_renewed(&self) -> bool {
        self.map.load(Word::Closed) == RENEW
    }

    /// Bytes that can be in it, at most.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.map.layout().file_len()
    }

    /// Takes whole records, as many as there are and fit; room for the longest is always used. `at_end`, it
    /// does not wait for those that are in the making.
    ///
    /// # Errors
    /// [`Error::Broken`], and then it is no more to be read.
    pub fn take(&mut self, room: &mut [u8], now: Instant, at_end: bool) -> Result<Turn, Error> {
        let mut turn = self.take_records(room, now, at_end)?;
        if turn.len > 0 || turn.is_full || self.end.is_some() {
            turn.is_last = turn.len == 0 && !turn.is_full && self.end.is_some();
            return Ok(turn);
        }
        if at_end || self.may_be_abandoned(now) {
            self.probed = now;
            if self.is_abandoned()? {
                // What came between the last look and the end is in there for good.
                turn = self.take_records(room, now, true)?;
                turn.is_last = turn.len == 0 && !turn.is_full;
            }
        }
        Ok(turn)
    }

    fn take_records(&mut self, room: &mut [u8], now: Instant, at_end: bool) -> Result<Turn, Error> {
        let mut turn = Turn::default();
        // When nobody has it mapped, nothing is in the making.
        let at_end = at_end || self.end.is_some();
        // One lap: who writes as fast as we read, if only empty records, keeps nobody else waiting.
        let stop = self.consumer.head().wrapping_add(self.map.layout().granules());
        while self.end != Some(self.consumer.head()) {
            let head = self.consumer.head();
            if head.wrapping_sub(stop) < self.map.layout().granules() {
                turn.is_full = true;
                break;
            }
            match self.consumer.look(head, &self.map) {
                None | Some(Found::Nothing) => break,
                Some(Found::Pad(slot)) => self.consumer.free_all(slot, &self.map),
                Some(Found::Record(len, slot)) => {
                    if !self.taken.remove(&head) && !self.copy(head, len, room, &mut turn) {
                        break;
                    }
                    self.consumer.free_all(slot, &self.map);
                }
                Some(Found::Busy(slot)) => {
                    if !self.is_overdue(slot, now) && !at_end {
                        break;
                    }
                    if self.is_torn(slot) {
                        self.torn = self.torn.saturating_add(1);
                        self.consumer.free_all(slot, &self.map);
                        continue;
                    }
                    self.take_past(head, slot, room, &mut turn);
                    break;
                }
                Some(Found::Broken) => return Err(Error::Broken),
            }
        }
        Ok(turn)
    }

    /// Copies a record out; false if it does not fit any more.
    fn copy(&self, position: u64, len: usize, room: &mut [u8], turn: &mut Turn) -> bool {
        let end = turn.len.saturating_add(len);
        let Some(room) = room.get_mut(turn.len..end) else {
            turn.is_full = turn.len > 0;
            return false;
        };
        self.map.copy_out(position, room);
        turn.len = end;
        true
    }

    /// Takes the records behind one whose producer is stopped. They are freed when that one is; if that
    /// takes too long, the program is asked for another ring.
    fn take_past(&mut self, head: u64, slot: Slot, room: &mut [u8], turn: &mut Turn) {
        let used = self.map.load(Word::Tail).wrapping_sub(head);
        if used > self.map.layout().granules() / 2 && self.map.load(Word::Closed) == 0 {
            self.map.store(Word::Closed, RENEW);
        }
        let mut position = head.wrapping_add(slot.granules());
        loop {
            let slot = match self.consumer.look(position, &self.map) {
                Some(Found::Pad(slot) | Found::Busy(slot)) => slot,
                Some(Found::Record(len, slot)) => {
                    if !self.taken.contains(&position) {
                        if !self.copy(position, len, room, turn) {
                            return;
                        }
                        self.taken.insert(position);
                    }
                    slot
                }
                // What is wrong there is found when the head comes to it.
                None | Some(Found::Nothing | Found::Broken) => return,
            };
            position = position.wrapping_add(slot.granules());
        }
    }

    /// Whether the record at the head has been in the making for so long that its producer may be
    /// dead. Then it is not asked about again for as long.
    fn is_overdue(&mut self, slot: Slot, now: Instant) -> bool {
        match self.unfinished {
            Some((known, since)) if known == slot => {
                let is_overdue = now.saturating_duration_since(since) >= COPY_TIME;
                if is_overdue {
                    self.unfinished = Some((slot, now));
                }
                is_overdue
            }
            _ => {
                self.unfinished = Some((slot, now));
                false
            }
        }
    }

    /// Whether nobody will finish the record at the head.
    fn is_torn(&self, slot: Slot) -> bool {
        let is_dead = self.end.is_some()
            || (slot.owner() != 0 && self.knows_owners() && is_dead(slot.owner()));
        // It may have been finished just before.
        is_dead && self.consumer.look(self.consumer.head(), &self.map) == Some(Found::Busy(slot))
    }

    /// Whether the owners' thread ids count in our pid namespace.
    fn knows_owners(&self) -> bool {
        let namespace = fs::metadata("/proc/self/ns/pid").ok().map(|found| found.ino());
        namespace == Some(self.map.load(Word::PidNamespace))
    }

    /// Whether it is time to ask if anybody has the ring mapped.
    fn may_be_abandoned(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.checked) < CHECK_PACE {
            return false;
        }
        self.checked = now;
        let is_dead = self.pid.is_some_and(|pid| test_kill_process(pid) == Err(Errno::SRCH));
        is_dead || now.saturating_duration_since(self.probed) >= PROBE_PACE
    }

    /// Asks the kernel whether anybody has the ring mapped: the program, or a child that never wrote.
    /// Our own mapping must go for that.
    fn is_abandoned(&mut self) -> Result<bool, Error> {
        let file = self.file.as_raw_fd();
        // Without a right to write, so that it does not count; replaced at once.
        self.map = Map::new(file, Access::Rest)?;
        let is_abandoned = nlring::seal_if_unmapped(file);
        if is_abandoned {
            let granules = self.map.layout().granules();
            self.end = Some(self.consumer.head().wrapping_add(granules));
        } else {
            self.map = Map::new(file, Access::Shared)?;
        }
        Ok(is_abandoned)
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        self.map.store(Word::Closed, GONE);
    }
}

/// The clock of heartbeats, in milliseconds.
#[must_use]
pub fn now_ms() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(now.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1000).saturating_add(nanoseconds / 1_000_000)
}

/// Whether there is no such thread any more.
fn is_dead(tid: u32) -> bool {
    let Some(id) = i32::try_from(tid).ok().and_then(Pid::from_raw) else { return false };
    if test_kill_process(id) == Err(Errno::SRCH) {
        return true;
    }
    // One that its parent has not waited for answers still.
    let Ok(stat) = fs::read(format!("/proc/{tid}/stat")) else { return false };
    let state = stat.iter().rposition(|byte| *byte == b')').and_then(|at| stat.get(at..)?.get(2));
    matches!(state, Some(b'Z' | b'X'))
}

#[cfg(test)]
mod tests;
