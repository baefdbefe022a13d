//! The libc functions that a [`crate::Call`] can name, and how they came to be called.

macro_rules! functions {
    ($($number:literal $variant:ident $name:literal $kind:ident;)*) => {
        /// A libc function, as the program called it. Numbers are part of the stream's format.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u32)]
        #[allow(missing_docs, reason = "each variant is the function of that name")]
        pub enum Function { $($variant = $number,)* }

        impl Function {
            /// Every function, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The function with this number, if there is one.
            #[must_use]
            pub const fn from_number(number: u32) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)* _ => None }
            }

            /// The name of the libc symbol.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What the function does with bytes.
            #[must_use]
            pub const fn kind(self) -> Kind {
                match self { $(Self::$variant => Kind::$kind,)* }
            }
        }
    };
}

/// What a function does with bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Hands bytes to the kernel.
    Send,
    /// Takes bytes from the kernel.
    Receive,
    /// Makes, names, sets up or ends a socket.
    Life,
    /// Speaks netlink inside libc, where no hook sees the bytes.
    Internal,
}

/// Who made a call. Kept in the highest bits of a record's `function`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Origin {
    /// The program, by the function of that name.
    #[default]
    Program,
    /// The program, by `syscall()` and its number.
    Syscall,
    /// libc itself, inside a function whose own record follows.
    Libc,
}

impl Origin {
    const SYSCALL: u32 = 1 << 31;
    const LIBC: u32 = 1 << 30;

    /// The bits that go with a function's number.
    #[must_use]
    pub const fn bits(self) -> u32 {
        match self {
            Self::Program => 0,
            Self::Syscall => Self::SYSCALL,
            Self::Libc => Self::LIBC,
        }
    }

    /// Parts a record's `function` into the function's number and this.
    #[must_use]
    pub const fn split(function: u32) -> (u32, Self) {
        let number = function & !(Self::SYSCALL | Self::LIBC);
        match function & (Self::SYSCALL | Self::LIBC) {
            Self::SYSCALL => (number, Self::Syscall),
            Self::LIBC => (number, Self::Libc),
            0 => (number, Self::Program),
            // Both at once nobody writes: a number that no function has.
            _ => (0, Self::Program),
        }
    }
}

functions! {
    1 Send "send" Send;
    2 Sendto "sendto" Send;
    3 Sendmsg "sendmsg" Send;
    4 Sendmmsg "sendmmsg" Send;
    5 Write "write" Send;
    6 Writev "writev" Send;
    7 Pwritev2 "pwritev2" Send;
    8 Sendfile "sendfile" Send;
    9 SpliceTo "splice" Send;
    10 UnderSend "__send" Send;
    11 UnderWrite "__write" Send;
    20 Recv "recv" Receive;
    21 Recvfrom "recvfrom" Receive;
    22 Recvmsg "recvmsg" Receive;
    23 Recvmmsg "recvmmsg" Receive;
    24 Read "read" Receive;
    25 Readv "readv" Receive;
    26 Preadv2 "preadv2" Receive;
    27 RecvChk "__recv_chk" Receive;
    28 RecvfromChk "__recvfrom_chk" Receive;
    29 ReadChk "__read_chk" Receive;
    30 UnderRead "__read" Receive;
    31 SpliceFrom "splice" Receive;
    40 Socket "socket" Life;
    41 Bind "bind" Life;
    42 Connect "connect" Life;
    43 Setsockopt "setsockopt" Life;
    44 Getsockopt "getsockopt" Life;
    45 Getsockname "getsockname" Life;
    46 Close "close" Life;
    47 Seccomp "seccomp" Life;
    60 Getifaddrs "getifaddrs" Internal;
    61 IfNameindex "if_nameindex" Internal;
    62 Getaddrinfo "getaddrinfo" Internal;
}

/// In the flags of a call of [`Kind::Internal`]: the netlink calls inside it have records of their own,
/// which stand before.
pub const CAUGHT: i32 = 1;

/// The same, but perhaps not for all of them.
pub const PARTLY_CAUGHT: i32 = 2;

impl Function {
    /// Whether it is made on files of all kinds, and not on sockets alone.
    #[must_use]
    pub const fn is_of_files(self) -> bool {
        matches!(
            self,
            Self::Write
                | Self::UnderWrite
                | Self::Writev
                | Self::Pwritev2
                | Self::Sendfile
                | Self::SpliceTo
                | Self::SpliceFrom
                | Self::Read
                | Self::UnderRead
                | Self::ReadChk
                | Self::Readv
                | Self::Preadv2
                | Self::Close
        )
    }

    /// Whether one call may move several messages, each with a record of its own.
    #[must_use]
    pub const fn is_multi(self) -> bool {
        matches!(self, Self::Sendmmsg | Self::Recvmmsg)
    }
}
