//! Layers and precedence, origins, the choice of the platform, and that everything embedded or ready loads.

mod batches;
mod check;
mod connection;
mod headers;
mod include;
mod judging;
mod layering;
mod matrix;
mod model;
mod platforms;
mod resolved;
mod same_as;

use std::{io, path::Path, time::Duration};

use super::{
    Arrivals, Bound, CpuPressure, Input, Layer, Lengths, Load, MemoryAmount, MemoryPressure, PressingThreads,
    Pressure, Problems, PromptLength, Scenario, Secret, Severity, Shape, Workload, compile, diagnostic::Sink,
    load, presets::Library,
};
use crate::machine::{Gpu, Machine};

/// What every scenario here starts with.
const HEAD: &str = "version = 1\nname = \"test\"\n[endpoints.main]\nurl = \"http://127.0.0.1:8080/v1\"\n";

/// Presets for tests: one on top of the other, and one for machines that neither fits.
const PRESETS: &[(&str, &str)] = &[
    (
        "outer",
        "extends = \"inner\"\n[detect]\ngpu = [\"Big GPU\"]\n[defaults]\ntimeout = \"2s\"\n\
         [targets.speed]\nmetric = \"output_tokens_per_second\"\nat_least = 30\n\
         [sims.outer]\nmax_batch = 7\n",
    ),
    (
        "inner",
        "[detect]\nos = \"plan9\"\n[defaults]\ntimeout = \"1s\"\nrequests = 7\nconcurrency = [3]\n\
         [targets.speed]\nmetric = \"ttft\"\nat_most = \"1s\"\nseverity = \"warn\"\n",
    ),
    ("cpu_only", ""),
];

/// A disk without files.
fn nothing(_: &Path) -> io::Result<String> {
    Err(io::ErrorKind::NotFound.into())
}

struct Case<'a> {
    platform: Option<&'a str>,
    text: &'a str,
    sets: &'a [&'a str],
}

fn compile_case(case: &Case<'_>) -> Result<Scenario, Problems> {
    let text = format!("{HEAD}{}", case.text);
    let sets: Vec<String> = case.sets.iter().map(|set| (*set).to_owned()).collect();
    let input = Input { name: "test.toml", text: &text, platform: case.platform, sets: &sets };
    let env = |name: &str| match name {
        "RATE" => Some("2.5".to_owned()),
        "USERS" => Some("9".to_owned()),
        "PLATFORM" => Some("inner".to_owned()),
        _ => None,
    };
    compile_with(&input, &Machine::default(), &env, &nothing, PRESETS).map(only)
}

/// Loads with these presets.
fn compile_with(
    input: &Input<'_>,
    machine: &Machine,
    env: &dyn Fn(&str) -> Option<String>,
    read: &dyn Fn(&Path) -> io::Result<String>,
    presets: &[(&str, &str)],
) -> Result<Vec<Scenario>, Problems> {
    let sink = Sink::default();
    let library = Library::read(presets, &sink);
    compile::check(input, machine, env, read, (library, sink)).into_cases()
}

/// The only case of a scenario without a matrix.
fn only(cases: Vec<Scenario>) -> Scenario {
    <[_; 1]>::try_from(cases).map(|[only]| only).expect("one case")
}

fn compiled(platform: Option<&str>, text: &str, sets: &[&str]) -> Scenario {
    match compile_case(&Case { platform, text, sets }) {
        Ok(scenario) => scenario,
        Err(problems) => panic!("{}", problems.render(false)),
    }
}

fn rendered(text: &str, sets: &[&str]) -> String {
    compile_case(&Case { platform: None, text, sets }).expect_err("a broken scenario").render(false)
}

const CLOSED: &str = "[phases.main]\nload.closed = { users = 4 }\n";

/// The value, layer and source of a leaf.
fn origin(scenario: &Scenario, path: &str) -> Option<(String, Layer, String)> {
    let origin = scenario.origins.iter().find(|origin| origin.path == path)?;
    Some((origin.value.clone(), origin.layer, origin.source.clone()))
}

#[test]
fn the_highest_layer_that_says_something_wins() {
    let scenario = "[phases.main]\nload.closed = { users = 4 }\n[defaults]\ntimeout = \"3s\"\n";
    let overriding = "[phases.main]\nload.closed = { users = 4 }\n[defaults]\ntimeout = \"3s\"\n\
                      [platforms.inner]\ndefaults.timeout = \"4s\"\n[platforms.outer]\ndefaults.timeout = \"5s\"\n";
    let inner_only =
        "[phases.main]\nload.closed = { users = 4 }\n[platforms.inner]\ndefaults.timeout = \"4s\"\n";
    for (platform, text, sets, timeout, layer, source) in [
        (None, CLOSED, &[][..], "\"120s\"", Layer::BuiltIn, "built-in defaults"),
        (Some("inner"), CLOSED, &[], "\"1s\"", Layer::Preset, "preset inner"),
        (Some("outer"), CLOSED, &[], "\"2s\"", Layer::Preset, "preset outer"),
        (Some("outer"), scenario, &[], "\"3s\"", Layer::Scenario, "test.toml"),
        (None, overriding, &[], "\"3s\"", Layer::Scenario, "test.toml"),
        (Some("inner"), overriding, &[], "\"4s\"", Layer::Platform, "test.toml"),
        (Some("outer"), overriding, &[], "\"5s\"", Layer::Platform, "test.toml"),
        (Some("outer"), inner_only, &[], "\"4s\"", Layer::Platform, "test.toml"),
        (Some("outer"), overriding, &["defaults.timeout=6s"], "\"6s\"", Layer::Set, "--set"),
        (None, CLOSED, &["defaults.timeout=6s", "defaults.timeout=7"], "7", Layer::Set, "--set"),
    ] {
        let scenario = compiled(platform, text, sets);
        let expected = Some((timeout.to_owned(), layer, source.to_owned()));
        assert_eq!(origin(&scenario, "defaults.timeout"), expected, "{platform:?} {text} {sets:?}");
        assert_eq!(origin(&scenario, "endpoints.main.timeout"), expected, "an endpoint takes the default");
    }
}

#[test]
fn tables_merge_lists_are_replaced_and_exclusive_keys_clear_each_other() {
    let ladder = "[phases.main]\nload.closed = { users = [1, 2], ramp_up = \"5s\" }\n";
    let open = "[phases.main]\nduration = \"9s\"\nload.open = { rate = 2, concurrency_limit = 3 }\n";
    let target = "[phases.main]\nload.closed = {}\n[targets.t]\nphase = \"main\"\nmetric = \"ttft\"\nat_most = \"1s\"\n";
    let words = "[phases.main]\nload.closed = {}\n\
                 [workloads.w.synthetic]\nprompt_words = 9\noutput_tokens.uniform = { min = 1, max = 9 }\n";
    let mix = "[phases.main]\nload.closed = {}\n[workloads.w.snippets]\nmix = { python = 2 }\n";
    let key =
        "[phases.main]\nload.closed = {}\n[endpoints.other]\nurl = \"http://h\"\napi_key = { env = \"A\" }\n";
    for (text, set, left, gone) in [
        (ladder, "phases.main.load.closed.users=[8]", &["users = [8]", "ramp_up = \"5s\""][..], &[][..]),
        (ladder, "phases.main.load.closed.users=8", &["users = 8", "ramp_up = \"5s\""], &[]),
        (ladder, "phases.main.load.open.rate=1", &["open.rate = 1"], &["closed"]),
        (open, "phases.main.load.open.rate=[4, 8]", &["rate = [4, 8]", "concurrency_limit = 3"], &[]),
        (
            open,
            "phases.main.load.open.stages=[{ hold = 1, over = \"9s\" }]",
            &["stages = [{ hold = 1, over = \"9s\" }]", "concurrency_limit = 3"],
            &["open.rate ="],
        ),
        (open, "phases.main.requests=5", &["requests = 5", "duration = \"9s\""], &[]),
        (target, "targets.t.at_most=2s", &["at_most = \"2s\"", "metric = \"ttft\""], &[]),
        (target, "targets.t.at_least=2s", &["at_least = \"2s\"", "metric = \"ttft\""], &["at_most"]),
        (target, "targets.t.between=[1, 2]", &["between = [1, 2]"], &["at_most"]),
        (words, "workloads.w.synthetic.prompt_words=7", &["prompt_words = 7"], &["prompt_tokens"]),
        (words, "workloads.w.synthetic.prompt_tokens=7", &["prompt_tokens = 7"], &["prompt_words"]),
        (
            words,
            "workloads.w.synthetic.output_tokens.uniform.max=3",
            &["output_tokens.uniform.max = 3", "output_tokens.uniform.min = 1"],
            &[],
        ),
        (
            words,
            "workloads.w.synthetic.output_tokens.constant=3",
            &["output_tokens.constant = 3"],
            &["uniform"],
        ),
        (words, "workloads.w.synthetic.output_tokens=3", &["output_tokens = 3"], &["uniform"]),
        (words, "workloads.w.snippets.prefix=Explain:", &["snippets.mix.python = 20"], &["synthetic"]),
        (
            words,
            "workloads.w.snippets.mix.python=1",
            &["snippets.mix.python = 1"],
            &["mix.react", "synthetic"],
        ),
        (mix, "workloads.w.snippets.mix.react=3", &["mix.react = 3", "mix.python = 2"], &["mix.typescript"]),
        (key, "endpoints.other.api_key.file=/k", &["api_key.file = \"/k\""], &["api_key.env"]),
    ] {
        let scenario = compiled(None, text, &[set]);
        let lines: Vec<String> = scenario
            .origins
            .iter()
            .filter(|origin| !origin.path.starts_with("defaults"))
            .map(|origin| format!("{} = {}", origin.path, origin.value))
            .collect();
        for part in left {
            assert!(lines.iter().any(|line| line.contains(part)), "{set}: no `{part}` in {lines:#?}");
        }
        for part in gone {
            assert!(!lines.iter().any(|line| line.contains(part)), "{set}: `{part}` in {lines:#?}");
        }
    }
}

#[test]
fn phases_keep_the_place_where_they_first_appear() {
    let text = "[phases.b.load.closed]\nusers = 1\n[phases.a]\nload.closed = {}\n[phases.b]\nrequests = 5\n\
                [phases.c]\nload.closed = {}\n[platforms.inner.phases.c]\nrequests = 1\n\
                [platforms.inner.phases.b]\nrequests = 2\n";
    let names = |platform| compiled(platform, text, &[]).phases.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(None), ["b", "a", "c"]);
    assert_eq!(names(Some("inner")), ["b", "a", "c"]);
}

#[test]
fn defaults_fill_only_what_nobody_said() {
    for (phase, requests, users) in [
        ("load.closed = {}", Some(7), vec![3]),
        ("load.closed = { ramp_up = 1 }", Some(7), vec![3]),
        ("requests = 5\nload.closed = { users = [1, 2] }", Some(5), vec![1, 2]),
        ("duration = 5\nload.closed = { users = 2 }", None, vec![2]),
        ("duration = 5\nrequests = 9\nload.closed = { users = 2 }", Some(9), vec![2]),
        ("load.open.rate = 2", Some(7), vec![]),
        ("load.open.stages = [{ from = 0, to = 1, over = 5 }]", None, vec![]),
    ] {
        let scenario = compiled(Some("inner"), &format!("[phases.main]\n{phase}\n"), &[]);
        let phase = &scenario.phases["main"];
        assert_eq!(phase.requests, requests);
        match &phase.load {
            Load::Closed(closed) => assert_eq!(closed.users, users),
            Load::Open(open) => assert_eq!(open.arrivals, Arrivals::Poisson),
            Load::Trace(_) | Load::Search(_) | Load::Pause(_) => panic!("a load"),
        }
    }
    let scenario = compiled(None, CLOSED, &[]);
    assert_eq!(scenario.endpoints["main"].workload, "default");
    let Workload::Synthetic(default) = &scenario.workloads["default"] else { panic!("made-up text") };
    assert_eq!(default.output_tokens, Lengths::Constant(64));
    assert!(
        matches!(default.prompt, PromptLength::Tokens(Lengths::Lognormal { mean, .. }) if mean == 128.0),
        "{default:?}"
    );
    let one = format!("{CLOSED}[workloads.mine.synthetic]\nprompt_words = 5\n");
    let scenario = compiled(None, &one, &[]);
    assert_eq!(scenario.endpoints["main"].workload, "mine");
    assert_eq!(
        scenario.workloads.keys().collect::<Vec<_>>(),
        ["mine"],
        "the built-in workload is only for want of another"
    );
    let two = format!("{one}[workloads.other.synthetic]\n");
    assert!(rendered(&two, &[]).contains("`endpoints.main` has no `workload`"));
}

#[test]
fn a_presets_targets_are_its_own_until_somebody_touches_them() {
    let scenario = compiled(Some("outer"), CLOSED, &[]);
    let speed = &scenario.targets["speed"];
    assert_eq!((speed.from_preset, speed.bound), (true, Bound::AtLeast(30.0)));
    assert_eq!(speed.severity, Severity::Warn, "from the preset below");

    let touched = format!("{CLOSED}[targets.speed]\nat_least = 10\n");
    let speed = &compiled(Some("outer"), &touched, &[]).targets["speed"];
    assert_eq!((speed.from_preset, speed.bound), (false, Bound::AtLeast(10.0)));

    // it applies where it can: a ladder judges no target that does not name it
    let ladder = "[phases.main]\nload.closed = { users = [1, 2] }\n";
    assert!(compiled(Some("outer"), ladder, &[]).targets["speed"].from_preset);
}

#[test]
fn simulated_servers_stand_on_profiles() {
    let text = "[phases.main]\nload.closed = { users = 1 }\n\
                [endpoints.a]\nurl = \"sim:a\"\n[endpoints.outer]\nurl = \"sim:outer\"\n\
                [sims.a]\nextends = \"b\"\nstep_base = \"1ms\"\n[sims.b]\nextends = \"outer\"\njitter = 0.5\n";
    let scenario = compiled(None, text, &["sims.outer.faults.error_rate=5%"]);
    let a = &scenario.sims["a"];
    assert_eq!((a.step_base_s, a.jitter, a.max_batch, a.faults.error_rate), (0.001, 0.5, 7, 0.05));
    let outer = &scenario.sims["outer"];
    assert_eq!((outer.step_base_s, outer.max_batch, outer.faults.error_rate), (0.0094, 7, 0.05));
    assert_eq!(
        origin(&scenario, "sims.a.max_batch"),
        Some(("7".to_owned(), Layer::Preset, "preset outer".to_owned()))
    );

    let circle = "[phases.main]\nload.closed = { users = 1 }\n\
                  [sims.a]\nextends = \"b\"\n[sims.b]\nextends = \"a\"\n[sims.c]\nextends = 3\n";
    let message = rendered(circle, &[]);
    assert!(message.contains("`sims.b` extends itself"), "{message}");
    assert!(message.contains("`sims.c.extends` must be a string"), "{message}");
}

#[test]
fn a_pause_takes_no_defaults_and_gives_way_to_a_load() {
    let text = format!("{CLOSED}[phases.rest]\npause = \"10s\"\n");
    let scenario = compiled(None, &text, &[]);
    let rest = &scenario.phases["rest"];
    assert_eq!(rest.load, Load::Pause(Duration::from_secs(10)));
    assert_eq!((rest.measure, rest.requests, rest.duration, &rest.endpoints), (false, None, None, &None));
    assert_eq!(origin(&scenario, "phases.rest.measure"), None);

    let other = compiled(None, &text, &["phases.rest.load.closed.users=3", "phases.main.pause=5"]);
    assert!(matches!(&other.phases["rest"].load, Load::Closed(closed) if closed.users == [3]));
    assert_eq!(other.phases["main"].load, Load::Pause(Duration::from_secs(5)));
}

#[test]
fn what_presses_takes_its_own_defaults_and_stands_beside_a_load_or_alone() {
    let text = format!("{CLOSED}[phases.press]\nduration = \"10s\"\npressure = {{ cpu = {{}} }}\n");
    let scenario = compiled(None, &text, &[]);
    let press = &scenario.phases["press"];
    assert_eq!(press.load, Load::Pause(Duration::from_secs(10)));
    let cpu = Some(CpuPressure { threads: PressingThreads::All, duty: 1.0 });
    assert_eq!((press.pressure, press.measure), (Some(Pressure { cpu, memory: None }), false));
    assert_eq!(scenario.phases["main"].pressure, None);

    let sets = ["phases.main.pressure.memory.share=50%", "phases.press.load.closed.users=1"];
    let other = compiled(None, &text, &sets);
    let memory = Some(MemoryPressure { amount: MemoryAmount::Share(0.5), keep_free_bytes: 1 << 30 });
    assert_eq!(other.phases["main"].pressure, Some(Pressure { cpu: None, memory }));
    assert!(matches!(&other.phases["press"].load, Load::Closed(_)));
    assert_eq!((other.phases["press"].pressure, other.phases["press"].measure), (press.pressure, true));

    // a layer that says another kind of amount clears the one below it
    let sets = ["phases.main.pressure.memory.share=50%", "phases.main.pressure.memory.size=1MiB"];
    let last = compiled(None, &text, &sets).phases["main"].pressure.and_then(|pressure| pressure.memory);
    assert_eq!(last.map(|memory| memory.amount), Some(MemoryAmount::Bytes(1 << 20)));
}

#[test]
fn arrivals_are_a_word_or_a_table_and_the_last_one_wins() {
    let arrivals = |written: &str, sets: &[&str]| {
        let text = format!("[phases.main]\nload.open = {{ rate = 2{written} }}\n");
        let scenario = compiled(None, &text, sets);
        let Load::Open(open) = &scenario.phases["main"].load else { panic!("an open loop") };
        open.arrivals
    };
    let gamma = ", arrivals = { gamma = { cv = 2 } }";
    assert_eq!(arrivals("", &[]), Arrivals::Poisson);
    assert_eq!(arrivals(", arrivals = \"constant\"", &[]), Arrivals::Constant);
    assert_eq!(arrivals(gamma, &[]), Arrivals::Gamma { cv: 2.0 });
    assert_eq!(
        arrivals(gamma, &["phases.main.load.open.arrivals.gamma.cv=0.5"]),
        Arrivals::Gamma { cv: 0.5 }
    );
    assert_eq!(arrivals(gamma, &["phases.main.load.open.arrivals=poisson"]), Arrivals::Poisson);
    for (cv, fits) in [("0.01", true), ("10", true), ("0.009", false), ("10.1", false), ("-1", false)] {
        let text = format!("[phases.main]\nload.open = {{ rate = 2, arrivals.gamma.cv = {cv} }}\n");
        if fits {
            compiled(None, &text, &[]);
        } else {
            assert!(rendered(&text, &[]).contains("must be 0.01 to 10"), "{cv}");
        }
    }
}

#[test]
fn variables_go_through_the_parser_of_their_field() {
    let text = "[phases.main]\nduration = \"${NONE:-5}s\"\n\
                load.open = { rate = \"${RATE}\", concurrency_limit = \"${USERS}\" }\n";
    let scenario = compiled(None, text, &["endpoints.main.url=http://h:${USERS}", "run.label=$${RATE}"]);
    let phase = &scenario.phases["main"];
    assert_eq!(phase.duration, Some(Duration::from_secs(5)));
    let Load::Open(open) = &phase.load else { panic!("{phase:?}") };
    assert_eq!((&open.shape, open.concurrency_limit), (&Shape::Rates(vec![2.5]), Some(9)));
    assert_eq!(scenario.endpoints["main"].url, super::Address::Url("http://h:9".to_owned()));
    assert_eq!(scenario.run.label, "${RATE}");

    // a list may come from single values, and what a variable gives is named where it does not fit
    let wrong = rendered("[phases.main]\nload.closed = { users = [\"${USERS}\", \"${NONE:-x}\"] }\n", &[]);
    assert!(wrong.contains("must be a whole number, and the environment gives `x`"), "{wrong}");
    // overridden values need no variable
    compiled(None, CLOSED, &["phases.main.load.closed.users=1"]);
    let unset = "[phases.main]\nload.closed = { users = \"${NONE}\" }\n";
    compiled(None, unset, &["phases.main.load.closed.users=1"]);
    assert!(rendered(unset, &[]).contains("`NONE` is not set"));
}

#[test]
fn secrets_stay_references() {
    let text = format!("{CLOSED}[endpoints.b]\nurl = \"http://h\"\napi_key = {{ env = \"RATE\" }}\n");
    let scenario = compiled(None, &text, &[]);
    assert_eq!(scenario.endpoints["b"].api_key, Some(Secret::Env("RATE".to_owned())));
    let message = rendered(CLOSED, &["endpoints.main.api_key=sk-secret"]);
    assert!(message.contains("must be a reference") && !message.contains("sk-secret"), "{message}");
}

#[test]
fn the_platform_is_named_or_found_and_says_why() {
    let gpu = |name: &str| Machine {
        os: "linux".to_owned(),
        gpus: vec![Gpu { name: name.to_owned(), ..Gpu::default() }],
        ..Machine::default()
    };
    let plan9 = Machine { os: "plan9".to_owned(), ..Machine::default() };
    let elsewhere = Machine::default();
    let http = CLOSED;
    let sim = "[phases.main]\nload.closed = { users = 4 }\n[endpoints.main]\nurl = \"sim:outer\"\n";
    let two = "[phases.main]\nload.closed = { users = 4 }\n[endpoints.main]\nurl = \"sim:outer\"\n\
               [endpoints.b]\nurl = \"sim:outer\"\n";
    let mixed = "[phases.main]\nload.closed = { users = 4 }\n[endpoints.main]\nurl = \"sim:outer\"\n\
                 [endpoints.b]\nurl = \"http://h\"\n";
    let copies = "[phases.main]\nload.closed = { users = 4 }\n[endpoints.main]\nurl = \"sim:a\"\n\
                  [endpoints.b]\nurl = \"sim:b\"\n[sims.a]\nextends = \"b\"\n[sims.b]\nextends = \"outer\"\n";
    let one_copy = sim.replace("sim:outer", "sim:a") + "[sims.a]\nextends = \"outer\"\n";
    let copy_and_itself = copies.replace("sim:b", "sim:outer");
    let tuned = format!("{sim}[sims.outer]\nextends = \"outer\"\njitter = 0\n");
    let unlike = copies.replace("sim:b", "sim:inner") + "[sims.inner]\njitter = 0\n";
    let without_preset = copies.replace("\"outer\"", "\"c\"") + "[sims.c]\njitter = 0\n";
    let file = "[phases.main]\nload.closed = { users = 4 }\n[run]\nplatform = \"inner\"\n";
    let variable = "[phases.main]\nload.closed = { users = 4 }\n[run]\nplatform = \"${PLATFORM}\"\n";
    for (flag, text, sets, machine, name, named, reason) in [
        (None, http, &[][..], gpu("BIG GPU 9"), "outer", false, "GPU 0 is BIG GPU 9"),
        (
            None,
            http,
            &[],
            gpu("Small GPU"),
            "cpu_only",
            false,
            "no GPU or operating system that a preset knows",
        ),
        (None, http, &[], plan9.clone(), "inner", false, "the operating system is plan9"),
        (
            None,
            http,
            &[],
            elsewhere.clone(),
            "cpu_only",
            false,
            "no GPU or operating system that a preset knows",
        ),
        (None, sim, &[], plan9.clone(), "outer", false, "the only endpoint is `sim:outer`"),
        (None, two, &[], plan9.clone(), "outer", false, "every endpoint is `sim:outer`"),
        (None, copies, &[], plan9.clone(), "outer", false, "every endpoint is simulated after `outer`"),
        (
            None,
            &copy_and_itself,
            &[],
            plan9.clone(),
            "outer",
            false,
            "every endpoint is simulated after `outer`",
        ),
        (None, &one_copy, &[], plan9.clone(), "outer", false, "the only endpoint is simulated after `outer`"),
        (None, &tuned, &[], plan9.clone(), "outer", false, "the only endpoint is `sim:outer`"),
        (None, &unlike, &[], plan9.clone(), "inner", false, "the operating system is plan9"),
        (None, &without_preset, &[], plan9.clone(), "inner", false, "the operating system is plan9"),
        (None, mixed, &[], plan9.clone(), "inner", false, "the operating system is plan9"),
        (
            None,
            http,
            &["endpoints.main.url=sim:outer"],
            plan9.clone(),
            "outer",
            false,
            "the only endpoint is `sim:outer`",
        ),
        (None, file, &[], elsewhere.clone(), "inner", true, "named by `run.platform` in test.toml"),
        (None, variable, &[], elsewhere.clone(), "inner", true, "named by `run.platform` in test.toml"),
        (
            None,
            file,
            &["run.platform=outer"],
            elsewhere.clone(),
            "outer",
            true,
            "named by `--set run.platform`",
        ),
        (
            Some("outer"),
            file,
            &["run.platform=inner"],
            elsewhere.clone(),
            "outer",
            true,
            "named by `--platform`",
        ),
        (
            Some("auto"),
            file,
            &[],
            elsewhere,
            "cpu_only",
            false,
            "no GPU or operating system that a preset knows",
        ),
    ] {
        let head = if text.contains("[endpoints.main]") { "version = 1\nname = \"test\"\n" } else { HEAD };
        let text = format!("{head}{text}");
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        let input = Input { name: "test.toml", text: &text, platform: flag, sets: &sets };
        let env = |name: &str| (name == "PLATFORM").then(|| "inner".to_owned());
        let cases = compile_with(&input, &machine, &env, &nothing, PRESETS);
        let scenario = only(cases.unwrap_or_else(|problems| panic!("{}", problems.render(false))));
        let platform = &scenario.platform;
        assert_eq!((platform.name.as_str(), platform.named), (name, named), "{text}");
        assert_eq!(platform.reason, reason);
        assert_eq!(platform.extends, if name == "outer" { vec!["inner"] } else { vec![] });
    }
}

#[test]
fn an_origin_has_address_layer_source_and_line() {
    let scenario = compiled(Some("outer"), "[phases.main]\nload.closed = { users = [1, 2] }\n", &["seed=7"]);
    let shown: Vec<String> = scenario
        .origins
        .iter()
        .map(|origin| {
            let layer = serde_json::to_value(origin.layer).expect("a plain name");
            format!("{} = {} ({} {}:{})", origin.path, origin.value, layer, origin.source, origin.line)
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn a_flag_that_is_wrong_is_shown_as_its_own_source() {
    let sets = [
        "endpoints.mian.url=http://127.0.0.1:8200/v1",
        "phases.main.load.closed.user=3",
        "phases.main.requests=[1,",
        "phases.main.requests",
        "phases..main=3",
        "# phases.main.requests=3",
        "sims.outre.jitter=0",
        "platforms.inner.seed=3",
    ];
    insta::assert_snapshot!(rendered(CLOSED, &sets));
}

#[test]
fn an_unknown_platform_flag_is_shown_with_what_there_is() {
    let case = Case { platform: Some("otuer"), text: CLOSED, sets: &[] };
    insta::assert_snapshot!(compile_case(&case).expect_err("an unknown platform").render(false));
}

#[test]
fn a_problem_in_a_preset_points_into_the_preset() {
    let presets = [("cpu_only", "extends = \"nothing\"\n[defaults]\ntimeout = \"soon\"\n")];
    let text = format!("{HEAD}{CLOSED}");
    let input = Input { name: "test.toml", text: &text, platform: None, sets: &[] };
    let problems =
        compile_with(&input, &Machine::default(), &|_| None, &nothing, &presets).expect_err("a bad preset");
    insta::assert_snapshot!(problems.render(false));
}

#[test]
fn two_values_of_an_override_that_exclude_each_other_show_both_sources() {
    let text = format!("{CLOSED}[workloads.w.synthetic]\nprompt_tokens.uniform = {{ min = 10, max = 20 }}\n");
    insta::assert_snapshot!(rendered(&text, &["workloads.w.synthetic.prompt_tokens.uniform.min=30"]));
}

proptest::proptest! {
    /// Whatever becomes of a file, it is read to the end: a scenario or at least one problem with its place.
    #[test]
    fn a_damaged_file_is_a_scenario_or_has_problems(
        from in 0_usize..2000,
        length in 0_usize..40,
        junk in "[\\[\\]{}=\"'.,#\n a-z0-9é$-]{0,6}",
    ) {
        let text = include_str!("../../scenarios/mixed_warfare.toml");
        let boundary = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let (start, end) = (boundary(from), boundary(from + length));
        let damaged = format!("{}{junk}{}", &text[..start], &text[end..]);
        let input = Input { name: "damaged.toml", text: &damaged, platform: None, sets: &[] };
        if let Err(problems) = load(&input, &Machine::default(), &|_| None, &nothing) {
            proptest::prop_assert!(!problems.is_empty());
            for problem in &problems {
                proptest::prop_assert!(!problem.labels().is_empty() && problem.advice().is_some(), "{problem}");
            }
            proptest::prop_assert!(!problems.render(false).is_empty());
        }
    }
}
