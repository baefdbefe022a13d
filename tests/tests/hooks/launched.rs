//! Programs that cannot be recorded, and what stands beside the shim: said before they run, and they run.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nltests::artefacts::artefacts;
use nltests::run::{plain_surroundings, shell_status};
use nltests::{cannot_run, installed};

use super::harness::{Scratch, TRANSPORTS, bare, by, is_portable, run, shim, tracee};
use super::stream::{Frames, Viewer};

/// A program that says that it began, on both of its streams, and sends a message.
const PROGRAM: &str = r#"
#include <linux/netlink.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#ifdef GO
__attribute__((section(".go.buildinfo"), used)) static const char go[32] = "\xff Go buildinf:";
#endif
int main(void)
{
    struct nlmsghdr m = {sizeof m, NLMSG_NOOP, NLM_F_REQUEST, 7, 0};
    int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    puts("begun");
    fputs("begun, too\n", stderr);
    return send(fd, &m, sizeof m, 0) == sizeof m && getuid() != 12345 ? 7 : 1;
}
"#;

/// Builds a program in a folder; `None`, which is said, if that cannot be done here.
fn built(folder: &Scratch, compiler: &str, options: &[&str]) -> Option<PathBuf> {
    if !installed(&[compiler]) {
        return None;
    }
    let source = folder.join("program.c");
    fs::write(&source, PROGRAM).expect("a scratch file");
    let program = folder.join("program");
    let mut command = Command::new(compiler);
    command.arg("-o").arg(&program).arg(&source).args(options);
    if compiler == "musl-gcc" {
        command.args(["-idirafter", "/usr/include", "-idirafter", "/usr/include/x86_64-linux-gnu"]);
    }
    let output = command.output().expect("a compiler runs");
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        cannot_run(&format!("{compiler} {options:?}: {errors}"));
        return None;
    }
    Some(program)
}

/// Runs a program under nlview; returns its status, its stdout, what both said on stderr, and how many
/// messages were heard.
fn launched(nlview: &OsStr, before: &[&str], program: &Path) -> (i32, String, String, usize) {
    let scratch = Scratch::new();
    fs::set_permissions(scratch.join(""), fs::Permissions::from_mode(0o777)).expect("it is ours");
    let mut words: Vec<&OsStr> = before.iter().map(OsStr::new).collect();
    words.push(nlview);
    let mut command = Command::new(words[0]);
    plain_surroundings(&mut command);
    let library = Path::new(nlview).parent().expect("a folder").join("libnlhook.so");
    let library = if library.exists() && !before.is_empty() { library } else { shim().to_owned() };
    command.env("NLVIEW_SHIM", library).env("TMPDIR", scratch.join("")).stdin(Stdio::null());
    command.args(&words[1..]).args(["--output=/dev/null", "--write"]);
    let output = command.arg(scratch.join("x.nlcap")).arg("--").arg(program).output();
    let output = output.expect("nlview runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let heard = Frames::of_file(&scratch.join("x.nlcap")).sequence().len();
    (shell_status(output.status), text(&output.stdout), text(&output.stderr), heard)
}

/// Runs a program under nlview, which must say this of it beforehand, or nothing, and hear so many messages.
fn launch(program: &Path, said: Option<&str>, heard: usize) {
    let plain = bare(program).output().expect("it starts");
    assert_eq!(plain.status.code(), Some(7), "{plain:?}");
    let nlview = artefacts().nlview.as_os_str();
    let (status, stdout, stderr, count) = launched(nlview, &[], program);
    check(program, said, (status, &stdout, &stderr));
    assert_eq!(count, heard, "{}: {stderr}", program.display());
}

fn check(program: &Path, said: Option<&str>, (status, stdout, stderr): (i32, &str, &str)) {
    let (program, begun) = (program.display(), "begun, too\n");
    let expected = said.map_or(begun.to_owned(), |said| {
        format!("nlview: {program} cannot be recorded: {said}\n{begun}")
    });
    assert_eq!((status, stdout, stderr), (7, "begun\n", &*expected), "{program}");
}

#[test]
fn programs_that_cannot_be_recorded_run_and_it_is_said_before() {
    let is_static = Some("it is statically linked, so no library can be preloaded");
    let go = Some("it is a Go program, which makes its system calls without libc");
    let musl =
        if is_portable() { None } else { Some("it uses musl, and this libnlhook.so needs glibc") };
    let of_musl = usize::from(is_portable());
    let table: &[(&str, &[&str], Option<&str>, usize)] = &[
        ("cc", &[], None, 1),
        ("cc", &["-static"], is_static, 0),
        ("cc", &["-static-pie"], is_static, 0),
        ("cc", &["-static", "-DGO"], go, 0),
        // With cgo the shim is loaded, yet what is Go makes its own calls. This one is none but by name.
        ("cc", &["-DGO"], go, 1),
        ("cc", &["-fsanitize=address"], None, 1),
        ("cc", &["-Wl,-z,now", "-pie", "-fPIE"], None, 1),
        ("cc", &["-no-pie", "-s"], None, 1),
        ("musl-gcc", &[], musl, of_musl),
        ("musl-gcc", &["-static"], is_static, 0),
    ];
    for (compiler, options, said, heard) in table {
        let folder = Scratch::new();
        let Some(program) = built(&folder, compiler, options) else { continue };
        launch(&program, *said, *heard);
        // A script is what its interpreter is.
        let script = folder.join("script");
        fs::write(&script, format!("#!{} with words\n", program.display())).expect("a file");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("it is ours");
        let nlview = artefacts().nlview.as_os_str();
        let (status, stdout, stderr, _) = launched(nlview, &[], &script);
        check(&program, *said, (status, &stdout, &stderr));
    }
}

/// A program of another word size; of the loader's complaint that the shim is not of it there is none.
#[test]
fn a_program_of_another_machine_runs_and_it_is_said_before() {
    let folder = Scratch::new();
    let source = folder.join("x.c");
    let text = "int puts(const char *); void exit(int); int write(int, const char *, int);\n\
        void _start(void) { puts(\"begun\"); write(2, \"begun, too\\n\", 11); exit(7); }\n";
    fs::write(&source, text).expect("a scratch file");
    let program = folder.join("program");
    let loader = "-Wl,-dynamic-linker,/lib/ld-linux.so.2";
    let options = ["-m32", "-nostdlib", "-L/lib32", "-l:libc.so.6", loader];
    let built = Command::new("cc").arg(&source).arg("-o").arg(&program).args(options).output();
    if !built.expect("a compiler runs").status.success() {
        return cannot_run("programs of 32 bits cannot be built (libc6-i386)");
    }
    launch(&program, Some("it is made for another machine than this libnlhook.so"), 0);
}

/// Programs that gain rights, run by somebody who has them not.
#[test]
fn a_program_that_gains_rights_runs_and_it_is_said_before() {
    if run(bare("id").arg("-u")) != "0\n" {
        return cannot_run("programs that gain rights can be made by root alone");
    }
    let ways: &[(&str, &[&str])] = &[
        ("setuid", &["chmod", "4755"]),
        ("setgid", &["chmod", "2755"]),
        ("capabilities", &["setcap", "cap_net_admin+ep"]),
    ];
    let nobody = [
        "setpriv",
        "--reuid",
        "65534",
        "--regid",
        "65534",
        "--clear-groups",
        "--bounding-set",
        "all",
    ];
    let nobody = &nobody[..6];
    for (way, command) in ways {
        // Everything where nobody may go.
        let folder = Scratch::new();
        fs::set_permissions(folder.join(""), fs::Permissions::from_mode(0o755))
            .expect("it is ours");
        let Some(program) = built(&folder, "cc", &[]) else { return };
        fs::copy(&artefacts().nlview, folder.join("nlview")).expect("a copy");
        fs::copy(shim(), folder.join("libnlhook.so")).expect("a copy");
        let [tool, arguments @ ..] = command else { continue };
        if !installed(&[tool]) {
            continue;
        }
        let changed = Command::new(tool).args(arguments).arg(&program).output().expect("it runs");
        if !changed.status.success() {
            cannot_run(&format!("{way}: {}", String::from_utf8_lossy(&changed.stderr)));
            continue;
        }
        let nlview = folder.join("nlview");
        let (status, stdout, stderr, heard) = launched(nlview.as_os_str(), nobody, &program);
        let said = "it gains another user, group or capabilities, so the loader preloads nothing";
        check(&program, Some(said), (status, &stdout, &stderr));
        assert_eq!(heard, 0, "{way}");
    }
}

/// What a program's user preloads stays, behind the shim; and other libraries that stand in front of libc,
/// in either order, do what they do without it.
#[test]
fn other_preloaded_libraries_stay_and_work() {
    let libraries = [
        ("libjemalloc2", "libjemalloc.so.2"),
        ("libtcmalloc-minimal4", "libtcmalloc_minimal.so.4"),
        ("libfaketime", "faketime/libfaketime.so.1"),
        ("libfakeroot", "libfakeroot/libfakeroot-sysv.so"),
    ];
    let scratch = Scratch::new();
    for (package, name) in libraries {
        let library = Path::new("/usr/lib/x86_64-linux-gnu").join(name);
        if !library.exists() {
            cannot_run(&format!("{package} is not installed"));
            continue;
        }
        for tracee in ["once", "errors", "allocations"].map(tracee) {
            if tracee.to_string_lossy().ends_with("allocations") && package.contains("malloc") {
                // It counts them by being the allocator itself.
                continue;
            }
            let with = |mut command: Command, list: &[&Path]| {
                let list = std::env::join_paths(list).expect("paths without colons");
                command.env("LD_PRELOAD", list).env("FAKETIME", "@2020-12-24 20:30:00");
                run(&mut command)
            };
            let plain = with(bare(&tracee), &[&library]);
            for transport in TRANSPORTS {
                for list in [[shim(), &library], [&library, shim()]] {
                    let socket = scratch.join("s");
                    let viewer = Viewer::listen(&socket);
                    assert_eq!(with(by(transport, &tracee, &socket), &list), plain, "{list:?}");
                    let frames = viewer.only();
                    frames.check();
                    // The records' time is the true one, whatever the program is told.
                    let now = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_nanos();
                    let then = u128::from(frames.hellos()[0].1.realtime_ns);
                    assert!(now.abs_diff(then) < 60_000_000_000, "{package}: {then}");
                    fs::remove_file(&socket).expect("the socket");
                }
            }
        }
        // The launcher puts the shim before it, and keeps it.
        let mut command = Command::new(&artefacts().nlview);
        plain_surroundings(&mut command);
        command.env("NLVIEW_SHIM", shim()).env("LD_PRELOAD", &library);
        command.args([
            "--output=/dev/null",
            "--",
            "sh",
            "-c",
            "echo \"$LD_PRELOAD\"; cat /proc/$$/maps",
        ]);
        let output = command.output().expect("nlview runs");
        let text = String::from_utf8_lossy(&output.stdout);
        let expected = format!("{}:{}\n", shim().display(), library.display());
        assert!(text.starts_with(&expected), "{text}");
        let file = library.canonicalize().expect("it exists");
        for mapped in [shim(), &file] {
            assert!(text.contains(&*mapped.to_string_lossy()), "{}: {text}", mapped.display());
        }
    }
}
