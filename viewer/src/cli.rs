//! The command line: what can be typed, and what it means.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, ArgGroup, CommandFactory, Parser, ValueEnum};

use crate::app::{
    Color, Descriptors, FORMATS, Format, Level, Plan, Summary, Tally, Task, TimeStyle,
};
use crate::error::{exit, say};

/// Records, decodes and prints the netlink messages of any program.
#[derive(Parser)]
#[command(
    name = "nlview",
    version,
    about,
    override_usage = "nlview [OPTIONS] [--] PROG [ARGS]...\n       \
                      nlview [OPTIONS] --listen[=SOCKET]\n       \
                      nlview [OPTIONS] --read FILE",
    after_help = AFTER_HELP,
    after_long_help = AFTER_LONG_HELP,
    group = ArgGroup::new("task").required(true)
        .args(["command", "listen", "read", "list_families", "shim_path", "generate"])
)]
struct Args {
    /// Program to run, and its arguments
    ///
    /// It keeps its own stdin, stdout, stderr, terminal and signals.
    #[arg(value_name = "PROG", trailing_var_arg = true)]
    command: Vec<OsString>,

    /// Serve programs that preload the shim, until interrupted
    ///
    /// Start them with `LD_PRELOAD=$(nlview --shim-path) PROG`. Without SOCKET it is
    /// $XDG_RUNTIME_DIR/nlview.sock, else /tmp/nlview-UID/nlview.sock, where the shim looks by itself;
    /// for another one set NLHOOK_SOCKET in the programs' environment.
    #[arg(short, long, value_name = "SOCKET", num_args = 0..=1, require_equals = true)]
    #[expect(clippy::option_option, reason = "absent, without a value, with one")]
    listen: Option<Option<PathBuf>>,

    /// Replay a capture, or hex text (- is stdin)
    ///
    /// Hex text has one datagram a line: a protocol (NETLINK_ROUTE, ROUTE or a number), > for what
    /// is sent to the kernel or < for what is received, and the bytes in hex.
    #[arg(short, long, value_name = "FILE")]
    read: Option<PathBuf>,

    /// Show only messages that EXPR is true of
    ///
    /// EXPR compares fields (process: comm, pid, tid, fd; call, dir, protocol, family, type, flags, seq, errno,
    /// latency, group …) and attributes and members by their C names, at any depth:
    /// 'type == RTM_NEWROUTE && RTA_DST in 10.0.0.0/8', 'errno != 0', 'latency > 1ms',
    /// 'IFLA_IFNAME =~ "^veth"'. The strace format shows calls whole.
    #[arg(short = 'e', long, value_name = "EXPR")]
    filter: Option<String>,

    /// Show the whole exchange, request and answers, that such a message belongs to
    #[arg(long, requires = "filter")]
    conversation: bool,

    /// Show only the first N answers of each dump (3), and how many more there were; in the tree format
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "3")]
    fold: Option<u64>,

    /// How to print
    #[arg(short, long, value_name = "FORMAT", value_parser = format_parser(),
          default_value = default_format())]
    format: &'static Format,

    /// Print a summary instead of the messages
    ///
    /// Tables of the messages by type, with errors and latencies; of the calls by function; of the
    /// sockets with what they joined, set and missed; of what was lost. With -f json one object a row.
    /// It comes when PROG has ended, at the capture's end, or when nlview is interrupted.
    #[arg(short = 'c', long, conflicts_with = "summary")]
    summary_only: bool,

    /// Print a summary after the messages
    #[arg(short = 'C', long)]
    summary: bool,
    /// Print what is wrong instead, one finding a line; exit with 1 if anything is
    ///
    /// Requests are held to the kernel's rules, also to those of which it says nothing to the program:
    /// lengths, padding, NLA_F_NESTED, unknown and repeated attributes, reserved bits. What it
    /// answers is looked through for errors. With -f json a finding is an object.
    #[arg(long, value_name = "WHAT", value_enum, num_args = 0..=1, require_equals = true,
          default_missing_value = "all", conflicts_with_all = ["summary", "summary_only", "fold"])]
    check: Option<Check>,

    /// Print to FILE instead (- is stdout)
    ///
    /// The default is stderr when PROG is run, else stdout.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Also write a capture, for --read
    #[arg(short, long, value_name = "FILE")]
    write: Option<PathBuf>,

    /// Show the time of each record; -t alone is -t=clock
    #[arg(short, long, value_name = "STYLE", value_enum, num_args = 0..=1, require_equals = true,
          default_value = "none", default_missing_value = "clock")]
    time: Time,

    /// Show the bytes in hex beside the decode
    #[arg(short = 'x', long)]
    hex: bool,

    /// Show at most N bytes of a string
    #[arg(short, long, value_name = "N", default_value_t = 9999)]
    string_limit: usize,

    /// Say which socket a descriptor is, in the strace format; -yy by protocol and port id
    ///
    /// As strace does it: `3<socket:[4711]>` with -y, `3<NETLINK:[ROUTE:1234]>` with -yy.
    #[arg(short = 'y', action = ArgAction::Count)]
    y: u8,

    /// The same by name: path is -y, socket and all are -yy
    #[arg(long, value_name = "WHAT", value_enum, num_args = 0..=1, require_equals = true,
          default_missing_value = "path", conflicts_with = "y")]
    decode_fds: Option<DecodeFds>,

    /// Have the kernel give reasons for errors to programs that did not ask for them
    ///
    /// The shim then sets NETLINK_EXT_ACK on each new netlink socket, so the errors that the program
    /// receives are longer. With --listen, set NLHOOK_EXPLAIN=1 in the programs' environment as well.
    #[arg(long, conflicts_with = "read")]
    explain: bool,

    /// Show keys and other secrets in full
    #[arg(long)]
    show_secrets: bool,

    /// Blank keys and other secrets in the capture
    ///
    /// Their bytes become zeros, so that all lengths stay. What belongs to a family that no spec
    /// describes is blanked as a whole. A capture made without it can be cleaned later, by --read,
    /// --write and --redact together.
    #[arg(long, requires = "write")]
    redact: bool,

    /// When to use colour
    ///
    /// `auto` is on a terminal only, and heeds NO_COLOR and CLICOLOR_FORCE.
    #[arg(long, value_name = "WHEN", value_enum, default_value = "auto")]
    color: When,

    /// Add a spec file, or all of a folder (repeatable)
    #[arg(long, value_name = "FILE|DIR")]
    spec: Vec<PathBuf>,

    /// Say that generic family ID (a message type) is NAME (repeatable)
    ///
    /// Where neither the stream nor the running kernel says what a family's number is, as in a capture
    /// from elsewhere. A capture that is written keeps it.
    #[arg(long, value_name = "ID=NAME", value_parser = generic_family)]
    genl: Vec<(u16, String)>,

    /// List the families that the specs describe, those of --spec too
    #[arg(long)]
    list_families: bool,

    /// Print the path of libnlhook.so, for LD_PRELOAD
    #[arg(long, exclusive = true)]
    shim_path: bool,

    /// Print the manual page, or completions for a shell
    #[arg(long, value_name = "WHAT", value_enum, exclusive = true)]
    generate: Option<Generate>,
}

const AFTER_HELP: &str = "\
Examples:
  nlview ip link                     what ip says to the kernel, and what it hears
  nlview -w ip.nlcap -- ip -s link   keep it, to look at it again with nlview -r ip.nlcap
  nlview --listen                    serve programs started with
                                     LD_PRELOAD=$(nlview --shim-path) PROG";

const AFTER_LONG_HELP: &str = "\
Examples:
  nlview ip link                     what ip says to the kernel, and what it hears
  nlview -w ip.nlcap -- ip -s link   keep it, to look at it again with nlview -r ip.nlcap
  nlview --listen                    serve programs started with
                                     LD_PRELOAD=$(nlview --shim-path) PROG

Exit status:
  PROG's own; 128+N if signal N ended it; 125 if nlview itself failed; 126 if PROG cannot be
  executed; 127 if there is no such PROG. With --listen and --read 0, or 1 if something failed or
  the capture is cut short. 2 if the command line makes no sense. With --check 1 if anything is
  found, whatever PROG's own is.

Environment:
  NLVIEW_SHIM       a libnlhook.so to preload instead of nlview's own
  XDG_RUNTIME_DIR   where sockets are made
  TMPDIR            where libnlhook.so is put
  NO_COLOR, CLICOLOR_FORCE, TERM";

/// How times are shown.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Time {
    /// Not at all
    None,
    /// Time of day with microseconds, UTC
    Clock,
    /// Seconds since 1970 with microseconds
    Epoch,
    /// Seconds since the first record
    Relative,
}

/// What `--check` looks for.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Check {
    /// Everything
    All,
    /// What the kernel says went wrong: errors, and messages that it could not deliver
    Errors,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum When {
    Auto,
    Always,
    Never,
}

/// What the strace format says of descriptors.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum DecodeFds {
    /// What /proc/PID/fd calls it
    Path,
    /// Protocol and port id
    Socket,
    /// All that is known
    All,
}

/// What `--generate` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Generate {
    Man,
    CompleteBash,
    CompleteZsh,
    CompleteFish,
}

/// Reads the command line. What is asked for about the command itself (help, a manual page) is done
/// at once; then, and after a mistake, the status to end with is returned.
///
/// # Errors
/// There is nothing more to do.
pub fn parse() -> Result<Plan, u8> {
    let args = Args::try_parse().map_err(|error| report(&error))?;
    match args.generate {
        Some(what) => Err(generate(what)),
        None => Ok(args.into_plan()),
    }
}

impl Args {
    fn into_plan(self) -> Plan {
        let task = match (self.listen, self.read, self.shim_path) {
            _ if self.list_families => Task::ListFamilies,
            (Some(socket), ..) => Task::Listen(socket),
            (None, Some(file), _) => Task::Read(file),
            (None, None, true) => Task::ShimPath,
            (None, None, false) => Task::Run(self.command),
        };
        Plan {
            task,
            filter: self.filter,
            conversation: self.conversation,
            // Lines that are no JSON, and calls that are cut, would be of no use.
            fold: self.fold.filter(|_| self.format.name == "tree"),
            format: self.format,
            summary: match (self.summary_only, self.summary) {
                (true, _) => Summary::Alone,
                (false, true) => Summary::After,
                (false, false) => Summary::None,
            },
            check: self.check.map(|what| {
                Tally::new(match what {
                    Check::All => Level::All,
                    Check::Errors => Level::Errors,
                })
            }),
            output: self.output,
            write: self.write,
            specs: self.spec,
            families: self.genl,
            color: match self.color {
                When::Auto => Color::Auto,
                When::Always => Color::Always,
                When::Never => Color::Never,
            },
            time: match self.time {
                Time::None => TimeStyle::None,
                Time::Clock => TimeStyle::Clock,
                Time::Epoch => TimeStyle::Epoch,
                Time::Relative => TimeStyle::Relative,
            },
            hex: self.hex,
            string_limit: self.string_limit,
            show_secrets: self.show_secrets,
            explain: self.explain,
            redact: self.redact,
            descriptors: match (self.y, self.decode_fds) {
                (0, None) => Descriptors::Number,
                (1, _) | (_, Some(DecodeFds::Path)) => Descriptors::Path,
                _ => Descriptors::Socket,
            },
        }
    }
}

/// `ID=NAME` of a generic family.
fn generic_family(text: &str) -> Result<(u16, String), String> {
    let (id, name) = text.split_once('=').ok_or("expected ID=NAME, as in 21=nl80211")?;
    let number = match id.strip_prefix("0x") {
        Some(hex) => u16::from_str_radix(hex, 16),
        None => id.parse(),
    };
    let number = number.map_err(|_| format!("{id} is no message type: expected 16 to 65535"))?;
    if number < 16 {
        return Err(format!("{number} is a message of netlink's own: expected 16 to 65535"));
    }
    if name.is_empty() {
        return Err(format!("no name for {number}: expected ID=NAME, as in 21=nl80211"));
    }
    if !name.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
        return Err(format!("{name:?} is no family's name: expected printable ASCII"));
    }
    Ok((number, name.to_owned()))
}

/// The formats by name; the list of them is the outputs' own.
fn format_parser() -> impl TypedValueParser<Value = &'static Format> {
    let names = FORMATS.iter().map(|format| PossibleValue::new(format.name).help(format.about));
    PossibleValuesParser::new(names)
        .try_map(|name| FORMATS.iter().find(|format| format.name == name).ok_or("no such format"))
}

fn default_format() -> &'static str {
    FORMATS.first().map_or("", |format| format.name)
}

/// Prints help where it was asked for, else says what is wrong with the command line.
fn report(error: &clap::Error) -> u8 {
    let text = error.render();
    if error.use_stderr() {
        let text = text.to_string();
        say_lines(text.strip_prefix("error: ").unwrap_or(&text));
        return exit::USAGE;
    }
    let text = if io::stdout().is_terminal() { text.ansi().to_string() } else { text.to_string() };
    print(text.as_bytes())
}

/// A message of several lines, of which the first is the diagnostic.
fn say_lines(text: &str) {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    say(format_args!("{first}"));
    // Without stderr there is nobody left to tell.
    let _nobody_to_tell = io::stderr().lock().write_all(rest.as_bytes());
}

fn generate(what: Generate) -> u8 {
    use clap_complete::Shell;
    let mut command = Args::command();
    let mut text = Vec::new();
    let shell = match what {
        Generate::Man => None,
        Generate::CompleteBash => Some(Shell::Bash),
        Generate::CompleteZsh => Some(Shell::Zsh),
        Generate::CompleteFish => Some(Shell::Fish),
    };
    match shell {
        Some(shell) => clap_complete::generate(shell, &mut command, "nlview", &mut text),
        None => {
            if let Err(e) = clap_mangen::Man::new(command).render(&mut text) {
                say(format_args!("cannot make the manual page: {e}"));
                return exit::FAILED;
            }
        }
    }
    print(&text)
}

/// Prints to stdout; a reader that went away is no failure.
fn print(text: &[u8]) -> u8 {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text).and_then(|()| stdout.flush()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            say(format_args!("cannot write to the standard output: {}", crate::error::reason(&e)));
            exit::FAILED
        }
        _ => exit::DONE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Plan, clap::Error> {
        Args::try_parse_from(line.split(' ')).map(Args::into_plan)
    }

    fn task(line: &str) -> Task {
        parse(line).unwrap_or_else(|e| panic!("{line}: {e}")).task
    }

    fn run(command: &[&str]) -> Task {
        Task::Run(command.iter().map(OsString::from).collect())
    }

    #[test]
    fn the_declaration_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn what_follows_the_program_is_its_own() {
        assert_eq!(task("nlview ip -s link --help"), run(&["ip", "-s", "link", "--help"]));
        assert_eq!(task("nlview -x -- ip -- link"), run(&["ip", "--", "link"]));
        assert_eq!(task("nlview -t ip -t"), run(&["ip", "-t"]));
        assert_eq!(task("nlview -t=epoch -s100 ip"), run(&["ip"]));
        assert_eq!(task("nlview -f json ip -f inet"), run(&["ip", "-f", "inet"]));
    }

    #[test]
    fn one_task_at_a_time() {
        assert_eq!(task("nlview --listen"), Task::Listen(None));
        assert_eq!(task("nlview --listen=/s"), Task::Listen(Some("/s".into())));
        assert_eq!(task("nlview -r -"), Task::Read("-".into()));
        assert_eq!(task("nlview --shim-path"), Task::ShimPath);
        assert_eq!(task("nlview --list-families --spec x"), Task::ListFamilies);
        for line in ["nlview", "nlview -x", "nlview --listen ip", "nlview -r a ip"] {
            assert!(parse(line).is_err(), "{line}");
        }
        assert!(parse("nlview --listen -r a").is_err());
        assert!(parse("nlview --shim-path ip").is_err());
        assert!(parse("nlview --explain -r a").is_err());
    }

    #[test]
    fn families_by_number() {
        let families = |line: &str| parse(line).map(|plan| plan.families);
        assert_eq!(
            families("nlview --genl 21=nl80211 --genl=0x1f=x=y ip").ok().unwrap(),
            [(21, "nl80211".to_owned()), (31, "x=y".to_owned())]
        );
        for (value, reason) in [
            ("nl80211", "expected ID=NAME, as in 21=nl80211"),
            ("x=nl80211", "x is no message type: expected 16 to 65535"),
            ("65536=a", "65536 is no message type: expected 16 to 65535"),
            ("3=a", "3 is a message of netlink's own: expected 16 to 65535"),
            ("21=", "no name for 21: expected ID=NAME"),
        ] {
            let error = families(&format!("nlview --genl {value} ip")).err().unwrap().to_string();
            assert!(error.contains(reason) && error.contains("--genl"), "{error}");
        }
    }

    #[test]
    fn descriptors_are_decoded_as_by_strace() {
        for (option, wanted) in [
            ("-x", Descriptors::Number),
            ("-y", Descriptors::Path),
            ("-yy", Descriptors::Socket),
            ("--decode-fds", Descriptors::Path),
            ("--decode-fds=path", Descriptors::Path),
            ("--decode-fds=socket", Descriptors::Socket),
            ("--decode-fds=all", Descriptors::Socket),
        ] {
            let plan = parse(&format!("nlview {option} ip")).ok().unwrap();
            assert_eq!(plan.descriptors, wanted, "{option}");
        }
    }

    #[test]
    fn summaries_are_asked_for_as_from_strace() {
        for (option, wanted) in [
            ("-x", Summary::None),
            ("-c", Summary::Alone),
            ("--summary-only", Summary::Alone),
            ("-C", Summary::After),
            ("--summary", Summary::After),
        ] {
            let plan = parse(&format!("nlview {option} ip")).ok().unwrap();
            assert_eq!(plan.summary, wanted, "{option}");
        }
        assert!(parse("nlview -c -C ip").is_err());
    }

    #[test]
    fn formats_are_those_of_the_outputs() {
        for format in FORMATS {
            let plan = parse(&format!("nlview -f {} ip", format.name)).ok().unwrap();
            assert_eq!(plan.format.name, format.name);
        }
        assert!(parse("nlview -f nonsense ip").is_err());
    }
}
