//! From frames to text: one session, however many processes speak in it.

use std::rc::Rc;

use nlproto::codec::{self, FrameHead};
use nlproto::function::Kind;
use nlproto::{Bye, Call, FRAME_HEAD_LEN, Function, Name, Origin, Record, SockaddrNl};

use super::redact::{Knowledge, Redactor};
use super::sink::Sink;
use crate::decode::{Direction, Engine, NoRequests, Requests as _, Wanted};
use crate::error::{Error, say};
use crate::output::reply::{Unanswered, Why};
use crate::output::{CallRecord, Datagram, Output, socket_names};
use crate::source::capture;
use crate::spec::Registry;
use crate::state::early::Early;
use crate::state::names::NameTable;
use crate::state::process::Process;
use crate::state::reassembly::{Gone, Reassembly, Receiver};
use crate::state::requests::{Moved, Place, Requests, Sender};
use crate::wire::message::Nlmsghdr;

/// Text is written when so much of it has come together, even if more is waiting to be decoded.
const BATCH_LEN: usize = 64 << 10;

/// Records go in; text and a capture come out.
pub(super) struct Session {
    reassembly: Reassembly,
    show: Show,
    capture: Option<capture::Writer>,
    /// Keeps key material out of the capture.
    redactor: Option<Redactor>,
    /// Whether a frame has come.
    heard: bool,
    /// Frames that hold no record.
    unreadable: u64,
    /// The first thing that went wrong in writing. What can go on goes on.
    failure: Option<Error>,
}

/// Shows what it is told.
struct Show {
    registry: Rc<Registry>,
    names: NameTable,
    /// Makes a name table that knows nothing.
    no_names: fn() -> NameTable,
    /// Generic families that the user has named.
    families: Vec<(u16, String)>,
    requests: Requests,
    /// Answers whose requests have not come yet.
    early: Early,
    output: Box<dyn Output>,
    sink: Sink,
    text: Vec<u8>,
    records: u64,
    lost: u64,
    /// Calls of functions that a newer shim knows.
    unknown: u64,
}

impl Session {
    pub(super) fn new(
        registry: Registry,
        no_names: fn() -> NameTable,
        output: Box<dyn Output>,
        sink: Sink,
        capture: Option<capture::Writer>,
        redact: bool,
    ) -> Self {
        let show = Show {
            registry: Rc::new(registry),
            names: no_names(),
            no_names,
            families: Vec::new(),
            requests: Requests::default(),
            early: Early::default(),
            output,
            sink,
            text: Vec::new(),
            records: 0,
            lost: 0,
            unknown: 0,
        };
        let redactor = redact.then(Redactor::default);
        let reassembly = Reassembly::new();
        Self { reassembly, show, capture, redactor, heard: false, unreadable: 0, failure: None }
    }

    /// The specs it decodes by.
    pub(super) fn registry(&self) -> Rc<Registry> {
        Rc::clone(&self.show.registry)
    }

    /// Takes a frame: its head, all of its bytes, and the body among them.
    pub(super) fn frame(&mut self, head: &FrameHead, whole: &[u8], body: &[u8]) {
        self.frame_from(None, head, whole, body);
    }

    /// Takes a frame of the process that has this number here, if that is known.
    pub(super) fn frame_from(
        &mut self,
        pid_here: Option<u32>,
        head: &FrameHead,
        whole: &[u8],
        body: &[u8],
    ) {
        self.heard = true;
        let record = codec::decode(body);
        match &record {
            Ok(record) => self.reassembly.accept_from(pid_here, head, record, &mut self.show),
            Err(e) => {
                if self.unreadable == 0 {
                    say(format_args!("{e}; it is passed over"));
                }
                self.unreadable = self.unreadable.saturating_add(1);
            }
        }
        if self.capture.is_some() {
            let clean = self.redacted(head, record.as_ref().ok(), whole);
            self.write(clean.as_deref().unwrap_or(whole));
        } else {
            self.show.names.take_asked(|_| {});
        }
        self.write_full_batch();
    }

    /// What goes into the capture instead of a frame; None if it is that frame.
    fn redacted(
        &mut self,
        head: &FrameHead,
        record: Option<&Record<'_>>,
        whole: &[u8],
    ) -> Option<Vec<u8>> {
        let redactor = self.redactor.as_mut()?;
        let mut clean = Vec::new();
        // Without a record nothing tells what is in it, and nothing goes on.
        if let Some(record) = record {
            let process = self.reassembly.process(head.process);
            let Show { registry, names, .. } = &self.show;
            let knowledge = Knowledge { registry, names, process };
            let mut take = |frame: &[u8]| clean.extend_from_slice(frame);
            redactor.frame(head, record, whole, &knowledge, &mut take);
        }
        Some(clean)
    }

    /// Writes frames into the capture. Names that the kernel was asked for come before those that
    /// needed them, so that a replay has them in time.
    fn write(&mut self, frames: &[u8]) {
        let Some(writer) = &mut self.capture else { return };
        let mut written = Ok(());
        self.show.names.take_asked(|name| {
            if written.is_ok() {
                written = writer.name(name);
            }
        });
        let written = written.and_then(|()| writer.frame(frames));
        self.check_capture(written);
    }

    /// Writes what waited for the rest of a call of a process, which will not come.
    fn end_redaction(&mut self, key: u64) {
        let Some(redactor) = &mut self.redactor else { return };
        let process = self.reassembly.process(key);
        let Show { registry, names, .. } = &self.show;
        let mut clean = Vec::new();
        let mut take = |frame: &[u8]| clean.extend_from_slice(frame);
        redactor.end(key, &Knowledge { registry, names, process }, &mut take);
        self.write(&clean);
    }

    /// Shows a datagram that no call surrounds.
    pub(super) fn datagram(&mut self, protocol: u32, direction: Direction, bytes: &[u8]) {
        self.show.datagram(protocol, direction, bytes);
        self.write_full_batch();
    }

    /// Takes a name from outside the stream.
    pub(super) fn name(&mut self, name: &Name<'_>) {
        self.show.name(name);
    }

    /// Forgets all that was learned: names and requests.
    pub(super) fn forget(&mut self) {
        self.show.names = (self.show.no_names)();
        self.show.name_families();
        self.show.requests.clear();
    }

    /// Takes names of generic families from the user, who knows better than the kernel but not than the
    /// stream.
    pub(super) fn give_families(&mut self, families: &[(u16, String)]) {
        self.show.families = families.to_vec();
        self.show.name_families();
    }

    /// Processes are gone. Those that had nothing to say but Hello leave it to us to say Bye for them.
    pub(super) fn part_silently(&mut self, keys: &[u64]) {
        for process in keys {
            if !self.reassembly.is_silent(*process) {
                continue;
            }
            let mut room = [0; 64];
            let bye = Record::Bye(Bye { lost: 0 });
            let Ok(len) = codec::frame(&mut room, *process, 1, &bye) else { continue };
            let Some((whole, head)) = room.get(..len).and_then(|whole| {
                let (head, _) = whole.split_first_chunk::<FRAME_HEAD_LEN>()?;
                Some((whole, FrameHead::from_bytes(head).ok()?))
            }) else {
                continue;
            };
            self.frame(&head, whole, whole.get(FRAME_HEAD_LEN..).unwrap_or_default());
        }
    }

    /// Processes that shared a connection will say no more. They say that so much is lost.
    pub(super) fn end_processes(&mut self, keys: &[u64], lost: u64, gone: Gone) {
        for key in keys {
            self.end_redaction(*key);
        }
        self.reassembly.end_processes(keys, lost, gone, &mut self.show);
    }

    /// Whether something waits for what may come yet.
    pub(super) fn is_holding(&self) -> bool {
        !self.show.early.is_empty()
    }

    /// Shows what waits for more, as if no more came.
    pub(super) fn release(&mut self) {
        self.show.release_all();
    }

    /// What is known of a process.
    pub(super) fn process(&self, key: u64) -> Option<&Process> {
        self.reassembly.process(key)
    }

    /// Writes out everything; to be called before waiting.
    pub(super) fn flush(&mut self) {
        self.write_text();
        if let Some(writer) = &mut self.capture {
            let written = writer.flush();
            self.check_capture(written);
        }
    }

    /// Whether no frame has come.
    pub(super) const fn is_silent(&self) -> bool {
        !self.heard
    }

    /// Whether nothing that comes would be written anywhere.
    pub(super) const fn is_in_vain(&self) -> bool {
        !self.show.sink.is_open() && self.capture.is_none()
    }

    /// Ends the session: shows what is unfinished, and sums up what is missing.
    pub(super) fn end(mut self) -> Result<(), Error> {
        for key in self.redactor.as_ref().map(Redactor::processes).unwrap_or_default() {
            self.end_redaction(key);
        }
        self.reassembly.end(&mut self.show);
        self.show.output.end(&mut self.show.text);
        self.flush();
        for (count, what) in [
            (self.show.lost, "records were lost"),
            (self.unreadable, "records could not be read"),
            (self.show.unknown, "calls are of functions that this nlview does not know"),
        ] {
            if count > 0 {
                say(format_args!("{count} {what}"));
            }
        }
        // The process ends: that the tables are taken apart piece by piece would only take time.
        std::mem::forget(self.registry());
        self.failure.map_or(Ok(()), Err)
    }

    fn write_full_batch(&mut self) {
        if self.show.text.len() >= BATCH_LEN {
            self.write_text();
        }
    }

    fn write_text(&mut self) {
        let written = self.show.sink.write(&self.show.text);
        self.show.text.clear();
        if let Err(e) = written {
            self.fail(e);
        }
    }

    fn check_capture(&mut self, written: Result<(), crate::source::Error>) {
        if let Err(e) = written {
            self.capture = None;
            self.fail(e.into());
        }
    }

    /// The first failure is what the command ends with; each is told when it happens.
    fn fail(&mut self, error: Error) {
        match self.failure {
            Some(_) => say(format_args!("{error}")),
            None => self.failure = Some(error),
        }
    }
}

impl Show {
    fn name_families(&mut self) {
        for (id, name) in &self.families {
            self.names.give(*id, name);
        }
    }

    fn datagram(&mut self, protocol: u32, direction: Direction, bytes: &[u8]) {
        self.names.observe_datagram(protocol, bytes);
        self.records = self.records.saturating_add(1);
        let moved = Moved {
            place: Place::Text(protocol),
            process: 0,
            fd: -1,
            protocol: i32::try_from(protocol).unwrap_or(-1),
            portid: 0,
            record: self.records,
            at_ns: 0,
        };
        match direction {
            Direction::Send => self.requests.sent(&moved, bytes),
            Direction::Receive => self.requests.received(&moved, bytes),
        }
        let names = self.names.scope(None, -1);
        let requests = self.requests.scope(&moved, Sender::Unknown);
        let engine = Engine { registry: &self.registry, names: &names, requests: &requests };
        let datagram =
            Datagram { protocol, direction, bytes, record: self.records, wanted: Wanted::All };
        self.output.datagram(&engine, &datagram, &mut self.text);
    }
}

impl Show {
    /// Remembers what a call asks the kernel, or what the kernel tells it of that and of names. Returns
    /// who tells it.
    fn learn(
        &mut self,
        moved: &Moved,
        function: Function,
        (process, call): (&Process, &Call<'_>),
    ) -> Sender {
        let sender = sender(call);
        let peer = SockaddrNl::read(call.name);
        let is_kernel = peer.is_none_or(|peer| peer.portid == 0);
        let is_multicast = sender == Sender::Group;
        let is_peek = call.head.flags & socket_names::MSG_PEEK != 0;
        let is_receive = function.kind() == Kind::Receive;
        // What a request names so may be refused.
        if is_receive && is_kernel && call.head.errno == 0 {
            self.names.observe(process, call);
        }
        match function.kind() {
            _ if call.head.errno != 0 => {}
            Kind::Send if is_kernel => self.requests.sent(moved, call.payload),
            Kind::Receive if !is_multicast && !is_peek => {
                self.requests.received(moved, call.payload);
            }
            Kind::Life if function == Function::Socket => self.requests.made(moved.place),
            _ => {}
        }
        sender
    }
}

/// What a call moved, in the record that shows it, and when.
fn moved(process: &Process, call: &Call<'_>, record: u64, at_ns: u64) -> Moved {
    let fd = call.head.fd;
    Moved {
        place: Place::of(process, fd),
        process: process.key,
        fd,
        protocol: call.head.protocol,
        portid: process.sockets.get(&fd).map_or(0, |socket| socket.portid),
        record,
        at_ns,
    }
}

/// Who sent what a call received, by its address.
fn sender(call: &Call<'_>) -> Sender {
    match SockaddrNl::read(call.name) {
        Some(peer) if peer.groups != 0 => Sender::Group,
        Some(peer) if peer.portid != 0 => Sender::Program,
        Some(_) => Sender::Kernel,
        None => Sender::Unknown,
    }
}

/// What a call's function does with bytes; None if it is not known.
fn kind(call: &Call<'_>) -> Option<Kind> {
    let (number, _) = Origin::split(call.head.function);
    Function::from_number(number).map(Function::kind)
}

impl Show {
    /// Whether a call received an answer to what is not known to be asked, but may be soon.
    fn is_early(&self, process: &Process, call: &Call<'_>) -> bool {
        let Some(header) = Nlmsghdr::read(call.payload).filter(|_| call.head.errno == 0) else {
            return false;
        };
        let moved = moved(process, call, self.records.saturating_add(1), call.head.exit_ns);
        self.requests.scope(&moved, sender(call)).is_unasked(&header)
    }

    /// Shows the calls held back of a socket whose requests have come by now.
    fn release(&mut self, place: Place) {
        while let Some(held) = self.early.first(place) {
            if self.is_early(&held.process, &held.call()) {
                break;
            }
            let Some(held) = self.early.take(place) else { break };
            self.show(&held.process, &held.call());
        }
    }

    /// Shows the calls held back of a process that ends.
    fn release_of(&mut self, process: &Process) {
        while let Some(held) = self.early.take_of(process.key) {
            self.show(&held.process, &held.call());
        }
    }

    /// Shows all calls that are held back.
    fn release_all(&mut self) {
        while let Some(held) = self.early.take_oldest() {
            self.show(&held.process, &held.call());
        }
    }
}

impl Show {
    /// Tells of requests that will not be answered any more.
    fn give_up(&mut self, process: &Process, place: Option<Place>, why: Why) {
        let Self { registry, names, requests, output, text, .. } = self;
        requests.give_up(process.key, place, |request| {
            let names = names.scope(Some(process), request.fd);
            let engine = Engine { registry, names: &names, requests: &NoRequests };
            output.unanswered(&engine, &Unanswered { process, request, why }, text);
        });
    }
}

impl Receiver for Show {
    fn process(&mut self, process: &Process) {
        self.output.process(process, &mut self.text);
    }

    fn call(&mut self, process: &Process, call: &Call<'_>) {
        let place = Place::of(process, call.head.fd);
        let kind = kind(call);
        if kind == Some(Kind::Receive)
            && (self.early.first(place).is_some() || self.is_early(process, call))
        {
            self.early.hold(place, process, call, self.records);
        } else {
            if kind == Some(Kind::Life) && self.early.first(place).is_some() {
                self.release_all();
            }
            self.show(process, call);
            self.release(place);
        }
        while let Some(held) = self.early.take_overdue(self.records) {
            self.show(&held.process, &held.call());
        }
    }

    fn lost(&mut self, process: &Process, count: u64) {
        self.lost = self.lost.saturating_add(count);
        self.requests.missed();
        self.release_all();
        self.output.lost(process, count, &mut self.text);
    }

    fn bye(&mut self, process: &Process) {
        self.release_of(process);
        self.give_up(process, None, Why::Ended);
        self.output.bye(process, &mut self.text);
    }

    fn gone(&mut self, process: &Process, gone: Gone) {
        self.release_of(process);
        let why = match gone {
            Gone::Ended => Why::Ended,
            Gone::Unheard => Why::Cut,
        };
        self.give_up(process, None, why);
    }

    fn name(&mut self, name: &Name<'_>) {
        self.names.add(name);
    }
}

impl Show {
    /// Shows a call.
    fn show(&mut self, process: &Process, call: &Call<'_>) {
        let (number, origin) = Origin::split(call.head.function);
        let Some(function) = Function::from_number(number) else {
            self.unknown = self.unknown.saturating_add(1);
            return;
        };
        self.records = self.records.saturating_add(1);
        let socket = process.sockets.get(&call.head.fd);
        let at_ns = match function.kind() {
            Kind::Send => call.head.enter_ns,
            _ => call.head.exit_ns,
        };
        let moved = moved(process, call, self.records, at_ns);
        let sender = self.learn(&moved, function, (process, call));
        let names = self.names.scope(Some(process), call.head.fd);
        let requests = self.requests.scope(&moved, sender);
        let engine = Engine { registry: &self.registry, names: &names, requests: &requests };
        let record = CallRecord {
            process,
            call,
            function,
            origin,
            socket,
            record: self.records,
            wanted: Wanted::All,
        };
        self.output.call(&engine, &record, &mut self.text);
        if function == Function::Close && call.head.ret == 0 && !process.has_other(call.head.fd) {
            self.give_up(process, Some(moved.place), Why::Closed);
        }
    }
}
