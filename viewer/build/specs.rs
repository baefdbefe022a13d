//! Turns the spec files into JSON, and lists them in a table that `spec::registry` includes.

use std::fmt::Write as _;
use std::path::Path;
use std::{fs, io};

/// Writes `specs.rs` and the JSON files it includes into `out`.
pub(crate) fn embed(specs: &Path, out: &Path) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", specs.display());
    let mut files: Vec<_> = fs::read_dir(specs)?
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .collect();
    files.sort();
    let mut table = String::from("&[\n");
    for path in files {
        println!("cargo::rerun-if-changed={}", path.display());
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path)?;
        // As `spec::load` reads what users give.
        let options = serde_saphyr::options! { strict_booleans: true };
        let spec: serde_json::Value = serde_saphyr::from_str_with_options(&text, options)
            .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?;
        let name = spec.get("name").and_then(|n| n.as_str()).unwrap_or_default().to_owned();
        let protocol = spec.get("protonum").and_then(serde_json::Value::as_u64);
        let generic = spec
            .get("protocol")
            .is_none_or(|p| p.as_str().is_some_and(|p| p.starts_with("genetlink")));
        let family_id = spec.get("family-id").and_then(serde_json::Value::as_u64);
        let groups = if generic { groups(&spec) } else { Vec::new() };
        let json = out.join(format!("{file}.json"));
        fs::write(&json, spec.to_string())?;
        writeln!(
            table,
            "Builtin {{ file: {file:?}, name: {name:?}, protocol: {protocol:?}, \
             generic: {generic}, family_id: {family_id:?}, groups: &{groups:?}, json: include_str!({:?}) }},",
            json.display().to_string()
        )
        .map_err(io::Error::other)?;
    }
    table.push(']');
    fs::write(out.join("specs.rs"), table)
}

/// The multicast groups whose numbers a generic family's spec knows.
fn groups(spec: &serde_json::Value) -> Vec<(u64, &str)> {
    let list = spec.get("mcast-groups").and_then(|groups| groups.get("list"));
    let groups = list.and_then(serde_json::Value::as_array).into_iter().flatten();
    groups.filter_map(|g| Some((g.get("value")?.as_u64()?, g.get("name")?.as_str()?))).collect()
}
