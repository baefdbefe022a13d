//! What the shim costs a program, by the benchmark, which is made short and read with patience: the figures
//! that are promised are those of a quiet machine, and here other tests run beside it. So it is repeated, and
//! of how many times as long anything takes, the least counts.

use std::path::Path;

use super::harness::{Scratch, bare, compiled, is_long, root, run, shim};
use super::stream::Viewer;

/// What is measured, and how many times as long it may take: with nobody listening, by the ring, and by a
/// socket. A system call more would be noticed, and so would a wait.
const MOST: [(&str, [f64; 3]); 4] = [
    ("send, 16 bytes", [1.4, 2.1, 30.0]),
    ("request and its ack", [1.4, 2.3, 30.0]),
    ("read(/dev/zero)", [1.15, 1.15, 1.3]),
    ("start of /bin/true", [1.7, 2.3, 2.5]),
];

/// What a line says, as so many times the bare one.
fn ratios(line: &str) -> Vec<f64> {
    let ratio = |way: &str| way.split("x ").nth(1)?.trim().parse::<f64>().ok();
    let ways = line.split('|').skip(1);
    ways.map(|way| ratio(way).unwrap_or_else(|| panic!("{line}"))).collect()
}

/// The least of each, in however many tables.
#[derive(Debug)]
struct Least([[f64; 3]; MOST.len()]);

impl Least {
    fn learn(&mut self, table: &str) {
        for ((name, _), least) in MOST.iter().zip(&mut self.0) {
            let line = table.lines().find(|line| line.starts_with(name)).expect("its line");
            let ratios = ratios(line);
            assert_eq!(ratios.len(), least.len(), "{line}");
            least.iter_mut().zip(ratios).for_each(|(least, ratio)| *least = least.min(ratio));
        }
    }

    fn is_little(&self) -> bool {
        let pairs = MOST.iter().zip(&self.0);
        pairs
            .flat_map(|((_, most), least)| most.iter().zip(least))
            .all(|(most, least)| least < most)
    }
}

#[test]
fn hooks_cost_little() {
    let source = root().join("tests/bench/hooks.c");
    let benchmark = compiled("cc", &source, Path::new("bench-hooks"), &["-O2"]);
    let (turns, starts) = if is_long() { ("15", "500") } else { ("2", "40") };
    let mut least = Least([[f64::INFINITY; 3]; MOST.len()]);
    for _ in 0..8 {
        // One that only reads: how long a viewer takes to decode is another matter.
        let scratch = Scratch::new();
        let viewer = Viewer::listen(&scratch.join("s"));
        let mut command = bare(&benchmark);
        command.arg("compare").arg(shim()).arg(scratch.join("s")).args([turns, starts]);
        let table = run(&mut command);
        assert!(!viewer.finish().is_empty());
        println!("{table}");
        least.learn(&table);
        if least.is_little() {
            return;
        }
    }
    panic!("each time too long: {least:?}");
}
