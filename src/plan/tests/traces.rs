use crate::{
    config::{
        Follow, Load, OnBadRow, Order, Scenario, Trace, TraceContent, TraceFile, TraceFormat, TracePart,
        TracePrompts, TraceWindow, Workload,
    },
    plan::{Pattern, Plan, compile, diff::diff, fixture, render},
    workload::UNCOUNTED_BLOCK,
};

type Change = fn(&mut Trace);

fn trace() -> Trace {
    Trace {
        file: TraceFile {
            path: "data/trace.csv".to_owned(),
            format: None,
            phase: None,
            window: TraceWindow { from: fixture::seconds(60), to: Some(fixture::seconds(660)) },
            limit: None,
            on_bad_row: OnBadRow::Skip,
        },
        content: Some(TraceContent {
            format: TraceFormat::Burstgpt,
            rows: 1480,
            skipped: 0,
            first_skipped: None,
            unanswered: 0,
            prompts: TracePrompts::Made,
            kept: 0,
            input_tokens: 1_480_000,
            output_tokens: 148_000,
            last_ns: 598_000_000_000,
            sha256: "cd".repeat(32),
            beside_sha256: [].into(),
        }),
    }
}

fn follow(speed: f64) -> Load {
    Load::Trace(Follow {
        speed,
        concurrency_limit: None,
        part: Some(TracePart {
            requests: 1480,
            input_tokens: 1_480_000,
            output_tokens: 148_000,
            last_ns: (598e9 / speed) as u64,
            peak_rate: 31.0,
        }),
    })
}

/// A warm-up of 20 requests, then the trace at ten times its speed, then 5 requests.
fn scenario(change: impl FnOnce(&mut Trace)) -> Scenario {
    let mut trace = trace();
    change(&mut trace);
    let mut scenario = fixture::bare();
    scenario.workloads["prose"] = Workload::Trace(trace);
    scenario.phases = fixture::named([
        ("warmup", fixture::phase(Some(20), None, fixture::closed(&[2]))),
        ("recorded", fixture::phase(None, None, follow(10.0))),
        ("after", fixture::phase(Some(5), None, fixture::closed(&[1]))),
    ]);
    scenario
}

fn plan(change: impl FnOnce(&mut Trace)) -> Plan {
    compile(&scenario(change))
}

fn content(trace: &mut Trace) -> &mut TraceContent {
    trace.content.as_mut().expect("looked into")
}

#[test]
fn a_plan_shows_its_traces() {
    let plan = plan(|trace| {
        let content = content(trace);
        (content.skipped, content.unanswered) = (1000, 12);
        content.first_skipped = Some("line 3 has `x` as `Timestamp`, not a number of seconds".to_owned());
    });
    insta::assert_snapshot!(render::text(&plan));
    let read_back = Plan::from_json(&plan.to_json()).expect("what was written");
    assert_eq!(read_back, plan);
}

#[test]
fn a_plan_shows_what_it_replays() {
    for (kept, phase, expected) in [
        (
            1480,
            None,
            "1,480 requests of data/trace.csv (what was measured, 1m to 11m) in 9m 58s, with its very prompts, sha256 ",
        ),
        (
            1479,
            Some("main"),
            "1,480 requests of data/trace.csv (phase main, 1m to 11m) in 9m 58s, with its very prompts in 1,479, the others made up, sha256 ",
        ),
    ] {
        let plan = plan(|trace| {
            trace.file.phase = phase.map(str::to_owned);
            let content = content(trace);
            (content.format, content.prompts, content.kept) = (TraceFormat::Run, TracePrompts::Kept, kept);
        });
        let text = render::text(&plan);
        assert!(text.contains(expected), "{text}");
        // the warm-up sends the first rows, and what comes behind the trace its first rows again
        assert!(
            plan.warnings.iter().any(|warning| warning.contains("25 of 1,505 prompts come again")),
            "{text}"
        );
    }
    assert_eq!(plan(|_| ()).warnings.iter().filter(|warning| warning.contains("come again")).count(), 0);
}

#[test]
fn the_content_is_the_experiment_and_the_path_is_not() {
    let hash = plan(|_| ()).experiment;
    let same: [(&str, Change); 4] = [
        ("path", |t| "elsewhere.csv".clone_into(&mut t.file.path)),
        ("a format that the file tells", |t| t.file.format = Some(TraceFormat::Burstgpt)),
        ("skipped rows", |t| t.file.on_bad_row = OnBadRow::Fail),
        ("what follows from the file", |t| content(t).input_tokens = 1),
    ];
    for (what, change) in same {
        assert_eq!(plan(change).experiment, hash, "{what}");
    }
    let others: [(&str, Change); 6] = [
        ("content", |t| content(t).sha256 = "ef".repeat(32)),
        ("another file beside it", |t| {
            content(t).beside_sha256.insert("texts.jsonl".to_owned(), String::new());
        }),
        ("format", |t| content(t).format = TraceFormat::Azure),
        ("phase", |t| t.file.phase = Some("main".to_owned())),
        ("window", |t| t.file.window.to = None),
        ("limit", |t| t.file.limit = Some(5)),
    ];
    for (what, change) in others {
        assert_ne!(plan(change).experiment, hash, "{what}");
    }
    let mut faster = scenario(|_| ());
    faster.phases["recorded"].load = follow(11.0);
    assert_ne!(compile(&faster).experiment, hash);
    // what a phase takes follows from the rest
    let mut other_part = scenario(|_| ());
    if let Load::Trace(Follow { part: Some(part), .. }) = &mut other_part.phases["recorded"].load {
        part.peak_rate = 1.0;
    }
    assert_eq!(compile(&other_part).experiment, hash);
    let difference = diff(&plan(|_| ()), &plan(|t| content(t).sha256 = "ef".repeat(32)));
    let text = difference.text("one", "other");
    assert!(text.contains("datasets"), "{text}");
}

#[test]
fn a_trace_is_known_before_it_runs() {
    let plan = plan(|_| ());
    let [_, warmup, recorded, after] = plan.steps.as_slice() else { panic!("four steps") };
    let first = |step: &super::super::Step| step.load().map(|load| load.first_seq);
    assert_eq!((first(warmup), first(recorded), first(after)), (Some(0), Some(20), Some(1500)));
    let expected = recorded.expected;
    assert_eq!((expected.requests, expected.duration_s, expected.assumed), (Some(1480.0), Some(59.8), false));
    assert_eq!((expected.input_tokens, expected.output_tokens), (Some(1.48e6), Some(1.48e5)));

    // beside a phase that is over before it, as much as there is time for
    let mut beside = scenario(|_| ());
    beside.phases["after"] = fixture::phase(None, Some(30), fixture::closed(&[1]));
    beside.phases["recorded"].order = Order::During("after".to_owned());
    let beside = compile(&beside);
    let step = beside.steps.iter().find(|step| step.phase == "recorded").expect("it is there");
    let requests = step.expected.requests.expect("about so many");
    assert!(step.expected.assumed && (requests - 742.0).abs() < 1.0, "{requests}");

    // nobody has looked: another platform's
    let mut unknown = scenario(|trace| trace.content = None);
    unknown.phases["recorded"].load =
        Load::Trace(Follow { speed: 10.0, concurrency_limit: None, part: None });
    let unknown = compile(&unknown);
    assert!(matches!(
        unknown.steps[2].load().map(|load| &load.pattern),
        Some(Pattern::Trace { part: None, .. })
    ));
    assert_eq!(unknown.steps[2].expected.requests, None);
    assert_eq!(first(&unknown.steps[3]), Some(20 + UNCOUNTED_BLOCK));
    assert!(render::text(&unknown).contains("unknown"));
}
