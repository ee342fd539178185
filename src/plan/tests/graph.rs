use proptest::prelude::*;

use crate::{
    config::{Lengths, PromptLength, Scenario, Shape, Synthetic, Workload},
    plan::{Plan, PlanError, Work, compile, fixture, graph::GraphError},
};

fn broken(change: impl FnOnce(&mut Plan)) -> PlanError {
    let mut plan = compile(&fixture::mixed());
    change(&mut plan);
    Plan::from_json(&plan.to_json()).expect_err("a broken plan")
}

#[test]
fn a_plan_that_cannot_run_is_refused() {
    type Change = fn(&mut Plan);
    let cases: [(Change, GraphError); 7] = [
        (|plan| plan.steps[2].id = 7, GraphError::Id { index: 2, id: 7 }),
        (|plan| plan.steps[2].after = vec![99], GraphError::Missing { step: 2, after: 99 }),
        (|plan| plan.steps[2].after.push(2), GraphError::Cycle(2)),
        (|plan| plan.steps[1].after = vec![3], GraphError::Cycle(3)),
        (
            |plan| {
                plan.steps[1].after = vec![2];
                plan.steps[2].after = vec![0];
            },
            GraphError::Order { step: 1, after: 2 },
        ),
        (|plan| plan.steps[0].work = Work::Ready { endpoints: vec![2] }, GraphError::Endpoint(0)),
        (
            |plan| {
                let Work::Load(load) = &mut plan.steps[1].work else { panic!("a step with load") };
                load.traffic.clear();
            },
            GraphError::Endpoint(1),
        ),
    ];
    for (change, expected) in cases {
        match broken(change) {
            // which step of a cycle is named is the algorithm's choice
            PlanError::Graph(GraphError::Cycle(_)) if matches!(expected, GraphError::Cycle(_)) => {}
            PlanError::Graph(error) => assert_eq!(error, expected),
            other => panic!("{other:?} instead of {expected:?}"),
        }
    }
}

#[test]
fn a_file_that_is_no_plan_of_this_format_is_refused() {
    assert!(matches!(broken(|plan| plan.format = 9), PlanError::Format(9)));
    assert!(matches!(Plan::from_json(r#"{ "format": 2, "other": 1 }"#), Err(PlanError::Format(2))));
    assert!(matches!(Plan::from_json("{}"), Err(PlanError::Content(_))));
    assert!(matches!(Plan::from_json("hello"), Err(PlanError::Syntax(_))));
}

#[test]
fn the_fixture_reads_back() {
    let plan = compile(&fixture::mixed());
    assert_eq!(Plan::from_json(&plan.to_json()).expect("its own text"), plan);
}

prop_compose! {
    fn any_scenario()(
        seed: u64,
        rate in 0.01..20.0_f64,
        weights in prop::collection::vec(prop::option::of(0.01..10.0_f64), 3),
        users in prop::collection::vec(1..200_u32, 1..4),
        requests in prop::option::of(1..300_u64),
        millis in 1..20_000_u64,
        mean in 1.0..300.0_f64,
        std_dev in 0.0..300.0_f64,
        min in 1..50_u32,
    ) -> Scenario {
        let mut scenario = fixture::bare();
        scenario.seed = seed;
        scenario.endpoints = fixture::named(
            ["one", "two", "three"].into_iter().zip(weights).map(|(name, weight)| (name, fixture::endpoint(weight))),
        );
        scenario.workloads.insert("prose".to_owned(), Workload::Synthetic(Synthetic {
            prompt: PromptLength::Words(Lengths::Lognormal { mean, std_dev, min, max: 400 }),
            output_tokens: Lengths::Normal { mean, std_dev, min, max: 500 },
            prefix: "Say:".to_owned(),
            shared_prefix_tokens: 3,
            shared_prefix_share: None,
            shared_prefix_groups: 1,
        }));
        let mut closed = fixture::phase(requests, None, fixture::closed(&users));
        closed.duration = Some(std::time::Duration::from_micros(millis * 1001));
        let open = fixture::open(Shape::Rates(vec![rate, rate * 1.5]));
        let mut open = fixture::phase(requests, None, open);
        open.duration = closed.duration.filter(|_| requests.is_none() || millis % 2 == 0);
        scenario.phases = fixture::named([("closed", closed), ("open", open)]);
        scenario
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_plan_reads_back(scenario in any_scenario()) {
        let plan = compile(&scenario);
        prop_assert_eq!(&Plan::from_json(&plan.to_json()).expect("its own text"), &plan);
        prop_assert_eq!(compile(&scenario), plan);
    }

    #[test]
    fn in_any_plan_shares_sum_to_one_and_blocks_do_not_overlap(scenario in any_scenario()) {
        let plan = compile(&scenario);
        let mut next = 0;
        for (step, load) in plan.loads() {
            let sum: f64 = load.traffic.iter().map(|traffic| traffic.share).sum();
            prop_assert!((sum - 1.0).abs() < 1e-12);
            prop_assert!(load.first_seq >= next);
            next = load.first_seq + step.expected.requests.expect("an estimate at least") as u64;
        }
    }
}
