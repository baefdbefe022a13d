//! Control data: the `struct cmsghdr`s beside a message.
//!
//! ```text
//! 0        8       12      16                cmsg_len
//! ┌────────┬───────┬───────┬─────────────────┬───────┐
//! │ len    │ level │ type  │ data            │ pad 8 │ next …
//! └────────┴───────┴───────┴─────────────────┴───────┘
//! ```
//! on 64-bit machines (cmsg(3)); the traced program's word size is the viewer's own.

use super::lexical::{comment, dec, hex, hex_string, signed};
use crate::decode::Groups;
use crate::output::socket_names::{self, SOL_NETLINK, SOL_SOCKET};

const HEADER_LEN: usize = 16;
const ALIGN: usize = 8;
/// `SCM_RIGHTS`, `SCM_CREDENTIALS`.
const RIGHTS: i32 = 1;
const CREDENTIALS: i32 = 2;
/// `NETLINK_PKTINFO`, `NETLINK_LISTEN_ALL_NSID`.
const PKTINFO: i32 = 3;
const LISTEN_ALL_NSID: i32 = 8;

/// Writes all control messages, as a list.
pub(super) fn messages(out: &mut Vec<u8>, groups: Groups<'_>, bytes: &[u8], limit: usize) {
    let mut rest = bytes;
    let mut separator: &[u8] = b"";
    out.push(b'[');
    while !rest.is_empty() {
        out.extend_from_slice(separator);
        separator = b", ";
        let header = rest.first_chunk::<HEADER_LEN>();
        let Some([l0, l1, l2, l3, l4, l5, l6, l7, v0, v1, v2, v3, t0, t1, t2, t3]) = header else {
            hex_string(out, rest, limit);
            break;
        };
        let len = u64::from_ne_bytes([*l0, *l1, *l2, *l3, *l4, *l5, *l6, *l7]);
        let level = i32::from_ne_bytes([*v0, *v1, *v2, *v3]);
        let ty = i32::from_ne_bytes([*t0, *t1, *t2, *t3]);
        let end = usize::try_from(len).unwrap_or(usize::MAX).min(rest.len());
        message(out, groups, (len, level, ty), rest.get(HEADER_LEN..end).unwrap_or(&[]), limit);
        if end < HEADER_LEN {
            break;
        }
        rest = rest.get(end.next_multiple_of(ALIGN)..).unwrap_or(&[]);
    }
    out.push(b']');
}

fn message(
    out: &mut Vec<u8>,
    groups: Groups<'_>,
    (len, level, ty): (u64, i32, i32),
    data: &[u8],
    limit: usize,
) {
    out.extend_from_slice(b"{cmsg_len=");
    dec(out, len);
    out.extend_from_slice(b", cmsg_level=");
    match socket_names::level_name(level) {
        Some(name) => out.extend_from_slice(name.as_bytes()),
        None => hex(out, u64::from(level.cast_unsigned())),
    }
    out.extend_from_slice(b", cmsg_type=");
    let name = match (level, ty) {
        (SOL_SOCKET, RIGHTS) => Some("SCM_RIGHTS"),
        (SOL_SOCKET, CREDENTIALS) => Some("SCM_CREDENTIALS"),
        (SOL_NETLINK, _) => socket_names::option_name(level, ty),
        _ => None,
    };
    match name {
        Some(name) => out.extend_from_slice(name.as_bytes()),
        None => hex(out, u64::from(ty.cast_unsigned())),
    }
    if !data.is_empty() {
        out.extend_from_slice(b", cmsg_data=");
        content(out, groups, (level, ty), data, limit);
    }
    out.push(b'}');
}

fn content(
    out: &mut Vec<u8>,
    groups: Groups<'_>,
    (level, ty): (i32, i32),
    data: &[u8],
    limit: usize,
) {
    let word = |at: usize| data.get(at..)?.first_chunk().map(|b| u32::from_ne_bytes(*b));
    match (level, ty, word(0)) {
        (SOL_NETLINK, PKTINFO, Some(group)) => {
            out.extend_from_slice(b"{group=");
            dec(out, u64::from(group));
            if let Some(name) = groups.name(group) {
                comment(out, name);
            }
            out.push(b'}');
        }
        (SOL_NETLINK, LISTEN_ALL_NSID, Some(nsid)) | (SOL_SOCKET, RIGHTS, Some(nsid)) => {
            out.push(b'[');
            signed(out, i64::from(nsid.cast_signed()));
            for word in data.as_chunks::<4>().0.iter().skip(1) {
                out.extend_from_slice(b", ");
                signed(out, i64::from(i32::from_ne_bytes(*word)));
            }
            out.push(b']');
        }
        (SOL_SOCKET, CREDENTIALS, Some(pid)) => {
            out.extend_from_slice(b"{pid=");
            dec(out, u64::from(pid));
            for (name, at) in [(", uid=", 4), (", gid=", 8)] {
                out.extend_from_slice(name.as_bytes());
                dec(out, u64::from(word(at).unwrap_or(0)));
            }
            out.push(b'}');
        }
        _ => hex_string(out, data, limit),
    }
}
