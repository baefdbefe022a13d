//! Reading a stream: bytes in any portions in, frames out.

use crate::codec::{self, Error, FrameHead};
use crate::{FRAME_HEAD_LEN, MAGIC, PREAMBLE_LEN, SYNC};

/// What [`FrameReader::next`] found at the front of its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// A whole frame, and the body that [`codec::decode`] takes.
    Frame(FrameHead, &'a [u8]),
    /// A writer's preamble.
    Preamble,
    /// So many bytes begin no frame and were passed over.
    Skipped(usize),
    /// Nothing whole is left; at least so many more bytes are needed.
    NeedMore(usize),
}

/// Finds the frames of a stream in a buffer that its caller fills.
///
/// It keeps no bytes itself: each call looks at the unread rest of the caller's buffer and says how
/// much of it is done with. After bytes that begin no frame (a write torn by a full disk) it goes on
/// at the next one.
#[derive(Debug, Clone, Copy, Default)]
pub struct FrameReader {
    started: bool,
}

impl FrameReader {
    /// A reader at the beginning of a stream.
    #[must_use]
    pub const fn new() -> Self {
        Self { started: false }
    }

    /// Looks at the front of `rest`, and returns what is there and how many bytes it took.
    ///
    /// # Errors
    /// At the beginning of a stream [`Error::NotACapture`], and anywhere [`Error::Version`]:
    /// nothing more can be read from this stream.
    pub fn next<'a>(&mut self, rest: &'a [u8]) -> Result<(Event<'a>, usize), Error> {
        if !self.started {
            let Some(preamble) = rest.first_chunk::<PREAMBLE_LEN>() else {
                let n = rest.len().min(MAGIC.len());
                if rest.get(..n) != MAGIC.get(..n) {
                    return Err(Error::NotACapture);
                }
                return Ok((Event::NeedMore(PREAMBLE_LEN.saturating_sub(rest.len())), 0));
            };
            codec::check_preamble(preamble)?;
            self.started = true;
            return Ok((Event::Preamble, PREAMBLE_LEN));
        }
        if rest.first() == MAGIC.first() {
            match rest.first_chunk::<PREAMBLE_LEN>() {
                None if MAGIC.starts_with(rest.get(..MAGIC.len()).unwrap_or(rest)) => {
                    return Ok((Event::NeedMore(PREAMBLE_LEN.saturating_sub(rest.len())), 0));
                }
                Some(preamble) => match codec::check_preamble(preamble) {
                    Ok(()) => return Ok((Event::Preamble, PREAMBLE_LEN)),
                    Err(Error::NotACapture) => {}
                    Err(other) => return Err(other),
                },
                None => {}
            }
            return Ok(skip(rest));
        }
        let Some(head) = rest.first_chunk::<FRAME_HEAD_LEN>() else {
            let sync = SYNC.to_le_bytes();
            let n = rest.len().min(sync.len());
            if rest.get(..n) != sync.get(..n) {
                return Ok(skip(rest));
            }
            return Ok((Event::NeedMore(FRAME_HEAD_LEN.saturating_sub(rest.len())), 0));
        };
        let Ok(head) = FrameHead::from_bytes(head) else {
            return Ok(skip(rest));
        };
        let len = FRAME_HEAD_LEN.saturating_add(head.body_len as usize);
        let Some(body) = rest.get(FRAME_HEAD_LEN..len) else {
            return Ok((Event::NeedMore(len.saturating_sub(rest.len())), 0));
        };
        // What follows a whole frame begins another. If it does not, the frame was torn when its
        // body holds the beginning of a later one; else the damage lies behind it.
        if rest.get(len..).is_some_and(|next| !next.is_empty() && !begins(next)) {
            let with_lookahead = len.saturating_add(MAGIC.len()).min(rest.len());
            let (event, used) = skip(rest.get(..with_lookahead).unwrap_or(rest));
            if used < len {
                return Ok((event, used));
            }
        }
        Ok((Event::Frame(head, body), len))
    }
}

/// Whether these bytes may begin a frame or a preamble, as far as they go.
fn begins(bytes: &[u8]) -> bool {
    let starts = |mark: &[u8]| {
        let n = bytes.len().min(mark.len());
        n > 0 && bytes.get(..n) == mark.get(..n)
    };
    starts(&SYNC.to_le_bytes()) || starts(&MAGIC)
}

/// Passes over bytes up to the next that may begin a frame or a preamble; at least one.
///
/// A reader that has come to the end of a file while [`Event::NeedMore`] is all it gets calls this,
/// to find the whole frames behind a torn one.
#[must_use]
pub fn skip(rest: &[u8]) -> (Event<'_>, usize) {
    let mut at = 1;
    while at < rest.len() && !rest.get(at..).is_some_and(begins) {
        at = at.saturating_add(1);
    }
    let n = at.min(rest.len());
    (Event::Skipped(n), n)
}
