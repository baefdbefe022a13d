//! One stream's bytes, in whatever portions they come, cut into frames.

use nlproto::codec::FrameHead;
use nlproto::{Event, FrameReader, capture};

/// What a stream consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A frame: its head, all of its bytes, and the body among them.
    Frame(FrameHead, &'a [u8], &'a [u8]),
    /// So many bytes belong to no frame.
    Skipped(usize),
}

/// Cuts a stream into frames, keeping the beginning of a frame until its end comes.
///
/// It holds at most one frame (a mebibyte) of its own; whole frames are handed on where they lie.
#[derive(Debug, Default)]
pub struct Stream {
    reader: FrameReader,
    /// The beginning of a frame.
    rest: Vec<u8>,
    frames: u64,
}

/// Bytes of the next frame that are looked at along with a kept one, to see whether it is whole or
/// torn: as many as a frame or a preamble is known by.
const LOOKAHEAD: usize = 8;

impl Stream {
    /// A stream of which nothing has come yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many frames have been handed on.
    #[must_use]
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    /// Takes the next bytes, and hands on every frame that is now whole.
    ///
    /// # Errors
    /// The stream is no stream, or one of another version: nothing more can be had from it.
    pub fn feed(
        &mut self,
        mut bytes: &[u8],
        take: &mut impl FnMut(Piece<'_>),
    ) -> Result<(), nlproto::Error> {
        while !self.rest.is_empty() {
            // Only what the kept frame lacks is copied; the frames behind it are read in place.
            let lacking = match self.reader.next(&self.rest)? {
                (Event::NeedMore(n), _) => n,
                _ => 0,
            };
            let wanted = lacking.saturating_add(LOOKAHEAD).min(bytes.len());
            let (more, behind) = bytes.split_at_checked(wanted).unwrap_or((bytes, &[]));
            self.rest.extend_from_slice(more);
            let used = walk(&mut self.reader, &mut self.frames, &self.rest, take)?;
            let unread = self.rest.len().saturating_sub(used);
            if unread <= more.len() {
                // The kept bytes are done with; what is unread lies in `bytes` as well.
                self.rest.clear();
                bytes = bytes.get(more.len().saturating_sub(unread)..).unwrap_or_default();
            } else {
                self.rest.drain(..used);
                bytes = behind;
                if bytes.is_empty() {
                    return Ok(());
                }
            }
        }
        let used = walk(&mut self.reader, &mut self.frames, bytes, take)?;
        self.rest.extend_from_slice(bytes.get(used..).unwrap_or_default());
        Ok(())
    }

    /// Ends the stream: hands on what whole frames lie behind a torn one, and returns how many bytes
    /// at the end belong to a frame that is cut short.
    pub fn finish(mut self, take: &mut impl FnMut(Piece<'_>)) -> usize {
        let mut rest = self.rest.as_slice();
        let mut torn = 0_usize;
        while !rest.is_empty() {
            let used = match self.reader.next(rest) {
                Ok((Event::NeedMore(_), _)) => {
                    let (_, n) = capture::skip(rest);
                    torn = torn.saturating_add(n);
                    n
                }
                Ok((Event::Skipped(n), _)) => {
                    torn = torn.saturating_add(n);
                    n
                }
                Ok((Event::Frame(head, body), n)) => {
                    if torn > 0 {
                        take(Piece::Skipped(torn));
                        torn = 0;
                    }
                    take(Piece::Frame(head, rest.get(..n).unwrap_or_default(), body));
                    n
                }
                Ok((Event::Preamble, n)) => n,
                Err(_) => {
                    torn = torn.saturating_add(rest.len());
                    rest.len()
                }
            };
            rest = rest.get(used..).unwrap_or_default();
        }
        torn
    }
}

/// Hands on the whole frames at the front of `bytes` and returns how many bytes they take.
fn walk(
    reader: &mut FrameReader,
    frames: &mut u64,
    bytes: &[u8],
    take: &mut impl FnMut(Piece<'_>),
) -> Result<usize, nlproto::Error> {
    let mut at = 0_usize;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let (event, used) = reader.next(rest)?;
        match event {
            Event::Frame(head, body) => {
                *frames = frames.saturating_add(1);
                take(Piece::Frame(head, rest.get(..used).unwrap_or_default(), body));
            }
            Event::Skipped(n) => take(Piece::Skipped(n)),
            Event::Preamble => {}
            Event::NeedMore(_) => return Ok(at),
        }
        at = at.saturating_add(used);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nlproto::codec::{frame, preamble};
    use nlproto::{Bye, Part, Record};

    /// A preamble and three frames: a short one, a long one, a short one.
    fn sample() -> Vec<u8> {
        let payload = [0x4e; 3000];
        let records = [
            Record::Bye(Bye { lost: 1 }),
            Record::Part(Part { call: 7, offset: 0, payload: &payload }),
            Record::Bye(Bye { lost: 2 }),
        ];
        let mut stream = preamble().to_vec();
        for (number, record) in (0..).zip(&records) {
            let mut room = [0; 4096];
            let n = frame(&mut room, 9, number, record).unwrap();
            stream.extend_from_slice(&room[..n]);
        }
        stream
    }

    fn cut(bytes: &[u8], portion: usize) -> (Vec<Result<u64, usize>>, usize) {
        let mut found = Vec::new();
        let mut take = |piece: Piece<'_>| match piece {
            Piece::Frame(head, raw, body) => {
                assert!(raw.ends_with(body));
                found.push(Ok(head.number));
            }
            Piece::Skipped(n) => found.push(Err(n)),
        };
        let mut stream = Stream::new();
        for bytes in bytes.chunks(portion) {
            stream.feed(bytes, &mut take).unwrap();
        }
        let left = stream.finish(&mut take);
        (found, left)
    }

    #[test]
    fn portions_of_any_size_give_the_same_frames() {
        let bytes = sample();
        for portion in (1..100).chain([1000, 3000, bytes.len()]) {
            assert_eq!(cut(&bytes, portion), (vec![Ok(0), Ok(1), Ok(2)], 0), "portion {portion}");
        }
    }

    #[test]
    fn a_cut_stream_gives_what_is_whole() {
        let bytes = sample();
        for len in 0..bytes.len() {
            let (found, left) = cut(&bytes[..len], 64);
            let whole: Vec<_> = found.iter().filter_map(|f| f.ok()).collect();
            assert!([0, 1, 2].starts_with(&whole), "length {len}");
            assert!(found.iter().all(Result::is_ok), "length {len}");
            assert!(left < 3100, "length {len}");
        }
    }

    #[test]
    fn frames_behind_a_torn_one_are_found() {
        let bytes = sample();
        let (head, tail) = (&bytes[..2000], &bytes[bytes.len() - 36..]);
        let torn = [head, tail].concat();
        for portion in [7, 100, torn.len()] {
            let (found, left) = cut(&torn, portion);
            assert_eq!(found.first(), Some(&Ok(0)), "portion {portion}");
            assert_eq!(found.last(), Some(&Ok(2)), "portion {portion}");
            assert_eq!(left, 0);
        }
    }

    #[test]
    fn other_versions_are_refused() {
        let mut bytes = sample();
        bytes[8] = 9;
        assert_eq!(Stream::new().feed(&bytes, &mut |_| {}), Err(nlproto::Error::Version(9)));
    }
}
