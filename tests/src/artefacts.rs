//! The built programs.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::root;

/// Where the built programs are.
#[derive(Debug)]
pub struct Artefacts {
    /// The viewer.
    pub nlview: PathBuf,
    /// The shim.
    pub nlhook: PathBuf,
}

/// Builds the viewer and the shim, once a test program, as a user would get them.
///
/// `NLTESTS_PROFILE` names another of cargo's profiles: `dev` builds in a fraction of the time.
pub fn artefacts() -> &'static Artefacts {
    static BUILT: OnceLock<Artefacts> = OnceLock::new();
    BUILT.get_or_init(|| {
        let profile = env::var("NLTESTS_PROFILE").unwrap_or_else(|_unset| "release".to_owned());
        let out = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["build", "--quiet", "--message-format=json", "-p", "nlview", "-p", "nlhook"])
            .args(["--profile", &profile])
            .current_dir(root())
            .stderr(Stdio::inherit())
            .output()
            .expect("cargo runs");
        assert!(out.status.success(), "the programs do not build");
        let built = |name: &str, ending: &str| {
            let files: Vec<String> = String::from_utf8_lossy(&out.stdout)
                .lines()
                .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
                .filter(|message| message["target"]["name"] == name)
                .flat_map(|message| message["filenames"].as_array().cloned().unwrap_or_default())
                .filter_map(|file| file.as_str().map(str::to_owned))
                .filter(|file| file.ends_with(ending))
                .collect();
            PathBuf::from(files.first().unwrap_or_else(|| panic!("cargo built no {name}{ending}")))
        };
        Artefacts { nlview: built("nlview", "/nlview"), nlhook: built("nlhook", ".so") }
    })
}

/// cargo's target folder, without anything being built.
#[must_use]
pub fn target_folder() -> PathBuf {
    let named = env::var_os("CARGO_TARGET_DIR").map(|folder| root().join(folder));
    named.unwrap_or_else(|| root().join("target"))
}
