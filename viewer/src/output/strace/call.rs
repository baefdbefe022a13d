//! Calls: names, arguments and results around the buffers.

use nlproto::function::Kind;
use nlproto::{Function, SockaddrNl};

use super::control;
use super::lexical::{comment, dec, hex, hex_padded, hex_string, signed};
use super::text::Level;
use crate::decode::{Direction, Engine, is_whole};
use crate::output::socket_names::{
    self, AF_NETLINK, MSG_FLAGS, SOCK_FLAGS, SOCK_TYPE_MASK, SOL_NETLINK,
};
use crate::output::{CallRecord, Descriptors, Style};

/// Writes one call.
pub(super) struct Arguments<'a, 'o> {
    pub(super) engine: &'a Engine<'a>,
    pub(super) record: &'a CallRecord<'a>,
    pub(super) style: &'a Style,
    pub(super) levels: &'o mut Vec<Level>,
    pub(super) out: &'o mut Vec<u8>,
}

impl Arguments<'_, '_> {
    pub(super) fn write(&mut self) {
        let head = &self.record.call.head;
        self.text(self.record.function.name());
        self.out.push(b'(');
        match self.record.function {
            Function::Send | Function::UnderSend | Function::Recv | Function::RecvChk => {
                self.fd();
                self.plain_buffer();
                self.comma();
                self.flags(MSG_FLAGS, head.flags);
            }
            Function::Sendto | Function::Recvfrom | Function::RecvfromChk => {
                self.fd();
                self.plain_buffer();
                self.comma();
                self.flags(MSG_FLAGS, head.flags);
                self.comma();
                self.address();
                self.comma();
                self.address_len();
            }
            Function::Write
            | Function::UnderWrite
            | Function::Read
            | Function::UnderRead
            | Function::ReadChk => {
                self.fd();
                self.plain_buffer();
            }
            Function::Writev | Function::Readv | Function::Pwritev2 | Function::Preadv2 => {
                self.fd();
                self.vectors();
                self.comma();
                dec(self.out, u64::from(head.iov_count));
                if matches!(self.record.function, Function::Pwritev2 | Function::Preadv2) {
                    self.text(", -1, ");
                    hex(self.out, u64::from(head.flags.cast_unsigned()));
                }
            }
            Function::Sendmsg | Function::Recvmsg => {
                self.fd();
                self.msghdr();
                self.comma();
                self.flags(MSG_FLAGS, head.flags);
            }
            Function::Sendmmsg | Function::Recvmmsg => self.multi(),
            Function::Sendfile | Function::SpliceTo | Function::SpliceFrom => self.between_fds(),
            Function::Socket => self.socket(),
            Function::Bind | Function::Connect => {
                self.fd();
                self.address();
                self.comma();
                dec(self.out, u64::from(head.name_len));
            }
            Function::Getsockname => {
                self.fd();
                self.address();
                self.comma();
                self.address_len();
            }
            Function::Setsockopt | Function::Getsockopt => self.option(),
            Function::Close => self.bare_fd(),
            Function::Getifaddrs
            | Function::IfNameindex
            | Function::Getaddrinfo
            | Function::Seccomp => {}
        }
        self.text(") = ");
        self.result();
    }

    fn text(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn comma(&mut self) {
        self.text(", ");
    }

    /// The descriptor, and the comma after it.
    fn fd(&mut self) {
        self.bare_fd();
        self.comma();
    }

    fn bare_fd(&mut self) {
        signed(self.out, i64::from(self.record.call.head.fd));
        self.behind_fd();
    }

    /// What the call's descriptor stands for: `<NETLINK:[ROUTE:1234]>`, or with the inode where there
    /// is no port id yet.
    fn behind_fd(&mut self) {
        let head = &self.record.call.head;
        let Some(socket) = self.record.socket.filter(|socket| socket.inode != 0) else { return };
        let portid = self.record.process.portid_before(head.fd);
        match (self.style.descriptors, portid) {
            (Descriptors::Number, _) => return,
            (Descriptors::Path, _) => self.text("<socket:["),
            (Descriptors::Socket, _) => self.text("<NETLINK:["),
        }
        match (self.style.descriptors, portid) {
            (Descriptors::Socket, Some(portid)) => {
                match socket_names::protocol_name(socket.protocol) {
                    Some(name) => self.text(name.strip_prefix("NETLINK_").unwrap_or(name)),
                    None => signed(self.out, i64::from(socket.protocol)),
                }
                self.out.push(b':');
                dec(self.out, u64::from(portid));
            }
            _ => dec(self.out, socket.inode),
        }
        self.text("]>");
    }

    fn flags(&mut self, table: &[(i32, &'static str)], v: i32) {
        let out = &mut *self.out;
        let mut any = false;
        let rest = socket_names::flags(table, v, |name| {
            if std::mem::replace(&mut any, true) {
                out.push(b'|');
            }
            out.extend_from_slice(name.as_bytes());
        });
        if rest != 0 || !any {
            if any {
                out.push(b'|');
            }
            hex(out, u64::from(rest.cast_unsigned()));
        }
    }

    fn result(&mut self) {
        let head = &self.record.call.head;
        if self.record.function.kind() == Kind::Internal {
            signed(self.out, head.ret);
            let name = self.record.function.name();
            return comment(self.out, &format!("internal netlink of {name}() not captured"));
        }
        signed(self.out, head.ret);
        if head.errno == 0 {
            if self.record.function == Function::Socket {
                self.behind_fd();
            }
            return;
        }
        self.out.push(b' ');
        match socket_names::errno_name(head.errno) {
            Some(name) => self.text(name),
            None => dec(self.out, u64::from(head.errno.unsigned_abs())),
        }
        self.text(" (");
        self.text(&socket_names::errno_text(head.errno));
        self.out.push(b')');
    }

    /// The bytes moved, and their room: `BUF, 32`.
    fn plain_buffer(&mut self) {
        let call = self.record.call;
        if self.record.failed() {
            // Its bytes were not looked at, since the kernel may not have taken them for readable.
            self.text("...");
        } else {
            self.buffer(call.payload);
        }
        self.comma();
        dec(self.out, call.head.buf_len);
    }

    fn buffer(&mut self, bytes: &[u8]) {
        let protocol = u32::try_from(self.record.call.head.protocol);
        let direction = self.record.direction().unwrap_or(Direction::Send);
        match protocol {
            Ok(protocol) => super::buffer(
                self.engine,
                (protocol, direction),
                bytes,
                self.style,
                self.levels,
                self.out,
            ),
            Err(_) => hex_string(self.out, bytes, self.style.string_limit),
        }
    }

    /// `[{iov_base=BUF, iov_len=32}]`. Vectors that hold whole messages each are shown each by
    /// itself; a message split over several is joined, in the first.
    fn vectors(&mut self) {
        let call = self.record.call;
        if self.record.failed() {
            return self.text("...");
        }
        let mut pieces = Vec::new();
        let mut rest = call.payload;
        for len in call.iov_lens() {
            let moved = usize::try_from(len).unwrap_or(usize::MAX).min(rest.len());
            let (piece, after) = rest.split_at_checked(moved).unwrap_or((rest, &[]));
            pieces.push((len, piece));
            rest = after;
        }
        let whole = rest.is_empty() && pieces.iter().all(|(_, piece)| is_whole(piece));
        self.out.push(b'[');
        for (at, (len, piece)) in pieces.iter().enumerate() {
            if at > 0 {
                self.comma();
            }
            self.text("{iov_base=");
            match (whole, at) {
                _ if *len == 0 => self.text("NULL"),
                (true, _) => self.buffer(piece),
                (false, 0) => self.buffer(call.payload),
                (false, _) => self.text("/* joined with the first */"),
            }
            self.text(", iov_len=");
            dec(self.out, *len);
            self.out.push(b'}');
        }
        if usize::try_from(call.head.iov_count).is_ok_and(|count| count > pieces.len()) {
            self.text(", ...");
        }
        self.out.push(b']');
    }

    fn msghdr(&mut self) {
        let call = self.record.call;
        if self.record.failed() {
            return self.text("...");
        }
        let head = &call.head;
        self.text("{msg_name=");
        self.address();
        self.text(", msg_namelen=");
        dec(self.out, u64::from(head.name_len));
        self.text(", msg_iov=");
        self.vectors();
        self.text(", msg_iovlen=");
        dec(self.out, u64::from(head.iov_count));
        if !call.control.is_empty() {
            self.text(", msg_control=");
            let groups = self.engine.groups(head.protocol);
            control::messages(self.out, groups, call.control, self.style.string_limit);
        }
        self.text(", msg_controllen=");
        dec(self.out, head.control_len);
        self.text(", msg_flags=");
        self.flags(MSG_FLAGS, head.msg_flags);
        self.out.push(b'}');
    }

    /// One message of a call that moves several; its place is said where there are others.
    fn multi(&mut self) {
        let head = &self.record.call.head;
        self.fd();
        if self.record.failed() {
            self.text("...");
        } else {
            self.text("[");
            if head.index > 0 {
                self.text("..., ");
            }
            self.text("{msg_hdr=");
            self.msghdr();
            self.text(", msg_len=");
            dec(self.out, head.payload_total);
            self.text("}");
            if i64::from(head.index).saturating_add(1) < head.ret {
                self.text(", ...");
            }
            self.text("]");
        }
        self.comma();
        dec(self.out, u64::from(head.count));
        self.comma();
        self.flags(MSG_FLAGS, head.flags);
        if self.record.function == Function::Recvmmsg {
            self.text(", NULL");
        }
    }

    /// The calls that move bytes between two descriptors, without their passing through memory.
    fn between_fds(&mut self) {
        let head = &self.record.call.head;
        let [other, ..] = head.args;
        let ends = match self.record.function {
            Function::SpliceTo => (other, head.fd),
            _ => (head.fd, other),
        };
        self.end_fd(ends.0);
        if self.record.function == Function::Sendfile {
            self.comma();
            self.end_fd(ends.1);
            self.text(", NULL, ");
            dec(self.out, head.buf_len);
        } else {
            self.text(", NULL, ");
            self.end_fd(ends.1);
            self.text(", NULL, ");
            dec(self.out, head.buf_len);
            self.comma();
            hex(self.out, u64::from(head.flags.cast_unsigned()));
        }
    }

    /// One of the two descriptors that bytes moved between. The other is not the call's socket.
    fn end_fd(&mut self, fd: i32) {
        signed(self.out, i64::from(fd));
        if fd == self.record.call.head.fd {
            self.behind_fd();
        }
    }

    /// `{sa_family=AF_NETLINK, nl_pid=0, nl_groups=00000000}`.
    fn address(&mut self) {
        let name = self.record.call.name;
        if name.is_empty() {
            return self.text(if self.record.failed() { "..." } else { "NULL" });
        }
        let Some(SockaddrNl { pad, portid, groups }) = SockaddrNl::read(name) else {
            return hex_string(self.out, name, self.style.string_limit);
        };
        self.text("{sa_family=AF_NETLINK, ");
        if pad != 0 {
            self.text("nl_pad=");
            hex(self.out, u64::from(pad));
            self.comma();
        }
        self.text("nl_pid=");
        signed(self.out, i64::from(portid.cast_signed()));
        self.text(", nl_groups=");
        hex_padded(self.out, u64::from(groups), 4);
        self.out.push(b'}');
    }

    /// The address's length: a number where it goes in, `[12]` where it comes out.
    fn address_len(&mut self) {
        let len = u64::from(self.record.call.head.name_len);
        match self.record.direction() {
            Some(Direction::Send) => dec(self.out, len),
            _ if self.record.call.name.is_empty() => self.text("NULL"),
            _ => {
                self.out.push(b'[');
                dec(self.out, len);
                self.out.push(b']');
            }
        }
    }

    fn socket(&mut self) {
        let [domain, kind, protocol] = self.record.call.head.args;
        match domain {
            AF_NETLINK => self.text("AF_NETLINK"),
            other => signed(self.out, i64::from(other)),
        }
        self.comma();
        let ty = kind & SOCK_TYPE_MASK;
        match socket_names::socket_type_name(ty) {
            Some(name) => self.text(name),
            None => hex(self.out, u64::from(ty.cast_unsigned())),
        }
        if kind & !SOCK_TYPE_MASK != 0 {
            self.out.push(b'|');
            self.flags(SOCK_FLAGS, kind & !SOCK_TYPE_MASK);
        }
        self.comma();
        match socket_names::protocol_name(protocol) {
            Some(name) => self.text(name),
            None => {
                hex(self.out, u64::from(protocol.cast_unsigned()));
                comment(self.out, "NETLINK_???");
            }
        }
    }

    fn option(&mut self) {
        let [level, name, len] = self.record.call.head.args;
        self.fd();
        match socket_names::level_name(level) {
            Some(level) => self.text(level),
            None => {
                hex(self.out, u64::from(level.cast_unsigned()));
                comment(self.out, "SOL_???");
            }
        }
        self.comma();
        match socket_names::option_name(level, name) {
            Some(name) => self.text(name),
            None => hex(self.out, u64::from(name.cast_unsigned())),
        }
        self.comma();
        let value = self.record.call.payload;
        let (numbers, rest) = value.as_chunks::<4>();
        if self.record.failed() {
            self.text("...");
        } else if rest.is_empty() {
            self.out.push(b'[');
            for (at, number) in numbers.iter().enumerate() {
                if at > 0 {
                    self.comma();
                }
                signed(self.out, i64::from(i32::from_ne_bytes(*number)));
                if level == SOL_NETLINK && socket_names::MEMBERSHIP.contains(&name) {
                    let groups = self.engine.groups(self.record.call.head.protocol);
                    if let Some(group) = groups.name(u32::from_ne_bytes(*number)) {
                        comment(self.out, group);
                    }
                }
            }
            self.out.push(b']');
        } else {
            hex_string(self.out, value, self.style.string_limit);
        }
        self.comma();
        match self.record.function {
            Function::Getsockopt => {
                self.out.push(b'[');
                signed(self.out, i64::from(len));
                self.out.push(b']');
            }
            _ => signed(self.out, i64::from(len)),
        }
    }
}
