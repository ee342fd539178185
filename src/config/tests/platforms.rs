//! The embedded presets: what they say, when they are chosen, that they go with every ready scenario. And presets from
//! files.

use std::{io, path::Path, time::Duration};

use super::{
    super::{Bound, Input, Layer, Problems, Scenario, Severity, detect, load, preset, presets},
    CLOSED, HEAD, nothing, only, origin,
};
use crate::machine::{Gpu, Machine};

fn machine(os: &str, gpus: &[&str]) -> Machine {
    let gpu = |name: &&str| Gpu { name: (*name).to_owned(), ..Gpu::default() };
    Machine { os: os.to_owned(), gpus: gpus.iter().map(gpu).collect(), ..Machine::default() }
}

#[test]
fn a_machine_takes_the_most_specific_preset_that_knows_it() {
    for (os, gpus, name, extends, reason) in [
        (
            "linux",
            &["NVIDIA GeForce RTX 4090"][..],
            "rtx_4090",
            &["cuda"][..],
            "GPU 0 is NVIDIA GeForce RTX 4090",
        ),
        (
            "linux",
            &["NVIDIA GeForce RTX 4090 D"],
            "rtx_4090",
            &["cuda"],
            "GPU 0 is NVIDIA GeForce RTX 4090 D",
        ),
        ("windows", &["GeForce RTX 3080"], "rtx_3080", &["cuda"], "GPU 0 is GeForce RTX 3080"),
        (
            "linux",
            &["NVIDIA GeForce RTX 3080 Ti"],
            "rtx_3080",
            &["cuda"],
            "GPU 0 is NVIDIA GeForce RTX 3080 Ti",
        ),
        ("linux", &["NVIDIA A100-SXM4-80GB"], "a100", &["cuda"], "GPU 0 is NVIDIA A100-SXM4-80GB"),
        ("linux", &["A100-PCIE-40GB"], "a100", &["cuda"], "GPU 0 is A100-PCIE-40GB"),
        ("linux", &["NVIDIA H100 80GB HBM3"], "h100", &["cuda"], "GPU 0 is NVIDIA H100 80GB HBM3"),
        ("linux", &["NVIDIA H100 PCIe"], "h100", &["cuda"], "GPU 0 is NVIDIA H100 PCIe"),
        ("linux", &["NVIDIA H200"], "h200", &["h100", "cuda"], "GPU 0 is NVIDIA H200"),
        ("linux", &["NVIDIA H200 NVL"], "h200", &["h100", "cuda"], "GPU 0 is NVIDIA H200 NVL"),
        // parts of words and other chips under the same name
        ("linux", &["NVIDIA GH200 480GB"], "cuda", &[], "GPU 0 is NVIDIA GH200 480GB"),
        (
            "linux",
            &["NVIDIA GeForce RTX 4090 Laptop GPU"],
            "cuda",
            &[],
            "GPU 0 is NVIDIA GeForce RTX 4090 Laptop GPU",
        ),
        ("linux", &["NVIDIA L4"], "cuda", &[], "GPU 0 is NVIDIA L4"),
        ("linux", &["Tesla T4"], "cuda", &[], "GPU 0 is Tesla T4"),
        // the best known of several, wherever it is plugged in
        ("linux", &["NVIDIA T400", "NVIDIA H200"], "h200", &["h100", "cuda"], "GPU 1 is NVIDIA H200"),
        ("macos", &[], "mac", &[], "the operating system is macos"),
        ("linux", &[], "cpu_only", &[], "no GPU or operating system that a preset knows"),
    ] {
        let platform = detect(&machine(os, gpus));
        assert_eq!((platform.name.as_str(), platform.reason.as_str()), (name, reason));
        assert_eq!(platform.extends, extends, "{name}");
        assert!(!platform.named);
    }
}

fn load_on(platform: &str) -> Scenario {
    let text = format!("{HEAD}{CLOSED}");
    let input = Input { name: "test.toml", text: &text, platform: Some(platform), sets: &[] };
    let cases = load(&input, &Machine::default(), &|_| None, &nothing);
    only(cases.unwrap_or_else(|problems| panic!("{}", problems.render(false))))
}

#[test]
fn presets_keep_the_numbers_that_were_asked_for() {
    let cuda = &[1, 2, 4, 8, 16, 32][..];
    for (name, concurrency, requests, timeout, speed, ttft) in [
        ("mac", &[1, 2, 4][..], 100, 30, None, None),
        ("cpu_only", &[1, 2], 50, 60, Some(10.0), Some(0.015)),
        ("cuda", cuda, 1000, 120, None, None),
        ("rtx_3080", cuda, 1000, 120, Some(25.0), Some(0.008)),
        ("rtx_4090", cuda, 1000, 120, Some(30.0), Some(0.005)),
        ("a100", &[1, 2, 4, 8, 16, 32, 64], 1000, 120, Some(50.0), Some(0.05)),
        ("h100", &[1, 2, 4, 8, 16, 32, 64, 128], 2000, 120, Some(80.0), Some(0.025)),
        ("h200", &[1, 2, 4, 8, 16, 32, 64, 128], 2000, 120, Some(120.0), Some(0.02)),
    ] {
        let scenario = load_on(name);
        let defaults = &scenario.defaults;
        assert_eq!((defaults.concurrency.as_slice(), defaults.requests), (concurrency, requests), "{name}");
        assert_eq!(defaults.timeout, Duration::from_secs(timeout), "{name}");
        let bound = |target: &str| scenario.targets.get(target).map(|target| target.bound);
        assert_eq!(bound("output_tokens_per_second"), speed.map(Bound::AtLeast), "{name}");
        assert_eq!(bound("ttft"), ttft.map(Bound::AtMost), "{name}");
        let spikes = &scenario.targets["spike_rate"];
        assert_eq!((spikes.bound, spikes.severity), (Bound::Between(0.05, 0.15), Severity::Warn), "{name}");
    }
}

#[test]
fn every_preset_has_a_note_a_rule_and_a_simulated_server() {
    for preset in presets() {
        let name = &preset.name;
        assert!(!preset.note.is_empty() && !preset.detects.is_empty(), "{name}");
        let text = format!("version = 1\nname = \"test\"\n[endpoints.main]\nurl = \"sim:{name}\"\n{CLOSED}");
        let input = Input { name: "test.toml", text: &text, platform: None, sets: &[] };
        let cases = load(&input, &Machine::default(), &|_| None, &nothing);
        let scenario = only(cases.unwrap_or_else(|problems| panic!("{}", problems.render(false))));
        assert_eq!(scenario.platform.name, *name);
        // a simulated server of the machine reaches what its preset asks of one stream, and batches its whole ladder
        let sim = &scenario.sims[name];
        let alone = 1.0 / (sim.step_base_s + sim.step_per_sequence_s);
        if let Some(target) = scenario.targets.get("output_tokens_per_second") {
            assert!(matches!(target.bound, Bound::AtLeast(least) if least < alone), "{name}: {alone} tok/s");
        }
        assert!(scenario.defaults.concurrency.iter().all(|users| *users <= sim.max_batch), "{name}");
    }
}

#[test]
fn what_a_preset_extends_lies_below_it() {
    let scenario = load_on("h200");
    let value = |path: &str| origin(&scenario, path).map(|(value, layer, source)| (value, (layer, source)));
    let from = |preset: &str| (Layer::Preset, format!("preset {preset}"));
    assert_eq!(value("defaults.timeout"), Some(("\"120s\"".to_owned(), from("cuda"))));
    assert_eq!(value("defaults.requests"), Some(("2000".to_owned(), from("h100"))));
    assert_eq!(value("targets.ttft.at_most"), Some(("\"20ms\"".to_owned(), from("h200"))));

    // an override for what a preset extends holds for the preset, and its own goes before
    let text = format!(
        "{HEAD}{CLOSED}[platforms.cuda.defaults]\ntimeout = \"7s\"\nrequests = 7\n\
         [platforms.h200.defaults]\nrequests = 9\n"
    );
    let input = Input { name: "test.toml", text: &text, platform: Some("h200"), sets: &[] };
    let scenario = load(&input, &Machine::default(), &|_| None, &nothing).map(only).expect("a scenario");
    assert_eq!((scenario.defaults.timeout.as_secs(), scenario.defaults.requests), (7, 9));
}

#[test]
fn every_ready_scenario_loads_on_every_preset() {
    let names: Vec<String> = presets().into_iter().map(|preset| preset.name).collect();
    assert_eq!(names, ["h200", "h100", "a100", "rtx_4090", "rtx_3080", "cuda", "mac", "cpu_only"]);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut ready = 0;
    for entry in std::fs::read_dir(folder).expect("the folder is part of the source") {
        let path = entry.expect("a readable entry").path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a readable scenario");
        let name = path.display().to_string();
        for platform in names.iter().map(String::as_str).map(Some).chain([None]) {
            let input = Input { name: &name, text: &text, platform, sets: &[] };
            let scenario = load(&input, &Machine::default(), &|_| None, &nothing);
            assert!(
                scenario.is_ok(),
                "{name} on {platform:?}: {}",
                scenario.expect_err("not ok").render(false)
            );
        }
        ready += 1;
    }
    assert!(ready >= 4);
}

/// Loads `folder/test.toml`, beside which lies a preset of the given text, reachable by two paths.
fn with_preset(
    preset: &str,
    platform: Option<&str>,
    text: &str,
    sets: &[&str],
) -> Result<Scenario, Problems> {
    let text = format!("{HEAD}{CLOSED}{text}");
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    let input = Input { name: "folder/test.toml", text: &text, platform, sets: &sets };
    let env = |name: &str| (name == "BOX").then(|| "my_box".to_owned());
    let read = |path: &Path| match path.to_str() {
        Some("folder/my_box.toml" | "folder/rtx_4090.toml" | "here/my_box.toml") => Ok(preset.to_owned()),
        _ => Err(io::Error::other("no such file")),
    };
    load(&input, &machine("linux", &["NVIDIA H200"]), &env, &read).map(only)
}

const OWN: &str = "extends = \"rtx_3080\"\nnote = \"under the desk\"\n[detect]\ngpu = [\"RTX 3080\"]\n\
                   [defaults]\nrequests = 77\n[sims.desk]\nextends = \"rtx_3080\"\njitter = 0\n";

#[test]
fn a_preset_from_a_file_is_named_by_its_path() {
    let file = "[run]\nplatform = \"my_box.toml\"\n";
    let variable = "[run]\nplatform = \"${BOX}.toml\"\n";
    let embedded = "[run]\nplatform = \"mac\"\n";
    let copy = "[run]\nplatform = \"rtx_4090.toml\"\n";
    for (flag, text, sets, name, reason) in [
        // in the file it starts at the folder of the scenario
        (
            None,
            file,
            &[][..],
            "my_box",
            "read from folder/my_box.toml, named by `run.platform` in folder/test.toml",
        ),
        (
            None,
            variable,
            &[],
            "my_box",
            "read from folder/my_box.toml, named by `run.platform` in folder/test.toml",
        ),
        // a file of the name of an embedded preset is another one
        (
            None,
            copy,
            &[],
            "rtx_4090",
            "read from folder/rtx_4090.toml, named by `run.platform` in folder/test.toml",
        ),
        // in a flag it starts at the current one
        (
            Some("here/my_box.toml"),
            embedded,
            &[],
            "my_box",
            "read from here/my_box.toml, named by `--platform`",
        ),
        (
            None,
            file,
            &["run.platform=here/my_box.toml"],
            "my_box",
            "read from here/my_box.toml, named by `--set run.platform`",
        ),
    ] {
        let text = &format!("{text}[endpoints.desk]\nurl = \"sim:desk\"\n");
        let scenario = match with_preset(OWN, flag, text, sets) {
            Ok(scenario) => scenario,
            Err(problems) => panic!("{}", problems.render(false)),
        };
        let platform = &scenario.platform;
        assert_eq!((platform.name.as_str(), platform.reason.as_str()), (name, reason));
        assert_eq!(platform.extends, ["rtx_3080", "cuda"]);
        assert!(platform.named, "its targets judge");
        assert_eq!((scenario.defaults.requests, scenario.defaults.timeout.as_secs()), (77, 120));
        assert!(scenario.targets["ttft"].from_preset);
        let desk = &scenario.sims["desk"];
        assert_eq!((desk.jitter, desk.max_batch), (0.0, 32), "over what it extends");
    }
}

#[test]
fn platform_overrides_may_be_for_the_preset_of_a_file() {
    let text = "[run]\nplatform = \"my_box.toml\"\n[platforms.my_box]\ndefaults.requests = 5\n\
                [platforms.cuda]\ndefaults.timeout = \"6s\"\n";
    let scenario = with_preset(OWN, None, text, &[]).expect("a scenario");
    assert_eq!((scenario.defaults.requests, scenario.defaults.timeout.as_secs()), (5, 6));
    // they stay harmless where a flag chooses another
    let scenario = with_preset(OWN, Some("mac"), text, &[]).expect("a scenario");
    assert_eq!((scenario.defaults.requests, scenario.platform.name.as_str()), (100, "mac"));
    let other = with_preset(OWN, None, "[platforms.my_box]\ndefaults.requests = 5\n", &[]);
    assert!(other.expect_err("an unknown platform").to_string().contains("unknown platform `my_box`"));
}

#[test]
fn problems_of_a_preset_from_a_file_are_shown_in_it() {
    let wrong = "name = \"mine\"\nextends = \"rtx_4080\"\nnote = 3\nrun.platform = \"mac\"\n\
                 [detect]\ngpu = 4090\nos = true\ngpus = \"RTX 4080\"\n\
                 [defaults]\nrequests = \"many\"\nprompts = [1]\n[targets.speed]\nat_least = 3\n";
    let file = "[run]\nplatform = \"my_box.toml\"\n";
    let problems = |preset, flag| with_preset(preset, flag, file, &[]).expect_err("problems").render(false);
    insta::assert_snapshot!("what_is_wrong_with_a_preset", problems(wrong, None));
    insta::assert_snapshot!("a_preset_that_does_not_parse", problems("[defaults\nrequests = 3\n", None));
    insta::assert_snapshot!("a_preset_that_is_not_there", problems(OWN, Some("here/my_bx.toml")));
}

#[test]
fn a_preset_is_looked_up_by_name() {
    let h200 = preset("h200").expect("an embedded preset");
    assert_eq!(h200.extends, ["h100", "cuda"]);
    assert!(h200.text.contains("[sims.h200]"));
    let unknown = preset("h2000").expect_err("no such preset");
    assert!(
        unknown.starts_with("unknown preset `h2000`\n  help: did you mean `h200`? presets: `h200`, "),
        "{unknown}"
    );
}

/// Loads a scenario on `folder/top.toml` among files that are given by path and text.
fn on_files(files: &[(&str, &str)]) -> Result<Scenario, Problems> {
    let text = format!("{HEAD}{CLOSED}[run]\nplatform = \"top.toml\"\n");
    let input = Input { name: "folder/test.toml", text: &text, platform: None, sets: &[] };
    let read = |path: &Path| {
        let file = files.iter().find(|(name, _)| Path::new(name) == path);
        file.map(|(_, text)| (*text).to_owned()).ok_or_else(|| io::Error::other("no such file"))
    };
    load(&input, &Machine::default(), &|_| None, &read).map(only)
}

#[test]
fn a_preset_from_a_file_may_extend_another_file() {
    let scenario = on_files(&[
        ("folder/top.toml", "extends = \"../shared/rack.toml\"\ndefaults.requests = 5\n"),
        // from the folder of the preset that says it, and not from that of the scenario
        ("folder/../shared/rack.toml", "extends = \"lab/../base.toml\"\ndefaults.timeout = \"6s\"\n"),
        (
            "folder/../shared/lab/../base.toml",
            "extends = \"rtx_4090\"\ndefaults.timeout = \"7s\"\ndefaults.concurrency = 3\n",
        ),
    ]);
    let scenario = scenario.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    assert_eq!(scenario.platform.name, "top");
    assert_eq!(scenario.platform.extends, ["rack", "base", "rtx_4090", "cuda"]);
    let defaults = &scenario.defaults;
    assert_eq!((defaults.requests, defaults.timeout.as_secs()), (5, 6));
    assert_eq!(defaults.concurrency, [3]);
}

#[test]
fn files_that_extend_each_other_or_nothing_are_told() {
    let problems = |files: &[(&str, &str)]| on_files(files).expect_err("problems").render(false);
    let circle = [
        ("folder/top.toml", "extends = \"other.toml\"\n"),
        ("folder/other.toml", "extends = \"./top.toml\"\n"),
    ];
    insta::assert_snapshot!("presets_that_extend_each_other", problems(&circle));
    let itself = [("folder/top.toml", "extends = \"top.toml\"\n")];
    insta::assert_snapshot!("a_preset_that_extends_itself", problems(&itself));
    let missing = [("folder/top.toml", "note = \"mine\"\nextends = \"racks/none.toml\"\n")];
    insta::assert_snapshot!("a_preset_that_extends_a_file_that_is_not_there", problems(&missing));
}
