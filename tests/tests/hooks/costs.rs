//! What the shim costs a program, by the benchmark, which is made short and read with patience: the figures
//! that are promised are those of a quiet machine, and here other tests run beside it.

use std::path::Path;

use super::harness::{bare, compiled, is_long, root, run, shim};
use super::nlview::Nlview;

/// What is measured, and the most that may be added to it, in nanoseconds: with nobody listening, by the
/// ring, and by a socket. A system call more would be noticed, and so would a wait.
const MOST: [(&str, [f64; 3]); 4] = [
    ("send, 16 bytes", [120.0, 400.0, 4000.0]),
    ("request and its ack", [240.0, 800.0, 8000.0]),
    ("read(/dev/zero)", [40.0, 40.0, 40.0]),
    ("start of /bin/true", [200_000.0, 500_000.0, 500_000.0]),
];

/// The figures of a line behind its name: what is added to the bare one, by each way.
fn added(line: &str) -> Vec<f64> {
    let ways = line.split('|').skip(1);
    let figure = |way: &str| way.split(" ns").next()?.rsplit(' ').next()?.parse().ok();
    ways.map(|way| figure(way).unwrap_or_else(|| panic!("no figure: {line}"))).collect()
}

fn what_is_too_much(table: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (name, most) in MOST {
        let line = table.lines().find(|line| line.starts_with(name)).expect("its line");
        let added = added(line);
        assert_eq!(added.len(), most.len(), "{line}");
        if added.iter().zip(most).any(|(added, most)| *added > most) {
            found.push(line.to_owned());
        }
    }
    found
}

#[test]
fn hooks_cost_little() {
    let source = root().join("tests/bench/hooks.c");
    let benchmark = compiled("cc", &source, Path::new("bench-hooks"), &["-O2"]);
    let (turns, starts) = if is_long() { ("15", "500") } else { ("3", "60") };
    let mut tables = Vec::new();
    for _ in 0..4 {
        let viewer = Nlview::that_forgets();
        let mut command = bare(&benchmark);
        command.arg("compare").arg(shim()).arg(viewer.socket()).args([turns, starts]);
        let table = run(&mut command);
        println!("{table}");
        let found = what_is_too_much(&table);
        if found.is_empty() {
            return;
        }
        tables.extend(found);
    }
    panic!("each time too much:\n{}", tables.join("\n"));
}
