//! A capture without key material: the frames as they came, with zeros where it was.
//!
//! Where it stands is known once a call is whole, so frames of a call in parts wait until then, and
//! behind them all others of their process, for the order matters to who reads them. What cannot be
//! decoded (a part whose call is lost, a family that nobody knows) is blanked as a whole.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;

use nlproto::codec::FrameHead;
use nlproto::{CallHead, Function, Part, Record};

use crate::decode::{Direction, Engine, NoRequests, secrets};
use crate::state::names::NameTable;
use crate::state::process::Process;
use nlproto::function::Kind;

/// Bytes that may wait for the rest of their calls; beyond it the oldest call is taken as it is.
const MOST_WAITING: usize = 64 << 20;
/// Frames of a process that may wait.
const MOST_FRAMES: usize = 1 << 14;

/// What is needed to know key material when it is seen.
pub(super) struct Knowledge<'k> {
    pub(super) registry: &'k crate::spec::Registry,
    pub(super) names: &'k NameTable,
    pub(super) process: Option<&'k Process>,
}

/// Frames on their way into a capture.
#[derive(Debug, Default)]
pub(super) struct Redactor {
    processes: HashMap<u64, Queue>,
    waiting_len: usize,
}

/// The frames of one process that wait, in order.
#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Waiting>,
    calls: HashMap<u64, Progress>,
}

#[derive(Debug)]
struct Waiting {
    frame: Vec<u8>,
    /// The call that has to be whole first, and how many bytes of it this frame has, at its end.
    call: Option<(u64, usize)>,
}

/// How far a call in parts has come.
#[derive(Debug)]
struct Progress {
    head: CallHead,
    have: u64,
}

impl Redactor {
    /// Takes a frame; hands on, blanked, what nothing has to be waited for any more.
    pub(super) fn frame(
        &mut self,
        head: &FrameHead,
        record: &Record<'_>,
        whole: &[u8],
        knowledge: &Knowledge<'_>,
        out: &mut dyn FnMut(&[u8]),
    ) {
        let queue = self.processes.entry(head.process).or_default();
        let mut frame = whole.to_vec();
        let call = match record {
            Record::Call(call) => {
                let len = call.payload.len();
                if len as u64 >= call.head.payload_total {
                    let hidden = hidden(&call.head, call.payload, knowledge);
                    let from = frame.len().saturating_sub(len);
                    blank(&mut frame, from, 0, &hidden);
                    None
                } else {
                    let progress = Progress { head: call.head, have: len as u64 };
                    queue.calls.insert(head.number, progress);
                    Some((head.number, len))
                }
            }
            Record::Part(Part { call, offset, payload }) => match queue.calls.get_mut(call) {
                Some(progress) if progress.have == *offset => {
                    progress.have = offset.saturating_add(payload.len() as u64);
                    Some((*call, payload.len()))
                }
                _ => {
                    // Nothing tells what it is a part of.
                    let from = frame.len().saturating_sub(payload.len());
                    frame.get_mut(from..).unwrap_or(&mut []).fill(0);
                    None
                }
            },
            _ => None,
        };
        if call.is_none() && queue.frames.is_empty() {
            out(&frame);
            self.processes.remove(&head.process);
            return;
        }
        self.waiting_len = self.waiting_len.saturating_add(frame.len());
        queue.frames.push_back(Waiting { frame, call });
        if let Some((number, _)) = call
            && queue.calls.get(&number).is_some_and(|p| p.have >= p.head.payload_total)
        {
            queue.settle(number, knowledge);
        }
        while self.waiting_len > MOST_WAITING || queue.frames.len() > MOST_FRAMES {
            let Some((oldest, _)) = queue.frames.front().and_then(|waiting| waiting.call) else {
                break;
            };
            queue.settle(oldest, knowledge);
            self.waiting_len = self.waiting_len.saturating_sub(queue.pass_on(out));
        }
        self.waiting_len = self.waiting_len.saturating_sub(queue.pass_on(out));
        if queue.frames.is_empty() {
            self.processes.remove(&head.process);
        }
    }

    /// No more will come of a process.
    pub(super) fn end(
        &mut self,
        process: u64,
        knowledge: &Knowledge<'_>,
        out: &mut dyn FnMut(&[u8]),
    ) {
        let Some(mut queue) = self.processes.remove(&process) else { return };
        let calls: Vec<u64> = queue.calls.keys().copied().collect();
        for call in calls {
            queue.settle(call, knowledge);
        }
        self.waiting_len = self.waiting_len.saturating_sub(queue.pass_on(out));
    }

    /// The processes of which something waits.
    pub(super) fn processes(&self) -> Vec<u64> {
        self.processes.keys().copied().collect()
    }
}

impl Queue {
    /// Blanks a call as far as it has come; its frames wait for it no more.
    fn settle(&mut self, number: u64, knowledge: &Knowledge<'_>) {
        let Some(progress) = self.calls.remove(&number) else { return };
        let is_of = |waiting: &Waiting| waiting.call.is_some_and(|(call, _)| call == number);
        let mut bytes = Vec::new();
        for Waiting { frame, call } in self.frames.iter().filter(|waiting| is_of(waiting)) {
            let len = call.map_or(0, |(_, len)| len);
            bytes.extend_from_slice(frame.get(frame.len().saturating_sub(len)..).unwrap_or(&[]));
        }
        let hidden = hidden(&progress.head, &bytes, knowledge);
        let mut offset = 0;
        for waiting in self.frames.iter_mut().filter(|waiting| is_of(waiting)) {
            let len = waiting.call.take().map_or(0, |(_, len)| len);
            let from = waiting.frame.len().saturating_sub(len);
            blank(&mut waiting.frame, from, offset, &hidden);
            offset = offset.saturating_add(len);
        }
    }

    /// Hands on the frames in front that wait for nothing, and counts their bytes.
    fn pass_on(&mut self, out: &mut dyn FnMut(&[u8])) -> usize {
        let mut len = 0_usize;
        while self.frames.front().is_some_and(|waiting| waiting.call.is_none()) {
            let Some(Waiting { frame, .. }) = self.frames.pop_front() else { break };
            len = len.saturating_add(frame.len());
            out(&frame);
        }
        len
    }
}

/// Blanks what of a call's hidden ranges lies in a frame, whose bytes from `from` on are those of the
/// call from `offset` on.
fn blank(frame: &mut [u8], from: usize, offset: usize, hidden: &[Range<usize>]) {
    let Some(payload) = frame.get_mut(from..) else { return };
    let len = payload.len();
    for range in hidden {
        let start = range.start.saturating_sub(offset).min(len);
        let end = range.end.saturating_sub(offset).min(len);
        payload.get_mut(start..end).unwrap_or(&mut []).fill(0);
    }
}

/// What must not be seen of the bytes that a call moved.
fn hidden(head: &CallHead, bytes: &[u8], knowledge: &Knowledge<'_>) -> Vec<Range<usize>> {
    let all = || std::iter::once(0..bytes.len()).collect();
    let Some(function) = Function::from_number(head.function) else { return all() };
    let direction = match function.kind() {
        Kind::Send => Direction::Send,
        Kind::Receive => Direction::Receive,
        // An option's value, or nothing.
        _ => return Vec::new(),
    };
    let Ok(protocol) = u32::try_from(head.protocol) else { return all() };
    let names = knowledge.names.scope(knowledge.process, head.fd);
    let requests = &NoRequests;
    let engine = Engine { registry: knowledge.registry, names: &names, requests };
    secrets(&engine, protocol, direction, bytes)
}
