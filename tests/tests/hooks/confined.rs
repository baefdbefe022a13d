//! Programs that confine themselves, go elsewhere, or live within narrow limits.

use std::process::{Command, Stdio};

use nltests::installed;
use nltests::run::shell_status;

use super::harness::{Scratch, TRANSPORTS, bare, by, run, to_file, tracee};
use super::stream::{Frames, Viewer};

/// Under a filter that kills for any call but those that the program itself makes it lives, and its records
/// come all the same where they need no call: by the ring.
#[test]
fn a_program_that_confines_itself_lives_and_is_recorded() {
    let ways = [
        ("strict", "little", 2),
        ("prctl", "calls", 55),
        ("syscall", "calls", 55),
        ("prctl", "thread", 3),
        ("tsync", "thread", 4),
        ("prctl", "fork", 4),
        ("prctl", "dup", 5),
        ("syscall", "socket", 4),
        ("prctl", "late", 2),
        ("prctl", "inside", 3),
        ("prctl", "exit", 2),
    ];
    for (how, what, count) in ways {
        let plain = run(bare(tracee("filtered")).args([how, what]));
        assert_eq!(plain, format!("{count}\n"), "{how} {what}");
        for transport in TRANSPORTS {
            let scratch = Scratch::new();
            let viewer = Viewer::listen(&scratch.join("s"));
            let mut command = by(transport, tracee("filtered"), &scratch.join("s"));
            command.env("NLHOOK_FILE", scratch.join("x.nlcap"));
            let output = command.args([how, what]).output().expect("it starts");
            assert_eq!(shell_status(output.status), 0, "{how} {what} by {transport}: {output:?}");
            assert_eq!(output.stdout, plain.as_bytes(), "{how} {what} by {transport}");
            let frames = viewer.only();
            let mut sent: Vec<u32> = frames.sequence().iter().map(|it| it.1).collect();
            sent.sort_unstable();
            if transport == "ring" {
                assert_eq!(sent, (1..=count).collect::<Vec<_>>(), "{how} {what}");
                assert_eq!(frames.lost_for_certain(), 0);
            } else {
                // A stream takes calls, so that it ends with the word that there is a filter.
                assert_eq!(sent, if what == "late" { &[][..] } else { &[1] });
            }
            let confining = frames.calls().into_iter().any(|(_, call, _)| {
                nlproto::Function::from_number(call.head.function)
                    == Some(nlproto::Function::Seccomp)
            });
            assert!(confining, "nobody was told");
        }
    }
}

/// A filter that was there before the program, as in a container, may refuse any of the calls by which the
/// shim prepares itself: it does without, and says nothing.
#[test]
fn a_program_that_is_confined_from_outside_runs_as_without() {
    let names = run(&mut bare(tracee("fenced")));
    let eperm = "1";
    let enosys = "38";
    let mut recorded = [0, 0];
    for (how, error) in
        names.lines().chain(["container"]).flat_map(|how| [(how, eperm), (how, enosys)])
    {
        let confined = |command: &mut Command| {
            command.args([how, error]).arg(tracee("flood")).arg("3");
            let output = command.output().expect("it starts");
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let said = text(&output.stdout);
            // How long it took differs, and the loader may complain of the shim as of any library.
            let sent = said.split_once(' ').map_or(said.clone(), |(sent, _)| sent.to_owned());
            let errors = text(&output.stderr);
            let errors = errors.lines().filter(|line| !line.contains("from LD_PRELOAD"));
            (shell_status(output.status), sent, errors.collect::<Vec<_>>().join("\n"))
        };
        let plain = confined(&mut bare(tracee("fenced")));
        for (index, transport) in TRANSPORTS.into_iter().enumerate() {
            let scratch = Scratch::new();
            let viewer = Viewer::listen(&scratch.join("s"));
            let mut command = by(transport, tracee("fenced"), &scratch.join("s"));
            command.env_remove("LD_PRELOAD").env("PRELOAD", super::harness::shim());
            assert_eq!(confined(&mut command), plain, "{how} {error} by {transport}");
            let all = viewer.finish();
            assert!(all.iter().all(|frames| frames.skipped == 0), "{how} {error}");
            let sent: usize = all.iter().map(|frames| frames.sequence().len()).sum();
            let is_silent = plain.1 != "3";
            assert!(sent == 3 || sent == 0 || is_silent, "{how} {error} by {transport}: {sent}");
            recorded[index] += usize::from(sent == 3);
            if how == "container" {
                assert_eq!(sent, 0, "by {transport}");
            }
        }
    }
    println!("{recorded:?} of {} are recorded", 2 * names.lines().count());
    assert!(recorded.iter().all(|count| *count > names.lines().count()), "{recorded:?}");
}

/// Where the processor's counter may not be read, neither do the hooks.
#[test]
fn a_program_without_a_clock_lives() {
    let plain = run(&mut bare(tracee("timeless")));
    for transport in TRANSPORTS {
        let scratch = Scratch::new();
        let viewer = Viewer::listen(&scratch.join("s"));
        let said = run(&mut by(transport, tracee("timeless"), &scratch.join("s")));
        assert_eq!(said, plain);
        let frames = viewer.only();
        frames.check();
        assert_eq!(frames.sequence().len(), 4);
    }
}

/// Wherever a program goes, and whatever rights it gives up, it goes there as without, and its records
/// come on: by the ring always, by a connection as well, which it has from before.
#[test]
fn a_program_goes_where_it_wants_and_is_recorded_there() {
    let ways = [
        "chroot",
        "chroot-close",
        "net",
        "mount",
        "user",
        "all",
        "ipc-uts",
        "files",
        "setns-net",
        "setns-mount",
        "setns-user",
        "setuid",
        "raw-setuid",
        "capabilities",
        "no-new-privileges",
        "undumpable",
        "pid",
        "time",
        "pivot",
        "root-and-net",
        "effective",
        "reuid",
        "resuid",
    ];
    for (way, late) in ways.iter().flat_map(|way| [(*way, None), (*way, Some("late"))]) {
        let root = Scratch::new();
        let goes = |command: &mut Command| run(command.arg(way).arg(root.join("")).args(late));
        let plain = goes(&mut bare(tracee("elsewhere")));
        for transport in TRANSPORTS {
            let scratch = Scratch::new();
            let viewer = Viewer::listen(&scratch.join("s"));
            let said = goes(&mut by(transport, tracee("elsewhere"), &scratch.join("s")));
            assert_eq!(said, plain, "{way} {late:?} by {transport}");
            let all = viewer.finish();
            let mut sent: Vec<u32> = all.iter().flat_map(Frames::sequence).map(|it| it.1).collect();
            sent.sort_unstable();
            let first = if late.is_some() { 2 } else { 1 };
            if way == "chroot-close" && transport == "socket" {
                // Who closes the connection where the viewer is not to be reached is heard no more.
                assert!(late.is_some() || sent.starts_with(&[1]), "{sent:?}");
            } else {
                assert_eq!(sent, (first..=5).collect::<Vec<_>>(), "{way} {late:?} by {transport}");
                let exe = all[0].hellos()[0].1.exe.to_vec();
                assert!(exe.ends_with(b"elsewhere"), "{way} {late:?} by {transport}");
            }
        }
    }
}

/// Programs whose business is namespaces, users and capabilities, and which a thread of ours, say, would
/// keep from it.
#[test]
fn programs_that_change_their_surroundings_end_as_without() {
    let commands: &[&[&str]] = &[
        &["unshare", "-U", "true"],
        &["unshare", "-U", "id", "-u"],
        &["unshare", "-Ur", "id", "-u"],
        &["unshare", "-Urn", "ip", "-br", "link"],
        &["unshare", "-Urnm", "sh", "-c", "mount -t tmpfs none /mnt && ls /mnt && ip link show lo"],
        &["unshare", "-Urfp", "--mount-proc", "sh", "-c", "echo $$; ip link show lo | wc -l"],
        &["unshare", "-UrT", "--boottime", "1000", "true"],
        &["bwrap", "--bind", "/", "/", "--dev", "/dev", "--unshare-all", "ip", "-br", "link"],
        &["bwrap", "--bind", "/", "/", "--unshare-net", "--unshare-pid", "sh", "-c", "ip link"],
        &["fakeroot", "ip", "-br", "link"],
        &["unshare", "-n", "ip", "link", "show", "lo"],
        &["unshare", "-muinpCf", "ip", "link", "show", "lo"],
        &["nsenter", "-t", "1", "-n", "true"],
        &["nsenter", "-t", "self", "-U", "true"],
        &["setpriv", "--no-new-privs", "ip", "link", "show", "lo"],
        &["setpriv", "--reuid", "65534", "--clear-groups", "id", "-u"],
        &[
            "setpriv",
            "--reuid",
            "65534",
            "--regid",
            "65534",
            "--clear-groups",
            "ip",
            "link",
            "show",
            "lo",
        ],
        &["setpriv", "--bounding-set", "-all", "--inh-caps", "-all", "ip", "link", "show", "lo"],
        &["chroot", "/", "ip", "link", "show", "lo"],
        &["env", "-i", "/bin/sh", "-c", "ip link show lo"],
        &["sh", "-c", "ulimit -n 20; exec ip link show lo"],
        &["nohup", "ip", "link", "show", "lo"],
        &["setsid", "-w", "ip", "link", "show", "lo"],
        &["timeout", "10", "ip", "link", "show", "lo"],
        &["nice", "ip", "link", "show", "lo"],
        &["sh", "-c", "ip link show lo & wait $!; ip link show nosuch; echo $?"],
        &["sh", "-c", "exec 3>&1 4</dev/null; ip link show lo >&3; cat <&4"],
    ];
    for words in commands {
        let [program, arguments @ ..] = words else { continue };
        if !installed(&[program]) {
            continue;
        }
        // A broken command is as good a command, if it breaks the same way.
        let end = |mut command: Command| {
            let output = command.args(arguments).output().expect("it starts");
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            (shell_status(output.status), text(&output.stdout), text(&output.stderr))
        };
        let plain = end(bare(program));
        for transport in TRANSPORTS {
            let scratch = Scratch::new();
            let viewer = Viewer::listen(&scratch.join("s"));
            assert_eq!(end(by(transport, program, &scratch.join("s"))), plain, "{words:?}");
            viewer.finish().iter().for_each(|frames| assert_eq!(frames.skipped, 0));
        }
    }
}

/// Limits that are there before the program begins: it runs as without, recorded or not.
#[test]
fn tight_limits_are_survived() {
    let limits = [
        "-n 3", "-n 4", "-n 5", "-n 6", "-n 8", "-n 64", "-f 0", "-f 1", "-f 100", "-f 9000",
        "-v 8000", "-v 16000", "-s 64", "-s 128", "-l 0", "-c 0", "-t 5",
    ];
    for limit in limits {
        let script = format!(
            "ulimit {limit} && export LD_PRELOAD=$PRELOAD && exec \"$0\" 3 2>/dev/null | sed 's/ .*//'"
        );
        let shell = |mut command: Command| {
            let output =
                command.args(["-c", &script]).arg(tracee("flood")).output().expect("starts");
            (shell_status(output.status), output.stdout)
        };
        let plain = shell(bare("/bin/sh"));
        for transport in TRANSPORTS {
            let scratch = Scratch::new();
            let viewer = Viewer::listen(&scratch.join("s"));
            let mut command = by(transport, "/bin/sh", &scratch.join("s"));
            command.env_remove("LD_PRELOAD").env("PRELOAD", super::harness::shim());
            command.env("NLHOOK_FILE", scratch.join("x.nlcap"));
            assert_eq!(shell(command), plain, "{limit} by {transport}");
            for frames in viewer.finish() {
                assert_eq!(frames.skipped, 0, "{limit}");
            }
        }
    }
}

/// Standard descriptors that are closed when the program begins stay the program's: what it opens there
/// gets its own bytes and no others.
#[test]
fn closed_standard_descriptors_stay_the_programs() {
    for closed in ["0<&-", "1>&-", "2>&-", "0<&- 2>&-", "0<&- 1>&- 2>&-"] {
        let script = format!("exec {closed}; exec \"$0\" \"$1\"");
        let shell = |mut command: Command, file: &std::path::Path| {
            command.args(["-c", &script]).arg(tracee("closed")).arg(file).stdin(Stdio::null());
            assert_eq!(shell_status(command.output().expect("it starts").status), 0, "{closed}");
            std::fs::read_to_string(file).expect("its result")
        };
        let scratch = Scratch::new();
        let plain = shell(bare("/bin/sh"), &scratch.join("plain"));
        for transport in TRANSPORTS {
            let viewer = Viewer::listen(&scratch.join(transport));
            let command = by(transport, "/bin/sh", &scratch.join(transport));
            assert_eq!(shell(command, &scratch.join("traced")), plain, "{closed}");
            let sent: usize = viewer.finish().iter().map(|it| it.sequence().len()).sum();
            assert_eq!(sent, 3);
        }
        let file = scratch.join("x.nlcap");
        let command = to_file("/bin/sh", &file);
        assert_eq!(shell(command, &scratch.join("filed")), plain, "{closed}");
        assert_eq!(Frames::of_file(&file).sequence().len(), 3);
    }
}
