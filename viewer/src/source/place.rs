//! Folders of our own, and what their names are.

use std::env;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::Error;

/// Our effective user id, to whom all of our folders belong.
#[must_use]
pub fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// What messages propose instead of an unfit folder for sockets.
const INSTEAD: &str = "XDG_RUNTIME_DIR, or --listen=SOCKET";

/// The folder for sockets: `$XDG_RUNTIME_DIR`, else `/tmp/nlview-UID`, which is made if need be.
/// The shim looks in the same places.
///
/// # Errors
/// The folder cannot be made, or others could tamper with it.
pub fn runtime_folder() -> Result<PathBuf, Error> {
    match absolute_variable("XDG_RUNTIME_DIR") {
        Some(folder) => {
            check_own_folder(&folder, 0o700, INSTEAD)?;
            Ok(folder)
        }
        None => temporary_folder(),
    }
}

/// `/tmp/nlview-UID`, which is made if need be.
///
/// # Errors
/// The folder cannot be made, or others could tamper with it.
pub fn temporary_folder() -> Result<PathBuf, Error> {
    let folder = PathBuf::from(format!("/tmp/nlview-{}", own_uid()));
    make_own_folder(&folder, 0o700, INSTEAD)?;
    Ok(folder)
}

/// A variable that holds an absolute path; anything else is as good as none.
#[must_use]
pub fn absolute_variable(name: &str) -> Option<PathBuf> {
    env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// Makes a folder with exactly this mode; one that is there already must be as if we had made it.
///
/// # Errors
/// It cannot be made, or is not ours alone. `instead` is what the message proposes.
pub fn make_own_folder(path: &Path, mode: u32, instead: &'static str) -> Result<(), Error> {
    match DirBuilder::new().mode(mode).create(path) {
        // The umask may have taken bits away.
        Ok(()) => fs::set_permissions(path, Permissions::from_mode(mode))
            .map_err(Error::file("set the mode of", path))?,
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
        Err(e) => return Err(Error::file("make the folder", path)(e)),
    }
    check_own_folder(path, mode, instead)
}

/// Checks that nobody else can put anything into a folder, and that nobody has more rights to it
/// than `mode` says.
fn check_own_folder(path: &Path, mode: u32, instead: &'static str) -> Result<(), Error> {
    let found = fs::symlink_metadata(path).map_err(Error::file("look at the folder", path))?;
    // A link is not followed: whoever made it may turn it elsewhere.
    if !found.is_dir() {
        return Err(Error::NotAFolder { path: path.into(), instead });
    }
    if found.uid() != own_uid() {
        return Err(Error::FolderOfOther { path: path.into(), uid: found.uid(), instead });
    }
    if found.mode() & 0o777 & !mode != 0 {
        let mode_found = found.mode() & 0o777;
        return Err(Error::FolderTooOpen { path: path.into(), mode: mode_found, wanted: mode });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_made_with_its_mode_and_accepted_again() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("own");
        make_own_folder(&folder, 0o755, "x").unwrap();
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o755);
        make_own_folder(&folder, 0o755, "x").unwrap();
    }

    #[test]
    fn a_folder_that_others_can_write_is_refused() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("open");
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, Permissions::from_mode(0o775)).unwrap();
        let error = make_own_folder(&folder, 0o755, "x").unwrap_err();
        assert!(matches!(error, Error::FolderTooOpen { mode: 0o775, wanted: 0o755, .. }));
    }

    #[test]
    fn a_link_is_no_folder() {
        let base = tempfile::tempdir().unwrap();
        let link = base.path().join("link");
        std::os::unix::fs::symlink(base.path(), &link).unwrap();
        assert!(matches!(
            make_own_folder(&link, 0o755, "x").unwrap_err(),
            Error::NotAFolder { .. }
        ));
    }
}
