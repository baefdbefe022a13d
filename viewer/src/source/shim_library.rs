//! The shim as a file that a loader can preload.
//!
//! The viewer carries the library within itself and puts it where every program can read it, also
//! one that changes its user: not below a home that only its owner may enter.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::StatVfsMountFlags;

use super::Error;
use super::place::{self, absolute_variable, own_uid};

/// The library, as it was built along with this program.
const LIBRARY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/libnlhook.so"));
/// Names its version and content, so that different viewers keep theirs apart.
const FILE_NAME: &str =
    concat!("libnlhook-", env!("CARGO_PKG_VERSION"), "-", env!("NLVIEW_SHIM_HASH"), ".so");
/// Names a library to use instead.
const OVERRIDE: &str = "NLVIEW_SHIM";

/// The shim's path, fit for `LD_PRELOAD`: `$NLVIEW_SHIM`, else a file of ours, made if need be.
///
/// # Errors
/// `$NLVIEW_SHIM` is unfit, or there is no place for the file.
pub fn path() -> Result<PathBuf, Error> {
    match env::var_os(OVERRIDE).filter(|path| !path.is_empty()) {
        Some(path) => {
            // A relative path would mean something else once the program changes its folder.
            let path = fs::canonicalize(&path).map_err(Error::file("find the shim", path))?;
            if fits_preload(&path) { Ok(path) } else { Err(Error::UnfitShimPath(path)) }
        }
        None => extract_into(&candidates()),
    }
}

/// The folders that may hold the library, best first.
fn candidates() -> Vec<PathBuf> {
    let folder = format!("nlview-{}-shim", own_uid());
    let temporary = absolute_variable("TMPDIR").unwrap_or_else(|| PathBuf::from("/tmp"));
    let cache = absolute_variable("XDG_CACHE_HOME")
        .or_else(|| absolute_variable("HOME").map(|home| home.join(".cache")));
    [Some(temporary), cache, Some("/var/tmp".into()), Some("/dev/shm".into())]
        .into_iter()
        .flatten()
        .map(|place| place.join(&folder))
        .collect()
}

/// The library's path in the first of these folders that can hold it.
fn extract_into(folders: &[PathBuf]) -> Result<PathBuf, Error> {
    let mut refusals = Vec::new();
    for folder in folders {
        match extract(folder) {
            Ok(path) => return Ok(path),
            Err(refusal) => refusals.push(refusal),
        }
    }
    Err(Error::NoPlaceForShim(refusals.join("; ")))
}

/// Puts the library into a folder, or finds it there; says why that cannot be.
fn extract(folder: &Path) -> Result<PathBuf, String> {
    let path = folder.join(FILE_NAME);
    if !fits_preload(&path) {
        return Err(format!("{} has a blank or a colon", folder.display()));
    }
    place::make_own_folder(folder, 0o755, "TMPDIR").map_err(|e| e.to_string())?;
    let failed = |e: io::Error| format!("{}: {}", folder.display(), crate::error::reason(&e));
    let mount = rustix::fs::statvfs(folder).map_err(|e| failed(e.into()))?;
    if mount.f_flag.contains(StatVfsMountFlags::NOEXEC) {
        return Err(format!("{} is mounted noexec", folder.display()));
    }
    if !is_the_library(&path) {
        write_anew(folder, &path).map_err(failed)?;
    }
    if is_the_library(&path) {
        Ok(path)
    } else {
        Err(format!("{} changes under our hands", path.display()))
    }
}

/// Whether the file is ours, only ours to write, and the library byte for byte.
fn is_the_library(path: &Path) -> bool {
    // Opening does not wait for a FIFO's other end, nor follow a link.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap_or(0);
    let Ok(mut file) = OpenOptions::new().read(true).custom_flags(flags).open(path) else {
        return false;
    };
    let Ok(found) = file.metadata() else { return false };
    found.is_file()
        && found.uid() == own_uid()
        && found.mode() & 0o777 == 0o755
        && found.len() == LIBRARY.len() as u64
        && has_content(&mut file, LIBRARY).unwrap_or(false)
}

fn has_content(file: &mut File, mut expected: &[u8]) -> io::Result<bool> {
    let mut portion = [0_u8; 64 << 10];
    loop {
        match file.read(&mut portion)? {
            0 => return Ok(expected.is_empty()),
            n => match expected.split_at_checked(n) {
                Some((front, rest)) if portion.starts_with(front) => expected = rest,
                _ => return Ok(false),
            },
        }
    }
}

/// Writes the library under another name and renames it, so that nobody ever loads half of it.
fn write_anew(folder: &Path, path: &Path) -> io::Result<()> {
    let temporary = folder.join(format!(".{FILE_NAME}.{}", std::process::id()));
    // One that a process of our number left behind.
    let _none = fs::remove_file(&temporary);
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).open(&temporary)?;
        file.write_all(LIBRARY)?;
        file.set_permissions(fs::Permissions::from_mode(0o755))?;
        fs::rename(&temporary, path)
    };
    write().inspect_err(|_| {
        // What is left of it would only take room; the failure itself is what counts.
        let _stays = fs::remove_file(&temporary);
    })
}

/// `LD_PRELOAD` ends a name at a blank or a colon, and has no way to quote them.
fn fits_preload(path: &Path) -> bool {
    path.is_absolute()
        && !path.as_os_str().as_bytes().iter().any(|b| b.is_ascii_whitespace() || *b == b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_written_once_and_found_again() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("shim");
        let path = extract(&folder).unwrap();
        assert_eq!(fs::read(&path).unwrap(), LIBRARY);
        let inode = fs::metadata(&path).unwrap().ino();
        assert_eq!(extract(&folder).unwrap(), path);
        assert_eq!(fs::metadata(&path).unwrap().ino(), inode);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_differs_is_replaced() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("shim");
        let path = extract(&folder).unwrap();
        let mut other = LIBRARY.to_vec();
        *other.last_mut().unwrap() ^= 1;
        fs::write(&path, other).unwrap();
        assert_eq!(fs::read(extract(&folder).unwrap()).unwrap(), LIBRARY);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        let mode = fs::metadata(extract(&folder).unwrap()).unwrap().mode();
        assert_eq!(mode & 0o777, 0o755);
    }

    #[test]
    fn a_link_is_replaced_not_followed() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("shim");
        let path = extract(&folder).unwrap();
        let elsewhere = base.path().join("elsewhere.so");
        fs::rename(&path, &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        extract(&folder).unwrap();
        assert!(fs::symlink_metadata(&path).unwrap().is_file());
    }

    #[test]
    fn the_next_folder_is_tried() {
        let base = tempfile::tempdir().unwrap();
        let blank = base.path().join("with blank");
        let open = base.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
        let missing = base.path().join("missing").join("folder");
        let good = base.path().join("good");
        let folders = [blank, open, missing, good.clone()];
        assert_eq!(extract_into(&folders).unwrap(), good.join(FILE_NAME));
        let message = extract_into(&folders[..3]).unwrap_err().to_string();
        assert!(message.contains("blank"), "{message}");
        assert!(message.contains("777"), "{message}");
        assert!(message.contains("missing"), "{message}");
    }

    #[test]
    fn what_fits_into_the_variable() {
        assert!(fits_preload(Path::new("/tmp/a.so")));
        assert!(!fits_preload(Path::new("/tmp/a b.so")));
        assert!(!fits_preload(Path::new("/tmp/a:b.so")));
        assert!(!fits_preload(Path::new("a.so")));
    }
}
