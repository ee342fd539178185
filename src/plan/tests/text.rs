use std::time::Duration;

use crate::{
    catalog::Metric,
    config::{
        Arrivals, Bound, Chunks, ClientCertificate, Closed, CpuPressure, Format, HeaderText, HttpVersion,
        Lengths, Load, MemoryAmount, MemoryPressure, MetricsPages, Objective, Open, Output, Phase,
        PowerEstimate, PressingThreads, Pressure, Shape, Stage, Target, Threads, Tls, Workload,
    },
    plan::{compile, diff, fixture, graph, render},
};

#[test]
fn a_plan_as_text() {
    insta::assert_snapshot!(render::text(&compile(&fixture::mixed())));
}

#[test]
fn a_small_plan_as_text() {
    let mut scenario = fixture::bare();
    scenario.phases =
        fixture::named([("only", fixture::phase(Some(500), None, fixture::open(Shape::Rates(vec![5.0]))))]);
    insta::assert_snapshot!(render::text(&compile(&scenario)));
}

#[test]
fn a_plan_shows_what_was_set_of_the_run() {
    let mut scenario = fixture::bare();
    let mut phase = fixture::phase(Some(500), None, fixture::closed(&[2]));
    phase.batch_sizes = vec![1, 4];
    scenario.phases = fixture::named([("batches", phase)]);
    (scenario.run.repeats, scenario.run.threads) = (3, Threads::Number(2));
    scenario.output =
        Output { chunks: Chunks::None, answers: true, formats: vec![Format::Csv], ..Output::default() };
    scenario.monitoring.interval = Duration::from_secs(2);
    scenario.monitoring.subtract_idle = true;
    scenario.monitoring.estimate = Some(PowerEstimate { idle_watts: 15.0, busy_watts: 90.0 });
    scenario.endpoints["flash"].pid = Some(4242);
    let text = HeaderText::Text("a".to_owned());
    scenario.endpoints["flash"].headers.insert("x-team".to_owned(), text);
    insta::assert_snapshot!(render::text(&compile(&scenario)));
}

#[test]
fn a_plan_shows_how_it_connects_and_warns_of_trust_in_anybody() {
    let mut scenario = fixture::mixed();
    let thinker = &mut scenario.endpoints["thinker"];
    let client = ClientCertificate { cert: "c.pem".to_owned(), key: "k.pem".to_owned() };
    thinker.http_version = HttpVersion::Two;
    thinker.tls = Tls { ca: None, client: Some(client), insecure: true };
    scenario.endpoints["flash"].http_version = HttpVersion::Auto;
    let plan = compile(&scenario);
    let text = render::text(&plan);
    let connection = "http/2, client certificate, insecure: accepts any certificate";
    assert!(text.contains(connection) && text.contains("http/2 or 1.1"), "{text}");
    assert!(plan.warnings[0].starts_with("`endpoints.thinker.tls.insecure` accepts any certificate"));
    assert_eq!(crate::plan::Plan::from_json(&plan.to_json()).expect("its own text"), plan);
    // a plan that says nothing of it has no such column
    let plan = compile(&fixture::mixed());
    assert!(!render::text(&plan).contains("connection") && !plan.to_json().contains("http_version"));
}

#[test]
fn a_plan_shows_which_pages_are_read() {
    let mut scenario = fixture::mixed();
    scenario.endpoints["thinker"].metrics =
        MetricsPages::At(vec!["http://127.0.0.1:9400/metrics".to_owned()]);
    let plan = compile(&scenario);
    let text = render::text(&plan);
    assert!(text.contains("http://127.0.0.1:9400/metrics") && text.contains("where found"), "{text}");
    assert_eq!(crate::plan::Plan::from_json(&plan.to_json()).expect("its own text"), plan);
    scenario.endpoints["thinker"].metrics = MetricsPages::Off;
    assert!(render::text(&compile(&scenario)).contains(" off"));
    let plan = compile(&fixture::mixed());
    assert!(!render::text(&plan).contains("metrics") && !plan.to_json().contains("metrics"));
}

#[test]
fn a_plan_shows_what_presses() {
    let mut scenario = fixture::bare();
    let pressed = |phase, cpu, memory| Phase { pressure: Some(Pressure { cpu, memory }), ..phase };
    let open = || fixture::phase(None, Some(60), fixture::open(Shape::Rates(vec![5.0])));
    let cpu = |threads, duty| Some(CpuPressure { threads, duty });
    let memory = |amount| Some(MemoryPressure { amount, keep_free_bytes: 1 << 30 });
    scenario.phases = fixture::named([
        ("calm", open()),
        (
            "squeezed",
            pressed(open(), cpu(PressingThreads::Number(2), 0.5), memory(MemoryAmount::Bytes(1 << 29))),
        ),
        ("rest", pressed(fixture::pause(90), cpu(PressingThreads::All, 1.0), None)),
        ("full", pressed(fixture::pause(90), None, memory(MemoryAmount::Share(0.5)))),
    ]);
    let plan = compile(&scenario);
    insta::assert_snapshot!(render::text(&plan));
    let calm = {
        scenario.phases["squeezed"].pressure = None;
        compile(&scenario)
    };
    let changes = diff::diff(&calm, &plan);
    let fields: Vec<_> =
        changes.steps.iter().flat_map(|step| &step.fields).map(|field| field.field).collect();
    assert_eq!(fields, ["pressure"]);
}

#[test]
fn a_plan_shows_its_pauses() {
    let mut scenario = fixture::bare();
    let open = || fixture::phase(None, Some(60), fixture::open(Shape::Rates(vec![5.0])));
    scenario.phases = fixture::named([("before", open()), ("rest", fixture::pause(90)), ("after", open())]);
    scenario.targets = fixture::named([("errors", fixture::target("error_rate", Bound::AtMost(0.05)))]);
    let plan = compile(&scenario);
    insta::assert_snapshot!(render::text(&plan));
    insta::assert_snapshot!("a_pause_for_graphviz", graph::dot(&plan));
    insta::assert_snapshot!("a_pause_for_mermaid", graph::mermaid(&plan));
    assert_eq!(crate::plan::totals(&plan).duration_s, Some(210.0));
    assert_eq!(plan.steps[2].load(), None);
    assert_eq!(plan.warnings, [""; 0]);
    assert_eq!(crate::plan::Plan::from_json(&plan.to_json()).expect("its own text"), plan);
}

#[test]
fn a_plan_for_graphviz() {
    let mut scenario = fixture::mixed();
    scenario.name = "a \"quoted\" \\ name".to_owned();
    insta::assert_snapshot!(graph::dot(&compile(&scenario)));
}

#[test]
fn a_plan_for_mermaid() {
    let mut scenario = fixture::mixed();
    let ladder = scenario.phases.shift_remove("ladder").expect("the ladder");
    scenario.phases.insert("a \"quoted\" <name>#1".to_owned(), ladder);
    insta::assert_snapshot!(graph::mermaid(&compile(&scenario)));
}

#[test]
fn warnings_say_what_is_short_and_what_would_do() {
    let mut scenario = fixture::mixed();
    scenario.endpoints.insert("idle".to_owned(), fixture::endpoint(None));
    scenario.phases = fixture::named([
        ("few", fixture::phase(Some(100), None, fixture::closed(&[1, 4, 16]))),
        ("short", fixture::phase(None, Some(3), fixture::open(Shape::Rates(vec![8.0])))),
        ("counted", fixture::phase(Some(30), None, fixture::open(Shape::Rates(vec![8.0])))),
        (
            "ramp",
            fixture::phase(
                None,
                None,
                fixture::open(Shape::Stages(vec![Stage { from: 0.0, to: 10.0, over: fixture::seconds(4) }])),
            ),
        ),
        ("cut", fixture::phase(Some(100), Some(3), fixture::open(Shape::Rates(vec![8.0])))),
        ("one", fixture::phase(Some(5), None, fixture::closed(&[1]))),
        ("timed", fixture::phase(None, Some(5), fixture::closed(&[2]))),
        ("long", fixture::phase(None, Some(600), fixture::open(Shape::Rates(vec![8.0])))),
    ]);
    scenario.targets = fixture::named([
        (
            "first",
            Target { endpoint: Some("flash".to_owned()), ..fixture::target("ttft.p95", Bound::AtMost(0.2)) },
        ),
        (
            "ladder",
            Target { phase: Some("few".to_owned()), ..fixture::target("e2e.p99", Bound::AtMost(5.0)) },
        ),
        // gaps are many per request, so this one has enough
        ("gaps", fixture::target("itl.p99", Bound::AtMost(0.1))),
        // a median from below needs no more than one from above
        ("speed", fixture::target("decode_tokens_per_second", Bound::AtLeast(10.0))),
        // does not judge, so nobody needs to be warned
        ("preset", Target { from_preset: true, ..fixture::target("e2e.p999", Bound::AtMost(5.0)) }),
        ("share", fixture::target("error_rate", Bound::AtMost(0.05))),
    ]);
    insta::assert_snapshot!(compile(&scenario).warnings.join("\n\n"));
}

#[test]
fn a_plan_with_enough_of_everything_has_no_warnings() {
    let mut scenario = fixture::mixed();
    scenario.phases = fixture::named([
        ("open", fixture::phase(None, Some(600), fixture::open(Shape::Rates(vec![8.0])))),
        ("closed", fixture::phase(Some(600), None, fixture::closed(&[4]))),
    ]);
    scenario.targets = fixture::named([
        ("tail", fixture::target("e2e.p99", Bound::AtMost(5.0))),
        ("first", fixture::target("ttft.p95", Bound::Between(0.1, 0.2))),
    ]);
    assert_eq!(compile(&scenario).warnings, [""; 0]);
}

#[test]
fn the_languages_of_code_are_shown_by_their_shares() {
    let mut scenario = fixture::bare();
    scenario.workloads["prose"] = fixture::code(3.0);
    scenario.phases = fixture::named([("only", fixture::phase(Some(50), None, fixture::closed(&[1])))]);
    let plan = compile(&scenario);
    let text = render::text(&plan);
    assert!(text.contains("prose (25.0 % python, 75.0 % react)"), "{text}");
    let expected = &plan.steps[1].expected;
    assert_eq!((expected.input_tokens, expected.output_tokens), (Some(10_000.0), Some(2500.0)));
}

#[test]
fn gaps_that_no_number_of_requests_would_have_are_not_asked_for() {
    let mut scenario = fixture::bare();
    let Workload::Synthetic(synthetic) = &mut scenario.workloads["prose"] else { panic!("made-up text") };
    synthetic.output_tokens = Lengths::Constant(1);
    scenario.phases = fixture::named([("only", fixture::phase(Some(50), None, fixture::closed(&[1])))]);
    scenario.targets = fixture::named([("gaps", fixture::target("itl.p99", Bound::AtMost(0.1)))]);
    assert_eq!(compile(&scenario).warnings, [""; 0]);
}

#[test]
fn a_plan_without_numbers_is_warned_about() {
    let mut scenario = fixture::bare();
    let warm_up = Phase { measure: false, ..fixture::phase(Some(50), None, fixture::closed(&[1])) };
    let rare = fixture::phase(None, Some(1), fixture::open(Shape::Rates(vec![0.01])));
    scenario.phases = fixture::named([("warmup", warm_up)]);
    assert_eq!(
        compile(&scenario).warnings,
        ["every phase has `measure = false`, so there will be no numbers\n\
          help: take it out of the phase that counts"]
    );
    scenario.phases = fixture::named([("rare", rare)]);
    assert_eq!(
        compile(&scenario).warnings,
        ["phase `rare`: nothing arrives in it\nhelp: let `rare` last longer, or raise its rate"]
    );
}

#[test]
fn a_ladder_that_is_short_of_requests_is_warned_about_once() {
    let mut scenario = fixture::bare();
    scenario.phases =
        fixture::named([("ladder", fixture::phase(Some(100), None, fixture::closed(&[1, 20, 50, 30])))]);
    assert_eq!(
        compile(&scenario).warnings,
        [
            "phase `ladder`, step `users=20` and 2 more steps: 100 requests for 20 users, fewer than 10 each; what is \
          measured lies between the start of the last user and the first one without work\n\
          help: set `phases.ladder.requests` to 500 or more"
        ]
    );
}

#[test]
fn the_floor_counts_what_the_window_of_users_leaves_out() {
    let mut scenario = fixture::bare();
    scenario.targets = fixture::named([("tail", fixture::target("e2e.p95", Bound::AtMost(5.0)))]);
    let ramp = |ramp_up| {
        Load::Closed(Closed {
            users: vec![4],
            ramp_up: fixture::seconds(ramp_up),
            think_time: fixture::seconds(0),
        })
    };
    for (requests, ramp_up, warnings) in [(58, 0, 1), (59, 0, 0), (61, 1, 1), (62, 1, 0)] {
        scenario.phases = fixture::named([("users", fixture::phase(Some(requests), None, ramp(ramp_up)))]);
        assert_eq!(compile(&scenario).warnings.len(), warnings, "{requests} {ramp_up}");
    }
}

#[test]
fn limits_beyond_the_time_out_and_users_beyond_the_cap_are_warned_about() {
    let mut scenario = fixture::bare();
    scenario.phases = fixture::named([("only", fixture::phase(Some(5000), None, fixture::closed(&[500])))]);
    scenario.run.max_in_flight = 501;
    scenario.targets = fixture::named([
        ("first", fixture::target("ttft.p95", Bound::AtMost(500.0))),
        ("whole", fixture::target("e2e.p95", Bound::AtMost(120.0))),
        ("errors", fixture::target("error_rate", Bound::AtMost(0.05))),
    ]);
    scenario.objectives = vec![Objective { metric: Metric::Ttft, at_most: fixture::seconds(121) }];
    let lax = |path: &str, limit: u32| {
        format!(
            "`{path}` allows more than the time-out of 2m 00s, so no answer can miss it\n\
             help: write `\"{limit}ms\"` if milliseconds are meant"
        )
    };
    assert_eq!(compile(&scenario).warnings, [lax("objectives.ttft", 121), lax("targets.first", 500)]);
    scenario.run.max_in_flight = 500;
    let crowded = &compile(&scenario).warnings[0];
    assert!(crowded.starts_with("500 users at once reach `run.max_in_flight` = 500"), "{crowded}");
}

#[test]
fn a_plan_says_what_has_to_be_steady_and_cannot_show_it() {
    let mut scenario = fixture::bare();
    let steady =
        |requests, duration, load| Phase { require_steady: true, ..fixture::phase(requests, duration, load) };
    let constant = |rate| {
        Load::Open(Open {
            arrivals: Arrivals::Constant,
            shape: Shape::Rates(vec![rate]),
            spikes: None,
            concurrency_limit: None,
        })
    };
    scenario.phases = fixture::named([
        ("long", steady(None, Some(60), constant(5.0))),
        ("short", steady(None, Some(30), constant(5.0))),
        ("ladder", steady(None, Some(5), fixture::closed(&[1, 2]))),
        ("enough", steady(Some(200), None, fixture::closed(&[1]))),
    ]);
    let plan = compile(&scenario);
    let loads: Vec<_> = plan.loads().map(|(_, load)| crate::plan::describe::load(&plan, load)).collect();
    assert_eq!(loads[0], "constant 5/s, 1m, has to be steady");
    insta::assert_snapshot!(plan.warnings.join("\n"));
    let mut lax = scenario.clone();
    lax.phases.values_mut().for_each(|phase| phase.require_steady = false);
    assert_eq!(compile(&lax).experiment, plan.experiment, "how it is judged is not what is sent");
}
