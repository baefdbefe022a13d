//! What the shim costs a program, by the benchmark, which is made short and read with patience: the figures
//! that are promised are those of a quiet machine, and here other tests run beside it.

use std::path::Path;

use super::harness::{Scratch, bare, compiled, is_long, root, run, shim};
use super::stream::Viewer;

/// What is measured, and the most that may be added to it, in nanoseconds: with nobody listening, by the
/// ring, and by a socket. A system call more would be noticed, and so would a wait.
const MOST: [(&str, [f64; 3]); 4] = [
    ("send, 16 bytes", [120.0, 400.0, 15_000.0]),
    ("request and its ack", [240.0, 800.0, 30_000.0]),
    ("read(/dev/zero)", [20.0, 20.0, 40.0]),
    ("start of /bin/true", [400_000.0, 600_000.0, 600_000.0]),
];

/// What a line says that each took, bare first.
fn taken(line: &str) -> Vec<f64> {
    let figure = |way: &str| way.split(" ns").next()?.rsplit(' ').next()?.parse::<f64>().ok();
    let figures = line.split('|').map(|way| figure(way).unwrap_or_else(|| panic!("{line}")));
    let mut figures: Vec<f64> = figures.collect();
    let bare = figures[0];
    figures[1..].iter_mut().for_each(|added| *added += bare);
    figures
}

/// The least that anything took, in however many tables: bare, and in each way.
#[derive(Debug)]
struct Least([[f64; 4]; MOST.len()]);

impl Least {
    fn learn(&mut self, table: &str) {
        for ((name, _), least) in MOST.iter().zip(&mut self.0) {
            let line = table.lines().find(|line| line.starts_with(name)).expect("its line");
            let taken = taken(line);
            assert_eq!(taken.len(), least.len(), "{line}");
            least.iter_mut().zip(taken).for_each(|(least, taken)| *least = least.min(taken));
        }
    }

    fn is_little(&self) -> bool {
        MOST.iter().zip(&self.0).all(|((_, most), [bare, ways @ ..])| {
            ways.iter().zip(most).all(|(way, most)| way - bare < *most)
        })
    }
}

#[test]
fn hooks_cost_little() {
    let source = root().join("tests/bench/hooks.c");
    let benchmark = compiled("cc", &source, Path::new("bench-hooks"), &["-O2"]);
    let (turns, starts) = if is_long() { ("15", "500") } else { ("2", "40") };
    let mut least = Least([[f64::INFINITY; 4]; MOST.len()]);
    for round in 0..12 {
        // One that only reads: how long a viewer takes to decode is another matter.
        let scratch = Scratch::new();
        let viewer = Viewer::listen(&scratch.join("s"));
        let mut command = bare(&benchmark);
        command.arg("compare").arg(shim()).arg(scratch.join("s")).args([turns, starts]);
        let table = run(&mut command);
        assert!(!viewer.finish().is_empty());
        println!("{table}");
        least.learn(&table);
        if round > 0 && least.is_little() {
            return;
        }
    }
    panic!("each time too much: {least:?}");
}
