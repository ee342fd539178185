//! Every broken scenario in `tests/broken` is refused, with exactly the messages beside it: the text for people in
//! `NAME.snap`, the JSON for editors in `NAME.json.snap`. A scenario that only a flag breaks begins with `# --set …`.

use std::{fs, io, path::Path};

use scenario::{
    cli::problems,
    config::{Input, check, load},
    machine::Machine,
    plan::admit,
    workload::Datasets,
};

/// Reads a file beside the broken scenarios, whose paths are given without their folder.
fn read(path: &Path) -> io::Result<String> {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken").join(path))
}

#[test]
fn every_broken_scenario_has_its_message() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    let mut files: Vec<_> = fs::read_dir(&folder)
        .expect("the folder is part of the source")
        .map(|entry| entry.expect("a readable entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    assert!(files.len() >= 20, "only {} broken scenarios in {}", files.len(), folder.display());

    for path in files {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name in UTF-8");
        let text = fs::read_to_string(&path).expect("a readable scenario");
        let sets: Vec<String> =
            text.lines().map_while(|line| line.strip_prefix("# --set ")).map(str::to_owned).collect();
        let input = Input { name, text: &text, platform: None, sets: &sets };
        let mut checked = check(&input, &Machine::default(), &|_| None, &read);
        Datasets::under(&folder).look_into(&mut checked);
        let problems = admit(checked).expect_err(name);
        assert!(!problems.is_empty(), "{name}");
        for problem in &problems {
            assert!(!problem.labels().is_empty() && problem.advice().is_some(), "{problem}");
        }

        let list: Vec<_> = problems::of(name, &problems).collect();
        let json = serde_json::to_string_pretty(&list).expect("its keys are text");
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(&folder);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| {
            let name = name.trim_end_matches(".toml");
            insta::assert_snapshot!(name, problems.render(false));
            insta::assert_snapshot!(format!("{name}.json"), json);
        });
    }
}

#[test]
fn no_message_shows_a_secret() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    let name = "bad_services.toml";
    let text = fs::read_to_string(folder.join(name)).expect("a readable scenario");
    let input = Input { name, text: &text, platform: None, sets: &[] };
    let problems =
        load(&input, &Machine::default(), &|_| None, &read).expect_err("literal secrets are refused");
    let list: Vec<_> = problems::of(name, &problems).collect();
    let json = serde_json::to_string(&list).expect("its keys are text");
    for secret in ["hunter2", "12345678"] {
        assert!(text.contains(secret));
        assert!(
            !problems.render(true).contains(secret) && !json.contains(secret),
            "{}",
            problems.render(false)
        );
    }
    for name in ["literal_secret.toml", "bad_headers.toml", "secret_values.toml"] {
        let text = fs::read_to_string(folder.join(name)).expect("a readable scenario");
        assert!(text.contains("print-this"));
        for text in [text.clone(), text.replace("\"sk-do-not-print-this\"", "sk-do-not-print-this")] {
            let input = Input { name, text: &text, platform: None, sets: &[] };
            let problems =
                load(&input, &Machine::default(), &|_| None, &read).expect_err("literal secrets are refused");
            let list: Vec<_> = problems::of(name, &problems).collect();
            let json = serde_json::to_string(&list).expect("its keys are text");
            // plain and in Base64
            for secret in ["print-this", "kby1ub3QtcHJpbnQtdGhpcw"] {
                assert!(!problems.render(true).contains(secret) && !json.contains(secret));
                assert!(!format!("{problems} {problems:?}").contains(secret));
            }
        }
    }
}
