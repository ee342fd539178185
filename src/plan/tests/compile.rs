use crate::{
    catalog::Protocol,
    config::{Arrivals, Bound, Closed, Load, Open, Scenario, Severity, Shape, Stage, Target},
    plan::{Pattern, Plan, Work, compile, compile_all, fixture, schedule, totals},
};

fn plan_of(phases: impl IntoIterator<Item = (&'static str, crate::config::Phase)>) -> Plan {
    let mut scenario = fixture::bare();
    scenario.phases = fixture::named(phases);
    compile(&scenario)
}

fn near(got: Option<f64>, expected: f64) -> bool {
    got.is_some_and(|got| (got - expected).abs() < 1e-9 * expected.max(1.0))
}

#[test]
fn steps_follow_each_other_in_the_order_of_the_file() {
    let plan = compile(&fixture::mixed());
    let names: Vec<(&str, &str)> =
        plan.steps.iter().map(|step| (step.phase.as_str(), step.name.as_str())).collect();
    assert_eq!(
        names,
        [
            ("ready", "ready"),
            ("warmup", "warmup"),
            ("thinker_alone", "thinker_alone"),
            ("mixed", "mixed"),
            ("ramp", "ramp"),
            ("ladder", "users=1"),
            ("ladder", "users=4"),
            ("ladder", "users=16"),
        ]
    );
    assert_eq!(plan.steps[0].after, [0_usize; 0]);
    for (index, step) in plan.steps.iter().enumerate().skip(1) {
        assert_eq!((step.id, step.after.as_slice()), (index, [index - 1].as_slice()));
    }
    let explores: Vec<bool> = plan.loads().map(|(_, load)| load.explores).collect();
    assert_eq!(explores, [false, false, false, false, true, true, true]);
    assert_eq!(plan.steps[0].work, Work::Ready { endpoints: vec![0, 1] });
}

#[test]
fn only_endpoints_in_use_must_be_ready() {
    let mut scenario = fixture::mixed();
    scenario.phases.retain(|name, _| name == "thinker_alone");
    let plan = compile(&scenario);
    assert_eq!(plan.endpoints.len(), 2);
    assert_eq!(plan.steps[0].work, Work::Ready { endpoints: vec![0] });
}

#[test]
fn every_rate_is_a_step_as_long_as_the_phase_or_as_its_requests_take() {
    let open = |requests, duration| {
        plan_of([("p", fixture::phase(requests, duration, fixture::open(Shape::Rates(vec![0.5, 8.0]))))])
    };
    for (plan, lengths) in [
        (open(None, Some(30)), [30.0, 30.0]),
        (open(Some(40), None), [80.0, 5.0]),
        (open(Some(9), Some(3)), [3.0, 3.0]),
    ] {
        let steps: Vec<_> = plan.loads().collect();
        assert_eq!([&steps[0].0.name, &steps[1].0.name], ["rate=0.5", "rate=8"]);
        for ((_, load), length) in steps.into_iter().zip(lengths) {
            let Pattern::Open { stages, .. } = &load.pattern else { panic!("an open loop") };
            assert_eq!(stages.len(), 1);
            assert_eq!(stages[0].over.as_secs_f64(), length);
        }
    }
}

#[test]
fn stages_last_as_long_as_they_say_or_as_the_phase_allows() {
    let stages = vec![Stage { from: 1.0, to: 5.0, over: fixture::seconds(20) }; 2];
    for (phase, length) in [(None, 40), (Some(15), 15), (Some(100), 40)] {
        let plan =
            plan_of([("p", fixture::phase(None, phase, fixture::open(Shape::Stages(stages.clone()))))]);
        let (step, load) = plan.loads().next().expect("a step with load");
        assert_eq!(step.name, "p");
        assert_eq!(load.duration, Some(fixture::seconds(length)));
    }
}

#[test]
fn blocks_of_sequence_numbers_follow_each_other() {
    let plan = plan_of([
        ("counted", fixture::phase(Some(100), None, fixture::closed(&[1, 2]))),
        ("scheduled", fixture::phase(None, Some(60), fixture::open(Shape::Rates(vec![8.0])))),
        ("timed", fixture::phase(None, Some(60), fixture::closed(&[2]))),
        ("both", fixture::phase(Some(7), Some(60), fixture::closed(&[2]))),
        ("last", fixture::phase(Some(5), None, fixture::open(Shape::Rates(vec![8.0])))),
        ("end", fixture::phase(Some(5), None, fixture::closed(&[2]))),
    ]);
    let scheduled = schedule::of_step(&plan.steps[3], plan.seed).expect("an open loop").count() as u64;
    let first: Vec<u64> = plan.loads().map(|(_, load)| load.first_seq).collect();
    let uncounted = 200 + scheduled;
    let after = uncounted + 1_000_000_000;
    assert_eq!(first, [0, 100, 200, uncounted, after, after + 7, after + 12]);
}

#[test]
fn an_open_loop_is_known_exactly() {
    let plan = compile(&fixture::mixed());
    for (step, load) in plan.loads() {
        let Some(schedule) = schedule::of_step(step, plan.seed) else { continue };
        assert_eq!(step.expected.requests, Some(schedule.count() as f64));
        assert_eq!(step.expected.duration_s, load.duration.map(|duration| duration.as_secs_f64()));
        assert!(!step.expected.assumed);
    }
    // by count it ends with its last arrival
    let by_count = fixture::phase(
        Some(81),
        None,
        Load::Open(Open {
            arrivals: Arrivals::Constant,
            shape: Shape::Rates(vec![8.0]),
            spikes: None,
            concurrency_limit: None,
        }),
    );
    let plan = plan_of([("p", by_count)]);
    assert_eq!(
        (plan.steps[1].expected.requests, plan.steps[1].expected.duration_s),
        (Some(81.0), Some(10.0))
    );
    assert_eq!(totals(&plan).requests, Some(81.0));
}

#[test]
fn a_schedule_too_long_to_count_is_given_by_its_mean() {
    let open = fixture::open(Shape::Rates(vec![1e6]));
    let plan = plan_of([
        ("p", fixture::phase(None, Some(86_400), open)),
        ("q", fixture::phase(Some(1), None, fixture::closed(&[1]))),
    ]);
    let expected = plan.steps[1].expected;
    assert_eq!(
        (expected.requests, expected.duration_s, expected.assumed),
        (Some(8.64e10), Some(86_400.0), true)
    );
    // the next block begins behind all of them, the random excess included
    let (_, next) = plan.loads().nth(1).expect("two steps");
    assert!(next.first_seq as f64 > 8.64e10 + 10.0 * 8.64e10_f64.sqrt());
}

#[test]
fn enormous_counts_are_not_counted() {
    let rate = |rate, requests, duration| {
        fixture::phase(requests, duration, fixture::open(Shape::Rates(vec![rate])))
    };
    let plan = plan_of([
        // longer than any stage can be
        ("endless", rate(2.0, Some(u64::MAX), None)),
        ("fast", rate(1e300, None, Some(1_000_000))),
        ("many", fixture::phase(Some(u64::MAX), None, fixture::closed(&[1, 2]))),
        // what is left of the countable arrivals is none
        ("small", rate(2.0, None, Some(60))),
    ]);
    let (endless, load) = plan.loads().next().expect("a step");
    assert_eq!(load.first_seq, 0);
    let requests = u64::MAX as f64;
    let seconds = requests / 2.0;
    assert_eq!((endless.expected.requests, endless.expected.duration_s), (Some(requests), Some(seconds)));
    let last = plan.steps.last().expect("a step");
    assert_eq!((last.expected.requests, last.expected.assumed), (Some(120.0), true));
    // alone it is counted
    assert!(!plan_of([("small", rate(2.0, None, Some(60)))]).steps[1].expected.assumed);
}

#[test]
fn cases_that_share_a_schedule_have_the_plans_they_have_alone() {
    let case = |seed, rate| Scenario {
        seed,
        phases: fixture::named([(
            "p",
            fixture::phase(None, Some(600), fixture::open(Shape::Rates(vec![rate]))),
        )]),
        ..fixture::bare()
    };
    let cases = [case(1, 5.0), case(1, 5.0), case(2, 5.0), case(1, 6.0)];
    let alone: Vec<_> = cases.iter().map(compile).collect();
    assert_eq!(compile_all(&cases), alone);
    let counts: Vec<_> = alone.iter().map(|plan| plan.steps[1].expected.requests).collect();
    assert_eq!(counts[0], counts[1]);
    assert!(counts[0] != counts[2] && counts[0] != counts[3], "{counts:?}");
}

#[test]
fn a_closed_loop_is_estimated_from_the_speed_of_the_server() {
    // overhead 0.01 + prefill 100 / 1000 + 50 tokens of (0.010 + 0.001 · batch)
    let turn = |batch: f64| 0.11 + 50.0 * (0.01 + 0.001 * batch);
    let step = |requests, duration, users, ramp_up: u64, think_time: u64| {
        let load = Load::Closed(Closed {
            users: vec![users],
            ramp_up: fixture::seconds(ramp_up),
            think_time: fixture::seconds(think_time),
        });
        plan_of([("p", fixture::phase(requests, duration, load))]).steps[1].expected
    };
    for (expected, requests, duration_s) in [
        (step(Some(100), None, 1, 0, 0), 100.0, 100.0 * turn(1.0)),
        (step(Some(100), None, 4, 0, 0), 100.0, 25.0 * turn(4.0)),
        // 16 users on 8 places wait as long as they are served
        (step(Some(160), None, 16, 0, 0), 160.0, 10.0 * 2.0 * turn(8.0)),
        (step(Some(100), None, 4, 10, 2), 100.0, 5.0 + 25.0 * (turn(4.0) + 2.0)),
        (step(None, Some(60), 4, 0, 0), (4.0 * 60.0 / turn(4.0)).floor(), 60.0),
        (step(None, Some(60), 4, 20, 0), (4.0 * 50.0 / turn(4.0)).floor(), 60.0),
        // the first of count and duration
        (step(Some(8), Some(60), 4, 0, 0), 8.0, 2.0 * turn(4.0)),
        (step(Some(10_000), Some(60), 4, 0, 0), (4.0 * 60.0 / turn(4.0)).floor(), 60.0),
    ] {
        assert!(near(expected.requests, requests), "{expected:?}: {requests}");
        assert!(near(expected.duration_s, duration_s), "{expected:?}: {duration_s}");
        assert!(
            near(expected.input_tokens, 100.0 * requests) && near(expected.output_tokens, 50.0 * requests)
        );
        assert!(expected.assumed);
    }
}

#[test]
fn every_batch_size_is_a_step_under_each_load() {
    let steps = |users: &[u32], batch_sizes: &[u32]| {
        let mut phase = fixture::phase(Some(10), None, fixture::closed(users));
        phase.batch_sizes = batch_sizes.to_vec();
        let plan = plan_of([("p", phase)]);
        let steps = plan.loads().map(|(step, load)| {
            let (requests, tokens) = (step.expected.requests, step.expected.output_tokens);
            assert!(near(requests, 10.0) && near(tokens, 10.0 * 50.0 * f64::from(load.batch)), "{step:?}");
            assert_eq!(load.explores, users.len() > 1 || batch_sizes.len() > 1);
            (step.name.clone(), load.batch, load.first_seq)
        });
        steps.collect::<Vec<_>>()
    };
    let named = |steps: &[(&str, u32, u64)]| {
        steps.iter().map(|(name, batch, seq)| ((*name).to_owned(), *batch, *seq)).collect::<Vec<_>>()
    };
    assert_eq!(steps(&[2], &[]), named(&[("p", 1, 0)]));
    assert_eq!(steps(&[2], &[8]), named(&[("p", 8, 0)]));
    assert_eq!(steps(&[2], &[1, 4]), named(&[("batch=1", 1, 0), ("batch=4", 4, 10)]));
    assert_eq!(steps(&[1, 2], &[4]), named(&[("users=1", 4, 0), ("users=2", 4, 10)]));
    assert_eq!(
        steps(&[1, 2], &[1, 4]),
        named(&[
            ("users=1,batch=1", 1, 0),
            ("users=1,batch=4", 4, 10),
            ("users=2,batch=1", 1, 20),
            ("users=2,batch=4", 4, 30),
        ])
    );
}

#[test]
fn prompts_of_a_batch_share_the_places_of_the_server() {
    // overhead 0.01 + prefill of all + 50 tokens of (0.010 + 0.001 · sequences), on 8 places
    let turn = |prompts: f64| 0.01 + prompts * 0.1 + 50.0 * (0.01 + 0.001 * prompts.min(8.0));
    for (batch, seconds) in [(1, turn(1.0)), (4, turn(4.0)), (16, 2.0 * turn(16.0))] {
        let mut phase = fixture::phase(Some(10), None, fixture::closed(&[1]));
        phase.batch_sizes = vec![batch];
        let expected = plan_of([("p", phase)]).steps[1].expected;
        assert!(near(expected.duration_s, 10.0 * seconds), "{batch}: {expected:?}");
    }
}

#[test]
fn a_server_without_memory_for_its_batch_has_fewer_places() {
    let mut scenario = fixture::bare();
    // 100 tokens of prompt, and 25 of an answer that is half done: four of them
    scenario.sims["small"].kv_cache_tokens = Some(500);
    scenario.phases = fixture::named([("p", fixture::phase(Some(8), None, fixture::closed(&[8])))]);
    let expected = compile(&scenario).steps[1].expected;
    assert!(near(expected.duration_s, 2.0 * (0.01 + 0.1 + 50.0 * 0.014)), "{expected:?}");
}

#[test]
fn a_plan_without_batches_says_nothing_of_them() {
    let mut phase = fixture::phase(Some(10), None, fixture::closed(&[1]));
    assert!(!plan_of([("p", phase.clone())]).to_json().contains("\"batch\""));
    phase.batch_sizes = vec![4];
    let plan = plan_of([("p", phase)]);
    assert!(plan.to_json().contains("\"batch\": 4"));
    assert_eq!(Plan::from_json(&plan.to_json()).expect("a plan"), plan);
}

#[test]
fn a_real_server_is_assumed_to_have_an_ordinary_speed() {
    let mut scenario = fixture::mixed();
    scenario.phases = fixture::named([("p", {
        let mut phase = fixture::phase(Some(60), None, fixture::closed(&[2]));
        phase.endpoints = Some(vec!["thinker".to_owned()]);
        phase
    })]);
    let plan = compile(&scenario);
    assert!(near(plan.steps[1].expected.duration_s, 30.0 * (0.2 + 128.0 / 30.0)));
}

#[test]
fn totals_are_the_sums() {
    let plan = compile(&fixture::mixed());
    let whole = totals(&plan);
    let sum = |figure: fn(&crate::plan::Expected) -> Option<f64>| -> f64 {
        plan.loads().filter_map(|(step, _)| figure(&step.expected)).sum()
    };
    assert!(near(whole.requests, sum(|expected| expected.requests)));
    assert!(near(whole.input_tokens, sum(|expected| expected.input_tokens)));
    assert!(near(whole.output_tokens, sum(|expected| expected.output_tokens)));
    assert!(near(whole.duration_s, sum(|expected| expected.duration_s)));
    assert!(whole.assumed);
}

/// Where a target is judged in the mixed plan, in words.
fn scopes(target: Target) -> Vec<String> {
    let mut scenario = fixture::mixed();
    if let Load::Open(open) = &mut scenario.phases["mixed"].load {
        open.concurrency_limit = Some(5);
    }
    scenario.targets = fixture::named([("only", target)]);
    compile(&scenario).targets[0].scopes.iter().map(ToString::to_string).collect()
}

#[test]
fn a_target_is_judged_where_its_metric_is_measured() {
    let at_most = |metric| fixture::target(metric, Bound::AtMost(1.0));
    let phase = |name: &str, target| Target { phase: Some(name.to_owned()), ..target };
    let step = |name: &str, target| Target { step: Some(name.to_owned()), ..target };
    let endpoint = |name: &str, target| Target { endpoint: Some(name.to_owned()), ..target };
    let cases: [(Target, &[&str]); 14] = [
        // every measured phase, but not the levels of a ladder
        (at_most("e2e"), &["thinker_alone", "mixed", "ramp"]),
        // `thinker` does not stream
        (at_most("ttft"), &["mixed", "ramp"]),
        (at_most("itl"), &["mixed", "ramp"]),
        (at_most("decode_tokens_per_second"), &["mixed", "ramp"]),
        (
            endpoint("thinker", at_most("e2e")),
            &["thinker_alone · thinker", "mixed · thinker", "ramp · thinker"],
        ),
        (endpoint("flash", at_most("e2e")), &["mixed · flash", "ramp · flash"]),
        (endpoint("thinker", at_most("service.ttft")), &[]),
        (phase("ramp", at_most("e2e")), &["ramp"]),
        (phase("ladder", at_most("e2e")), &["ladder · users=1", "ladder · users=4", "ladder · users=16"]),
        (phase("ladder", step("users=4", at_most("e2e"))), &["ladder · users=4"]),
        (step("users=16", at_most("error_rate")), &["ladder · users=16"]),
        (phase("ramp", step("ramp", at_most("e2e"))), &["ramp"]),
        // warm-up does not count, named or not
        (phase("warmup", at_most("e2e")), &[]),
        // nothing queues without a limit
        (at_most("queue_wait"), &["mixed"]),
    ];
    for (target, expected) in cases {
        let what = format!("{target:?}");
        assert_eq!(scopes(target), expected, "{what}");
    }
}

#[test]
fn the_step_of_a_scope_is_given_for_levels_alone() {
    let plan = compile(&fixture::mixed());
    for target in &plan.targets {
        for scope in &target.scopes {
            assert_eq!(scope.step.is_some(), scope.phase == "ladder", "{scope}");
        }
    }
}

#[test]
fn the_targets_of_a_preset_judge_when_it_is_named() {
    use Severity::{Fail, Info, Warn};

    let severities = |named| {
        let mut scenario = fixture::mixed();
        scenario.platform.named = named;
        compile(&scenario).targets.iter().map(|target| target.severity).collect::<Vec<_>>()
    };
    assert_eq!(severities(true), [Fail, Fail, Fail, Warn, Fail, Fail]);
    assert_eq!(severities(false), [Fail, Fail, Fail, Warn, Info, Fail]);
}

#[test]
fn names_are_resolved() {
    let plan = compile(&fixture::mixed());
    let [thinker, flash] = plan.endpoints.as_slice() else { panic!("two endpoints") };
    assert_eq!((thinker.name.as_str(), thinker.simulated()), ("thinker", false));
    assert_eq!((flash.name.as_str(), flash.simulated()), ("flash", true));
    assert_eq!(flash.protocol, Protocol::OpenaiChat);
    assert_eq!(thinker.workload_name, "summaries");
    assert_ne!(thinker.workload, flash.workload);
}
