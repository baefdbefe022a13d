//! Builds the shim and the tracees, and runs these under it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};

use super::stream::{Frames, Viewer};

/// The root of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests live in the workspace")
}

/// The library of this test program's build.
pub(crate) fn shim() -> &'static Path {
    static SHIM: OnceLock<PathBuf> = OnceLock::new();
    SHIM.get_or_init(|| {
        // A directory of its own: cargo holds a lock on the other while tests run in some setups.
        let name = format!("shim-{}", crate::FEATURES.join("-"));
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--release", "-p", "nlhook"])
            .args(["--features", &crate::FEATURES.join(","), "--target-dir"])
            .arg(&target)
            .current_dir(root())
            .status()
            .expect("cargo runs");
        assert!(built.success(), "the shim does not build");
        target.join("release/libnlhook.so")
    })
}

/// A tracee, compiled from `tests/hooks/NAME.c`.
pub(crate) fn tracee(name: &str) -> PathBuf {
    let compiler = crate::COMPILER;
    let binary = format!("tracee-{compiler}-{name}");
    compiled(compiler, &in_folder(&format!("{name}.c")), binary.as_ref(), &["-O1"])
}

/// A tracee, compiled from a file in `tests/hooks/` by another compiler or with more options.
pub(crate) fn tracee_of(compiler: &str, file: &str, options: &[&str]) -> PathBuf {
    let words: Vec<&str> = [compiler, file].iter().chain(options).copied().collect();
    let name: String = words.join("-").replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    compiled(compiler, &in_folder(file), format!("tracee-{name}").as_ref(), options)
}

/// A library to be preloaded as well, compiled from `tests/hooks/NAME.c`.
pub(crate) fn library(name: &str) -> PathBuf {
    let (compiler, options) = (crate::COMPILER, ["-O1", "-shared", "-fPIC"]);
    let binary = format!("lib{compiler}-{name}.so");
    compiled(compiler, &in_folder(&format!("{name}.c")), binary.as_ref(), &options)
}

fn in_folder(file: &str) -> PathBuf {
    root().join("tests/hooks").join(file)
}

/// A program or library of this name, compiled from a file if there is none that is newer.
pub(crate) fn compiled(compiler: &str, source: &Path, binary: &Path, options: &[&str]) -> PathBuf {
    static COMPILER: Mutex<()> = Mutex::new(());
    let _one_at_a_time = COMPILER.lock().expect("no compiler run panics");
    let binary = Path::new(env!("CARGO_TARGET_TMPDIR")).join(binary);
    let time = |path: &Path| fs::metadata(path).and_then(|it| it.modified()).ok();
    let newest = time(source).max(time(&in_folder("tracee.h")));
    if time(&binary) <= newest {
        // Two test programs may compile at the same time, and run what is there.
        let unfinished = binary.with_extension(crate::FEATURES.join("-") + "new");
        let compiled = command(compiler)
            .args(["-w", "-pthread", "-o"])
            .args([&unfinished, source])
            .args(options)
            .status()
            .expect("a C compiler");
        assert!(compiled.success(), "{} does not compile", source.display());
        fs::rename(&unfinished, &binary).expect("the folder is ours");
    }
    binary
}

/// A compiler, and what it needs to find the kernel's headers.
///
/// Where there is none for musl, its tests are made with the programs that there are, which is said.
fn command(compiler: &str) -> Command {
    if compiler != MUSL {
        return Command::new(compiler);
    }
    static IS_THERE: OnceLock<bool> = OnceLock::new();
    if !IS_THERE.get_or_init(|| nltests::installed(&[MUSL])) {
        return Command::new("cc");
    }
    let mut command = Command::new(compiler);
    command.args(["-idirafter", "/usr/include", "-idirafter", "/usr/include/x86_64-linux-gnu"]);
    command
}

/// The compiler for programs of musl.
const MUSL: &str = "musl-gcc";

/// A fresh folder, gone when dropped.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        // Short enough for the address of a unix socket, wherever the target directory is.
        let path = std::env::temp_dir().join(format!("nlhook-{}-{number}", std::process::id()));
        fs::create_dir(&path).expect("a folder for temporary files");
        Self(path)
    }

    pub(crate) fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Whether loops are to be long: `NLTESTS_LONG=1`.
pub(crate) fn is_long() -> bool {
    std::env::var_os("NLTESTS_LONG").is_some_and(|value| value == "1")
}

/// How often a loop is to run: so often, or where loops are to be long that often.
pub(crate) fn times(short: u64, long: u64) -> u64 {
    if is_long() { long } else { short }
}

/// A generator whose seed is printed, so that a failure can be repeated.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new() -> Self {
        let clock = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_nanos() as u64;
        let seed = std::env::var("NLTESTS_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or(clock | 1);
        println!("NLTESTS_SEED={seed}");
        Self(seed)
    }

    /// Another one, for another thread.
    pub(crate) fn split(&mut self) -> Self {
        Self(self.below(u64::MAX) | 1)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// A command that runs without the shim, in an environment that names no viewer.
pub(crate) fn bare(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.stdin(Stdio::null());
    command
}

/// Whether this is the build without the standard library.
pub(crate) fn is_portable() -> bool {
    crate::FEATURES.contains(&"portable")
}

/// How records go to a viewer.
pub(crate) const TRANSPORTS: [&str; 2] = ["socket", "ring"];

/// A command that runs under the shim, whose records go to a viewer over the socket.
pub(crate) fn to_viewer(program: impl AsRef<OsStr>, socket: &Path) -> Command {
    by(TRANSPORTS[0], program, socket)
}

/// A command that runs under the shim, whose records go to a viewer by one of the transports.
pub(crate) fn by(transport: &str, program: impl AsRef<OsStr>, socket: &Path) -> Command {
    let mut command = bare(program);
    command.env("LD_PRELOAD", shim()).env("NLHOOK_SOCKET", socket);
    command.env("NLHOOK_TRANSPORT", transport);
    command
}

/// A command that runs under the shim, whose records go to a file.
pub(crate) fn to_file(program: impl AsRef<OsStr>, file: &Path) -> Command {
    let mut command = bare(program);
    command.env("LD_PRELOAD", shim()).env("NLHOOK_FILE", file);
    command
}

/// What a tracee prints without the shim, and under it with a viewer and a file; the same by each
/// transport.
pub(crate) fn both_ways(name: &str) -> (String, String) {
    let bare = run(&mut bare(tracee(name)));
    let traced = TRANSPORTS.map(|transport| {
        let scratch = Scratch::new();
        let viewer = Viewer::listen(&scratch.join("viewer.sock"));
        let mut command = by(transport, tracee(name), &scratch.join("viewer.sock"));
        let traced = run(command.env("NLHOOK_FILE", scratch.join("x.nlcap")));
        viewer.finish().iter().for_each(Frames::check);
        Frames::of_file(&scratch.join("x.nlcap")).check();
        traced
    });
    let [by_socket, by_ring] = traced;
    assert_eq!(by_socket, by_ring);
    (bare, by_ring)
}

/// Runs a command to its end, which must be a good one; returns what it printed.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().expect("the command starts");
    succeeded(&output)
}

/// Checks that a command ended well; returns what it printed.
pub(crate) fn succeeded(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", output.status);
    assert_eq!(errors, "", "the program or the shim complains");
    String::from_utf8(output.stdout.clone()).expect("text")
}
