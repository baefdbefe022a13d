//! Holding claims against the C compiler: one static assertion each.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::run::run_with_input;
use crate::spec_facts::{Claim, Fact};

/// What the compiler says of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is so.
    Holds,
    /// No header defines the name.
    Unknown,
    /// It is not so, or no constant at all; the compiler's words.
    Differs(String),
}

/// What some headers take for granted.
const PRELUDE: &str = "#include <stddef.h>
#include <linux/types.h>
#include <linux/netlink.h>
#define BIT(number) (1u << (number))
";

/// Judges claims by the headers that these names stand for, searched for in `folders` before the
/// system's own. Headers that do not exist are left out. A single header may be incomplete.
///
/// # Panics
/// If several headers do not compile together.
#[must_use]
pub fn judge(headers: &[String], folders: &[PathBuf], facts: &[Fact]) -> Vec<Verdict> {
    let mut source = String::from(PRELUDE);
    for header in headers {
        let header = header.trim_matches(['<', '>']);
        writeln!(source, "#if __has_include(<{header}>)\n#include <{header}>\n#endif").unwrap();
    }
    source.push_str("#line 1 \"claims\"\n");
    for fact in facts {
        writeln!(source, "_Static_assert({}, \"\");", condition(&fact.claim)).unwrap();
    }
    let messages = compile(&source, folders);

    // The compiler mentions an undeclared name once, whatever the number of its uses.
    let mut undeclared = HashSet::new();
    let mut by_line: HashMap<usize, Vec<&str>> = HashMap::new();
    for message in messages.lines() {
        let Some((place, words)) = message.split_once(": error: ") else { continue };
        let mut place = place.split(':');
        let (file, line) = (place.next(), place.next().and_then(|line| line.parse().ok()));
        let (Some("claims"), Some(line)) = (file, line) else {
            // A header that needs others before it says nothing alone.
            if headers.len() == 1 {
                return vec![Verdict::Unknown; facts.len()];
            }
            panic!("the headers {headers:?} do not compile:\n{messages}");
        };
        by_line.entry(line).or_default().push(words);
        if let Some((name, _)) = words.split_once("' undeclared") {
            undeclared.insert(name.trim_start_matches('\'').to_owned());
        }
    }
    let verdict = |(index, fact): (usize, &Fact)| {
        if let Claim::Number { c_name, .. } = &fact.claim
            && undeclared.contains(c_name)
        {
            return Verdict::Unknown;
        }
        match by_line.get(&(index + 1)) {
            None => Verdict::Holds,
            Some(words) if words.iter().any(|w| is_unknown(w)) => Verdict::Unknown,
            Some(words) => Verdict::Differs(words.join("; ")),
        }
    };
    facts.iter().enumerate().map(verdict).collect()
}

/// The assertion's condition.
fn condition(claim: &Claim) -> String {
    match claim {
        // A constant may be signed in C where the spec has its bits, and the other way round.
        Claim::Number { c_name, number } => match u32::try_from(*number) {
            Ok(number) => format!(
                "(unsigned long long)({c_name}) == {number}ull || \
                 sizeof({c_name}) <= 4 && (unsigned)({c_name}) == {number}u"
            ),
            Err(_) if *number < 0 => format!("(long long)({c_name}) == {number}ll"),
            Err(_) => format!("(unsigned long long)({c_name}) == {number}ull"),
        },
        Claim::Size { c_type, bytes } => format!("sizeof({}) == {bytes}", spelled(c_type)),
        Claim::Offset { c_type, member, bytes } => {
            format!("offsetof({}, {member}) == {bytes}", spelled(c_type))
        }
    }
}

/// A type in C. `struct a.b` is the nameless struct that is member `b` of `struct a`.
fn spelled(c_type: &str) -> String {
    c_type.split_once('.').map_or_else(
        || c_type.to_owned(),
        |(outer, member)| format!("__typeof__((({outer} *)0)->{member})"),
    )
}

/// Whether the compiler does not know the name at all.
fn is_unknown(words: &str) -> bool {
    ["undeclared", "incomplete type", "undefined type", "has no member named"]
        .iter()
        .any(|phrase| words.contains(phrase))
}

/// The compiler's messages.
fn compile(source: &str, folders: &[PathBuf]) -> String {
    let mut command = Command::new("gcc");
    command.env("LC_ALL", "C").args([
        "-fsyntax-only",
        "-fmax-errors=0",
        "-fno-diagnostics-show-caret",
        "-w",
        "-x",
        "c",
        "-std=gnu17",
    ]);
    for folder in folders {
        command.arg("-isystem").arg(folder);
    }
    run_with_input(command.arg("-"), source.as_bytes()).err()
}

/// The folders of an unpacked header package.
#[must_use]
pub fn unpacked(root: &Path) -> Vec<PathBuf> {
    let machine = Command::new("gcc").arg("-dumpmachine").stderr(Stdio::null()).output();
    let machine = machine.map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned());
    let include = root.join("usr/include");
    vec![include.clone(), include.join(machine.unwrap_or_default())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_claims_are_found() {
        let number = |c_name: &str, number| Claim::Number { c_name: c_name.into(), number };
        let size = |bytes| Claim::Size { c_type: "struct ifinfomsg".into(), bytes };
        let offset = |bytes| Claim::Offset {
            c_type: "struct ifinfomsg".into(),
            member: "ifi_index".into(),
            bytes,
        };
        let claims = [
            number("IFLA_MTU", 4),
            number("IFLA_MTU", 5),
            number("IFLA_NO_SUCH", 4),
            number("IFLA_NO_SUCH", 5),
            number("NLA_TYPE_MASK", 0xffff_3fff),
            size(16),
            size(20),
            offset(4),
            offset(8),
            Claim::Size { c_type: "struct no_such".into(), bytes: 4 },
        ];
        let fact = |claim| Fact { spec: "test".into(), place: String::new(), claim };
        let facts: Vec<Fact> = claims.into_iter().map(fact).collect();
        let verdicts = judge(&["linux/rtnetlink.h".to_owned()], &[], &facts);
        let short: String = verdicts
            .iter()
            .map(|verdict| match verdict {
                Verdict::Holds => '+',
                Verdict::Unknown => '?',
                Verdict::Differs(_) => '-',
            })
            .collect();
        assert_eq!(short, "+-??++-+-?", "{verdicts:?}");
    }
}
