//! Frames as gather lists: what the shim has encoded, and between it the caller's own bytes.
#![forbid(unsafe_code)]

use nlproto::FRAME_HEAD_LEN;
use nlproto::codec::{self, CALL_FRONT_LEN, MAX_NAME_LEN, PART_FRONT_LEN};
use nlproto::record::{CallHead, Record};

use super::Outcome;
use crate::process::Account;
use crate::view::{Span, View};

/// Most bytes of a frame written to a descriptor. The kernel queues a write of this size on a unix
/// socket as one piece, so the frames of threads and processes that share a connection never mix.
pub(super) const MAX_WRITE_LEN: usize = 16 * 1024;

/// Most bytes of control data in a record.
const MAX_CONTROL_LEN: usize = 4096;

/// Most spans of the caller's payload in one frame; more go into further frames.
const PAYLOAD_SPANS: usize = 11;

/// Front, address, length of the control data, control data, length of the payload, payload.
const SPANS: usize = 5 + PAYLOAD_SPANS;

/// Room for the records that have no bytes of the caller: Socket is the largest.
const SMALL_LEN: usize = FRAME_HEAD_LEN + 4 + 36;

/// A gather list in the making.
struct Gather {
    spans: [Span; SPANS],
    used: usize,
}

impl Gather {
    fn new() -> Self {
        Self { spans: [Span::EMPTY; SPANS], used: 0 }
    }

    fn push(&mut self, span: Span) {
        if let Some(place) = self.spans.get_mut(self.used) {
            *place = span;
            self.used = self.used.saturating_add(1);
        }
    }

    fn spans(&self) -> &[Span] {
        self.spans.get(..self.used).unwrap_or(&[])
    }
}

/// Encodes a record that has no bytes of the caller, and has it written.
pub(super) fn small(
    process: u64,
    number: u64,
    record: &Record<'_>,
    write: impl FnOnce(&[u8]) -> Outcome,
) -> Outcome {
    let mut room = [0_u8; SMALL_LEN];
    let len = codec::frame(&mut room, process, number, record).unwrap_or(0);
    match room.get(..len) {
        Some(bytes @ [_, ..]) => write(bytes),
        _ => Outcome::Full,
    }
}

/// Has a call written in frames of at most `max_len` bytes: its front with the first bytes moved,
/// then the rest in parts.
pub(super) fn call(
    process: u64,
    account: &Account,
    head: &CallHead,
    view: &View,
    max_len: usize,
    write: impl Fn(&[Span]) -> Outcome,
) -> Result<(), Outcome> {
    let write = |number, frame: &[Span]| match write(frame) {
        Outcome::Sent => Ok(()),
        // These are tried again.
        outcome @ (Outcome::Stolen | Outcome::Unreadable) => {
            account.give_back(number);
            Err(outcome)
        }
        outcome => Err(outcome),
    };
    let mut payload = view.payload();
    let control = view.control.first(MAX_CONTROL_LEN);
    let room = max_len.saturating_sub(CALL_FRONT_LEN + 8).saturating_sub(control.len());
    let mut spans = [Span::EMPTY; PAYLOAD_SPANS];
    let (used, taken) = payload.take(&mut spans, room);

    // The encoder leaves room for the address, where the gather list then has the caller's own.
    let blank = [0_u8; MAX_NAME_LEN];
    let name = view.name.first(MAX_NAME_LEN);
    let call = account.take_number();
    let mut front = [0_u8; CALL_FRONT_LEN];
    let front_len = codec::call_front(
        &mut front,
        process,
        call,
        head,
        view.iov_lens(),
        blank.get(..name.len()).unwrap_or(&[]),
        control.len(),
        taken,
    )
    .map_err(|_error| Outcome::Full)?;
    let name_end = front_len.checked_sub(8).ok_or(Outcome::Full)?;
    let name_start = name_end.checked_sub(name.len()).ok_or(Outcome::Full)?;

    let payload_len = (taken as u64).to_le_bytes();
    let mut gather = Gather::new();
    gather.push(Span::of(front.get(..name_start).unwrap_or(&[])));
    gather.push(name);
    gather.push(Span::of(front.get(name_end..front_len).unwrap_or(&[])));
    gather.push(control);
    gather.push(Span::of(&payload_len));
    for span in spans.iter().take(used) {
        gather.push(*span);
    }
    write(call, gather.spans())?;

    let mut offset = taken as u64;
    while payload.left() > 0 {
        let (used, taken) = payload.take(&mut spans, max_len.saturating_sub(PART_FRONT_LEN));
        if taken == 0 {
            break;
        }
        let number = account.take_number();
        let mut front = [0_u8; PART_FRONT_LEN];
        let len = codec::part_front(&mut front, process, number, call, offset, taken)
            .map_err(|_error| Outcome::Full)?;
        let mut gather = Gather::new();
        gather.push(Span::of(front.get(..len).unwrap_or(&[])));
        for span in spans.iter().take(used) {
            gather.push(*span);
        }
        write(number, gather.spans())?;
        offset = offset.saturating_add(taken as u64);
    }
    Ok(())
}
