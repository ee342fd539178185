use std::time::Duration;

use proptest::prelude::*;

use crate::{
    config::{Arrivals, Bound, Load, Open, Shape, Spikes, Stage},
    plan::{
        Pattern, Plan, PlannedEndpoint, Traffic, Work, compile, fixture, provable, render,
        schedule::{expected_arrivals, mean_count, of_step},
        spikes::lay_over,
    },
};

fn stage(from: f64, to: f64, over: u64) -> Stage {
    Stage { from, to, over: Duration::from_secs(over) }
}

fn spikes(every: u64, lasting: u64, rate: f64) -> Spikes {
    Spikes { every: Duration::from_secs(every), lasting: Duration::from_secs(lasting), rate }
}

fn plan(shape: Shape, duration: Option<u64>) -> Plan {
    let mut scenario = fixture::bare();
    let open = Open {
        arrivals: Arrivals::Constant,
        shape,
        spikes: Some(spikes(60, 5, 40.0)),
        concurrency_limit: None,
    };
    scenario.phases = fixture::named([("stress", fixture::phase(None, duration, Load::Open(open)))]);
    compile(&scenario)
}

#[test]
fn spikes_replace_the_rate_and_the_last_has_a_period_after_it() {
    let steady = [stage(4.0, 4.0, 300)];
    for (length, stages) in [
        (119, vec![stage(4.0, 4.0, 119)]),
        (120, vec![stage(4.0, 4.0, 60), stage(40.0, 40.0, 5), stage(4.0, 4.0, 55)]),
        (
            200,
            vec![
                stage(4.0, 4.0, 60),
                stage(40.0, 40.0, 5),
                stage(4.0, 4.0, 55),
                stage(40.0, 40.0, 5),
                stage(4.0, 4.0, 75),
            ],
        ),
    ] {
        assert_eq!(lay_over(&steady, &spikes(60, 5, 40.0), Duration::from_secs(length)), stages, "{length}");
    }
    assert_eq!(spikes(60, 5, 40.0).count(Duration::from_secs(300)), 4);
}

#[test]
fn what_spikes_leave_of_a_ramp_is_where_it_would_be() {
    let base = [stage(0.0, 10.0, 10), stage(10.0, 0.0, 20)];
    let stages = lay_over(&base, &spikes(8, 4, 50.0), Duration::from_secs(24));
    let expected = [
        stage(0.0, 8.0, 8),
        stage(50.0, 50.0, 4),
        stage(9.0, 7.0, 4),
        stage(50.0, 50.0, 4),
        stage(5.0, 3.0, 4),
    ];
    assert_eq!(stages, expected);
}

#[test]
fn expectations_and_the_schedule_follow_spikes() {
    // 4 spikes of 200 requests, and 280 s at 4 per second
    for plan in [
        plan(Shape::Rates(vec![4.0]), Some(300)),
        plan(Shape::Stages(vec![stage(4.0, 4.0, 100), stage(4.0, 4.0, 400)]), Some(300)),
        plan(Shape::Stages(vec![stage(4.0, 4.0, 300)]), None),
    ] {
        let (step, load) = plan.loads().next().expect("a step with load");
        assert_eq!(load.duration, Some(Duration::from_secs(300)));
        assert_eq!(step.expected.requests, Some(1920.0));
        assert_eq!(expected_arrivals(load), Some(1920.0));
        let due: Vec<u64> = of_step(step, plan.seed).expect("an open loop").collect();
        let within = |from: u64, to: u64| {
            due.iter().filter(|at| (from * 1_000_000_000..to * 1_000_000_000).contains(*at)).count()
        };
        assert_eq!([within(0, 60), within(60, 65), within(65, 120), within(240, 245)], [240, 200, 220, 200]);
        assert_eq!(Plan::from_json(&plan.to_json()).expect("its own text"), plan);
    }
}

#[test]
fn spikes_are_told_as_they_were_written() {
    let told = |plan: &Plan| -> String {
        let text = render::text(plan);
        let line = text.lines().find(|line| line.trim_start().starts_with("stress")).expect("its step");
        line.split("  ").filter(|cell| !cell.is_empty()).nth(1).expect("its load").trim().to_owned()
    };
    assert_eq!(
        told(&plan(Shape::Rates(vec![4.0]), Some(300))),
        "constant 4/s, spikes 40/s for 5s every 1m, 5m"
    );
    let ramp = || Shape::Stages(vec![stage(1.0, 5.0, 300)]);
    assert_eq!(told(&plan(ramp(), None)), "constant 1 to 5/s over 5m, spikes 40/s for 5s every 1m");
}

#[test]
fn a_load_without_spikes_says_nothing_of_them() {
    let mut scenario = fixture::bare();
    scenario.phases =
        fixture::named([("p", fixture::phase(None, Some(60), fixture::open(Shape::Rates(vec![4.0]))))]);
    let plan = compile(&scenario);
    assert!(matches!(
        plan.steps[1].load().map(|load| &load.pattern),
        Some(Pattern::Open { spikes: None, .. })
    ));
    assert!(!plan.to_json().contains("spikes"));
}

/// 4/s with spikes of 40/s for 5 s every minute, and one target.
fn judged(metric: &str, bound: Bound, duration: u64) -> Plan {
    let mut scenario = fixture::bare();
    let open = Open {
        arrivals: Arrivals::Constant,
        shape: Shape::Rates(vec![4.0]),
        spikes: Some(spikes(60, 5, 40.0)),
        concurrency_limit: None,
    };
    scenario.phases = fixture::named([
        ("calm", fixture::phase(None, Some(60), fixture::open(Shape::Rates(vec![4.0])))),
        ("stress", fixture::phase(None, Some(duration), Load::Open(open))),
    ]);
    scenario.targets = fixture::named([("t", fixture::target(metric, bound))]);
    compile(&scenario)
}

#[test]
fn what_is_about_spikes_is_judged_where_there_are_some() {
    for metric in ["spike.ttft.p95", "spike.e2e.p50", "spike.recovery"] {
        let plan = judged(metric, Bound::AtMost(20.0), 300);
        let phases: Vec<&str> = plan.targets[0].scopes.iter().map(|scope| scope.phase.as_str()).collect();
        assert_eq!(phases, ["stress"], "{metric}");
        assert_eq!((plan.warnings.len(), provable::findings(&plan).count()), (0, 0), "{:?}", plan.warnings);
    }
    // a time to recover is no latency that a level of a ladder could miss
    assert_eq!(judged("spike.recovery", Bound::AtMost(20.0), 300).targets[0].latency_limit(), None);
    assert_eq!(judged("spike.ttft.p95", Bound::AtMost(2.0), 300).targets[0].latency_limit(), Some(2.0));
}

#[test]
fn too_few_requests_in_spikes_are_found_before_the_run() {
    let refused = |metric: &str, duration: u64| -> Option<(String, String)> {
        let plan = judged(metric, Bound::AtMost(20.0), duration);
        provable::findings(&plan).next().map(|finding| (finding.message, finding.help))
    };
    // one spike has 200 requests
    assert_eq!(refused("spike.ttft.p95", 120), None);
    let (message, help) = refused("spike.ttft.p99", 120).expect("299 are needed");
    assert_eq!(
        message,
        "`targets.t` cannot be proved: `spike.ttft.p99` in `stress` needs 299 requests due in spikes, and there are 200"
    );
    assert!(help.starts_with("let `stress` last 3m or longer, for 2 spikes, or"), "{help}");
    assert_eq!(refused("spike.ttft.p99", 180), None);
    let (message, help) = refused("spike.recovery.p50", 300).expect("five are needed");
    assert_eq!(
        message,
        "`targets.t` cannot be proved: `spike.recovery.p50` in `stress` needs 5 spikes, and there are 4"
    );
    assert!(help.starts_with("let `stress` last 6m or longer, for 5 spikes, or"), "{help}");
    assert_eq!(refused("spike.recovery.p50", 360), None);
    assert_eq!(refused("spike.recovery", 120), None, "the worst of one is known");
}

#[test]
fn what_settles_or_has_no_first_token_supplies_nothing() {
    let settled = |seconds: u64| {
        let mut plan = judged("spike.ttft.p95", Bound::AtMost(20.0), 120);
        plan.steps
            .iter_mut()
            .filter_map(|step| if let Work::Load(load) = &mut step.work { Some(load) } else { None })
            .for_each(|load| load.settle = Duration::from_secs(seconds));
        provable::findings(&plan).next().is_none()
    };
    assert!(settled(59) && !settled(61), "the only spike begins at 60 s");
    // nine in ten requests go where nothing is streamed
    let mut plan = judged("spike.ttft.p99", Bound::AtMost(20.0), 180);
    assert_eq!(provable::findings(&plan).count(), 0, "400 are due in spikes");
    let vectors = PlannedEndpoint { name: "vectors".to_owned(), stream: false, ..plan.endpoints[0].clone() };
    plan.endpoints.push(vectors);
    for step in &mut plan.steps {
        if let Work::Load(load) = &mut step.work {
            load.traffic = vec![Traffic { endpoint: 0, share: 0.1 }, Traffic { endpoint: 1, share: 0.9 }];
        }
    }
    assert_eq!(provable::findings(&plan).count(), 1);
}

#[test]
fn what_says_little_of_recovery_is_warned_about() {
    let warned = |bound: Bound, duration: u64| judged("spike.recovery", bound, duration).warnings;
    assert_eq!(
        warned(Bound::AtMost(20.0), 120),
        ["target `t`: `spike.recovery.max` in `stress` rests on one spike, which says little of the next\n\
          help: let `stress` last 6m or longer, for 5 spikes, which show at 95 % how long half of all are felt"]
    );
    assert_eq!(
        warned(Bound::AtMost(60.0), 300),
        [
            "target `t`: `spike.recovery.max` in `stress` allows more than the 55s from the end of a spike to the next one, and what is not \
          over by then counts as a miss\nhelp: let `every` be longer"
        ]
    );
    let mut scenario = fixture::bare();
    let open = Open {
        arrivals: Arrivals::Constant,
        shape: Shape::Rates(vec![0.05]),
        spikes: Some(spikes(60, 5, 40.0)),
        concurrency_limit: None,
    };
    scenario.phases = fixture::named([("stress", fixture::phase(None, Some(300), Load::Open(open)))]);
    scenario.targets = fixture::named([("t", fixture::target("spike.recovery", Bound::AtMost(20.0)))]);
    assert_eq!(
        compile(&scenario).warnings,
        [
            "target `t`: `spike.recovery.max` in `stress` has 3 requests before the first spike, and it takes 5 to know how long answers \
          took\nhelp: let `every` be longer, or raise the rate"
        ]
    );
}

proptest! {
    #[test]
    fn spikes_keep_the_length_and_add_up(
        base in prop::collection::vec((0.0..20.0_f64, 0.0..20.0_f64, 1..50_u64), 1..4),
        every in 2..40_u64,
        share in 0.01..0.99_f64,
        rate in 0.1..100.0_f64,
        cut in 0.1..1.0_f64,
    ) {
        let base: Vec<Stage> = base.into_iter().map(|(from, to, over)| stage(from, to, over)).collect();
        let whole: Duration = base.iter().map(|stage| stage.over).sum();
        let length = whole.mul_f64(cut);
        let every = Duration::from_secs(every);
        let spikes = Spikes { every, lasting: every.mul_f64(share), rate };
        let stages = lay_over(&base, &spikes, length);
        prop_assert_eq!(stages.iter().map(|stage| stage.over).sum::<Duration>(), length);

        let up_to = |t: Duration| mean_count(&base, Some(t));
        let changed: f64 = (1..=spikes.count(length))
            .map(|k| {
                let start = every * k;
                rate * spikes.lasting.as_secs_f64() - (up_to(start + spikes.lasting) - up_to(start))
            })
            .sum();
        prop_assert!((mean_count(&stages, None) - up_to(length) - changed).abs() < 1e-6);
    }
}
