//! What can be asked about without decoding a message.

/// What a field's values are, to tell a comparison that makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A number, perhaps with a name.
    Number,
    /// Bits with names.
    Bits,
    /// Text.
    Text,
    /// A time in nanoseconds.
    Time,
    /// A length in bytes.
    Length,
}

macro_rules! fields {
    ($($variant:ident $name:literal $shape:ident $about:literal;)*) => {
        /// A field of a message, or of the call around it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "each says what it is by `about`")]
        pub enum Field { $($variant,)* }

        impl Field {
            /// Every field.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name in an expression.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it is, in a few words.
            #[must_use]
            pub const fn about(self) -> &'static str {
                match self { $(Self::$variant => $about,)* }
            }

            pub(super) const fn shape(self) -> Shape {
                match self { $(Self::$variant => Shape::$shape,)* }
            }
        }
    };
}

fields! {
    Pid "pid" Number "process id";
    Tid "tid" Number "thread id";
    Comm "comm" Text "name of the process";
    Exe "exe" Text "its executable";
    Fd "fd" Number "descriptor";
    Call "call" Text "libc function called";
    Dir "dir" Text "send or receive";
    Protocol "protocol" Number "NETLINK_ROUTE … or ROUTE …";
    PortId "portid" Number "port id of the socket";
    NetNs "netns" Number "inode of the process's network namespace";
    Record "record" Number "number of the record";
    Type "type" Number "message type";
    Command "command" Number "command of a generic family";
    Family "family" Text "spec that describes the message";
    Flags "flags" Bits "NLM_F_*";
    Seq "seq" Number "sequence number";
    Port "port" Number "nlmsg_pid";
    Len "len" Length "length of the message";
    Errno "errno" Number "of an error, an acknowledgement (0) or a failed call";
    Group "group" Number "multicast group of a notification";
    To "to" Number "type of the request that this answers";
    Latency "latency" Time "since that request";
}

impl Field {
    /// The field of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| field.name() == name)
    }
}
