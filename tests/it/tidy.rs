//! The rules of the house that the compiler does not know.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    found.sort();
    assert!(found.len() > 20, "the sources were found");
    found
}

/// The name of the top-level module that a file belongs to.
fn module_of(path: &Path) -> String {
    let inside = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    let first = inside.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// Code without the tests at its end and without comments.
fn code(text: &str) -> String {
    let body = text.split("#[cfg(test)]\nmod ").next().unwrap();
    body.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

fn is_test(path: &Path) -> bool {
    let name = path.file_stem().unwrap().to_string_lossy();
    name == "tests"
        || name == "fixture"
        || path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "fixture")
}

#[test]
fn a_module_uses_only_modules_above_it() {
    let library = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let order: Vec<String> = library
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';').map(str::to_owned))
        .collect();
    let place = |name: &str| order.iter().position(|module| module == name);
    for (path, text) in sources() {
        // a test may look at what becomes of its module's values further down
        let Some(own) = place(&module_of(&path)).filter(|_| !is_test(&path)) else { continue };
        for used in used_modules(&code(&text)) {
            if let Some(used_place) = place(&used) {
                assert!(
                    used_place <= own,
                    "{} uses `{used}`, which stands below it in lib.rs",
                    path.display()
                );
            }
        }
    }
}

/// Every `crate::NAME` and every name in `crate::{…}` at its first level.
fn used_modules(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (start, _) in code.match_indices("crate::") {
        let rest = &code[start + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut word = String::new();
            for c in list.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => found.push(std::mem::take(&mut word)),
                    _ if depth == 0 => word.push(c),
                    _ => {}
                }
            }
            found.push(word);
        } else {
            found.push(rest.to_owned());
        }
    }
    found
        .iter()
        .map(|text| text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
        .collect()
}

#[test]
fn only_the_command_line_prints_and_reads_the_environment() {
    for (path, text) in sources() {
        if module_of(&path) == "cli" || is_test(&path) {
            continue;
        }
        let code = code(&text);
        for word in
            ["println!", "eprintln!", "print!(", "eprint!(", "std::env::var", "env::var(", "process::exit"]
        {
            assert!(!code.contains(word), "{} contains `{word}`", path.display());
        }
    }
}

#[test]
fn pure_modules_know_no_clock_and_no_files() {
    for (path, text) in sources() {
        let pure = [
            "units", "stats", "catalog", "hosts", "config", "workload", "plan", "answers", "protocol",
            "metrics", "verdict", "compare", "report", "tune",
        ];
        if !pure.contains(&module_of(&path).as_str()) || is_test(&path) {
            continue;
        }
        // prompts and traces may stand in files
        let reads =
            path.components().any(|part| ["dataset", "trace"].iter().any(|file| part.as_os_str() == *file));
        let code = code(&text);
        let words =
            ["std::fs", "Instant::now", "SystemTime::now", "now_utc", "tokio::", "async fn", "rand::rng()"];
        for word in &words[usize::from(reads)..] {
            assert!(!code.contains(word), "{} contains `{word}`", path.display());
        }
    }
}

#[test]
fn only_config_knows_toml_and_only_store_writes() {
    for (path, text) in sources() {
        if is_test(&path) {
            continue;
        }
        let code = code(&text);
        let module = module_of(&path);
        // `tune` knows the TOML of others
        let knows = ["config", "tune"].contains(&module.as_str());
        assert!(knows || !code.contains("toml::"), "{} uses `toml`", path.display());
        assert!(module == "tune" || !code.contains("toml_edit::"), "{} uses `toml_edit`", path.display());
        if !["store", "cli"].contains(&module.as_str()) {
            for word in ["fs::write", "File::create", "OpenOptions"] {
                assert!(!code.contains(word), "{} contains `{word}`", path.display());
            }
        }
    }
}

#[test]
fn files_stay_small_enough_to_read() {
    for (path, text) in sources() {
        if !is_test(&path) {
            let lines = code(&text).lines().count();
            assert!(lines <= 700, "{} has {lines} lines", path.display());
        }
    }
}
