//! Where a calibration is kept: a file of this user on this machine.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use crate::{
    cli::terminal,
    machine::{Calibration, Machine, calibration::FORMAT},
    store,
};

/// Names the file, instead of the cache.
const VARIABLE: &str = "SCENARIO_CALIBRATION";

/// Where it is kept: where `SCENARIO_CALIBRATION` says, or in the cache of the user, by the XDG Base Directory
/// Specification and on a Mac as Apple has it. `None` where nothing says where that is.
pub(super) fn place() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    place_by(variable, cfg!(target_os = "macos"))
}

fn place_by(variable: impl Fn(&str) -> Option<PathBuf>, apple: bool) -> Option<PathBuf> {
    if let Some(file) = variable(VARIABLE) {
        return Some(file);
    }
    // a path that is not absolute is to be ignored, says the specification
    let cache = variable("XDG_CACHE_HOME").filter(|path| path.is_absolute()).or_else(|| {
        let home = variable("HOME")?;
        Some(if apple { home.join("Library/Caches") } else { home.join(".cache") })
    })?;
    Some(cache.join("scenario").join("calibration.json"))
}

/// The calibration of this machine, where there is one. One that is of no use is left out, and unless `quiet` it is said why.
pub(in crate::cli) fn known(machine: &Machine, quiet: bool) -> Option<Calibration> {
    let path = place()?;
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => return ignored(&path, &error.to_string(), quiet),
    };
    match read(&text, machine, env!("CARGO_PKG_VERSION")) {
        Ok(calibration) => Some(calibration),
        Err(reason) => ignored(&path, &reason, quiet),
    }
}

fn ignored(path: &Path, reason: &str, quiet: bool) -> Option<Calibration> {
    if !quiet {
        terminal::say(&format!(
            "the calibration in `{}` is ignored: {reason}\n  help: `scenario calibrate` makes a new one",
            path.display()
        ));
    }
    None
}

/// Reads a calibration that has to hold for a machine and a version of this program.
fn read(text: &str, machine: &Machine, tool_version: &str) -> Result<Calibration, String> {
    let document: serde_json::Value =
        serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))?;
    match document.get("format").and_then(serde_json::Value::as_u64) {
        Some(format) if format == u64::from(FORMAT) => {}
        Some(format) => {
            return Err(format!(
                "it has format {format}, and this version of `scenario` reads format {FORMAT}"
            ));
        }
        None => return Err("it has no format".to_owned()),
    }
    let calibration: Calibration =
        serde_json::from_value(document).map_err(|error| format!("it is no calibration: {error}"))?;
    calibration.holds_for(machine, tool_version)?;
    Ok(calibration)
}

/// Writes it, with the folders on the way.
pub(super) fn write(path: &Path, calibration: &Calibration) -> anyhow::Result<()> {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.with_context(|| format!("`{}` names no file", path.display()))?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let text = serde_json::to_string_pretty(calibration)? + "\n";
    store::replace(folder, name, text.as_bytes())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::calibration::fixture::calibration;

    #[test]
    fn it_is_kept_where_the_system_keeps_such_things() {
        for (variables, apple, place) in [
            (&[("SCENARIO_CALIBRATION", "own.json"), ("HOME", "/home/a")][..], false, Some("own.json")),
            (
                &[("XDG_CACHE_HOME", "/cache"), ("HOME", "/home/a")],
                false,
                Some("/cache/scenario/calibration.json"),
            ),
            (
                &[("XDG_CACHE_HOME", "cache"), ("HOME", "/home/a")],
                false,
                Some("/home/a/.cache/scenario/calibration.json"),
            ),
            (&[("HOME", "/home/a")], false, Some("/home/a/.cache/scenario/calibration.json")),
            (&[("HOME", "/Users/a")], true, Some("/Users/a/Library/Caches/scenario/calibration.json")),
            (&[], false, None),
        ] {
            let variable = |name: &str| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| PathBuf::from(value))
            };
            assert_eq!(place_by(variable, apple), place.map(PathBuf::from), "{variables:?}");
        }
    }

    #[test]
    fn only_what_holds_here_is_read() {
        let machine = Machine {
            os: "linux".to_owned(),
            kernel: "6.1".to_owned(),
            cpu: "A CPU".to_owned(),
            cores: 2,
            ..Machine::default()
        };
        let known = calibration(Some(400), None);
        let text = serde_json::to_string(&known).expect("its keys are text");
        assert_eq!(read(&text, &machine, "0.1.0"), Ok(known));
        for (text, version, reason) in [
            (text.clone(), "0.2.0", "it is of another version of `scenario`"),
            (
                text.replacen("\"format\":1", "\"format\":2", 1),
                "0.1.0",
                "it has format 2, and this version of `scenario` reads format 1",
            ),
            (
                text.replacen("\"took_s\"", "\"took\"", 1),
                "0.1.0",
                "it is no calibration: missing field `took_s`",
            ),
            ("{}".to_owned(), "0.1.0", "it has no format"),
            ("{".to_owned(), "0.1.0", "it is no JSON"),
        ] {
            let error = read(&text, &machine, version).expect_err(reason);
            assert!(error.starts_with(reason), "{error}");
        }
    }
}
