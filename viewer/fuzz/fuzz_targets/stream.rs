//! A connection's bytes, in whatever portions they come, are the same frames, and none is lost; and whatever
//! these say, calls are put together of them within bounds. The first bytes say how long the portions are, and whether the
//! rest are the connection's bytes or say which records it consists of.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nlproto::{Bye, Call, CallHead, Hello, Lost, Name, PREAMBLE_LEN, Part, Record, Socket, codec};
use nlview::source::stream::{Piece, Stream};
use nlview::state::process::Process;
use nlview::state::reassembly::{Reassembly, Receiver};

/// The frames of a stream, how many bytes belonged to none, and whether it broke off.
#[derive(Debug, Default, PartialEq, Eq)]
struct Heard {
    frames: Vec<Vec<u8>>,
    skipped: usize,
    is_broken: bool,
}

fn hear<'a>(portions: impl Iterator<Item = &'a [u8]>) -> Heard {
    let mut heard = Heard::default();
    let mut stream = Stream::new();
    for portion in portions {
        let fed = stream.feed(portion, &mut |piece| match piece {
            Piece::Frame(_, whole, _) => heard.frames.push(whole.to_vec()),
            Piece::Skipped(len) => heard.skipped += len,
        });
        if fed.is_err() {
            heard.is_broken = true;
            return heard;
        }
    }
    let torn = stream.finish(&mut |piece| match piece {
        Piece::Frame(_, whole, _) => heard.frames.push(whole.to_vec()),
        Piece::Skipped(len) => heard.skipped += len,
    });
    heard.skipped += torn;
    heard
}

/// A connection whose records the bytes choose.
fn composed(bytes: &[u8]) -> Vec<u8> {
    let mut stream = codec::preamble().to_vec();
    let mut number = 0_u64;
    let mut bytes = bytes.iter().copied();
    while let (Some(kind), Some(a), Some(b)) = (bytes.next(), bytes.next(), bytes.next()) {
        let text = vec![b; usize::from(a)];
        let (small, large) = (u64::from(a), u64::from(b) << (a % 40));
        let head = CallHead {
            function: u32::from(a),
            fd: i32::from(b) - 2,
            tid: 1,
            protocol: 0,
            enter_ns: large,
            exit_ns: small,
            ret: large as i64,
            errno: i32::from(b),
            flags: 0,
            msg_flags: 0,
            index: 0,
            count: 0,
            iov_count: 0,
            buf_len: large,
            name_len: 0,
            args: [0; 3],
            control_len: 0,
            payload_total: if kind & 0x40 == 0 { large } else { small },
        };
        let record = match kind % 8 {
            0 => Record::Hello(Hello {
                pid: u32::from(a),
                ppid: u32::from(b),
                uid: 0,
                forked: u32::from(kind & 0x40 != 0),
                netns: 0,
                netns_cookie: 0,
                monotonic_ns: large,
                realtime_ns: small,
                shim: &text,
                comm: &text,
                exe: &text,
                argv: &text,
            }),
            1 => Record::Socket(Socket {
                fd: i32::from(a),
                kind: 3,
                protocol: i32::from(b),
                portid: 0,
                groups: 0,
                inode: large,
                netns_cookie: 0,
            }),
            2 | 3 => {
                let (iov_lens, name, control) = (&[][..], &[][..], &[][..]);
                Record::Call(Call { head, iov_lens, name, control, payload: &text })
            }
            4 | 5 => Record::Part(Part {
                call: number - small.min(number),
                offset: large,
                payload: &text,
            }),
            6 => Record::Lost(Lost { count: small, total: large }),
            _ => Record::Bye(Bye { lost: large }),
        };
        // Mostly the next one, now and then far from it.
        number = if kind & 0x20 == 0 { number + 1 } else { number ^ large };
        let mut room = vec![0; 2048];
        if let Ok(len) = codec::frame(&mut room, u64::from(kind >> 7), number, &record) {
            // Some are torn.
            let len = if kind & 0x18 == 0x18 { len - usize::from(b).min(len) } else { len };
            stream.extend_from_slice(&room[..len]);
        }
    }
    stream
}

/// Counts what it is told.
#[derive(Default)]
struct Told {
    calls: usize,
    len: usize,
}

impl Receiver for Told {
    fn process(&mut self, _process: &Process) {}

    fn call(&mut self, _process: &Process, call: &Call<'_>) {
        self.calls += 1;
        self.len += call.payload.len();
    }

    fn lost(&mut self, _process: &Process, count: u64) {
        assert!(count > 0);
    }

    fn bye(&mut self, _process: &Process) {}

    fn name(&mut self, _name: &Name<'_>) {}
}

fuzz_target!(|input: &[u8]| {
    let Some((lens, bytes)) = input.split_at_checked(4) else { return };
    let composed = (lens[0] % 2 == 1).then(|| composed(bytes));
    let bytes = composed.as_deref().unwrap_or(bytes);
    let mut rest = bytes;
    let mut lens = lens.iter().cycle();
    let portions = std::iter::from_fn(|| {
        let len = lens.next().map_or(1, |len| usize::from(*len) + 1).min(rest.len());
        let (portion, behind) = rest.split_at(len);
        rest = behind;
        (!portion.is_empty()).then_some(portion)
    });
    let by_portions = hear(portions);
    let at_once = hear(std::iter::once(bytes));
    if at_once.skipped == 0 && !at_once.is_broken {
        assert_eq!(by_portions, at_once);
    }
    // Where bytes are damaged, what comes behind a frame says whether it counts, if it has come. But every
    // byte is in a frame, passed over, or in a preamble.
    for heard in [by_portions, at_once] {
        let framed: usize = heard.frames.iter().map(Vec::len).sum();
        let left = bytes.len().checked_sub(framed + heard.skipped);
        assert!(left.is_some_and(|left| heard.is_broken || left % PREAMBLE_LEN == 0), "{left:?}");
    }

    let mut reassembly = Reassembly::new();
    let mut told = Told::default();
    let mut stream = Stream::new();
    let _broken = stream.feed(bytes, &mut |piece| {
        if let Piece::Frame(head, _, body) = piece
            && let Ok(record) = codec::decode(body)
        {
            reassembly.accept(&head, &record, &mut told);
        }
    });
    reassembly.end(&mut told);
    assert!(told.calls <= bytes.len() && told.len <= bytes.len());
});
