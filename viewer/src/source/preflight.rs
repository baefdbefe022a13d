//! Looks at a program before it runs, to say beforehand that it cannot be recorded, and why.
//!
//! It never keeps a program from running, and what it cannot read it is silent about.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, File};
use std::io::{Read, Seek};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use object::elf::{self, FileHeader32, FileHeader64};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::{Endianness, FileKind, ReadCache};

use super::place::own_uid;

/// What was found out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// The file that the kernel will execute at last, and why it cannot be recorded.
    pub obstacle: Option<(PathBuf, Obstacle)>,
    /// Preloading a shim that needs glibc would keep the program from starting.
    pub musl: bool,
    /// It is built with AddressSanitizer, which must be told to accept a preloaded library.
    pub asan: bool,
}

/// Why a program cannot be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// No dynamic loader.
    Static,
    /// The runtime of Go makes its system calls itself.
    Go,
    /// Another libc, for which this shim is not made.
    Musl,
    /// Another word size or processor.
    OtherMachine,
    /// It gets another user or group, or capabilities.
    Privileged,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Static => "it is statically linked, so no library can be preloaded",
            Self::Go => "it is a Go program, which makes its system calls without libc",
            Self::Musl => "it uses musl, and this libnlhook.so needs glibc",
            Self::OtherMachine => "it is made for another machine than this libnlhook.so",
            Self::Privileged => {
                "it gains another user, group or capabilities, so the loader preloads nothing"
            }
        })
    }
}

/// What the shim itself can be loaded into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shim {
    /// It needs nothing but what musl's libc has too.
    pub fits_musl: bool,
}

impl Shim {
    /// Looks at the shim.
    #[must_use]
    pub fn examine(path: &Path) -> Self {
        /// The libraries that musl's loader answers for itself.
        const OF_LIBC: &[&[u8]] =
            &[b"libc.so", b"libm.so", b"libpthread.so", b"libdl.so", b"librt.so", b"libutil.so"];
        let elf = File::open(path).ok().and_then(read_elf);
        let fits_musl = elf.is_some_and(|elf| {
            elf.needed.iter().all(|name| OF_LIBC.iter().any(|libc| name.starts_with(libc)))
        });
        Self { fits_musl }
    }
}

/// Examines a program that the user named.
#[must_use]
pub fn examine(program: &OsStr, shim: Shim) -> Findings {
    look_up(program).map(|path| examine_file(&path, shim)).unwrap_or_default()
}

/// The file that `execvp` would execute.
#[must_use]
pub fn look_up(program: &OsStr) -> Option<PathBuf> {
    if program.as_bytes().contains(&b'/') {
        return Some(PathBuf::from(program)).filter(|path| path.exists());
    }
    let folders = std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/bin:/usr/bin"));
    std::env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| {
        fs::metadata(path).is_ok_and(|found| found.is_file() && found.mode() & 0o111 != 0)
    })
}

fn examine_file(path: &Path, shim: Shim) -> Findings {
    const ASAN: &[&[u8]] = &[b"libasan.", b"libclang_rt.asan"];
    /// As many as the kernel follows.
    const MAX_INTERPRETERS: usize = 5;
    let mut path = path.to_owned();
    for _interpreter in 0..MAX_INTERPRETERS {
        match File::open(&path).ok().and_then(interpreter_of_script) {
            Some(interpreter) => path = interpreter,
            None => break,
        }
    }
    let Some(elf) = File::open(&path).ok().and_then(read_elf) else {
        // Not readable for us, yet perhaps executable.
        let obstacle = is_privileged(&path).then_some((path, Obstacle::Privileged));
        return Findings { obstacle, ..Findings::default() };
    };
    let musl = elf.interpreter.as_deref().is_some_and(|name| {
        name.rsplit(|b| *b == b'/').next().is_some_and(|file| file.starts_with(b"ld-musl"))
    });
    let obstacle = if !elf.ours {
        Some(Obstacle::OtherMachine)
    } else if elf.go {
        Some(Obstacle::Go)
    } else if elf.interpreter.is_none() {
        Some(Obstacle::Static)
    } else if musl && !shim.fits_musl {
        Some(Obstacle::Musl)
    } else if is_privileged(&path) {
        Some(Obstacle::Privileged)
    } else {
        None
    };
    let asan = elf.needed.iter().any(|name| ASAN.iter().any(|prefix| name.starts_with(prefix)));
    Findings { obstacle: obstacle.map(|obstacle| (path, obstacle)), musl, asan }
}

/// The interpreter on a script's first line.
fn interpreter_of_script(file: File) -> Option<PathBuf> {
    /// As much as the kernel looks at.
    const MAX_LINE: u64 = 256;
    let mut head = Vec::new();
    file.take(MAX_LINE).read_to_end(&mut head).ok()?;
    let line = head.strip_prefix(b"#!")?.split(|b| *b == b'\n').next()?;
    let interpreter = line.trim_ascii_start().split(|b| matches!(b, b' ' | b'\t')).next()?;
    Some(PathBuf::from(OsString::from_vec(interpreter.to_vec())))
        .filter(|path| !path.as_os_str().is_empty())
}

/// Whether executing this file makes the kernel tell the loader to preload nothing.
fn is_privileged(path: &Path) -> bool {
    const SETUID: u32 = 0o4000;
    const SETGID: u32 = 0o2000;
    let Ok(found) = fs::metadata(path) else { return false };
    let own_gid = rustix::process::getegid().as_raw();
    let other_user = found.mode() & SETUID != 0 && found.uid() != own_uid();
    let other_group = found.mode() & SETGID != 0 && found.gid() != own_gid;
    let mut capabilities = [0_u8; 64];
    let with_capabilities = own_uid() != 0
        && rustix::fs::getxattr(path, "security.capability", &mut capabilities).is_ok();
    other_user || other_group || with_capabilities
}

/// What an ELF file says of itself.
struct Elf {
    /// Of our word size, byte order and processor.
    ours: bool,
    interpreter: Option<Vec<u8>>,
    needed: Vec<Vec<u8>>,
    go: bool,
}

/// Reads an ELF file's headers, and of the rest only what they point at.
fn read_elf(file: File) -> Option<Elf> {
    let cache = ReadCache::new(file);
    match FileKind::parse(&cache).ok()? {
        FileKind::Elf32 => read_class::<FileHeader32<Endianness>, _>(&cache),
        FileKind::Elf64 => read_class::<FileHeader64<Endianness>, _>(&cache),
        _ => None,
    }
}

fn read_class<H, F>(data: &ReadCache<F>) -> Option<Elf>
where
    H: FileHeader<Endian = Endianness>,
    F: Read + Seek,
{
    /// Libraries beyond these are not looked at.
    const MAX_NEEDED: usize = 1024;
    let header = H::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let ours = header.is_class_64() == cfg!(target_pointer_width = "64")
        && header.is_little_endian() == cfg!(target_endian = "little")
        && own_machine().is_none_or(|machine| machine == header.e_machine(endian));
    let mut interpreter = None;
    for segment in header.program_headers(endian, data).ok()? {
        if let Ok(Some(name)) = segment.interpreter(endian, data) {
            interpreter = Some(name.to_vec());
        }
    }
    let mut elf = Elf { ours, interpreter, needed: Vec::new(), go: false };
    // A file without section headers runs as well; it only tells less.
    let Ok(sections) = header.sections(endian, data) else { return Some(elf) };
    elf.go = [&b".go.buildinfo"[..], b".note.go.buildid"]
        .iter()
        .any(|name| sections.section_by_name(endian, name).is_some());
    if let Ok(Some((entries, link))) = sections.dynamic(endian, data) {
        let strings = sections.strings(endian, data, link).unwrap_or_default();
        elf.needed = entries
            .iter()
            .filter(|entry| entry.tag32(endian) == Some(elf::DT_NEEDED))
            .filter_map(|entry| strings.get(entry.val32(endian)?).ok())
            .map(<[u8]>::to_vec)
            .take(MAX_NEEDED)
            .collect();
    }
    Some(elf)
}

/// The ELF number of the processor that we are built for; None where it is not listed here.
const fn own_machine() -> Option<u16> {
    if cfg!(target_arch = "x86_64") {
        Some(elf::EM_X86_64)
    } else if cfg!(target_arch = "aarch64") {
        Some(elf::EM_AARCH64)
    } else if cfg!(target_arch = "x86") {
        Some(elf::EM_386)
    } else if cfg!(target_arch = "arm") {
        Some(elf::EM_ARM)
    } else if cfg!(any(target_arch = "riscv64", target_arch = "riscv32")) {
        Some(elf::EM_RISCV)
    } else if cfg!(target_arch = "powerpc64") {
        Some(elf::EM_PPC64)
    } else if cfg!(target_arch = "s390x") {
        Some(elf::EM_S390)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    const SHIM: Shim = Shim { fits_musl: false };

    fn program(content: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        (folder, path)
    }

    /// A 64-bit ELF file of this machine with one program header, PT_INTERP or none of interest.
    fn elf(interpreter: Option<&str>, machine: u16) -> Vec<u8> {
        let mut file = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0];
        file.resize(16, 0);
        file.extend(2_u16.to_le_bytes()); // e_type: executable
        file.extend(machine.to_le_bytes());
        file.extend(1_u32.to_le_bytes()); // e_version
        file.extend(0_u64.to_le_bytes()); // e_entry
        file.extend(64_u64.to_le_bytes()); // e_phoff
        file.extend(0_u64.to_le_bytes()); // e_shoff
        file.extend(0_u32.to_le_bytes()); // e_flags
        for half in [64_u16, 56, 1, 64, 0, 0] {
            file.extend(half.to_le_bytes()); // e_ehsize … e_shstrndx
        }
        let name = interpreter.map(|name| format!("{name}\0")).unwrap_or_default();
        file.extend((if interpreter.is_some() { 3_u32 } else { 4 }).to_le_bytes()); // p_type
        file.extend(4_u32.to_le_bytes()); // p_flags
        for word in [120_u64, 0, 0, name.len() as u64, name.len() as u64, 1] {
            file.extend(word.to_le_bytes()); // p_offset … p_align
        }
        file.extend(name.bytes());
        file
    }

    fn obstacle(content: &[u8]) -> Option<Obstacle> {
        let (_folder, path) = program(content);
        examine_file(&path, SHIM).obstacle.map(|(_, obstacle)| obstacle)
    }

    #[test]
    fn obstacles_are_told_apart() {
        let ours = own_machine().unwrap_or(elf::EM_X86_64);
        assert_eq!(obstacle(&elf(Some("/lib64/ld-linux-x86-64.so.2"), ours)), None);
        assert_eq!(obstacle(&elf(None, ours)), Some(Obstacle::Static));
        assert_eq!(obstacle(&elf(Some("/lib/ld-musl-x86_64.so.1"), ours)), Some(Obstacle::Musl));
        assert_eq!(obstacle(&elf(Some("/lib/ld.so"), elf::EM_MIPS)), Some(Obstacle::OtherMachine));
    }

    #[test]
    fn a_portable_shim_fits_musl() {
        let ours = own_machine().unwrap_or(elf::EM_X86_64);
        let (_folder, path) = program(&elf(Some("/lib/ld-musl-x86_64.so.1"), ours));
        let findings = examine_file(&path, Shim { fits_musl: true });
        assert_eq!(findings, Findings { obstacle: None, musl: true, asan: false });
    }

    #[test]
    fn scripts_are_judged_by_their_interpreter() {
        let ours = own_machine().unwrap_or(elf::EM_X86_64);
        let (_folder, interpreter) = program(&elf(None, ours));
        let script = format!("#! {} -x\necho", interpreter.display());
        let (_folder, script) = program(script.as_bytes());
        assert_eq!(examine_file(&script, SHIM).obstacle, Some((interpreter, Obstacle::Static)));
    }

    #[test]
    fn a_script_that_names_itself_ends() {
        let (_folder, path) = program(b"");
        fs::write(&path, format!("#!{}\n", path.display())).unwrap();
        assert_eq!(examine_file(&path, SHIM), Findings::default());
    }

    #[test]
    fn broken_files_are_passed_over() {
        let whole = elf(Some("/lib64/ld-linux-x86-64.so.2"), elf::EM_X86_64);
        for len in 0..whole.len() {
            obstacle(&whole[..len]);
        }
        for at in 0..whole.len() {
            let mut broken = whole.clone();
            broken[at] ^= 0xff;
            obstacle(&broken);
        }
    }

    #[test]
    fn programs_are_looked_up_as_execvp_does() {
        assert!(look_up("sh".as_ref()).is_some());
        assert_eq!(look_up("no-such-program-anywhere".as_ref()), None);
        assert_eq!(look_up("/no/such/program".as_ref()), None);
    }
}
