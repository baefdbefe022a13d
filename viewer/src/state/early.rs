//! Answers that are heard of before their request.
//!
//! A call is recorded when it has returned. Where one thread or process sends on a socket and another one
//! receives, the answer's record may so come before the request's. It is held back, and what is received on
//! that socket after it, until the request has come or so many other calls have that it never will.

use std::collections::VecDeque;

use nlproto::{Call, CallHead};

use super::process::Process;
use super::requests::Place;

/// Most calls that are held.
const MAX_COUNT: usize = 64;
/// Most bytes that are held of all of them.
const MAX_TOTAL_LEN: usize = 1 << 20;
/// After so many other calls one is not held any longer.
const MAX_AGE: u64 = 256;

/// A call that is held back, with the process as it was.
#[derive(Debug)]
pub struct Held {
    /// Whose call it is.
    pub process: Process,
    place: Place,
    since: u64,
    head: CallHead,
    iov_lens: Vec<u8>,
    name: Vec<u8>,
    control: Vec<u8>,
    payload: Vec<u8>,
}

impl Held {
    /// The call.
    #[must_use]
    pub fn call(&self) -> Call<'_> {
        Call {
            head: self.head,
            iov_lens: &self.iov_lens,
            name: &self.name,
            control: &self.control,
            payload: &self.payload,
        }
    }
}

/// The calls that are held back.
#[derive(Debug, Default)]
pub struct Early {
    /// Oldest first.
    all: VecDeque<Held>,
    len: usize,
}

impl Early {
    /// Whether none is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The oldest one that is held of a socket.
    #[must_use]
    pub fn first(&self, place: Place) -> Option<&Held> {
        self.all.iter().find(|held| held.place == place)
    }

    /// Holds a call back. `clock` counts calls.
    pub fn hold(&mut self, place: Place, process: &Process, call: &Call<'_>, clock: u64) {
        self.len = self.len.saturating_add(call.payload.len());
        self.all.push_back(Held {
            process: process.clone(),
            place,
            since: clock,
            head: call.head,
            iov_lens: call.iov_lens.to_vec(),
            name: call.name.to_vec(),
            control: call.control.to_vec(),
            payload: call.payload.to_vec(),
        });
    }

    /// Takes the oldest one of a socket.
    pub fn take(&mut self, place: Place) -> Option<Held> {
        let at = self.all.iter().position(|held| held.place == place)?;
        let held = self.all.remove(at)?;
        self.len = self.len.saturating_sub(held.payload.len());
        Some(held)
    }

    /// Takes the oldest one of a process.
    pub fn take_of(&mut self, process: u64) -> Option<Held> {
        let place = self.all.iter().find(|held| held.process.key == process)?.place;
        self.take(place)
    }

    /// Takes the oldest one of all.
    pub fn take_oldest(&mut self) -> Option<Held> {
        let place = self.all.front()?.place;
        self.take(place)
    }

    /// Takes the oldest one if it has been held for long enough, or too much is.
    pub fn take_overdue(&mut self, clock: u64) -> Option<Held> {
        let oldest = self.all.front()?;
        let is_overdue = clock.saturating_sub(oldest.since) > MAX_AGE
            || self.all.len() > MAX_COUNT
            || self.len > MAX_TOTAL_LEN;
        if is_overdue { self.take_oldest() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(early: &mut Early, place: u64, fd: i32, len: usize, clock: u64) {
        let head = CallHead { fd, ..CallHead::default() };
        let payload = vec![0; len];
        let call = Call { head, iov_lens: &[], name: &[1], control: &[2], payload: &payload };
        early.hold(Place::Inode(place), &Process::unknown(7), &call, clock);
    }

    #[test]
    fn what_is_held_comes_back_in_order() {
        let mut early = Early::default();
        for (place, fd) in [(1, 1), (2, 2), (1, 3)] {
            hold(&mut early, place, fd, 8, 0);
        }
        let fd = |held: Option<Held>| held.map(|held| held.call().head.fd);
        assert_eq!(fd(early.take(Place::Inode(3))), None);
        assert_eq!(early.first(Place::Inode(1)).map(|held| held.call().payload.len()), Some(8));
        assert_eq!(fd(early.take(Place::Inode(1))), Some(1));
        assert_eq!(fd(early.take_of(8)), None);
        assert_eq!(fd(early.take_of(7)), Some(2));
        assert_eq!(fd(early.take_oldest()), Some(3));
        assert!(early.is_empty());
    }

    #[test]
    fn what_is_held_is_bounded() {
        let mut early = Early::default();
        hold(&mut early, 1, 1, 8, 10);
        assert!(early.take_overdue(10 + MAX_AGE).is_none());
        assert!(early.take_overdue(11 + MAX_AGE).is_some());
        for number in 0..=MAX_COUNT as u64 {
            assert!(early.take_overdue(0).is_none());
            hold(&mut early, number, 1, 8, 0);
        }
        assert!(early.take_overdue(0).is_some() && early.take_overdue(0).is_none());
        hold(&mut early, 1, 1, MAX_TOTAL_LEN, 0);
        while early.take_overdue(0).is_some() {}
        assert!(early.len <= MAX_TOTAL_LEN && early.all.len() == 1);
    }
}
