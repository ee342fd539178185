use std::time::Duration;

use proptest::prelude::*;

use crate::{
    config::{Arrivals, Load, Open, Shape, Spikes, Stage},
    plan::{
        Pattern, Plan, compile, fixture, render,
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
