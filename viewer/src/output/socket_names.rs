//! The C names of what the socket calls take: protocols, levels, options, flags, errors.
//!
//! They belong to the calls, not to the messages, so no spec has them.

pub use super::errno_names::{errno_name, errno_text};
use super::text;

/// `AF_NETLINK`.
pub const AF_NETLINK: i32 = 16;
/// `SOL_SOCKET`, as most architectures number it.
pub const SOL_SOCKET: i32 = 1;
/// `SOL_NETLINK`.
pub const SOL_NETLINK: i32 = 270;
/// `NETLINK_ADD_MEMBERSHIP` and `NETLINK_DROP_MEMBERSHIP`, whose values are groups.
pub const MEMBERSHIP: [i32; 2] = [1, 2];
/// `MSG_PEEK`: the bytes stay in the queue.
pub const MSG_PEEK: i32 = 0x2;
/// `MSG_TRUNC`: among a message's flags, that the buffer was too small for the datagram.
pub const MSG_TRUNC: i32 = 0x20;
/// The bits of socket's second argument that are the type.
pub const SOCK_TYPE_MASK: i32 = 0xf;

/// The flags of the send and receive calls, by rising bit.
pub const MSG_FLAGS: &[(i32, &str)] = &[
    (0x1, "MSG_OOB"),
    (0x2, "MSG_PEEK"),
    (0x4, "MSG_DONTROUTE"),
    (0x8, "MSG_CTRUNC"),
    (0x10, "MSG_PROBE"),
    (0x20, "MSG_TRUNC"),
    (0x40, "MSG_DONTWAIT"),
    (0x80, "MSG_EOR"),
    (0x100, "MSG_WAITALL"),
    (0x200, "MSG_FIN"),
    (0x400, "MSG_SYN"),
    (0x800, "MSG_CONFIRM"),
    (0x1000, "MSG_RST"),
    (0x2000, "MSG_ERRQUEUE"),
    (0x4000, "MSG_NOSIGNAL"),
    (0x8000, "MSG_MORE"),
    (0x10000, "MSG_WAITFORONE"),
    (0x20000, "MSG_SENDPAGE_NOTLAST"),
    (0x40000, "MSG_BATCH"),
    (0x80000, "MSG_NO_SHARED_FRAGS"),
    (0x2000000, "MSG_SOCK_DEVMEM"),
    (0x4000000, "MSG_ZEROCOPY"),
    (0x20000000, "MSG_FASTOPEN"),
    (0x40000000, "MSG_CMSG_CLOEXEC"),
    (i32::MIN, "MSG_CMSG_COMPAT"),
];

/// The flags that socket's second argument may hold beside the type.
pub const SOCK_FLAGS: &[(i32, &str)] = &[(0x80000, "SOCK_CLOEXEC"), (0x800, "SOCK_NONBLOCK")];

/// Calls `f` with the name of each flag in `v`, and returns the bits without a name.
pub fn flags(table: &[(i32, &'static str)], v: i32, mut f: impl FnMut(&'static str)) -> i32 {
    let mut rest = v;
    for (bits, name) in table {
        if rest & bits == *bits {
            f(name);
            rest &= !bits;
        }
    }
    rest
}

/// Appends a protocol's short name (`ROUTE`) and a space; nothing if it is not known.
pub fn short_protocol(out: &mut Vec<u8>, protocol: Option<i32>) {
    let Some(protocol) = protocol.filter(|protocol| *protocol >= 0) else { return };
    match protocol_name(protocol) {
        Some(name) => {
            let short = name.strip_prefix("NETLINK_").unwrap_or(name);
            out.extend_from_slice(short.as_bytes());
        }
        None => {
            out.extend_from_slice(b"protocol ");
            text::decimal(out, protocol);
        }
    }
    out.push(b' ');
}

/// The name of a netlink protocol, e.g. `NETLINK_ROUTE` of 0.
#[must_use]
pub const fn protocol_name(protocol: i32) -> Option<&'static str> {
    Some(match protocol {
        0 => "NETLINK_ROUTE",
        1 => "NETLINK_UNUSED",
        2 => "NETLINK_USERSOCK",
        3 => "NETLINK_FIREWALL",
        4 => "NETLINK_SOCK_DIAG",
        5 => "NETLINK_NFLOG",
        6 => "NETLINK_XFRM",
        7 => "NETLINK_SELINUX",
        8 => "NETLINK_ISCSI",
        9 => "NETLINK_AUDIT",
        10 => "NETLINK_FIB_LOOKUP",
        11 => "NETLINK_CONNECTOR",
        12 => "NETLINK_NETFILTER",
        13 => "NETLINK_IP6_FW",
        14 => "NETLINK_DNRTMSG",
        15 => "NETLINK_KOBJECT_UEVENT",
        16 => "NETLINK_GENERIC",
        18 => "NETLINK_SCSITRANSPORT",
        19 => "NETLINK_ECRYPTFS",
        20 => "NETLINK_RDMA",
        21 => "NETLINK_CRYPTO",
        22 => "NETLINK_SMC",
        _ => return None,
    })
}

/// The name of a type of socket that netlink has.
#[must_use]
pub const fn socket_type_name(kind: i32) -> Option<&'static str> {
    Some(match kind {
        2 => "SOCK_DGRAM",
        3 => "SOCK_RAW",
        _ => return None,
    })
}

/// The name of an option's level, e.g. `SOL_NETLINK` of 270.
#[must_use]
pub const fn level_name(level: i32) -> Option<&'static str> {
    Some(match level {
        0 => "SOL_IP",
        1 => "SOL_SOCKET",
        6 => "SOL_TCP",
        17 => "SOL_UDP",
        41 => "SOL_IPV6",
        58 => "SOL_ICMPV6",
        255 => "SOL_RAW",
        263 => "SOL_PACKET",
        270 => "SOL_NETLINK",
        _ => return None,
    })
}

/// The name of an option of `SOL_SOCKET` or `SOL_NETLINK`.
#[must_use]
pub const fn option_name(level: i32, name: i32) -> Option<&'static str> {
    match level {
        SOL_SOCKET => socket_option(name),
        SOL_NETLINK => netlink_option(name),
        _ => None,
    }
}

const fn netlink_option(name: i32) -> Option<&'static str> {
    Some(match name {
        1 => "NETLINK_ADD_MEMBERSHIP",
        2 => "NETLINK_DROP_MEMBERSHIP",
        3 => "NETLINK_PKTINFO",
        4 => "NETLINK_BROADCAST_ERROR",
        5 => "NETLINK_NO_ENOBUFS",
        6 => "NETLINK_RX_RING",
        7 => "NETLINK_TX_RING",
        8 => "NETLINK_LISTEN_ALL_NSID",
        9 => "NETLINK_LIST_MEMBERSHIPS",
        10 => "NETLINK_CAP_ACK",
        11 => "NETLINK_EXT_ACK",
        12 => "NETLINK_GET_STRICT_CHK",
        _ => return None,
    })
}

/// The numbers are those of `asm-generic/socket.h`.
const fn socket_option(name: i32) -> Option<&'static str> {
    Some(match name {
        1 => "SO_DEBUG",
        2 => "SO_REUSEADDR",
        3 => "SO_TYPE",
        4 => "SO_ERROR",
        5 => "SO_DONTROUTE",
        6 => "SO_BROADCAST",
        7 => "SO_SNDBUF",
        8 => "SO_RCVBUF",
        9 => "SO_KEEPALIVE",
        10 => "SO_OOBINLINE",
        11 => "SO_NO_CHECK",
        12 => "SO_PRIORITY",
        13 => "SO_LINGER",
        14 => "SO_BSDCOMPAT",
        15 => "SO_REUSEPORT",
        16 => "SO_PASSCRED",
        17 => "SO_PEERCRED",
        18 => "SO_RCVLOWAT",
        19 => "SO_SNDLOWAT",
        20 => "SO_RCVTIMEO_OLD",
        21 => "SO_SNDTIMEO_OLD",
        22 => "SO_SECURITY_AUTHENTICATION",
        23 => "SO_SECURITY_ENCRYPTION_TRANSPORT",
        24 => "SO_SECURITY_ENCRYPTION_NETWORK",
        25 => "SO_BINDTODEVICE",
        26 => "SO_ATTACH_FILTER",
        27 => "SO_DETACH_FILTER",
        28 => "SO_PEERNAME",
        29 => "SO_TIMESTAMP_OLD",
        30 => "SO_ACCEPTCONN",
        31 => "SO_PEERSEC",
        32 => "SO_SNDBUFFORCE",
        33 => "SO_RCVBUFFORCE",
        34 => "SO_PASSSEC",
        35 => "SO_TIMESTAMPNS_OLD",
        36 => "SO_MARK",
        37 => "SO_TIMESTAMPING_OLD",
        38 => "SO_PROTOCOL",
        39 => "SO_DOMAIN",
        40 => "SO_RXQ_OVFL",
        41 => "SO_WIFI_STATUS",
        42 => "SO_PEEK_OFF",
        43 => "SO_NOFCS",
        44 => "SO_LOCK_FILTER",
        45 => "SO_SELECT_ERR_QUEUE",
        46 => "SO_BUSY_POLL",
        47 => "SO_MAX_PACING_RATE",
        48 => "SO_BPF_EXTENSIONS",
        49 => "SO_INCOMING_CPU",
        50 => "SO_ATTACH_BPF",
        51 => "SO_ATTACH_REUSEPORT_CBPF",
        52 => "SO_ATTACH_REUSEPORT_EBPF",
        53 => "SO_CNX_ADVICE",
        55 => "SO_MEMINFO",
        56 => "SO_INCOMING_NAPI_ID",
        57 => "SO_COOKIE",
        59 => "SO_PEERGROUPS",
        60 => "SO_ZEROCOPY",
        61 => "SO_TXTIME",
        62 => "SO_BINDTOIFINDEX",
        63 => "SO_TIMESTAMP_NEW",
        64 => "SO_TIMESTAMPNS_NEW",
        65 => "SO_TIMESTAMPING_NEW",
        66 => "SO_RCVTIMEO_NEW",
        67 => "SO_SNDTIMEO_NEW",
        68 => "SO_DETACH_REUSEPORT_BPF",
        69 => "SO_PREFER_BUSY_POLL",
        70 => "SO_BUSY_POLL_BUDGET",
        71 => "SO_NETNS_COOKIE",
        72 => "SO_BUF_LOCK",
        73 => "SO_RESERVE_MEM",
        74 => "SO_TXREHASH",
        75 => "SO_RCVMARK",
        76 => "SO_PASSPIDFD",
        77 => "SO_PEERPIDFD",
        80 => "SO_DEVMEM_DONTNEED",
        82 => "SO_RCVPRIORITY",
        83 => "SO_PASSRIGHTS",
        84 => "SO_INQ",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_by_level() {
        assert_eq!(option_name(SOL_NETLINK, 11), Some("NETLINK_EXT_ACK"));
        assert_eq!(option_name(SOL_SOCKET, 8), Some("SO_RCVBUF"));
        assert_eq!(option_name(SOL_SOCKET, 54), None);
        assert_eq!(option_name(6, 1), None);
        assert_eq!(level_name(270), Some("SOL_NETLINK"));
    }

    #[test]
    fn protocols() {
        assert_eq!(protocol_name(16), Some("NETLINK_GENERIC"));
        assert_eq!(protocol_name(17), None);
        assert_eq!(protocol_name(-1), None);
    }

    #[test]
    fn message_flags_rise_and_are_single_bits() {
        let mut last = 0;
        for (bits, name) in MSG_FLAGS {
            let bits = bits.cast_unsigned();
            assert!(bits.is_power_of_two() && bits > last, "{name}");
            last = bits;
        }
    }

    #[test]
    fn bits_without_a_name_are_returned() {
        let mut names = Vec::new();
        assert_eq!(flags(MSG_FLAGS, 0x42 | 0x10_0000, |name| names.push(name)), 0x10_0000);
        assert_eq!(names, ["MSG_PEEK", "MSG_DONTWAIT"]);
    }
}
