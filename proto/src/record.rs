//! The records: what one frame's body says.
//!
//! Each type's table gives its encoding: offset, width and meaning of every field, after the
//! body's `tag`. Fields of variable length come last, the bytes moved by a call last of all, so
//! that *encoded head ++ caller's bytes* is the encoding of the whole record and nobody copies
//! payload.

use serde::{Deserialize, Serialize};

/// One frame's body. The tag is the variant's position, a `u32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record<'a> {
    /// Tag 0: a process image begins to speak.
    #[serde(borrow)]
    Hello(Hello<'a>),
    /// Tag 1: what the kernel says of a netlink socket.
    Socket(Socket),
    /// Tag 2: a libc call on a netlink socket.
    #[serde(borrow)]
    Call(Call<'a>),
    /// Tag 3: more of the bytes that a call moved.
    #[serde(borrow)]
    Part(Part<'a>),
    /// Tag 4: records that could not be handed over.
    Lost(Lost),
    /// Tag 5: the process ends in an orderly way.
    Bye(Bye),
    /// Tag 6: a name that the viewer asked its kernel for; only viewers write it.
    #[serde(borrow)]
    Name(Name<'a>),
}

/// A process image (after exec), or a forked child, introduces itself.
///
/// | offset | width | field |
/// | --- | --- | --- |
/// | 0 | 4 | pid |
/// | 4 | 4 | ppid |
/// | 8 | 4 | uid |
/// | 12 | 4 | forked |
/// | 16 | 8 | netns |
/// | 24 | 8 | netns_cookie |
/// | 32 | 8 | monotonic_ns |
/// | 40 | 8 | realtime_ns |
/// | 48 | 8 + n | shim |
/// | … | 8 + n | comm |
/// | … | 8 + n | exe |
/// | … | 8 + n | argv |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello<'a> {
    /// Process id, in the process's own pid namespace.
    pub pid: u32,
    /// Its parent's.
    pub ppid: u32,
    /// Effective user id, in its own user namespace.
    pub uid: u32,
    /// 1 if this is a forked child that goes on with its parent's image, 0 after exec.
    pub forked: u32,
    /// Inode of `/proc/self/ns/net`; 0 where it is not known.
    pub netns: u64,
    /// `SO_NETNS_COOKIE` of a socket made there; 0 where it is not known. Ties `netns` to the
    /// sockets' cookies.
    pub netns_cookie: u64,
    /// `CLOCK_MONOTONIC` in nanoseconds, read together with `realtime_ns`: their difference turns a
    /// call's times into dates.
    pub monotonic_ns: u64,
    /// `CLOCK_REALTIME` in nanoseconds since 1970.
    pub realtime_ns: u64,
    /// Version of the shim, e.g. `0.1.0`.
    pub shim: &'a [u8],
    /// The kernel's name of the process, at most 15 bytes.
    pub comm: &'a [u8],
    /// Path of the executable; empty where it is not known.
    pub exe: &'a [u8],
    /// The arguments, each ended by a NUL; may be cut.
    pub argv: &'a [u8],
}

/// A netlink socket, as a probe found it. Sent before the first call recorded on it, and again when
/// something of it may have changed.
///
/// | offset | width | field |
/// | --- | --- | --- |
/// | 0 | 4 | fd |
/// | 4 | 4 | kind |
/// | 8 | 4 | protocol |
/// | 12 | 4 | portid |
/// | 16 | 4 | groups |
/// | 20 | 8 | inode |
/// | 28 | 8 | netns_cookie |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Socket {
    /// The descriptor it was found under.
    pub fd: i32,
    /// `SO_TYPE`: `SOCK_RAW` or `SOCK_DGRAM`.
    pub kind: i32,
    /// `SO_PROTOCOL`: `NETLINK_ROUTE` …
    pub protocol: i32,
    /// Port id by getsockname; 0 before the socket is bound.
    pub portid: u32,
    /// The first 32 multicast groups by getsockname.
    pub groups: u32,
    /// Inode of the socket; 0 where it is not known.
    pub inode: u64,
    /// `SO_NETNS_COOKIE`; 0 where the kernel has none (before 5.14).
    pub netns_cookie: u64,
}

/// The fixed part of a [`Call`].
///
/// | offset | width | field |
/// | --- | --- | --- |
/// | 0 | 4 | function |
/// | 4 | 4 | fd |
/// | 8 | 4 | tid |
/// | 12 | 4 | protocol |
/// | 16 | 8 | enter_ns |
/// | 24 | 8 | exit_ns |
/// | 32 | 8 | ret |
/// | 40 | 4 | errno |
/// | 44 | 4 | flags |
/// | 48 | 4 | msg_flags |
/// | 52 | 4 | index |
/// | 56 | 4 | count |
/// | 60 | 4 | iov_count |
/// | 64 | 8 | buf_len |
/// | 72 | 4 | name_len |
/// | 76 | 4 | args\[0\] |
/// | 80 | 4 | args\[1\] |
/// | 84 | 4 | args\[2\] |
/// | 88 | 8 | control_len |
/// | 96 | 8 | payload_total |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CallHead {
    /// [`crate::Function`] as a number.
    pub function: u32,
    /// The descriptor; -1 for calls without one.
    pub fd: i32,
    /// Thread id, in the process's own pid namespace.
    pub tid: u32,
    /// Netlink protocol of the socket; -1 where it is not known.
    pub protocol: i32,
    /// `CLOCK_MONOTONIC` before the real call, in nanoseconds.
    pub enter_ns: u64,
    /// `CLOCK_MONOTONIC` after it.
    pub exit_ns: u64,
    /// What the call returned.
    pub ret: i64,
    /// errno if `ret` says that the call failed, else 0.
    pub errno: i32,
    /// The call's flags argument (`MSG_*`, or a splice's flags).
    pub flags: i32,
    /// `msg_flags` as the kernel left them; for the calls that have a `struct msghdr`.
    pub msg_flags: i32,
    /// Which message of a sendmmsg or recvmmsg this is, from 0.
    pub index: u32,
    /// How many messages that call was given; 0 for other calls.
    pub count: u32,
    /// Number of iovecs given.
    pub iov_count: u32,
    /// Bytes offered to send, or room given to receive, over all iovecs.
    pub buf_len: u64,
    /// Length of the address as given (sending) or as returned (receiving), in bytes.
    pub name_len: u32,
    /// Arguments of the calls that move no bytes: socket(domain, type, protocol),
    /// setsockopt and getsockopt(level, name, length), and where a call has another descriptor, it. Of a
    /// close: what the socket had received and nobody read (bytes, by the kernel's account), how much it
    /// had room for, and how many messages found none; -1 where it is not known.
    pub args: [i32; 3],
    /// Length of the control data as given (sending) or as returned (receiving), in bytes.
    pub control_len: u64,
    /// Bytes moved by this message, of which [`Call::payload`] has the first and [`Part`]s the rest.
    pub payload_total: u64,
}

impl CallHead {
    /// The bytes of the encoding, which is the fields one behind the other. The shim writes them on
    /// every call of the program, so they are put together here and not by the encoder.
    #[must_use]
    #[inline]
    pub fn to_bytes(&self) -> [u8; CALL_HEAD_LEN] {
        let [first, second, third] = self.args;
        let words = [
            pair(self.function, self.fd.cast_unsigned()),
            pair(self.tid, self.protocol.cast_unsigned()),
            self.enter_ns,
            self.exit_ns,
            self.ret.cast_unsigned(),
            pair(self.errno.cast_unsigned(), self.flags.cast_unsigned()),
            pair(self.msg_flags.cast_unsigned(), self.index),
            pair(self.count, self.iov_count),
            self.buf_len,
            pair(self.name_len, first.cast_unsigned()),
            pair(second.cast_unsigned(), third.cast_unsigned()),
            self.control_len,
            self.payload_total,
        ];
        let mut bytes = [0; CALL_HEAD_LEN];
        for (place, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(words) {
            *place = word.to_le_bytes();
        }
        bytes
    }
}

/// Two numbers of 4 bytes as one of 8, the first in front.
const fn pair(first: u32, second: u32) -> u64 {
    (first as u64) | ((second as u64) << 32)
}

/// A libc call on a netlink socket; for sendmmsg and recvmmsg one message of it.
///
/// | offset | width | field |
/// | --- | --- | --- |
/// | 0 | 104 | head |
/// | 104 | 8 + n | iov_lens |
/// | … | 8 + n | name |
/// | … | 8 + n | control |
/// | … | 8 + n | payload |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call<'a> {
    /// The fixed part.
    pub head: CallHead,
    /// Lengths of the iovecs, each a `u64`; the first [`MAX_IOV_LENS`] of them.
    pub iov_lens: &'a [u8],
    /// The address sent to or received from, or the argument of bind, connect and getsockname.
    pub name: &'a [u8],
    /// The control data (`struct cmsghdr`s in the process's own layout).
    pub control: &'a [u8],
    /// The bytes moved, or an option's value.
    pub payload: &'a [u8],
}

/// How many iovec lengths a [`Call`] lists at most; `CallHead::iov_count` has the true number.
pub const MAX_IOV_LENS: usize = 32;

/// Length of an encoded [`CallHead`] in bytes.
pub const CALL_HEAD_LEN: usize = 104;

impl Call<'_> {
    /// The listed iovecs' lengths in bytes.
    pub fn iov_lens(&self) -> impl Iterator<Item = u64> + '_ {
        let (lens, _) = self.iov_lens.as_chunks::<8>();
        lens.iter().map(|len| u64::from_le_bytes(*len))
    }
}

/// A netlink address, as [`Call::name`] has it (`struct sockaddr_nl`, in the process's own order).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SockaddrNl {
    /// `nl_pad`, which should be zero.
    pub pad: u16,
    /// The port id; 0 is the kernel.
    pub portid: u32,
    /// The first 32 multicast groups.
    pub groups: u32,
}

impl SockaddrNl {
    /// Reads an address; None if it is of another family or cut short.
    #[must_use]
    pub fn read(name: &[u8]) -> Option<Self> {
        /// `AF_NETLINK`.
        const FAMILY: u16 = 16;
        let [f0, f1, z0, z1, p0, p1, p2, p3, g0, g1, g2, g3] = *name.first_chunk()?;
        (u16::from_ne_bytes([f0, f1]) == FAMILY).then_some(Self {
            pad: u16::from_ne_bytes([z0, z1]),
            portid: u32::from_ne_bytes([p0, p1, p2, p3]),
            groups: u32::from_ne_bytes([g0, g1, g2, g3]),
        })
    }
}

/// More of the bytes that a call moved, in order and without holes.
///
/// | offset | width | field |
/// | --- | --- | --- |
/// | 0 | 8 | call |
/// | 8 | 8 | offset |
/// | 16 | 8 + n | payload |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part<'a> {
    /// The frame number of the [`Call`], by the same process.
    pub call: u64,
    /// Where in the call's bytes these begin.
    pub offset: u64,
    /// The bytes.
    pub payload: &'a [u8],
}

/// Records that the shim could not hand over, counted by process.
///
/// | offset | width | field |
/// | --- | --- | --- |
/// | 0 | 8 | count |
/// | 8 | 8 | total |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// Lost since the frame before.
    pub count: u64,
    /// Lost since the process began.
    pub total: u64,
}

/// The process ends in an orderly way (`exit`, return from `main`).
///
/// | offset | width | field |
/// | --- | --- | --- |
/// | 0 | 8 | lost |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bye {
    /// All that was lost.
    pub lost: u64,
}

/// A name that a viewer learned from outside the stream, kept so that a replay elsewhere knows it.
///
/// | offset | width | field |
/// | --- | --- | --- |
/// | 0 | 4 | kind |
/// | 4 | 4 | id |
/// | 8 | 8 | netns |
/// | 16 | 8 + n | name |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name<'a> {
    /// What is named; see [`NameKind`].
    pub kind: u32,
    /// Its number.
    pub id: u32,
    /// The network namespace it belongs to: its cookie, or where there is none its inode; 0 for
    /// names that belong to none.
    pub netns: u64,
    /// The name; empty if the kernel has none for this number.
    pub name: &'a [u8],
}

/// What a [`Name`] names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum NameKind {
    /// A network interface, by its index.
    Interface = 0,
    /// A generic netlink family, by its message type.
    GenericFamily = 1,
    /// A multicast group of generic netlink, by its number; the name is `FAMILY/GROUP`.
    GenericGroup = 2,
    /// What the kernel checks a generic family's attributes by, by the family's message type. The
    /// name is a message of the controller as it came, of which there may be several.
    GenericPolicy = 3,
}
