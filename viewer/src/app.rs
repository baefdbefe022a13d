//! What the command does: ties where records come from to where text goes.

mod families;
mod fold;
mod interrupt;
mod redact;
mod select;
mod serve;
mod session;
mod sink;

use std::ffi::OsString;
use std::io::{BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nlproto::{Name, NameKind};

use self::fold::Folded;
use self::interrupt::Interrupt;
use self::select::{Known, Selected};
use self::serve::{Left, serve};
use self::session::Session;
use self::sink::Sink;
use crate::decode::Direction;
use crate::error::{Error, exit, report, say};
use crate::filter::Filter;
pub use crate::output::check::{Level, Tally};
pub use crate::output::{Descriptors, FORMATS, Format, TimeStyle};
use crate::output::{Output, Style, check, summary};
use crate::source::capture;
use crate::source::file::{self, Input, Kind};
use crate::source::hextext::{HexText, Item};
use crate::source::reader::{self, Reading};
use crate::source::socket::{self, Admission, Listener};
use crate::source::stream::{Piece, Stream};
use crate::source::{self, launch, preflight, shim_library, signals};
use crate::spec::Registry;
use crate::state::names::NameTable;

/// Bytes read of a file at a time.
const READ_LEN: usize = 256 << 10;

/// What the user asked for.
pub struct Plan {
    /// What to do.
    pub task: Task,
    /// Which messages are shown, as a filter expression; None for all.
    pub filter: Option<String>,
    /// Show the whole exchange that such a message belongs to.
    pub conversation: bool,
    /// Answers of each dump that are shown; None for all.
    pub fold: Option<u64>,
    /// How to print.
    pub format: &'static Format,
    /// What is summed up.
    pub summary: Summary,
    /// Findings are printed instead, and counted here.
    pub check: Option<Tally>,
    /// Where to; None for the task's own place.
    pub output: Option<PathBuf>,
    /// A capture to write besides.
    pub write: Option<PathBuf>,
    /// Spec files and folders to add.
    pub specs: Vec<PathBuf>,
    /// Generic families by message type, beyond what the stream and the kernel say.
    pub families: Vec<(u16, String)>,
    /// When to use colour.
    pub color: Color,
    /// How times are shown.
    pub time: TimeStyle,
    /// Hex beside the decode.
    pub hex: bool,
    /// Most bytes of a string that are shown.
    pub string_limit: usize,
    /// Show key material.
    pub show_secrets: bool,
    /// Have the kernel give reasons for errors.
    pub explain: bool,
    /// Blank key material in the capture.
    pub redact: bool,
    /// What the strace format says of descriptors.
    pub descriptors: Descriptors,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Run a program under the shim.
    Run(Vec<OsString>),
    /// Serve preloaded programs; None for the default socket.
    Listen(Option<PathBuf>),
    /// Replay a file.
    Read(PathBuf),
    /// Say where the shim is.
    ShimPath,
    /// Say what the specs describe.
    ListFamilies,
}

/// What is summed up when no more will come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Summary {
    /// Nothing.
    None,
    /// Everything, and nothing else is printed.
    Alone,
    /// Everything, after the messages.
    After,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Color {
    /// On a terminal, unless the environment says otherwise.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Plan {
    /// Does it, and returns the status to end with. What went wrong has been said by then.
    #[must_use]
    pub fn run(&self) -> u8 {
        let done = match &self.task {
            Task::Run(command) => self.run_program(command),
            Task::Listen(socket) => self.listen(socket.as_deref()),
            Task::Read(path) => self.read(path),
            Task::ShimPath => print_shim_path(),
            Task::ListFamilies => self.list_families(),
        };
        let count = self.check.as_ref().map(Tally::count);
        match count {
            None => {}
            Some(0) => say(format_args!("no findings")),
            Some(1) => say(format_args!("1 finding")),
            Some(n) => say(format_args!("{n} findings")),
        }
        match (done, count) {
            (Ok(_), Some(1..)) => exit::FINDINGS,
            (Ok(status), _) => status,
            (Err(error), _) => {
                report(&error);
                error.exit_code(matches!(self.task, Task::Run(_)))
            }
        }
    }

    fn run_program(&self, command: &[OsString]) -> Result<u8, Error> {
        let mut session = self.session(Sink::stderr, live_names)?;
        let library = shim_library::path()?;
        let shim = preflight::Shim::examine(&library);
        let findings = command.first().map(|name| preflight::examine(name, shim));
        let findings = findings.unwrap_or_default();
        if let Some((path, obstacle)) = &findings.obstacle {
            say(format_args!("{} cannot be recorded: {obstacle}", path.display()));
        }
        let is_of_other = matches!(findings.obstacle, Some((_, preflight::Obstacle::OtherMachine)));
        // Such a program's loader would but complain, or keep it from starting.
        let is_unfit = is_of_other || (findings.musl && !shim.fits_musl);
        let preload = if is_unfit { None } else { Some(library) };
        let listener = launch::listen()?;
        let socket = listener.path().to_owned();
        let (stop, stopped) = stop_pair()?;
        let ended = stop.try_clone().map_err(source::Error::system("make a socket"))?;
        let reading = reader::start(listener, Admission::Descendants, stopped)?;
        let start = launch::Start {
            findings: &findings,
            socket: &socket,
            preload: preload.as_deref(),
            explain: self.explain,
        };
        let running = match launch::start(command, &start, ended) {
            Ok(running) => running,
            Err(e) => {
                end_reading(reading, stop);
                return Err(e.into());
            }
        };
        // The program runs to its end even if nobody looks on any more.
        let left = serve(&reading, &mut session, false);
        let status = running.status();
        end_reading(reading, stop);
        let is_silent = session.is_silent();
        session.end()?;
        if is_silent && preload.is_some() && findings.obstacle.is_none() {
            self.say_that_there_was_none();
        }
        launch::report_left(&left);
        Ok(status?)
    }

    /// A program has run without netlink. Said where its messages would be shown, if nothing else says it.
    fn say_that_there_was_none(&self) {
        if self.output.is_none() && self.summary == Summary::None && self.check.is_none() {
            say(format_args!("no netlink was recorded"));
        }
    }

    fn listen(&self, socket: Option<&Path>) -> Result<u8, Error> {
        let mut session = self.session(Sink::stdout, live_names)?;
        let listener = match socket {
            Some(path) => Listener::bind(path)?,
            None => Listener::bind(&socket::default_path()?)?,
        };
        let (stop, stopped) = stop_pair()?;
        if self.explain {
            say(format_args!(
                "--explain takes effect in programs started with NLHOOK_EXPLAIN=1: \
                 LD_PRELOAD=$(nlview --shim-path) NLHOOK_EXPLAIN=1 PROG"
            ));
        }
        signals::stop_on_signals(&stop).map_err(source::Error::system("handle signals"))?;
        let reading = reader::start(listener, Admission::OwnUser, stopped)?;
        let _still_connected: Vec<Left> = serve(&reading, &mut session, true);
        end_reading(reading, stop);
        session.end()?;
        Ok(exit::DONE)
    }

    fn read(&self, path: &Path) -> Result<u8, Error> {
        let input = file::open(path)?;
        if let (Kind::HexText, Some(_)) = (input.kind, &self.write) {
            return Err(source::Error::TextToCapture { file: input.name }.into());
        }
        let mut session = self.session(Sink::stdout, stored_names)?;
        let interrupt = match self.summary {
            Summary::None => Interrupt::default(),
            _ => Interrupt::awaited().map_err(source::Error::system("handle signals"))?,
        };
        let read = match input.kind {
            Kind::Capture => read_capture(input, &mut session, &interrupt),
            Kind::HexText => read_text(input, &mut session, &interrupt),
        };
        // What was read before a failure has been shown, and its failure is the one to tell.
        let in_vain = session.is_in_vain();
        let ended = session.end();
        match read {
            Err(_) if in_vain => ended?,
            Err(e) => {
                if let Err(also) = ended {
                    say(format_args!("{also}"));
                }
                return Err(e.into());
            }
            Ok(()) => ended?,
        }
        Ok(exit::DONE)
    }

    fn session(
        &self,
        default_sink: fn() -> Sink,
        no_names: fn() -> NameTable,
    ) -> Result<Session, Error> {
        let registry = self.registry()?;
        let sink = match &self.output {
            Some(path) => Sink::create(path)?,
            None => default_sink(),
        };
        let capture = self.write.as_deref().map(capture::Writer::create).transpose()?;
        let output = self.output(&self.style(&sink));
        let output = match &self.filter {
            Some(text) => {
                let filter = Filter::parse(text, &Known::by(&registry))?;
                Box::new(Selected::new(output, filter, self.conversation))
            }
            None => output,
        };
        let mut session = Session::new(registry, no_names, output, sink, capture, self.redact);
        session.give_families(&self.families);
        Ok(session)
    }

    fn output(&self, style: &Style) -> Box<dyn Output> {
        match &self.check {
            Some(tally) => Box::new(check::Check::new(style, tally, self.format.name == "json")),
            None => self.shown(style),
        }
    }

    /// What shows messages, a summary of them, or both.
    fn shown(&self, style: &Style) -> Box<dyn Output> {
        if self.summary == Summary::Alone {
            return summary::alone(self.format, style);
        }
        let mut output = (self.format.make)(style);
        if let Some(limit) = self.fold {
            output = Box::new(Folded::new(output, limit));
        }
        match self.summary {
            Summary::After => summary::after(output, self.format, style),
            _ => output,
        }
    }

    fn registry(&self) -> Result<Registry, Error> {
        let mut registry = Registry::builtin();
        for path in &self.specs {
            for warning in registry.add_path(path)? {
                say(format_args!("{warning}"));
            }
        }
        Ok(registry)
    }

    fn list_families(&self) -> Result<u8, Error> {
        let mut sink = match &self.output {
            Some(path) => Sink::create(path)?,
            None => Sink::stdout(),
        };
        sink.write(families::text(&self.registry()?).as_bytes())?;
        Ok(exit::DONE)
    }

    fn style(&self, sink: &Sink) -> Style {
        let color = match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                let environment = Environment::current();
                environment.wants_color(sink.is_terminal())
            }
        };
        Style {
            color,
            string_limit: self.string_limit,
            hex: self.hex,
            time: self.time,
            width: sink.width(),
            show_secrets: self.show_secrets,
            descriptors: self.descriptors,
        }
    }
}

/// What the environment says about colour.
#[derive(Debug, Clone, Copy, Default)]
struct Environment {
    no_color: bool,
    force: bool,
    dumb: bool,
}

impl Environment {
    fn current() -> Self {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        Self {
            no_color: variable("NO_COLOR").is_some(),
            force: variable("CLICOLOR_FORCE").is_some_and(|value| value != "0"),
            dumb: variable("TERM").is_some_and(|value| value == "dumb"),
        }
    }

    const fn wants_color(self, is_terminal: bool) -> bool {
        !self.no_color && (self.force || (is_terminal && !self.dumb))
    }
}

/// Names of the running system, which is asked for what the stream does not say.
fn live_names() -> NameTable {
    NameTable::live()
}

/// Names of a system that may be another one or long gone: only what the file says.
fn stored_names() -> NameTable {
    NameTable::default()
}

/// What stops the reader, and its end of it.
fn stop_pair() -> Result<(UnixStream, UnixStream), Error> {
    Ok(UnixStream::pair().map_err(source::Error::system("make a socket"))?)
}

fn end_reading(reading: Reading, mut stop: UnixStream) {
    // It fails if the reader has ended already.
    let _has_ended = stop.write_all(&[0]);
    reading.join();
}

fn read_capture(
    mut input: Input,
    session: &mut Session,
    interrupt: &Interrupt,
) -> Result<(), source::Error> {
    let mut stream = Stream::new();
    let mut records = 0_u64;
    let mut skipped = 0_usize;
    let mut take = |session: &mut Session, piece: Piece<'_>| match piece {
        Piece::Frame(head, whole, body) => {
            records = records.saturating_add(1);
            session.frame(&head, whole, body);
        }
        Piece::Skipped(len) => skipped = skipped.saturating_add(len),
    };
    let mut room = vec![0; READ_LEN];
    let failure = loop {
        let len = match input.reader.read(&mut room) {
            Ok(0) => break None,
            Ok(len) => len,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(e) => break Some(source::Error::file("read on", &input.name)(e)),
        };
        let bytes = room.get(..len).unwrap_or_default();
        if let Err(error) = stream.feed(bytes, &mut |piece| take(session, piece)) {
            return Err(source::Error::Stream { file: input.name, error, records });
        }
        session.flush();
        if session.is_in_vain() || interrupt.came() {
            return Ok(());
        }
    };
    let left = stream.finish(&mut |piece| take(session, piece));
    match failure {
        Some(failure) => Err(failure),
        None if skipped > 0 => {
            let skipped = skipped.saturating_add(left);
            Err(source::Error::Damaged { file: input.name, skipped })
        }
        None if left > 0 => Err(source::Error::CutShort { file: input.name, records, left }),
        None => Ok(()),
    }
}

fn read_text(
    input: Input,
    session: &mut Session,
    interrupt: &Interrupt,
) -> Result<(), source::Error> {
    let registry = session.registry();
    let mut text = HexText::new(BufReader::with_capacity(READ_LEN, input.reader), |name: &str| {
        registry.protocol_named(name)
    });
    loop {
        if text.may_wait() {
            session.flush();
        }
        let item = text
            .next_item()
            .map_err(|error| source::Error::Text { file: input.name.clone(), error })?;
        let name = |kind: NameKind, id, name| Name { kind: kind as u32, id, netns: 0, name };
        match item {
            None => return Ok(()),
            Some(Item::Datagram { protocol, is_sent, bytes }) => {
                let direction = if is_sent { Direction::Send } else { Direction::Receive };
                session.datagram(protocol, direction, bytes);
            }
            Some(Item::Interface(index, text)) => {
                session.name(&name(NameKind::Interface, index, text.as_bytes()));
            }
            Some(Item::GenericFamily(id, text)) => {
                session.name(&name(NameKind::GenericFamily, u32::from(id), text.as_bytes()));
            }
            Some(Item::Reset) => session.forget(),
        }
        if session.is_in_vain() || interrupt.came() {
            return Ok(());
        }
    }
}

fn print_shim_path() -> Result<u8, Error> {
    use std::os::unix::ffi::OsStringExt;
    let mut line = shim_library::path()?.into_os_string().into_vec();
    line.push(b'\n');
    Sink::stdout().write(&line)?;
    Ok(exit::DONE)
}

#[cfg(test)]
mod tests {
    use super::Environment;

    #[test]
    fn the_environment_decides_about_color() {
        let plain = Environment::default();
        assert!(plain.wants_color(true));
        assert!(!plain.wants_color(false));
        assert!(Environment { force: true, ..plain }.wants_color(false));
        assert!(!Environment { dumb: true, ..plain }.wants_color(true));
        assert!(!Environment { no_color: true, force: true, ..plain }.wants_color(true));
    }
}
