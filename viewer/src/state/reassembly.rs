//! Records of many processes in, whole calls in order out; and what is missing between them.
//!
//! A process's threads hand over their records without waiting for each other, so frames may come a
//! little out of order: a number that has not come yet counts as lost only when many behind it have,
//! or when its process ends.

mod losses;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use nlproto::codec::FrameHead;
use nlproto::{Bye, Call, CallHead, Lost, Name, Part, Record};

use self::losses::{Losses, Numbers, REORDER_WINDOW};
use super::process::Process;

/// Unfinished calls of one process, one a thread that is in the middle of a big one.
const MAX_UNFINISHED: usize = 64;
/// Bytes of all unfinished calls. Beyond it the oldest of the process at hand is given up.
const MAX_UNFINISHED_LEN: usize = 64 << 20;
/// Processes remembered; beyond it the half not heard of for longest is forgotten.
const MAX_PROCESSES: usize = 4096;
/// Sockets remembered of one process.
const MAX_SOCKETS: usize = 4096;

/// Who is told.
pub trait Receiver {
    /// A process introduces itself.
    fn process(&mut self, process: &Process);
    /// A call, whole; or, if parts of it are lost, as much of its bytes as came without a hole.
    fn call(&mut self, process: &Process, call: &Call<'_>);
    /// Frames of a process are missing.
    fn lost(&mut self, process: &Process, count: u64);
    /// A process ended in an orderly way.
    fn bye(&mut self, process: &Process);
    /// No more will come of a process, whether it said that it ends or not.
    fn gone(&mut self, _process: &Process, _gone: Gone) {}
    /// A name that a viewer learned outside the stream.
    fn name(&mut self, name: &Name<'_>);
}

/// Why no more comes of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// It has ended.
    Ended,
    /// Nobody listens any more.
    Unheard,
}

/// Makes whole calls out of records.
#[derive(Debug, Default)]
pub struct Reassembly {
    processes: HashMap<u64, Entry>,
    /// Counts the frames, to know who was heard of last.
    clock: u64,
    /// Bytes of all unfinished calls.
    unfinished_len: usize,
}

#[derive(Debug)]
struct Entry {
    process: Process,
    numbers: Numbers,
    unfinished: Vec<Unfinished>,
    losses: Losses,
    heard: u64,
}

/// A call whose parts are coming.
#[derive(Debug)]
struct Unfinished {
    number: u64,
    /// The number of its latest frame.
    latest: u64,
    head: CallHead,
    iov_lens: Vec<u8>,
    name: Vec<u8>,
    control: Vec<u8>,
    payload: Vec<u8>,
}

impl Reassembly {
    /// Nothing known yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a record and passes on what it completes.
    pub fn accept(&mut self, head: &FrameHead, record: &Record<'_>, to: &mut impl Receiver) {
        self.accept_from(None, head, record, to);
    }

    /// Takes a record of the process that has this number here, if that is known.
    pub fn accept_from(
        &mut self,
        pid_here: Option<u32>,
        head: &FrameHead,
        record: &Record<'_>,
        to: &mut impl Receiver,
    ) {
        if let Record::Name(name) = record {
            // Written by viewers, who number theirs apart.
            return to.name(name);
        }
        self.clock = self.clock.saturating_add(1);
        if let Record::Hello(hello) = record {
            let mut process = Process::new(head.process, hello);
            process.pid_here = pid_here.filter(|pid| *pid != process.pid);
            self.introduce(head, process, to);
        }
        let clock = self.clock;
        let entry = self.processes.entry(head.process).or_insert_with(|| Entry {
            process: Process::unknown(head.process),
            numbers: Numbers::default(),
            unfinished: Vec::new(),
            losses: Losses::since(0),
            heard: 0,
        });
        entry.heard = clock;
        let missing = entry.numbers.saw(head.number);
        let lost = entry.losses.missing(missing);
        entry.lose(lost, to);
        match record {
            Record::Hello(_) | Record::Name(_) => {}
            Record::Socket(socket) => {
                let sockets = &mut entry.process.sockets;
                if sockets.len() < MAX_SOCKETS || sockets.contains_key(&socket.fd) {
                    sockets.insert(socket.fd, *socket);
                }
            }
            Record::Call(call) => entry.begin(head.number, call, &mut self.unfinished_len, to),
            Record::Part(part) => entry.go_on(head.number, part, &mut self.unfinished_len, to),
            Record::Lost(Lost { count, total }) => {
                let lost = entry.losses.reported(*total, *count);
                entry.lose(lost, to);
            }
            Record::Bye(Bye { lost: total }) => {
                entry.close(&mut self.unfinished_len, to);
                let lost = entry.losses.reported(*total, 0);
                entry.lose(lost, to);
                to.bye(&entry.process);
            }
        }
        entry.give_up_old(head.number, &mut self.unfinished_len, to);
        if self.processes.len() > MAX_PROCESSES {
            self.forget_half(to);
        }
    }

    /// No more will come of this process: passes on what is unfinished, and forgets it.
    pub fn end_process(&mut self, key: u64, to: &mut impl Receiver) {
        if let Some(mut entry) = self.processes.remove(&key) {
            entry.close(&mut self.unfinished_len, to);
            to.gone(&entry.process, Gone::Unheard);
        }
    }

    /// No more will come of these processes, which say that they lost so much together: what nobody
    /// has been told of was lost at their end, and is told as the last one's.
    pub fn end_processes(&mut self, keys: &[u64], lost: u64, gone: Gone, to: &mut impl Receiver) {
        let mut known = 0_u64;
        for (number, key) in (1..).zip(keys) {
            let Some(mut entry) = self.processes.remove(key) else { continue };
            entry.close(&mut self.unfinished_len, to);
            known = known.saturating_add(entry.process.lost);
            if number == keys.len() {
                entry.lose(lost.saturating_sub(known), to);
            }
            to.gone(&entry.process, gone);
        }
    }

    /// No more will come at all.
    pub fn end(&mut self, to: &mut impl Receiver) {
        let mut keys: Vec<u64> = self.processes.keys().copied().collect();
        keys.sort_unstable();
        for key in keys {
            self.end_process(key, to);
        }
    }

    /// Whether a process has said Hello, as its first word, and nothing else.
    #[must_use]
    pub fn is_silent(&self, key: u64) -> bool {
        self.processes.get(&key).is_some_and(|entry| entry.numbers.are_first())
    }

    /// The process with this key.
    #[must_use]
    pub fn process(&self, key: u64) -> Option<&Process> {
        self.processes.get(&key).map(|entry| &entry.process)
    }

    fn introduce(&mut self, head: &FrameHead, mut process: Process, to: &mut impl Receiver) {
        if process.forked {
            // A forked child has its parent's descriptors.
            let parent = self.processes.values().find(|entry| entry.process.pid == process.ppid);
            if let Some(parent) = parent {
                process.inherit(&parent.process);
            }
        }
        let entry = match self.processes.remove(&head.process) {
            // It lost its connection, and goes on by another.
            Some(mut entry) => {
                entry.give_up_all(&mut self.unfinished_len, to);
                process.lost = entry.process.lost;
                Entry { process, ..entry }
            }
            None => {
                to.process(&process);
                Entry {
                    process,
                    numbers: Numbers::since(head.number),
                    unfinished: Vec::new(),
                    losses: Losses::since(head.number),
                    heard: 0,
                }
            }
        };
        self.processes.insert(head.process, entry);
    }

    fn forget_half(&mut self, to: &mut impl Receiver) {
        let mut heard: Vec<(u64, u64)> =
            self.processes.iter().map(|(key, entry)| (entry.heard, *key)).collect();
        heard.sort_unstable();
        for (_, key) in heard.iter().take(MAX_PROCESSES / 2) {
            self.end_process(*key, to);
        }
    }
}

impl Entry {
    fn begin(&mut self, number: u64, call: &Call<'_>, held: &mut usize, to: &mut impl Receiver) {
        if call.payload.len() as u64 >= call.head.payload_total {
            self.pass_on(call, to);
            return;
        }
        if self.unfinished.len() >= MAX_UNFINISHED {
            self.give_up_first(held, to);
        }
        let call = Unfinished {
            number,
            latest: number,
            head: call.head,
            iov_lens: call.iov_lens.to_vec(),
            name: call.name.to_vec(),
            control: call.control.to_vec(),
            payload: call.payload.to_vec(),
        };
        *held = held.saturating_add(call.held());
        self.unfinished.push(call);
        self.give_up_while_too_much(held, to);
    }

    fn go_on(&mut self, number: u64, part: &Part<'_>, held: &mut usize, to: &mut impl Receiver) {
        // A part whose call is lost, or was given up, is told by the gap in the numbers.
        let Some(at) = self.unfinished.iter().position(|call| call.number == part.call) else {
            return;
        };
        let Some(call) = self.unfinished.get_mut(at) else { return };
        call.latest = number;
        if part.offset != call.payload.len() as u64 {
            // What lies behind a hole would be read as something that it is not.
            self.give_up(at, held, to);
            return;
        }
        call.payload.extend_from_slice(part.payload);
        *held = held.saturating_add(part.payload.len());
        if call.payload.len() as u64 >= call.head.payload_total {
            self.give_up(at, held, to);
        } else {
            self.give_up_while_too_much(held, to);
        }
    }

    /// Passes on an unfinished call, as far as it came.
    fn give_up(&mut self, at: usize, held: &mut usize, to: &mut impl Receiver) {
        if at >= self.unfinished.len() {
            return;
        }
        let call = self.unfinished.remove(at);
        *held = held.saturating_sub(call.held());
        self.pass_on(&call.as_call(), to);
    }

    fn give_up_first(&mut self, held: &mut usize, to: &mut impl Receiver) {
        self.give_up(0, held, to);
    }

    fn give_up_while_too_much(&mut self, held: &mut usize, to: &mut impl Receiver) {
        while *held > MAX_UNFINISHED_LEN && !self.unfinished.is_empty() {
            self.give_up_first(held, to);
        }
    }

    /// Gives up calls of which nothing has come for long.
    fn give_up_old(&mut self, number: u64, held: &mut usize, to: &mut impl Receiver) {
        let is_old = |call: &Unfinished| call.latest.saturating_add(REORDER_WINDOW) < number;
        while let Some(at) = self.unfinished.iter().position(is_old) {
            self.give_up(at, held, to);
        }
    }

    fn pass_on(&mut self, call: &Call<'_>, to: &mut impl Receiver) {
        to.call(&self.process, call);
        self.process.after(call);
    }

    fn lose(&mut self, count: u64, to: &mut impl Receiver) {
        if count > 0 {
            self.process.lost = self.process.lost.saturating_add(count);
            to.lost(&self.process, count);
        }
    }

    fn give_up_all(&mut self, held: &mut usize, to: &mut impl Receiver) {
        while !self.unfinished.is_empty() {
            self.give_up_first(held, to);
        }
    }

    /// Passes on all that is unfinished, and counts what never came.
    fn close(&mut self, held: &mut usize, to: &mut impl Receiver) {
        self.give_up_all(held, to);
        let missing = self.numbers.close();
        let lost = self.losses.missing(missing);
        self.lose(lost, to);
    }
}

impl Unfinished {
    /// Bytes that it holds.
    fn held(&self) -> usize {
        [&self.iov_lens, &self.name, &self.control, &self.payload].iter().map(|v| v.len()).sum()
    }

    fn as_call(&self) -> Call<'_> {
        Call {
            head: self.head,
            iov_lens: &self.iov_lens,
            name: &self.name,
            control: &self.control,
            payload: &self.payload,
        }
    }
}
