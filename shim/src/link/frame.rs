//! Frames as gather lists: what the shim has encoded, and between it the caller's own bytes.
#![forbid(unsafe_code)]

use nlproto::FRAME_HEAD_LEN;
use nlproto::codec::{
    self, CALL_FRONT_LEN, CallFront, MAX_NAME_LEN, PART_FRONT_LEN, call_front_len,
};
use nlproto::record::{CallHead, Record};

use super::Outcome;
use crate::process::Account;
use crate::view::{Payload, Span, View};

/// Most bytes of a frame written to a descriptor. The kernel queues a write of this size on a unix
/// socket as one piece, so the frames of threads and processes that share a connection never mix.
pub(super) const MAX_WRITE_LEN: usize = 16 * 1024;

/// Most bytes of control data in a record.
const MAX_CONTROL_LEN: usize = 4096;

/// Most spans of the caller's payload in one frame; more go into further frames.
const PAYLOAD_SPANS: usize = 11;

/// Spans before the payload's: a front in three pieces, with address and control data in between.
const FRONT_SPANS: usize = 5;

/// Most iovecs of a call for which little room is enough, which are nearly all.
const FEW_IOVECS: usize = 4;

/// Room for the records that have no bytes of the caller: Socket is the largest.
const SMALL_LEN: usize = FRAME_HEAD_LEN + 4 + 36;

/// A gather list in the making.
struct Gather<const SPANS: usize> {
    spans: [Span; SPANS],
    used: usize,
}

impl<const SPANS: usize> Gather<SPANS> {
    fn new() -> Self {
        Self { spans: [Span::EMPTY; SPANS], used: 0 }
    }

    #[inline]
    fn push(&mut self, span: Span) {
        if span.len() == 0 {
            return;
        }
        if let Some(place) = self.spans.get_mut(self.used) {
            *place = span;
            self.used = self.used.saturating_add(1);
        }
    }

    /// A call's front, with what belongs at its cuts.
    #[inline]
    fn front(&mut self, bytes: &[u8], front: CallFront, name: Span, control: Span) {
        let piece = |from, to| Span::of(bytes.get(from..to).unwrap_or(&[]));
        if name.len() == 0 && control.len() == 0 {
            return self.push(piece(0, front.len));
        }
        self.push(piece(0, front.name_at));
        self.push(name);
        self.push(piece(front.name_at, front.control_at));
        self.push(control);
        self.push(piece(front.control_at, front.len));
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
#[inline]
pub(super) fn call(
    process: u64,
    account: &Account,
    head: &CallHead,
    view: &View,
    max_len: usize,
    write: impl Fn(&[Span]) -> Outcome,
) -> Result<(), Outcome> {
    let mut payload = view.payload();
    let number = account.take_number();
    let call = Call { process, account, number, max_len };
    if view.iov_lens().len() <= FEW_IOVECS {
        const ROOM: usize = call_front_len(FEW_IOVECS);
        const SPANS: usize = FRONT_SPANS + FEW_IOVECS;
        call.begin::<ROOM, FEW_IOVECS, SPANS>(head, view, &mut payload, &write)?;
    } else {
        const SPANS: usize = FRONT_SPANS + PAYLOAD_SPANS;
        call.begin::<CALL_FRONT_LEN, PAYLOAD_SPANS, SPANS>(head, view, &mut payload, &write)?;
    }
    if payload.left() > 0 { call.go_on(&mut payload, &write) } else { Ok(()) }
}

/// A call on its way.
struct Call<'a> {
    process: u64,
    account: &'a Account,
    /// Of its first frame.
    number: u64,
    max_len: usize,
}

impl Call<'_> {
    /// Writes the first frame.
    #[inline]
    fn begin<const ROOM: usize, const PAYLOAD: usize, const SPANS: usize>(
        &self,
        head: &CallHead,
        view: &View,
        payload: &mut Payload,
        write: impl Fn(&[Span]) -> Outcome,
    ) -> Result<(), Outcome> {
        let name = view.name.first(MAX_NAME_LEN);
        let control = view.control.first(MAX_CONTROL_LEN);
        let around = CALL_FRONT_LEN.saturating_add(name.len()).saturating_add(control.len());
        let mut spans = [Span::EMPTY; PAYLOAD];
        let (used, taken) = payload.take(&mut spans, self.max_len.saturating_sub(around));
        let mut room = [0_u8; ROOM];
        let ids = (self.process, self.number);
        let lens = (name.len(), control.len(), taken);
        let front = codec::call_front(&mut room, ids, head, view.iov_lens(), lens)
            .map_err(|_error| Outcome::Full)?;
        let mut gather = Gather::<SPANS>::new();
        gather.front(&room, front, name, control);
        for span in spans.iter().take(used) {
            gather.push(*span);
        }
        self.write(self.number, &gather, write)
    }

    /// Writes the frames after the first.
    #[cold]
    fn go_on(
        &self,
        payload: &mut Payload,
        write: impl Fn(&[Span]) -> Outcome,
    ) -> Result<(), Outcome> {
        let whole = payload.moved();
        while payload.left() > 0 {
            let offset = whole.saturating_sub(payload.left()) as u64;
            let mut spans = [Span::EMPTY; PAYLOAD_SPANS];
            let (used, taken) =
                payload.take(&mut spans, self.max_len.saturating_sub(PART_FRONT_LEN));
            if taken == 0 {
                break;
            }
            let number = self.account.take_number();
            let mut front = [0_u8; PART_FRONT_LEN];
            let len =
                codec::part_front(&mut front, self.process, number, self.number, offset, taken)
                    .map_err(|_error| Outcome::Full)?;
            let mut gather = Gather::<{ 1 + PAYLOAD_SPANS }>::new();
            gather.push(Span::of(front.get(..len).unwrap_or(&[])));
            for span in spans.iter().take(used) {
                gather.push(*span);
            }
            match self.write(number, &gather, &write) {
                // The frames before are in there, so that this is not tried again.
                Err(Outcome::Stuck) => return Err(Outcome::Full),
                other => other?,
            }
        }
        Ok(())
    }

    #[inline]
    fn write<const SPANS: usize>(
        &self,
        number: u64,
        gather: &Gather<SPANS>,
        write: impl Fn(&[Span]) -> Outcome,
    ) -> Result<(), Outcome> {
        match write(gather.spans()) {
            Outcome::Sent => Ok(()),
            // These are tried again.
            outcome @ (Outcome::Stolen | Outcome::Stuck | Outcome::Unreadable) => {
                self.account.give_back(number);
                Err(outcome)
            }
            outcome => Err(outcome),
        }
    }
}
