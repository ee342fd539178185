use crate::{
    config::{
        Address, AnswerCheck, AnswerSchema, Arrivals, Bound, CpuPressure, HeaderText, HttpVersion, Lengths,
        Load, MetricsPages, Model, Open, PressingThreads, Pressure, Scenario, Secret, Spikes, Threads,
        Workload,
    },
    plan::{compile, experiments_differ_in, fixture},
};

type Change = fn(&mut Scenario);

fn hash_after(change: impl FnOnce(&mut Scenario)) -> String {
    let mut scenario = fixture::mixed();
    change(&mut scenario);
    compile(&scenario).experiment
}

fn open<'a>(scenario: &'a mut Scenario, phase: &str) -> &'a mut Open {
    let Load::Open(open) = &mut scenario.phases[phase].load else { panic!("an open loop") };
    open
}

fn spikes(every: u64) -> Spikes {
    Spikes { every: fixture::seconds(every), lasting: fixture::seconds(2), rate: 40.0 }
}

fn check(scenario: &mut Scenario) -> &mut AnswerCheck {
    scenario.endpoints["flash"].check.get_or_insert_default()
}

fn schema(file: &str, kind: &str) -> AnswerSchema {
    AnswerSchema { file: Some(file.to_owned()), schema: serde_json::json!({ "type": kind, "minItems": 1 }) }
}

fn pressure(duty: f64) -> Pressure {
    Pressure { cpu: Some(CpuPressure { threads: PressingThreads::All, duty }), memory: None }
}

fn pause(scenario: &mut Scenario, at: usize, seconds: u64) {
    scenario.phases.shift_insert(at, "rest".to_owned(), fixture::pause(seconds));
}

#[test]
fn the_hash_is_the_same_for_ever() {
    // a new value here makes every saved baseline useless: raise the version in `experiment.rs` and say so
    let hash = hash_after(|_| ());
    assert_eq!(hash, "f300b83dcb531433112af6fb51b394d3b1377f5c9d60b7813315f33bdc6af85d");
}

#[test]
fn what_does_not_change_the_requests_does_not_change_the_hash() {
    let hash = hash_after(|_| ());
    let same: [(&str, Change); 21] = [
        ("nothing", |_| ()),
        ("one prompt per request, in words", |s| s.phases["mixed"].batch_sizes = vec![1]),
        ("url", |s| s.endpoints["thinker"].url = Address::Url("http://elsewhere:1".to_owned())),
        ("simulated or not", |s| s.endpoints["flash"].url = Address::Url("http://elsewhere:1".to_owned())),
        ("settings of a simulated server", |s| s.sims["small"].step_base_s = 0.5),
        ("key", |s| s.endpoints["thinker"].api_key = Some(Secret::File("key".to_owned()))),
        ("headers", |s| {
            let text = HeaderText::Text("a".to_owned());
            s.endpoints["thinker"].headers.insert("x-team".to_owned(), text);
        }),
        ("version of http", |s| s.endpoints["thinker"].http_version = HttpVersion::Two),
        ("tls", |s| s.endpoints["thinker"].tls.insecure = true),
        ("pages", |s| s.endpoints["thinker"].metrics = MetricsPages::Off),
        ("time-out", |s| s.endpoints["thinker"].timeout = fixture::seconds(1)),
        ("targets", |s| {
            s.targets = fixture::named([("new", fixture::target("ttft", Bound::AtMost(1.0)))]);
        }),
        ("label", |s| "a label".clone_into(&mut s.run.label)),
        ("name and description", |s| {
            "other".clone_into(&mut s.name);
            "other".clone_into(&mut s.description);
        }),
        ("limits", |s| s.run.max_in_flight = 7),
        ("repeats", |s| s.run.repeats = 3),
        ("threads", |s| s.run.threads = Threads::Number(1)),
        ("output", |s| s.output.prompts = true),
        ("platform", |s| s.platform.named = true),
        ("order of endpoints", |s| s.endpoints.reverse()),
        ("an endpoint that gets no requests", |s| {
            s.endpoints.insert("idle".to_owned(), fixture::endpoint(None));
        }),
    ];
    for (what, change) in same {
        assert_eq!(hash_after(change), hash, "{what}");
    }
}

#[test]
fn what_changes_the_requests_changes_the_hash() {
    let other: [(&str, Change); 32] = [
        ("seed", |s| s.seed = 43),
        ("output length", |s| {
            let Workload::Synthetic(synthetic) = &mut s.workloads["prose"] else { panic!("made-up text") };
            synthetic.output_tokens = Lengths::Constant(51);
        }),
        ("prefix", |s| {
            let Workload::Synthetic(synthetic) = &mut s.workloads["prose"] else { panic!("made-up text") };
            synthetic.prefix.push('!');
        }),
        ("code in place of prose", |s| s.workloads["prose"] = fixture::code(1.0)),
        ("other languages", |s| s.workloads["prose"] = fixture::code(2.0)),
        ("workload", |s| "summaries".clone_into(&mut s.endpoints["flash"].workload)),
        ("model", |s| s.endpoints["flash"].model = Model::Named("other".to_owned())),
        ("protocol", |s| s.endpoints["flash"].protocol = crate::catalog::Protocol::OpenaiCompletions),
        ("stream", |s| s.endpoints["flash"].stream = false),
        ("body", |s| {
            s.endpoints["flash"].body.insert("temperature".to_owned(), 0.into());
        }),
        ("a check", |s| check(s).min_length = Some(5)),
        ("another check", |s| check(s).regex = Some("5".to_owned())),
        ("a check by a schema", |s| check(s).json_schema = Some(schema("one.json", "object"))),
        ("another schema in the same file", |s| check(s).json_schema = Some(schema("one.json", "array"))),
        ("weight", |s| s.endpoints["flash"].weight = Some(0.8)),
        ("name of a phase", |s| {
            let phase = s.phases.shift_remove("ladder").expect("the ladder");
            s.phases.insert("stairs".to_owned(), phase);
        }),
        ("order of phases", |s| s.phases.move_index(1, 2)),
        ("requests", |s| s.phases["ladder"].requests = Some(101)),
        ("duration", |s| s.phases["mixed"].duration = Some(fixture::seconds(121))),
        ("measure", |s| s.phases["warmup"].measure = true),
        ("arrivals", |s| {
            open(s, "mixed").arrivals = Arrivals::Constant;
        }),
        ("bursts", |s| open(s, "mixed").arrivals = Arrivals::Gamma { cv: 2.0 }),
        ("spikes", |s| open(s, "mixed").spikes = Some(spikes(30))),
        ("a pause", |s| pause(s, 1, 10)),
        ("a longer pause elsewhere", |s| pause(s, 2, 20)),
        ("pressure", |s| s.phases["mixed"].pressure = Some(pressure(0.5))),
        ("more pressure", |s| s.phases["mixed"].pressure = Some(pressure(0.6))),
        ("pressure in a pause", |s| {
            pause(s, 1, 10);
            s.phases["rest"].pressure = Some(pressure(0.5));
        }),
        ("rarer spikes", |s| open(s, "mixed").spikes = Some(spikes(31))),
        ("several prompts per request", |s| s.phases["mixed"].batch_sizes = vec![4]),
        ("several batch sizes", |s| s.phases["mixed"].batch_sizes = vec![4, 8]),
        ("heavier bursts", |s| open(s, "mixed").arrivals = Arrivals::Gamma { cv: 3.0 }),
    ];
    let mut hashes = vec![hash_after(|_| ())];
    for (what, change) in other {
        let hash = hash_after(change);
        assert!(!hashes.contains(&hash), "{what}");
        hashes.push(hash);
    }
}

#[test]
fn the_same_shares_in_other_numbers_are_the_same_experiment() {
    let weights = |one, two| {
        hash_after(|scenario| {
            scenario.endpoints["thinker"].weight = Some(one);
            scenario.endpoints["flash"].weight = Some(two);
        })
    };
    assert_eq!(weights(0.1, 0.2), weights(1.0, 2.0));
    assert_eq!(weights(3.0, 7.0), hash_after(|_| ()));
}

#[test]
fn a_schema_is_what_it_says_wherever_it_stands_and_in_whatever_order() {
    let hash = |given: AnswerSchema| hash_after(|scenario| check(scenario).json_schema = Some(given));
    let here = AnswerSchema { file: None, schema: serde_json::json!({ "minItems": 1, "type": "array" }) };
    assert_eq!(hash(schema("one.json", "array")), hash(here));
    assert_eq!(hash(schema("one.json", "array")), hash(schema("two.json", "array")));
}

#[test]
fn what_makes_another_experiment_is_named() {
    let before = compile(&fixture::mixed());
    let mut scenario = fixture::mixed();
    scenario.seed += 1;
    scenario.endpoints["thinker"].url = Address::Url("http://elsewhere:1".to_owned());
    scenario.endpoints["flash"].model = Model::Named("other".to_owned());
    pause(&mut scenario, 1, 5);
    let after = compile(&scenario);
    let differing = experiments_differ_in(&before, &after);
    let names: Vec<&str> = differing.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "endpoints.flash.model",
            "endpoints.flash.model.named",
            "order of phases",
            "phases.rest.pause_s",
            "phases.rest.phase",
            "seed"
        ]
    );
    assert_eq!(differing[3].1, [None, Some("5.0".to_owned())]);
    assert_eq!(experiments_differ_in(&before, &before), []);
}
