//! Which brackets are open, and which keys an object has.

/// Keys of an object, as a set of bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Keys(u8);

impl Keys {
    pub(super) const NONE: Self = Self(0);
    pub(super) const HEADER: Self = Self(1);
    pub(super) const USER_HEADER: Self = Self(2);
    /// One of `value`, `struct`, `fields` and `items`.
    pub(super) const PAYLOAD: Self = Self(4);
    pub(super) const ATTRS: Self = Self(8);
    pub(super) const ERROR: Self = Self(16);
    pub(super) const REQUEST: Self = Self(32);
    /// The array of what has no key of its own; it stays open.
    pub(super) const REST: Self = Self(64);

    pub(super) const fn has(self, key: Self) -> bool {
        self.0 & key.0 != 0
    }

    /// Adds a key; false if it was there.
    pub(super) const fn add(&mut self, key: Self) -> bool {
        let new = !self.has(key);
        self.0 |= key.0;
        new
    }

    /// Whether a key can still be written: it has not been, and `rest` is not open.
    pub(super) const fn takes(self, key: Self) -> bool {
        !self.has(key) && !self.has(Self::REST)
    }
}

/// A key that a value goes under.
#[derive(Debug, Clone, Copy)]
pub(super) enum Key {
    Header,
    UserHeader,
    Value,
    Struct,
    /// The fields of what has no struct's name.
    Fields,
    Items,
    Attrs,
    Request,
}

impl Key {
    pub(super) const fn bits(self) -> Keys {
        match self {
            Self::Header => Keys::HEADER,
            Self::UserHeader => Keys::USER_HEADER,
            Self::Value | Self::Struct | Self::Fields | Self::Items => Keys::PAYLOAD,
            Self::Attrs => Keys::ATTRS,
            Self::Request => Keys::REQUEST,
        }
    }

    /// The same in a group, whose struct is a key beside its payload.
    pub(super) const fn bits_in(self, group: bool) -> Keys {
        match self {
            Self::Struct | Self::Fields if group => Keys::HEADER,
            _ => self.bits(),
        }
    }

    pub(super) fn put(self, out: &mut Vec<u8>) {
        match self {
            Self::Header => out.extend_from_slice(b"\"header\":"),
            Self::UserHeader => out.extend_from_slice(b"\"user_header\":"),
            Self::Value => out.extend_from_slice(b"\"value\":"),
            Self::Struct => out.extend_from_slice(b"\"struct\":"),
            Self::Fields => out.extend_from_slice(b"\"fields\":"),
            Self::Items => out.extend_from_slice(b"\"items\":"),
            Self::Attrs => out.extend_from_slice(b"\"attrs\":"),
            Self::Request => out.extend_from_slice(b"\"request\":"),
        }
    }
}

/// Something open, and what closes it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Frame {
    /// The object that is a whole line.
    Message { keys: Keys },
    /// Another object; `bare` until it has a key. In a `group` a struct leaves room for what belongs
    /// to it.
    Object { keys: Keys, bare: bool, group: bool, close: &'static [u8] },
    /// An array; `waiting` while its last element has a name but no value yet.
    Array { empty: bool, waiting: bool, close: &'static [u8] },
    /// What only groups in the visitor's eyes.
    Clear,
}

impl Frame {
    pub(super) const fn object(bare: bool, close: &'static [u8]) -> Self {
        Self::Object { keys: Keys::NONE, bare, group: false, close }
    }

    pub(super) const fn group(close: &'static [u8]) -> Self {
        Self::Object { keys: Keys::NONE, bare: true, group: true, close }
    }

    pub(super) const fn array(close: &'static [u8]) -> Self {
        Self::Array { empty: true, waiting: false, close }
    }
}

/// What an element is called.
#[derive(Debug, Clone, Copy)]
pub(super) enum Name<'n> {
    Is(&'n str),
    /// It has a number for which no name is known.
    Unknown,
    /// It stands for itself.
    None,
}

/// The innermost frame that has brackets.
#[inline]
pub(super) fn top(frames: &mut [Frame]) -> Option<&mut Frame> {
    match frames {
        // Spelled out, since the innermost frame nearly always has some.
        [around @ .., Frame::Clear] => top_around(around),
        [.., innermost] => Some(innermost),
        [] => None,
    }
}

fn top_around(frames: &mut [Frame]) -> Option<&mut Frame> {
    frames.iter_mut().rev().find(|frame| !matches!(frame, Frame::Clear))
}
