//! Encoding and decoding of frames; the only file that knows bincode.
//!
//! Nothing here allocates, and nothing panics whatever the bytes.

use core::fmt;

use crate::record::{CALL_HEAD_LEN, CallHead, MAX_IOV_LENS, Part, Record};
use crate::{FRAME_HEAD_LEN, MAGIC, MAX_BODY_LEN, PREAMBLE_LEN, SYNC, VERSION};

const CONFIG: bincode::config::Configuration<
    bincode::config::LittleEndian,
    bincode::config::Fixint,
    bincode::config::NoLimit,
> = bincode::config::standard().with_little_endian().with_fixed_int_encoding();

/// The tag of [`Record::Call`] in its encoding.
const CALL_TAG: u32 = 2;
/// The tag of [`Record::Part`] in its encoding.
const PART_TAG: u32 = 3;

/// Longest address that a call may have, in bytes: `struct sockaddr_storage`.
pub const MAX_NAME_LEN: usize = 128;

/// Room that the front of a call needs with so many iovecs listed; see [`call_front`].
#[must_use]
pub const fn call_front_len(iov_lens: usize) -> usize {
    FRAME_HEAD_LEN + 4 + CALL_HEAD_LEN + 8 + 8 * iov_lens + 8 + CALL_CUTS_LEN
}

/// Room that [`call_front`] needs at most.
pub const CALL_FRONT_LEN: usize = call_front_len(MAX_IOV_LENS);

/// The lengths at the end of a call's front: of its control data and of its payload.
const CALL_CUTS_LEN: usize = 8 + 8;

/// Room that [`part_front`] needs.
pub const PART_FRONT_LEN: usize = FRAME_HEAD_LEN + 4 + 8 + 8 + 8;

/// Why bytes could not be encoded or decoded. Cheap to make, so that bad input is as fast as good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The output has too little room.
    NoRoom,
    /// The input ends before the record does.
    Truncated,
    /// A frame says that its body is longer than any may be.
    TooLong(u32),
    /// The stream does not begin with [`crate::MAGIC`].
    NotACapture,
    /// The stream is of another version.
    Version(u16),
    /// A frame does not begin with [`crate::SYNC`].
    NotAFrame,
    /// A body is no record of this version.
    Malformed,
    /// A record is followed by bytes that do not belong to it.
    Trailing(usize),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NoRoom => write!(f, "no room for the record"),
            Self::Truncated => write!(f, "the record is cut short"),
            Self::TooLong(len) => {
                write!(f, "a frame of {len} bytes is longer than the {MAX_BODY_LEN} allowed")
            }
            Self::NotACapture => write!(f, "not a capture (its first bytes are not \\x89NLCAP)"),
            Self::Version(v) => {
                write!(f, "stream version {v}, but this program reads version {VERSION}")
            }
            Self::NotAFrame => write!(f, "bytes that begin no frame"),
            Self::Malformed => write!(f, "a frame that holds no record of version {VERSION}"),
            Self::Trailing(n) => write!(f, "{n} bytes after the end of a record"),
        }
    }
}

impl core::error::Error for Error {}

/// The 16 bytes that begin a stream.
#[must_use]
pub const fn preamble() -> [u8; PREAMBLE_LEN] {
    let [m0, m1, m2, m3, m4, m5, m6, m7] = MAGIC;
    let [v0, v1] = VERSION.to_le_bytes();
    [m0, m1, m2, m3, m4, m5, m6, m7, v0, v1, 0, 0, 0, 0, 0, 0]
}

/// Checks a preamble.
///
/// # Errors
/// [`Error::NotACapture`], or [`Error::Version`] if it is one of another version.
pub fn check_preamble(bytes: &[u8; PREAMBLE_LEN]) -> Result<(), Error> {
    let [m0, m1, m2, m3, m4, m5, m6, m7, v0, v1, ..] = *bytes;
    if [m0, m1, m2, m3, m4, m5, m6, m7] != MAGIC {
        return Err(Error::NotACapture);
    }
    match u16::from_le_bytes([v0, v1]) {
        VERSION => Ok(()),
        other => Err(Error::Version(other)),
    }
}

/// The head of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHead {
    /// Length of the body in bytes.
    pub body_len: u32,
    /// The writing process, unique within the stream.
    pub process: u64,
    /// Counts the process's frames, from 0.
    pub number: u64,
}

impl FrameHead {
    /// The head's bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; FRAME_HEAD_LEN] {
        let [s0, s1, s2, s3] = SYNC.to_le_bytes();
        let [l0, l1, l2, l3] = self.body_len.to_le_bytes();
        let [p0, p1, p2, p3, p4, p5, p6, p7] = self.process.to_le_bytes();
        let [n0, n1, n2, n3, n4, n5, n6, n7] = self.number.to_le_bytes();
        [
            s0, s1, s2, s3, l0, l1, l2, l3, p0, p1, p2, p3, p4, p5, p6, p7, n0, n1, n2, n3, n4, n5,
            n6, n7,
        ]
    }

    /// Reads a head.
    ///
    /// # Errors
    /// [`Error::NotAFrame`] or [`Error::TooLong`].
    pub fn from_bytes(bytes: &[u8; FRAME_HEAD_LEN]) -> Result<Self, Error> {
        let [
            s0,
            s1,
            s2,
            s3,
            l0,
            l1,
            l2,
            l3,
            p0,
            p1,
            p2,
            p3,
            p4,
            p5,
            p6,
            p7,
            n0,
            n1,
            n2,
            n3,
            n4,
            n5,
            n6,
            n7,
        ] = *bytes;
        if u32::from_le_bytes([s0, s1, s2, s3]) != SYNC {
            return Err(Error::NotAFrame);
        }
        let body_len = u32::from_le_bytes([l0, l1, l2, l3]);
        if body_len as usize > MAX_BODY_LEN {
            return Err(Error::TooLong(body_len));
        }
        Ok(Self {
            body_len,
            process: u64::from_le_bytes([p0, p1, p2, p3, p4, p5, p6, p7]),
            number: u64::from_le_bytes([n0, n1, n2, n3, n4, n5, n6, n7]),
        })
    }
}

/// Writes bytes into a slice from its front; fails rather than panics.
struct Out<'o> {
    room: &'o mut [u8],
    written: usize,
}

impl Out<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let end = self.written.checked_add(bytes.len()).ok_or(Error::NoRoom)?;
        let room = self.room.get_mut(self.written..end).ok_or(Error::NoRoom)?;
        room.copy_from_slice(bytes);
        self.written = end;
        Ok(())
    }

    fn put_len(&mut self, len: usize) -> Result<(), Error> {
        self.put(&(len as u64).to_le_bytes())
    }

    fn put_record<T: serde::Serialize>(&mut self, value: &T) -> Result<(), Error> {
        let room = self.room.get_mut(self.written..).ok_or(Error::NoRoom)?;
        let n = bincode::serde::encode_into_slice(value, room, CONFIG)
            .map_err(|_error| Error::NoRoom)?;
        self.written = self.written.checked_add(n).ok_or(Error::NoRoom)?;
        Ok(())
    }

    fn finish(self, head: FrameHead, tail_len: usize) -> Result<usize, Error> {
        let len = self.written.checked_sub(FRAME_HEAD_LEN).ok_or(Error::NoRoom)?;
        let body_len = len.checked_add(tail_len).ok_or(Error::NoRoom)?;
        if body_len > MAX_BODY_LEN {
            return Err(Error::NoRoom);
        }
        let body_len = u32::try_from(body_len).map_err(|_error| Error::NoRoom)?;
        let room = self.room.get_mut(..FRAME_HEAD_LEN).ok_or(Error::NoRoom)?;
        room.copy_from_slice(&FrameHead { body_len, ..head }.to_bytes());
        Ok(self.written)
    }
}

/// Encodes a whole frame and returns its length.
///
/// # Errors
/// [`Error::NoRoom`] if `room` is too small or the body too long.
pub fn frame(
    room: &mut [u8],
    process: u64,
    number: u64,
    record: &Record<'_>,
) -> Result<usize, Error> {
    let mut out = Out { room, written: FRAME_HEAD_LEN };
    out.put_record(record)?;
    out.finish(FrameHead { body_len: 0, process, number }, 0)
}

/// A call's front, and where what the caller has belongs in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallFront {
    /// Length of the front in bytes.
    pub len: usize,
    /// The address goes before this byte of it.
    pub name_at: usize,
    /// The control data goes before this byte of it.
    pub control_at: usize,
}

/// Encodes the frame of a [`Call`](crate::Call) but for the bytes that the caller has: an address, control
/// data and the payload, of the lengths given. The first two belong at the cuts that are returned, the
/// payload at the end; with them the frame is whole.
///
/// `iov_lens` beyond [`MAX_IOV_LENS`] are left out; `room` of [`call_front_len`] bytes is enough.
///
/// # Errors
/// [`Error::NoRoom`] if `room` is too small or the body too long.
#[inline]
pub fn call_front(
    room: &mut [u8],
    (process, number): (u64, u64),
    head: &CallHead,
    iov_lens: impl ExactSizeIterator<Item = u64>,
    (name_len, control_len, payload_len): (usize, usize, usize),
) -> Result<CallFront, Error> {
    let listed = iov_lens.len().min(MAX_IOV_LENS);
    let len = call_front_len(listed);
    let body_len = (len - FRAME_HEAD_LEN)
        .checked_add(name_len)
        .and_then(|sum| sum.checked_add(control_len))
        .and_then(|sum| sum.checked_add(payload_len))
        .filter(|sum| *sum <= MAX_BODY_LEN)
        .and_then(|sum| u32::try_from(sum).ok())
        .ok_or(Error::NoRoom)?;
    let room = room.get_mut(..len).ok_or(Error::NoRoom)?;
    let front = Front(room)
        .put(FrameHead { body_len, process, number }.to_bytes())?
        .put(CALL_TAG.to_le_bytes())?
        .put(head.to_bytes())?
        .put_len(listed.saturating_mul(8))?;
    let mut front = front;
    for len in iov_lens.take(listed) {
        front = front.put(len.to_le_bytes())?;
    }
    front.put_len(name_len)?.put_len(control_len)?.put_len(payload_len)?;
    Ok(CallFront { len, name_at: len - CALL_CUTS_LEN, control_at: len - 8 })
}

/// What is left of the room for a front, written from its beginning.
struct Front<'r>(&'r mut [u8]);

impl<'r> Front<'r> {
    #[inline]
    fn put<const LEN: usize>(self, bytes: [u8; LEN]) -> Result<Self, Error> {
        let (place, rest) = self.0.split_first_chunk_mut::<LEN>().ok_or(Error::NoRoom)?;
        *place = bytes;
        Ok(Self(rest))
    }

    #[inline]
    fn put_len(self, len: usize) -> Result<Self, Error> {
        self.put((len as u64).to_le_bytes())
    }
}

/// Encodes the frame of a [`Part`] up to its payload, of which `payload_len` bytes must follow.
///
/// # Errors
/// [`Error::NoRoom`] if `room` is shorter than [`PART_FRONT_LEN`] or the body too long.
pub fn part_front(
    room: &mut [u8],
    process: u64,
    number: u64,
    call: u64,
    offset: u64,
    payload_len: usize,
) -> Result<usize, Error> {
    let mut out = Out { room, written: FRAME_HEAD_LEN };
    out.put(&PART_TAG.to_le_bytes())?;
    // An empty payload encodes as its length alone, which the true length then replaces.
    out.put_record(&Part { call, offset, payload: &[] })?;
    out.written = out.written.checked_sub(8).ok_or(Error::NoRoom)?;
    out.put_len(payload_len)?;
    out.finish(FrameHead { body_len: 0, process, number }, payload_len)
}

/// Decodes a frame's body. Byte strings borrow from it.
///
/// # Errors
/// [`Error::Malformed`] if it is no record, [`Error::Trailing`] if bytes are left.
pub fn decode(body: &[u8]) -> Result<Record<'_>, Error> {
    let (record, used) = bincode::serde::borrow_decode_from_slice::<Record<'_>, _>(body, CONFIG)
        .map_err(|_error| Error::Malformed)?;
    match body.len().saturating_sub(used) {
        0 => Ok(record),
        n => Err(Error::Trailing(n)),
    }
}
