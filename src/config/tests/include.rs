//! Included files: one layer, from wherever they are reached.

use std::{cell::RefCell, io, path::Path};

use super::{super::Secret, Input, Layer, Load, PRESETS, Problems, Scenario, compile_with, only, origin};
use crate::machine::Machine;

/// A disk with these files.
type Disk<'a> = &'a [(&'a str, &'a str)];

fn load_from(disk: Disk<'_>, text: &str, sets: &[&str]) -> (Result<Scenario, Problems>, Vec<String>) {
    let text = format!("version = 1\nname = \"test\"\n{text}");
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    let input = Input { name: "plans/test.toml", text: &text, platform: None, sets: &sets };
    let env = |name: &str| (name == "WHERE").then(|| "common".to_owned());
    let asked = RefCell::new(Vec::new());
    let read = |path: &Path| {
        let path = path.to_str().expect("a path in UTF-8");
        asked.borrow_mut().push(path.to_owned());
        let file = disk.iter().find(|(name, _)| *name == path);
        file.map(|(_, text)| (*text).to_owned()).ok_or_else(|| io::ErrorKind::NotFound.into())
    };
    let loaded = compile_with(&input, &Machine::default(), &env, &read, PRESETS).map(only);
    (loaded, asked.into_inner())
}

fn loaded(disk: Disk<'_>, text: &str, sets: &[&str]) -> Scenario {
    load_from(disk, text, sets).0.unwrap_or_else(|problems| panic!("{}", problems.render(false)))
}

fn refused(disk: Disk<'_>, text: &str, sets: &[&str]) -> String {
    load_from(disk, text, sets).0.expect_err("a broken scenario").render(false)
}

const SERVER: &str = "[endpoints.main]\nurl = \"http://h\"\napi_key = { file = \"key\" }\n\
                      [defaults]\ntimeout = \"5s\"\n";
const MAIN: &str = "[phases.main]\nload.closed = { users = 4 }\n";

#[test]
fn an_included_file_lies_above_presets_and_below_the_scenario() {
    let disk: Disk<'_> = &[("plans/common/a.toml", SERVER)];
    let include = "include = [\"common/a.toml\"]\n";
    let named = format!("{include}{MAIN}[run]\nplatform = \"inner\"\n");
    let file = "plans/common/a.toml".to_owned();
    for (text, sets, timeout, layer, source) in [
        (&named, &[][..], "\"5s\"", Layer::Include, file),
        (
            &format!("{named}[defaults]\ntimeout = 6\n"),
            &[],
            "6",
            Layer::Scenario,
            "plans/test.toml".to_owned(),
        ),
        (&named, &["defaults.timeout=7"], "7", Layer::Set, "--set".to_owned()),
    ] {
        let scenario = loaded(disk, text, sets);
        assert_eq!(origin(&scenario, "defaults.timeout"), Some((timeout.to_owned(), layer, source)));
    }
    let scenario = loaded(disk, &named, &[]);
    let url = scenario.origins.iter().find(|origin| origin.path == "endpoints.main.url").expect("its url");
    assert_eq!((url.layer, url.line), (Layer::Include, 2));
}

#[test]
fn paths_start_at_the_folder_of_the_file_that_they_stand_in() {
    let disk: Disk<'_> = &[
        ("plans/common/a.toml", "include = [\"../../more/b.toml\"]\nrun.platform = \"box.toml\"\n"),
        ("plans/common/../../more/b.toml", SERVER),
        ("plans/common/box.toml", "note = \"mine\"\ndefaults.requests = 9\n"),
    ];
    let scenario = loaded(disk, &format!("include = [\"${{WHERE}}/a.toml\"]\n{MAIN}"), &[]);
    assert_eq!((scenario.platform.name.as_str(), scenario.defaults.requests), ("box", 9));
    let secret = |scenario: &Scenario| scenario.endpoints["main"].api_key.clone();
    assert_eq!(secret(&scenario), Some(Secret::File("plans/common/../../more/key".to_owned())));
    let own = "[endpoints.main]\nurl = \"http://h\"\napi_key = { file = \"key\" }\n";
    assert_eq!(
        secret(&loaded(&[], &format!("{own}{MAIN}"), &[])),
        Some(Secret::File("plans/key".to_owned()))
    );
    for (set, path) in [("key", "key"), ("/etc/key", "/etc/key")] {
        let set = format!("endpoints.main.api_key.file={set}");
        let scenario = loaded(&[], &format!("{own}{MAIN}"), &[&set]);
        assert_eq!(secret(&scenario), Some(Secret::File(path.to_owned())));
    }
}

#[test]
fn a_file_that_is_included_twice_is_read_once() {
    let disk: Disk<'_> = &[
        ("plans/left.toml", "include = [\"common/base.toml\"]\n[phases.left]\nload.closed = {}\n"),
        ("plans/right.toml", "include = [\"./common/x/../base.toml\"]\n[phases.right]\nload.closed = {}\n"),
        ("plans/common/base.toml", &format!("version = 1\n{SERVER}[phases.base]\nload.closed = {{}}\n")),
    ];
    let text = "include = [\"left.toml\", \"right.toml\", \"left.toml\"]\n\
                [phases.own]\nload.closed = {}\n[phases.right]\nrequests = 3\n";
    let (scenario, asked) = load_from(disk, text, &[]);
    assert_eq!(asked, ["plans/left.toml", "plans/common/base.toml", "plans/right.toml"]);
    let scenario = scenario.expect("a scenario");
    // phases in the order in which they first appear, lowest layer first
    assert_eq!(scenario.phases.keys().collect::<Vec<_>>(), ["base", "left", "right", "own"]);
    assert_eq!(scenario.phases["right"].requests, Some(3));
}

#[test]
fn the_order_of_the_list_means_nothing_for_values() {
    let disk: Disk<'_> = &[
        ("plans/a.toml", SERVER),
        ("plans/b.toml", "[endpoints.main]\nmodel = \"m\"\n[run]\nlabel = \"b\"\n"),
    ];
    let values = |list: &str| {
        let scenario = loaded(disk, &format!("include = [{list}]\n{MAIN}"), &[]);
        scenario.origins.into_iter().map(|origin| (origin.path, origin.value)).collect::<Vec<_>>()
    };
    assert_eq!(values("\"a.toml\", \"b.toml\""), values("\"b.toml\", \"a.toml\""));
}

#[test]
fn overrides_of_included_files_lie_between_them_and_the_scenario() {
    let disk: Disk<'_> = &[(
        "plans/a.toml",
        "[endpoints.main]\nurl = \"http://h\"\n[defaults]\nrequests = 1\ntimeout = \"1s\"\nmax_endpoints = 1\n\
         [platforms.inner.defaults]\nrequests = 5\ntimeout = \"5s\"\nmax_endpoints = 2\n",
    )];
    let text = format!(
        "include = [\"a.toml\"]\n{MAIN}[run]\nplatform = \"inner\"\n[defaults]\nrequests = 3\ntimeout = 3\n\
         [platforms.inner.defaults]\ntimeout = \"6s\"\n"
    );
    let scenario = loaded(disk, &text, &[]);
    let (own, included) = ("plans/test.toml".to_owned(), "plans/a.toml".to_owned());
    for (path, value, layer, source) in [
        ("defaults.max_endpoints", "2", Layer::Platform, included),
        ("defaults.requests", "3", Layer::Scenario, own.clone()),
        ("defaults.timeout", "\"6s\"", Layer::Platform, own),
    ] {
        assert_eq!(origin(&scenario, path), Some((value.to_owned(), layer, source)), "{path}");
    }
}

#[test]
fn overrides_of_included_files_may_change_what_only_the_scenario_has() {
    let disk: Disk<'_> = &[(
        "plans/a.toml",
        "[endpoints.main]\nurl = \"http://h\"\n[phases.shared]\nload.closed = {}\n\
         [platforms.inner.phases]\nlast = { requests = 7 }\nmain = { requests = 5, load.open = { rate = 9 } }\n\
         [platforms.inner.phases.shared]\nrequests = 6\n",
    )];
    let text = format!(
        "include = [\"a.toml\"]\n[phases.first]\nload.closed = {{}}\n{MAIN}[phases.last]\nload.closed = {{}}\n\
         [run]\nplatform = \"inner\"\n"
    );
    let scenario = loaded(disk, &text, &[]);
    // in the order of the files, whatever a platform says of them
    assert_eq!(scenario.phases.keys().collect::<Vec<_>>(), ["shared", "first", "main", "last"]);
    let requests: Vec<_> = scenario.phases.values().map(|phase| phase.requests).collect();
    assert_eq!(requests, [Some(6), Some(7), Some(5), Some(7)]);
    assert!(matches!(scenario.phases["main"].load, Load::Closed(_)), "the scenario's own load");

    let disk = [("plans/a.toml", disk[0].1.replace("last =", "lost =")), ("plans/b.toml", String::new())];
    let disk: Vec<(&str, &str)> = disk.iter().map(|(name, text)| (*name, text.as_str())).collect();
    for platform in ["inner", "outer", "cpu_only"] {
        let message = refused(&disk, &text.replace("\"inner\"", &format!("\"{platform}\"")), &[]);
        assert!(message.contains("`phases.lost` does not exist"), "{message}");
        assert!(message.contains("did you mean `last`"), "{message}");
    }
}

#[test]
fn two_files_that_set_the_same_are_a_mistake_even_where_the_scenario_overrides_it() {
    let disk: Disk<'_> = &[
        ("plans/a.toml", SERVER),
        ("plans/b.toml", "[defaults]\ntimeout = \"5s\"\n"),
        ("plans/c.toml", "[platforms.inner.phases.main]\npause = 3\n"),
        ("plans/d.toml", "[platforms.inner.phases.main.load]\nclosed = {}\n"),
    ];
    let timeouts = format!("include = [\"a.toml\", \"b.toml\"]\n{MAIN}[defaults]\ntimeout = 3\n");
    assert!(refused(disk, &timeouts, &[]).contains("`defaults.timeout` is set by two included files"));
    let text = format!("include = [\"c.toml\", \"d.toml\"]\n{MAIN}");
    let message = refused(disk, &text, &[]);
    assert!(
        message.contains("`platforms.inner.phases.main` gets `pause` from one included file and `load`"),
        "{message}"
    );
}

#[test]
fn circles_and_crowds_are_refused() {
    let disk: Disk<'_> = &[("plans/a.toml", "include = [\"test.toml\"]\n")];
    let message = refused(disk, "include = [\"a.toml\"]\n", &[]);
    let chain = "`plans/test.toml` → `plans/a.toml` → `plans/test.toml`";
    assert!(message.replace("\n  │ ", "").contains(chain), "{message}");
    let itself = refused(&[], "include = [\"../plans/test.toml\"]\n", &[]);
    assert!(itself.contains("`plans/test.toml` includes itself"), "{itself}");

    let names: Vec<(String, String)> =
        (0..150).map(|n| (format!("plans/{n}.toml"), format!("include = [\"{}.toml\"]\n", n + 1))).collect();
    let disk: Vec<(&str, &str)> = names.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let message = refused(&disk, "include = [\"0.toml\"]\n", &[]);
    assert!(message.contains("more than 100 files are included"), "{message}");
    let flag = refused(&[], MAIN, &["include=[\"a.toml\"]"]);
    assert!(flag.contains("`--set` cannot include files"), "{flag}");
}
