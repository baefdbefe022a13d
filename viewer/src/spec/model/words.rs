//! Words that both the tables and the decoded values use.

/// Byte order of a scalar on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// The order of the machine that the message was recorded on.
    #[default]
    Host,
    /// Network order.
    Big,
}

/// How a number wants to be read by a person. A hint, never a change of the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[allow(missing_docs, reason = "each variant is the unit or base of that name")]
pub enum Hint {
    #[default]
    None,
    Hex,
    /// Hexadecimal with all digits of the field's width.
    HexPadded,
    /// Hundredths of a second (`clock_t` of user space).
    ClockT,
    Jiffies,
    Seconds,
    Msecs,
    Usecs,
    Nsecs,
    Bytes,
    /// Units of 1024 bytes.
    Kbytes,
    BytesPerSecond,
    /// Kilobits per second.
    Kbits,
    /// Megabits per second.
    Mbps,
    Hz,
    Khz,
    Mhz,
    Milliwatt,
    Dbm,
    /// Hundredths of a dBm.
    Mbm,
    Picoseconds,
    /// Thousandths of a degree.
    Millicelsius,
    /// Seconds since 1970.
    UnixTime,
    /// Nanoseconds since 1970.
    UnixNsecs,
    /// As the modes of files are written.
    Octal,
    Uid,
    Gid,
    Pid,
    Fd,
    Port,
    PrefixLen,
    /// Queueing discipline handle, `major:minor`.
    TcHandle,
    Percent,
    Bool,
    /// A device number, `major:minor` in the kernel's 32-bit form.
    Dev,
}

/// What kind of character data bytes are; decides where a text ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKind {
    /// One NUL at the end belongs to it and is not shown; others are content.
    Attribute,
    /// Ends at the first NUL.
    CString,
    /// A character array in a struct: ends at the first NUL, and its last byte is never content.
    Field,
    /// All bytes are content.
    Raw,
}
