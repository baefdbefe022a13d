//! Captures of any length, made without a program that is recorded: processes that come and go, each with
//! sockets on which it asks, dumps, listens and is refused. What can fill a viewer's memory is all
//! different: port ids, inodes, sequence numbers, names of links.

use std::io::{self, BufWriter, Write};

use nlproto::{Bye, Call, CallHead, Function, Hello, Record, Socket, codec};

use crate::{fixtures, hextext};

/// Messages of a process, about.
const OF_ONE_PROCESS: u64 = 2000;
/// Bytes of a dump that one datagram has at least, if there are so many.
const DATAGRAM_LEN: usize = 4096;

const REQUEST: u16 = 1;
const MULTI: u16 = 2;
const ACK: u16 = 4;
const DUMP: u16 = 0x300;
const GETLINK: u16 = 18;
const NEWLINK: u16 = 16;
const NEWADDR: u16 = 20;
const NEWROUTE: u16 = 24;
const GETROUTE: u16 = 26;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const EEXIST: i32 = 17;

/// Writes a capture of at least so many messages, a tenth of them in one dump.
///
/// # Errors
/// As the output has them.
///
/// # Panics
/// If a fixture is not as it should be.
pub fn write(out: impl Write, messages: u64) -> io::Result<()> {
    let mut capture = Capture::new(BufWriter::with_capacity(1 << 18, out))?;
    capture.begin_process()?;
    capture.dump(messages / 10)?;
    while capture.messages < messages {
        capture.end_process()?;
        capture.begin_process()?;
        let end = capture.messages + OF_ONE_PROCESS;
        while capture.messages < end {
            capture.ask()?;
            capture.change(false)?;
            capture.change(true)?;
            capture.forget_to_read()?;
            capture.hear()?;
            capture.dump(3)?;
            capture.dump(100)?;
            capture.change_socket()?;
        }
    }
    capture.end_process()?;
    capture.out.flush()
}

/// A capture that grows.
#[derive(Debug)]
pub struct Capture<W> {
    /// What it is written to.
    pub out: W,
    room: Vec<u8>,
    messages: u64,
    process: u64,
    frames: u64,
    now_ns: u64,
    socket: Socket,
    /// The current sequence number.
    pub seq: u32,
    link: Vec<u8>,
    route: Vec<u8>,
}

/// The first message of a type in a fixture, without its header.
fn recorded(fixture: &str, ty: u16) -> Vec<u8> {
    let text = std::fs::read_to_string(fixtures().join("golden").join(fixture)).expect("a fixture");
    let lines = hextext::parse(&text);
    let found = lines.iter().find(|line| line.bytes.get(4..6) == Some(&ty.to_ne_bytes()));
    let bytes = &found.expect("a message of this type").bytes;
    let len = u32::from_ne_bytes(*bytes.first_chunk().expect("a header"));
    bytes[16..usize::try_from(len).expect("a length")].to_vec()
}

impl<W: Write> Capture<W> {
    /// A new one, in which no process has begun.
    ///
    /// # Errors
    /// As the output has them; so have the others.
    pub fn new(mut out: W) -> io::Result<Self> {
        out.write_all(&codec::preamble())?;
        let (fd, kind, protocol, portid, groups, inode, netns_cookie) = (3, 3, 0, 1, 0, 1, 1);
        Ok(Self {
            out,
            room: vec![0; 1 << 20],
            messages: 0,
            process: 0,
            frames: 0,
            now_ns: 1_000_000_000,
            socket: Socket { fd, kind, protocol, portid, groups, inode, netns_cookie },
            seq: 1,
            link: recorded("link-dump.nlhex", NEWLINK),
            route: recorded("route-dump.nlhex", NEWROUTE),
        })
    }

    fn frame(&mut self, record: &Record<'_>) -> io::Result<()> {
        let len = codec::frame(&mut self.room, self.process, self.frames, record).expect("room");
        self.frames += 1;
        self.out.write_all(&self.room[..len])
    }

    /// A process begins, with a socket.
    #[expect(clippy::missing_errors_doc, reason = "as new")]
    pub fn begin_process(&mut self) -> io::Result<()> {
        self.process += 1;
        self.frames = 0;
        let pid = u32::try_from(self.process).expect("few processes") + 1000;
        self.frame(&Record::Hello(Hello {
            pid,
            ppid: 1,
            uid: 0,
            forked: 0,
            netns: 4_026_531_840,
            netns_cookie: 1,
            monotonic_ns: self.now_ns,
            realtime_ns: 1_700_000_000_000_000_000 + self.now_ns,
            shim: b"0.1.0",
            comm: b"worker",
            exe: b"/usr/lib/somewhere/bin/worker",
            argv: b"worker\0--interface\0eth0\0--verbose\0",
        }))?;
        self.change_socket()
    }

    /// It ends.
    #[expect(clippy::missing_errors_doc, reason = "as new")]
    pub fn end_process(&mut self) -> io::Result<()> {
        self.frame(&Record::Bye(Bye { lost: 0 }))
    }

    /// Closes the socket and makes another one.
    fn change_socket(&mut self) -> io::Result<()> {
        if self.frames > 1 {
            self.life(Function::Close, [0, 212_992, 0])?;
        }
        self.socket.inode += 1;
        self.socket.portid += 1;
        self.frame(&Record::Socket(self.socket))?;
        self.life(Function::Socket, [16, 3, 0])
    }

    fn life(&mut self, function: Function, args: [i32; 3]) -> io::Result<()> {
        let ret = if function == Function::Socket { self.socket.fd.into() } else { 0 };
        let head = CallHead { function: function as u32, args, ret, ..self.head() };
        self.frame(&Record::Call(Call {
            head,
            iov_lens: &[],
            name: &[],
            control: &[],
            payload: &[],
        }))
    }

    fn head(&mut self) -> CallHead {
        self.now_ns += 20_000;
        CallHead {
            fd: self.socket.fd,
            tid: u32::try_from(self.process).expect("few processes") + 1000,
            protocol: self.socket.protocol,
            enter_ns: self.now_ns,
            exit_ns: self.now_ns + 5_000,
            ..CallHead::default()
        }
    }

    /// Sends or receives a datagram, to or from the kernel or a group of it.
    #[expect(clippy::missing_errors_doc, reason = "as new")]
    pub fn moves(&mut self, function: Function, groups: u32, payload: &[u8]) -> io::Result<()> {
        let len = payload.len() as u64;
        let mut name = [16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        name[8..].copy_from_slice(&groups.to_ne_bytes());
        let head = CallHead {
            function: function as u32,
            ret: i64::try_from(len).expect("a length"),
            iov_count: 1,
            buf_len: len.max(32768),
            name_len: 12,
            payload_total: len,
            ..self.head()
        };
        let iov_lens = head.buf_len.to_le_bytes();
        let call = Call { head, iov_lens: &iov_lens, name: &name, control: &[], payload };
        self.frame(&Record::Call(call))
    }

    /// Appends a message with the current sequence number.
    pub fn message(&mut self, out: &mut Vec<u8>, ty: u16, flags: u16, payload: &[u8]) {
        self.messages += 1;
        let len = u32::try_from(16 + payload.len()).expect("a length");
        out.extend(len.to_ne_bytes());
        out.extend(ty.to_ne_bytes());
        out.extend(flags.to_ne_bytes());
        out.extend(self.seq.to_ne_bytes());
        out.extend(self.socket.portid.to_ne_bytes());
        out.extend(payload);
        out.resize(out.len().next_multiple_of(4), 0);
    }

    fn send(&mut self, ty: u16, flags: u16, payload: &[u8]) -> io::Result<Vec<u8>> {
        self.seq += 1;
        let mut bytes = Vec::new();
        self.message(&mut bytes, ty, REQUEST | flags, payload);
        self.moves(Function::Sendmsg, 0, &bytes)?;
        Ok(bytes)
    }

    fn receive(&mut self, ty: u16, flags: u16, payload: &[u8]) -> io::Result<()> {
        let mut bytes = Vec::new();
        self.message(&mut bytes, ty, flags, payload);
        self.moves(Function::Recvmsg, 0, &bytes)
    }

    /// Asks for one link, each time another one.
    fn ask(&mut self) -> io::Result<()> {
        self.send(GETLINK, 0, &[0; 16])?;
        let link = self.another_link();
        self.receive(NEWLINK, 0, &link)
    }

    /// A link of another number than those before.
    fn another_link(&mut self) -> Vec<u8> {
        let mut link = self.link.clone();
        link[4..8].copy_from_slice(&self.seq.to_ne_bytes());
        link
    }

    /// Changes something and is told how that went.
    fn change(&mut self, is_refused: bool) -> io::Result<()> {
        let address = [2, 24, 0, 0, 1, 0, 0, 0, 8, 0, 2, 0, 192, 0, 2, 1];
        let asked = self.send(NEWADDR, ACK | 0x600, &address)?;
        let code = if is_refused { -EEXIST } else { 0 };
        let echo = if is_refused { &asked[..] } else { &asked[..16] };
        self.receive(ERROR, 0, &[&code.to_ne_bytes(), echo].concat())
    }

    /// Changes something and never reads how that went.
    fn forget_to_read(&mut self) -> io::Result<()> {
        self.send(NEWADDR, ACK, &[2, 24, 0, 0, 1, 0, 0, 0]).map(drop)
    }

    /// Hears what others did.
    fn hear(&mut self) -> io::Result<()> {
        let link = self.another_link();
        let mut bytes = Vec::new();
        self.message(&mut bytes, NEWLINK, 0, &link);
        self.moves(Function::Recvmsg, 1, &bytes)
    }

    /// A dump of so many routes.
    fn dump(&mut self, routes: u64) -> io::Result<()> {
        self.send(GETROUTE, DUMP, &[0; 12])?;
        let route = self.route.clone();
        let mut bytes = Vec::new();
        for number in 1..=routes {
            self.message(&mut bytes, NEWROUTE, MULTI, &route);
            if bytes.len() >= DATAGRAM_LEN || number == routes {
                self.moves(Function::Recvmsg, 0, &bytes)?;
                bytes.clear();
            }
        }
        self.receive(DONE, MULTI, &[0; 4])
    }
}
