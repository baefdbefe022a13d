//! Reading what strace prints, and comparing it with what `nlview` prints in its manner.

/// How one call's text compares with strace's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likeness {
    /// The same, to the byte.
    Exact,
    /// The same, but where strace shows bytes or numbers, more is decoded.
    More,
    /// Something else.
    Different,
}

/// Compares strace's text of a call with ours. strace sets the results of short calls below each
/// other; those blanks do not count.
#[must_use]
pub fn compare(strace: &str, ours: &str) -> Likeness {
    let (strace, ours) = (&without_column(strace), &without_column(ours));
    // A message in several pieces, each of which strace takes for messages of its own.
    let joined = ours.contains("/* joined with the first */");
    let ends = |text: &str| {
        let call = text.split_once('(').map(|(name, _)| name.to_owned());
        (call, text.rsplit_once(" = ").map(|(_, result)| result.to_owned()))
    };
    if strace == ours {
        Likeness::Exact
    } else if same(strace, ours) || (joined && ends(strace) == ends(ours)) {
        Likeness::More
    } else {
        Likeness::Different
    }
}

/// The place where two texts part, with a little of what is around it.
#[must_use]
pub fn parting(strace: &str, ours: &str) -> String {
    let same = strace.chars().zip(ours.chars()).take_while(|(a, b)| a == b).count();
    let begin = same.saturating_sub(60);
    let part = |text: &str| text.chars().skip(begin).take(200).collect::<String>();
    format!(" strace …{}\n ours   …{}", part(strace), part(ours))
}

/// The calls that move messages on netlink sockets, from the text that strace wrote about one
/// process without interruptions (`-ff`).
#[must_use]
pub fn netlink_calls(text: &str) -> Vec<&str> {
    const MOVING: &[&str] = &["sendto", "sendmsg", "sendmmsg", "recvfrom", "recvmsg", "recvmmsg"];
    let (mut sockets, mut calls): (Vec<&str>, _) = (Vec::new(), Vec::new());
    // With -y what a descriptor stands for follows in angles.
    let number = |fd: &'_ str| fd.find('<').unwrap_or(fd.len());
    for line in text.lines() {
        let Some((name, arguments)) = line.split_once('(') else { continue };
        if name == "socket" {
            let made = line.rsplit_once(" = ").map_or("", |(_, result)| result);
            let made = &made[..number(made)];
            sockets.retain(|fd| *fd != made);
            if arguments.starts_with("AF_NETLINK,") {
                sockets.push(made);
            }
        } else if MOVING.contains(&name) {
            let fd = arguments.split([',', ')']).next().unwrap_or_default();
            let fd = &fd[..number(fd)];
            if sockets.contains(&fd) {
                calls.push(line);
            }
        }
    }
    calls
}

/// The same call as the system call that libc makes of it, which is what strace sees: `send` and
/// `recv` are `sendto` and `recvfrom` without an address.
#[must_use]
pub fn as_system_call(line: &str) -> String {
    let renamed = |name: &str, call: &str| {
        let rest = line.strip_prefix(name)?;
        let (arguments, result) = rest.rsplit_once(") = ")?;
        let nothing = if call == "sendto" { "NULL, 0" } else { "NULL, NULL" };
        Some(format!("{call}({arguments}, {nothing}) = {result}"))
    };
    renamed("send(", "sendto")
        .or_else(|| renamed("recv(", "recvfrom"))
        .unwrap_or_else(|| line.to_owned())
}

fn without_column(line: &str) -> String {
    line.rsplit_once(" = ")
        .map_or_else(|| line.to_owned(), |(call, result)| format!("{} = {result}", call.trim_end()))
}

/// Whether strace's text is ours, but for places where strace shows less.
fn same(strace: &str, ours: &str) -> bool {
    if strace == ours || is_bytes(strace) || is_unnamed(strace, ours) {
        return true;
    }
    // Of a call that failed we look at nothing in memory; strace shows the length of the address.
    if ours == "..." {
        return strace.starts_with("{msg_namelen=");
    }
    match (Group::of(strace), Group::of(ours)) {
        (Some(a), Some(b)) => {
            a.before == b.before
                && a.open == b.open
                && a.after == b.after
                && same_items(&items(a.inside), &items(b.inside))
        }
        _ => false,
    }
}

fn same_items(strace: &[&str], ours: &[&str]) -> bool {
    match (strace, ours) {
        ([], []) => true,
        // A header of which strace knows the family alone, or that is too short for what it expects.
        ([family, rest], [first, ..]) if *rest == "..." || rest.starts_with("data=\"\\x") => {
            let value = |text: &str| text.split_once('=').map(|(_, value)| value.to_owned());
            family.contains("family=") && value(family) == value(first)
        }
        // … and the attributes after it.
        ([last], [first, _, ..])
            if last.starts_with('{')
                && (last.contains("data=\"\\x") || last.ends_with(", ...}")) =>
        {
            same(last, first)
        }
        // Bytes at the end may stand for a struct and the attributes after it.
        ([last], [_, ..]) if is_bytes(last) => true,
        ([a, rest @ ..], [b, other @ ..]) => same(a, b) && same_items(rest, other),
        _ => false,
    }
}

/// A hex string, alone or as a field.
fn is_bytes(text: &str) -> bool {
    let value = text.split_once('=').map_or(text, |(_, value)| value);
    value.starts_with("\"\\x") && value.trim_end_matches("...").ends_with('"')
}

/// A number that strace has no name for.
fn is_unnamed(strace: &str, ours: &str) -> bool {
    let field = |text: &str| text.split_once('=').map(|(name, _)| name.to_owned());
    let same_field = field(strace) == field(ours);
    let flags = strace.rsplit(['=', '|']).next().unwrap_or_default();
    same_field
        && (strace.contains("??? */") || flags.starts_with("0x"))
        && Group::of(strace).is_none()
}

/// A bracketed part: `before{inside}after`.
struct Group<'t> {
    before: &'t str,
    open: char,
    inside: &'t str,
    after: &'t str,
}

impl<'t> Group<'t> {
    /// The first bracket at the top level and what it holds.
    fn of(text: &'t str) -> Option<Self> {
        let mut scan = Scan::new(text);
        let (mut began, mut ended) = (None, None);
        while let Some((at, c)) = scan.next() {
            match c {
                '{' | '[' | '(' if began.is_none() => began = Some((at, c)),
                '}' | ']' | ')' if scan.depth == 0 && ended.is_none() => ended = Some(at),
                _ => {}
            }
        }
        let ((began, open), ended) = (began?, ended?);
        Some(Self {
            before: &text[..began],
            open,
            inside: &text[began + 1..ended],
            after: &text[ended + 1..],
        })
    }
}

/// The parts of a list at its top level.
fn items(text: &str) -> Vec<&str> {
    let (mut parts, mut start) = (Vec::new(), 0);
    let mut scan = Scan::new(text);
    while let Some((at, c)) = scan.next() {
        if c == ',' && scan.depth == 0 {
            parts.push(text[start..at].trim_start());
            start = at + 1;
        }
    }
    let last = text[start..].trim_start();
    if !last.is_empty() {
        parts.push(last);
    }
    parts
}

/// The characters outside of quotes and comments, with the depth of brackets after each.
struct Scan<'t> {
    characters: std::iter::Peekable<std::str::CharIndices<'t>>,
    depth: usize,
}

impl<'t> Scan<'t> {
    fn new(text: &'t str) -> Self {
        Self { characters: text.char_indices().peekable(), depth: 0 }
    }
}

impl Iterator for Scan<'_> {
    type Item = (usize, char);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (at, c) = self.characters.next()?;
            match c {
                '"' => {
                    while let Some((_, inside)) = self.characters.next() {
                        match inside {
                            '\\' => drop(self.characters.next()),
                            '"' => break,
                            _ => {}
                        }
                    }
                    continue;
                }
                '/' if self.characters.peek().is_some_and(|(_, next)| *next == '*') => {
                    let mut star = false;
                    self.characters.next();
                    for (_, inside) in self.characters.by_ref() {
                        if star && inside == '/' {
                            break;
                        }
                        star = inside == '*';
                    }
                    continue;
                }
                '{' | '[' | '(' => self.depth += 1,
                '}' | ']' | ')' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
            return Some((at, c));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_is_not_different() {
        let header = "{nlmsg_len=36, nlmsg_type=RTM_NEWLINK}";
        for (strace, ours) in [
            (format!("[{header}, \"\\x01\\x02\"]"), format!("[{header}, {{a=1}}, [{{b=2}}, 3]]")),
            ("[{nla_len=5, nla_type=0x7}, 1]".into(), "[{nla_len=5, nla_type=IFLA_X}, 1]".into()),
            ("{f=IFF_UP|0x40}".into(), "{f=IFF_UP|IFF_NEW}".into()),
            ("{f=0x9 /* RTN_??? */}".into(), "{f=RTN_NEW}".into()),
        ] {
            assert_eq!(compare(&strace, &ours), Likeness::More, "{strace} {ours}");
        }
    }

    #[test]
    fn other_text_is_different() {
        for (strace, ours) in [
            ("{a=1}", "{a=2}"),
            ("{a=1}", "{a=1, b=2}"),
            ("[1, \"\\x01\", 3]", "[1, {x=1}, 4]"),
            ("send(1)", "recv(1)"),
            ("f(1) = 2", "f(1) = 3"),
            ("{s=\"a, b\"}", "{s=\"a\", b}"),
        ] {
            assert_eq!(compare(strace, ours), Likeness::Different, "{strace} {ours}");
        }
    }

    #[test]
    fn only_netlink_calls_are_taken() {
        let text = "socket(AF_UNIX, SOCK_STREAM, 0) = 3\nsocket(AF_NETLINK, SOCK_RAW, 0) = 4\n\
                    sendto(3, \"x\", 1, 0, NULL, 0) = 1\nsendto(4, {}, 1, 0, NULL, 0) = 1\n\
                    socket(AF_INET, SOCK_DGRAM, 0) = 4\nsendto(4, \"x\", 1, 0, NULL, 0) = 1\n";
        assert_eq!(netlink_calls(text), ["sendto(4, {}, 1, 0, NULL, 0) = 1"]);
    }
}
