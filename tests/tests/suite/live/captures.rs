//! A capture replayed is the live run again.

use std::fs;

use nltests::programs::{CHANGES, Program, QUERIES, VARYING, network};
use nltests::run::{replay, run};
use nltests::scratch::Scratch;
use nltests::{golden, installed};

use super::traced;
use crate::formats;

#[test]
fn replayed_captures_print_what_the_live_run_printed() {
    let Some(network) = network() else { return };
    let scratch = Scratch::new();
    let (capture, live) = (scratch.path("x.nlcap"), scratch.path("live"));
    let mut wrong = Vec::new();
    for program in QUERIES.iter().chain(VARYING).chain(CHANGES).filter(|p| installed(&[p.program]))
    {
        for format in formats() {
            drop(fs::remove_file(&capture));
            let options =
                ["-w", capture.to_str().unwrap(), "-f", &format, "-o", live.to_str().unwrap()];
            let _out = run(&mut traced(&network, &options, program));
            let again = replay(&capture, &format, &[]);
            let live = fs::read(&live).unwrap_or_default();
            if again.status != 0 || again.stdout != live {
                let text = String::from_utf8_lossy(&live);
                let difference = golden::difference(&text, &again.out());
                wrong.push(format!("{program:?} {format}\n{difference}\n{}", again.err()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// The shim alone writes a capture that the viewer reads.
#[test]
fn the_shim_writes_captures_alone() {
    let Some(network) = network() else { return };
    let scratch = Scratch::new();
    let capture = scratch.path("x.nlcap");
    let mut command = network.command("sh");
    command
        .args(["-c", "ip link show lo; ip route; ip link show nosuch; true"])
        .env("LD_PRELOAD", &nltests::artefacts::artefacts().nlhook)
        .env("NLHOOK_FILE", &capture);
    let out = run(&mut command).expect(0);
    assert!(out.out().contains("LOOPBACK"), "{out:?}");
    let text = replay(&capture, "json", &[]).expect(0).out();
    for wanted in ["RTM_GETLINK", "RTM_GETROUTE", "nosuch"] {
        assert!(text.contains(wanted), "{wanted} is not in\n{text}");
    }
}

/// A capture that ends anywhere is read up to there.
#[test]
fn captures_cut_anywhere_are_read_as_far_as_they_go() {
    let Some(network) = network() else { return };
    let scratch = Scratch::new();
    let capture = scratch.path("x.nlcap");
    let program = Program { program: "ip", arguments: &["link", "show", "lo"] };
    let options = ["-w", capture.to_str().unwrap(), "-o", "/dev/null"];
    let _out = run(&mut traced(&network, &options, &program)).expect(0);
    let bytes = fs::read(&capture).unwrap();
    let whole = replay(&capture, "strace", &[]).expect(0).out();
    for len in (16..bytes.len()).step_by(97) {
        let cut = scratch.file("cut.nlcap", &bytes[..len]);
        let out = replay(&cut, "strace", &[]);
        assert!(out.status == 0 || out.status == 1, "{len} bytes: {out:?}");
        let text = out.out();
        for (line, expected) in text.lines().zip(whole.lines()) {
            assert_eq!(line, expected, "{len} bytes");
        }
        assert!(text.lines().count() <= whole.lines().count(), "{len} bytes: {out:?}");
    }
}
