//! Phases beside each other: edges, order, expectations, pictures, and loads that are a share of another phase's.

use indexmap::IndexMap;
use proptest::prelude::*;

use crate::{
    config::{Address, Load, Open, Order, Phase, SameAs, Scenario, Shape},
    plan::{Plan, Rounding, Work, compile, diff, fixture, graph, render, totals},
};

fn after(phases: &[&str]) -> Order {
    Order::After(phases.iter().map(|phase| (*phase).to_owned()).collect())
}

fn during(phase: &str) -> Order {
    Order::During(phase.to_owned())
}

/// A minute at 5 requests per second.
fn minute(order: Order) -> Phase {
    Phase { order, ..fixture::phase(None, Some(60), fixture::open(Shape::Rates(vec![5.0]))) }
}

/// A load that ends with the phase it runs during.
fn beside(host: &str) -> Phase {
    Phase { order: during(host), ..fixture::phase(None, None, fixture::closed(&[2])) }
}

fn scenario(phases: IndexMap<String, Phase>) -> Scenario {
    Scenario { phases, ..fixture::bare() }
}

/// Every step with what it waits for and what it ends with: `b after a`, `c after a until b`.
fn edges(plan: &Plan) -> Vec<String> {
    let name = |step: &usize| {
        let step = &plan.steps[*step];
        if step.name == step.phase { step.name.clone() } else { format!("{}:{}", step.phase, step.name) }
    };
    let steps = plan.steps.iter().skip(1).map(|step| {
        let before = step.after.iter().map(name).collect::<Vec<_>>().join(" ");
        let until = step.load().and_then(|load| load.until);
        let until = until.map_or(String::new(), |until| format!(" until {}", name(&until)));
        format!("{} after {before}{until}", name(&step.id))
    });
    steps.collect()
}

#[test]
fn phases_begin_where_they_say() {
    let turn = || minute(Order::InTurn);
    let ladder = |order| Phase { order, ..fixture::phase(Some(5), None, fixture::closed(&[1, 2])) };
    let cases: [(IndexMap<String, Phase>, &[&str]); 9] = [
        // the chain that a file is by itself
        (fixture::named([("a", turn()), ("b", turn())]), &["a after ready", "b after a"]),
        // side by side, and joined again
        (
            fixture::named([
                ("a", turn()),
                ("b", minute(after(&["a"]))),
                ("c", minute(after(&["a"]))),
                ("d", minute(after(&["b", "c"]))),
            ]),
            &["a after ready", "b after a", "c after a", "d after b c"],
        ),
        (
            fixture::named([("a", turn()), ("b", minute(after(&[]))), ("c", turn())]),
            &["a after ready", "b after ready", "c after b"],
        ),
        // what is waited for stands before; the last follows the one before it in the file
        (
            fixture::named([("a", minute(after(&["b"]))), ("b", minute(after(&[]))), ("c", turn())]),
            &["b after ready", "a after b", "c after b"],
        ),
        // with its host, and the next phase waits for both
        (
            fixture::named([("a", turn()), ("b", turn()), ("c", beside("b")), ("d", turn())]),
            &["a after ready", "b after a", "c after a until b", "d after b c"],
        ),
        // wherever it stands in the file
        (
            fixture::named([
                ("c", beside("b")),
                ("a", turn()),
                ("b", turn()),
                ("d", turn()),
                ("e", beside("b")),
            ]),
            &["a after ready", "c after a until b", "b after a", "e after a until b", "d after c b e"],
        ),
        // a ladder is one phase: its end is that of its last level
        (
            fixture::named([("a", ladder(Order::InTurn)), ("b", beside("a")), ("c", ladder(after(&["a"])))]),
            &[
                "a:users=1 after ready",
                "a:users=2 after a:users=1",
                "b after ready until a:users=2",
                "c:users=1 after a:users=2 b",
                "c:users=2 after c:users=1",
            ],
        ),
        // of two beside each other, only the guest
        (
            fixture::named([("a", turn()), ("b", beside("a")), ("c", minute(after(&["b"])))]),
            &["a after ready", "b after ready until a", "c after b"],
        ),
        // a pause delays what begins after it
        (
            fixture::named([
                ("a", turn()),
                ("rest", Phase { order: after(&[]), ..fixture::pause(10) }),
                ("b", turn()),
            ]),
            &["a after ready", "rest after ready", "b after rest"],
        ),
    ];
    for (phases, expected) in cases {
        let plan = compile(&scenario(phases));
        assert_eq!(edges(&plan), expected);
        assert_eq!(Plan::from_json(&plan.to_json()).expect("its own text"), plan);
    }
}

/// A warm-up, two phases of which one has a guest, and a last one.
fn mixed() -> Scenario {
    let mut scenario = fixture::mixed();
    scenario.phases = fixture::named([
        ("warmup", Phase { measure: false, ..fixture::phase(Some(20), None, fixture::closed(&[2])) }),
        ("steady", minute(Order::InTurn)),
        ("background", Phase { endpoints: Some(vec!["flash".to_owned()]), ..beside("steady") }),
        ("rest", fixture::pause(10)),
        ("left", Phase { duration: Some(fixture::seconds(90)), ..minute(after(&["rest"])) }),
        ("right", minute(after(&["rest"]))),
        ("last", minute(after(&["left", "right"]))),
    ]);
    scenario.targets.clear();
    scenario
}

#[test]
fn a_plan_that_is_no_chain_as_text() {
    let plan = compile(&mixed());
    insta::assert_snapshot!(render::text(&plan));
    insta::assert_snapshot!("side_by_side_for_graphviz", graph::dot(&plan));
    insta::assert_snapshot!("side_by_side_for_mermaid", graph::mermaid(&plan));
    let chained = Scenario {
        phases: mixed().phases.into_iter().map(|(n, p)| (n, Phase { order: Order::InTurn, ..p })).collect(),
        ..mixed()
    };
    let chained = Scenario {
        phases: chained
            .phases
            .into_iter()
            .map(|(n, p)| {
                if n == "background" {
                    (n, Phase { duration: Some(fixture::seconds(60)), ..p })
                } else {
                    (n, p)
                }
            })
            .collect(),
        ..chained
    };
    let difference = diff::diff(&compile(&chained), &plan);
    insta::assert_snapshot!("chained_to_side_by_side", difference.text("chained", "side by side"));
}

#[test]
fn a_plan_takes_as_long_as_its_longest_way() {
    let plan = compile(&mixed());
    let seconds = |name: &str| {
        let step = plan.steps.iter().find(|step| step.name == name).expect("a step of the plan");
        step.expected.duration_s.expect("known, if by an estimate")
    };
    let longest = seconds("warmup") + 60.0 + 10.0 + 90.0 + 60.0;
    assert!(totals(&plan).duration_s.is_some_and(|whole| (whole - longest).abs() < 1e-9));
    assert!((seconds("background") - 60.0).abs() < 1e-9, "as long as the phase that it runs during");
}

#[test]
fn a_guest_is_expected_to_send_until_its_host_ends() {
    let guest = |phase: Phase| {
        let host = fixture::phase(None, Some(30), fixture::open(Shape::Rates(vec![1.0, 2.0])));
        let plan = compile(&scenario(fixture::named([("host", host), ("guest", phase)])));
        plan.steps.last().expect("a guest").clone()
    };
    let open = |requests, duration| Phase {
        order: during("host"),
        ..fixture::phase(requests, duration, fixture::open(Shape::Rates(vec![100.0])))
    };
    for (phase, seconds, requests) in [
        (open(None, None), 60.0, 6000.0),
        (open(None, Some(20)), 20.0, 2000.0),
        (open(None, Some(90)), 60.0, 6000.0),
        (open(Some(1_000_000), None), 60.0, 6000.0),
    ] {
        let expected = guest(phase).expected;
        assert!(expected.assumed);
        assert_eq!(expected.duration_s, Some(seconds));
        // a Poisson count by its mean
        let count = expected.requests.expect("an estimate");
        assert!((count - requests).abs() < 5.0 * requests.sqrt(), "{count} of {requests}");
    }
    assert_eq!(guest(open(Some(50), None)).expected.requests, Some(50.0));
    let closed = guest(beside("host")).expected;
    assert_eq!(closed.duration_s, Some(60.0));
    assert!(closed.requests.is_some_and(|requests| requests > 50.0));
}

#[test]
fn blocks_of_a_guest_leave_room_for_whatever_its_host_takes() {
    let guest = |requests| Phase {
        order: during("a"),
        ..fixture::phase(requests, None, fixture::open(Shape::Rates(vec![5.0])))
    };
    for (requests, room) in [(None, 1_000_000_000), (Some(100_000), 100_000)] {
        let plan = compile(&scenario(fixture::named([
            ("a", minute(Order::InTurn)),
            ("b", guest(requests)),
            ("c", minute(Order::InTurn)),
        ])));
        let first: Vec<u64> = plan.loads().map(|(_, load)| load.first_seq).collect();
        assert_eq!(first[2] - first[1], room);
    }
}

#[test]
fn the_order_is_part_of_the_experiment_where_it_is_no_chain() {
    let hash = |phases| compile(&scenario(phases)).experiment;
    let three = |second: Order, third: Order| {
        hash(fixture::named([("a", minute(Order::InTurn)), ("b", minute(second)), ("c", minute(third))]))
    };
    let chain = three(Order::InTurn, Order::InTurn);
    assert_eq!(chain, three(after(&["a"]), after(&["b"])), "the same order in other words");
    let others = [
        three(after(&["a"]), after(&["a"])),
        three(after(&[]), Order::InTurn),
        three(during("a"), Order::InTurn),
    ];
    for (index, other) in others.iter().enumerate() {
        assert!(*other != chain && !others[..index].contains(other));
    }
}

#[test]
fn a_share_of_another_phase_is_split_as_there() {
    let mut scenario = fixture::bare();
    scenario.endpoints = fixture::named([
        ("a", fixture::endpoint(Some(0.2))),
        ("b", fixture::endpoint(Some(0.6))),
        // gets the mean of those that the mixed phase names beside it
        ("c", fixture::endpoint(None)),
    ]);
    let names = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
    let solo = Phase {
        endpoints: names(&["a", "c"]),
        same_as: Some(SameAs { phase: "mixed".to_owned(), share: 0.5 }),
        ..minute(Order::InTurn)
    };
    let mixed = Phase { endpoints: names(&["a", "b", "c"]), ..minute(Order::InTurn) };
    scenario.phases = fixture::named([("solo", solo), ("mixed", mixed)]);
    let plan = compile(&scenario);
    let shares: Vec<(usize, f64)> = plan.steps[1]
        .load()
        .expect("a load")
        .traffic
        .iter()
        .map(|traffic| (traffic.endpoint, (traffic.share * 1e9).round() / 1e9))
        .collect();
    // 0.2 to 0.4, as in the mixed phase; the weights alone would give the same to both
    assert_eq!(shares, [(0, 0.333_333_333), (2, 0.666_666_667)]);
    assert!(render::text(&plan).contains("50.0 % of mixed"), "{}", render::text(&plan));
    assert_eq!(Plan::from_json(&plan.to_json()).expect("its own text"), plan);
}

#[test]
fn a_share_that_rounding_made_another_load_is_warned_about() {
    let warned = |mixed: Load, solo: Load, share: f64| {
        let solo = Phase {
            same_as: Some(SameAs { phase: "mixed".to_owned(), share }),
            ..fixture::phase(Some(500), None, solo)
        };
        let mixed = fixture::phase(Some(500), None, mixed);
        let plan = compile(&scenario(fixture::named([("solo", solo), ("mixed", mixed)])));
        plan.warnings.into_iter().filter(|warning| warning.contains("compared")).collect::<Vec<_>>()
    };
    let users = fixture::closed;
    assert_eq!(
        warned(users(&[1]), users(&[1]), 0.4),
        [
            "phase `solo`: 40.0 % of the users of `mixed`, of which there are 1, would be 0.400, and it has 1; the two \
             cannot be compared\nhelp: give `mixed` 3 users, of which that share is near a whole number"
        ]
    );
    // 20 % off, at most
    for (whole, share, solo) in [(3, 0.4, 1), (5, 0.5, 3), (5, 0.25, 1), (20, 0.4, 8), (1, 1.0, 1)] {
        assert_eq!(warned(users(&[whole]), users(&[solo]), share), [""; 0], "{share} of {whole}");
    }
    assert!(warned(users(&[3]), users(&[2]), 0.5)[0].contains("give `mixed` 4 users"));
    // levels that come to the same are one, which stands for the nearest: 1 for 0.8, 2 for 1.6, 4 for 4
    let ladder = warned(users(&[1, 2, 4, 10]), users(&[1, 2, 4]), 0.4);
    assert!(
        ladder.len() == 1 && ladder[0].starts_with("phase `solo`, step `users=1` and 1 more step"),
        "{ladder:?}"
    );
    // places under a limit are whole, too, and rates are not
    let open = |concurrency_limit| {
        let Load::Open(open) = fixture::open(Shape::Rates(vec![5.0])) else { panic!("an open loop") };
        Load::Open(Open { concurrency_limit, ..open })
    };
    assert_eq!(warned(open(None), open(None), 0.01), [""; 0]);
    assert!(warned(open(Some(3)), open(Some(1)), 0.2)[0].contains("20.0 % of the places of `mixed`"));
    // the advice holds
    for (share, whole) in [(0.3, 1), (0.07, 1), (0.5, 3), (0.45, 4), (1e-9, 7)] {
        let rounding = Rounding { phase: String::new(), users: true, whole, share, number: 1 };
        let fair = f64::from(rounding.next_fair()) * share;
        assert!((fair.round().max(1.0) / fair - 1.0).abs() <= 0.2 + 1e-6, "{share} {whole} {fair}");
    }
}

#[test]
fn more_servers_at_once_than_a_preset_expects_are_warned_about() {
    let local =
        |url: &str| crate::config::Endpoint { url: Address::Url(url.to_owned()), ..fixture::endpoint(None) };
    let mut scenario = fixture::bare();
    scenario.endpoints = fixture::named([
        ("a", local("http://127.0.0.1:1/v1")),
        ("b", local("http://localhost:2/v1")),
        ("c", local("http://[::1]:3/v1")),
        ("remote", local("http://example.com/v1")),
        ("simulated", fixture::endpoint(None)),
    ]);
    let only = |names: &[&str], order| Phase {
        endpoints: Some(names.iter().map(|name| (*name).to_owned()).collect()),
        ..minute(order)
    };
    let mut warned = |limit, phases| {
        scenario.defaults.max_endpoints = limit;
        scenario.phases = phases;
        compile(&scenario)
            .warnings
            .into_iter()
            .filter(|warning| warning.contains("at once"))
            .collect::<Vec<_>>()
    };
    let in_turn = || {
        fixture::named([
            ("one", only(&["a", "b", "remote"], Order::InTurn)),
            ("two", only(&["c"], Order::InTurn)),
        ])
    };
    assert_eq!(warned(2, in_turn()), [""; 0]);
    let beside = || {
        fixture::named([
            ("one", only(&["a", "b", "simulated"], after(&[]))),
            ("two", only(&["b"], after(&[]))),
            ("three", only(&["c"], Order::InTurn)),
        ])
    };
    assert_eq!(warned(3, beside()), [""; 0]);
    assert_eq!(
        warned(2, beside()),
        [
            "phases `one`, `three` load 3 endpoints on this machine at once (`a`, `b`, `c`), which may slow each other \
             down: the preset `cpu_only` expects at most 2\nhelp: load them one after another, or set \
             `defaults.max_endpoints` to 3 if the machine is made for that"
        ]
    );
    assert_eq!(warned(1, in_turn()).len(), 1);
}

#[test]
fn what_runs_at_once_weighs_together() {
    let users = |plan: &Plan| {
        graph::most_at_once(plan, |step| match step.load().map(|load| &load.pattern) {
            Some(crate::plan::Pattern::Closed { users, .. }) => u64::from(*users),
            _ => 0,
        })
    };
    let closed =
        |count: &[u32], order| Phase { order, ..fixture::phase(Some(10), None, fixture::closed(count)) };
    for (phases, expected) in [
        (fixture::named([("a", closed(&[3, 7], Order::InTurn)), ("b", closed(&[5], Order::InTurn))]), 7),
        (fixture::named([("a", closed(&[3, 7], Order::InTurn)), ("b", closed(&[5], after(&[])))]), 12),
        // a long one beside two that follow each other
        (
            fixture::named([
                ("a", closed(&[4], Order::InTurn)),
                ("b", closed(&[5], after(&[]))),
                ("c", closed(&[6], after(&["b"]))),
            ]),
            10,
        ),
        (
            fixture::named([
                ("a", closed(&[4], Order::InTurn)),
                ("b", closed(&[5], after(&[]))),
                ("c", closed(&[6], after(&["a"]))),
                ("d", closed(&[1], after(&["a", "b"]))),
            ]),
            11,
        ),
    ] {
        assert_eq!(users(&compile(&scenario(phases))), expected);
    }
}

#[test]
fn a_plan_whose_guest_cannot_end_is_refused() {
    let plan = compile(&scenario(fixture::named([
        ("a", minute(Order::InTurn)),
        ("b", minute(Order::InTurn)),
        ("c", beside("b")),
    ])));
    assert_eq!(graph::check(&plan), Ok(()));
    for until in [0, 1, 3, 99] {
        let mut broken = plan.clone();
        let Work::Load(load) = &mut broken.steps[3].work else { panic!("a load step") };
        load.until = Some(until);
        assert_eq!(graph::check(&broken), Err(graph::GraphError::Until { step: 3, until }));
    }
}

/// Phases of which each waits for some before it in a shuffled order, so that there is no circle; some run during
/// another.
fn any_phases() -> impl Strategy<Value = IndexMap<String, Phase>> {
    let phases =
        prop::collection::vec((any::<u8>(), prop::collection::vec(any::<prop::sample::Index>(), 0..3)), 1..9);
    let shuffled = phases.prop_flat_map(|phases| {
        let order: Vec<usize> = (0..phases.len()).collect();
        (Just(phases), Just(order).prop_shuffle())
    });
    shuffled.prop_map(|(phases, order)| {
        let name = |index: usize| format!("p{index}");
        let mut all: Vec<(String, Phase)> = Vec::new();
        for (index, (kind, picks)) in phases.iter().enumerate() {
            let earlier: Vec<String> = all.iter().map(|(name, _)| name.clone()).collect();
            let mut before: Vec<String> = if earlier.is_empty() {
                Vec::new()
            } else {
                picks.iter().map(|pick| pick.get(&earlier).clone()).collect()
            };
            before.sort();
            before.dedup();
            let mut hosts = all.iter().filter(|(_, phase)| matches!(phase.order, Order::After(_)));
            let host = hosts.next_back().map(|(name, _)| name.clone());
            let phase = match (kind % 4, host) {
                (0, Some(host)) => beside(&host),
                (1, _) => Phase {
                    order: Order::After(before),
                    ..fixture::phase(Some(9), None, fixture::closed(&[1, 2]))
                },
                _ => minute(Order::After(before)),
            };
            all.push((name(index), phase));
        }
        order.into_iter().map(|index| all[index].clone()).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn any_order_without_a_circle_is_a_plan_that_keeps_it(phases in any_phases()) {
        let plan = compile(&scenario(phases.clone()));
        prop_assert_eq!(graph::check(&plan), Ok(()));
        prop_assert_eq!(plan.steps.iter().filter(|step| step.name == step.phase || step.name == "users=1").count(), phases.len() + 1);
        let of = |name: &str| -> Vec<usize> {
            plan.steps.iter().filter(|step| step.phase == name).map(|step| step.id).collect()
        };
        for (name, phase) in &phases {
            let first = of(name)[0];
            match &phase.order {
                Order::After(before) if before.is_empty() => prop_assert_eq!(&plan.steps[first].after, &[0]),
                Order::After(before) => {
                    for earlier in before {
                        let last = *of(earlier).last().expect("every phase has a step");
                        prop_assert!(last < first && plan.steps[first].after.contains(&last));
                    }
                }
                Order::During(host) => {
                    let host = of(host);
                    prop_assert_eq!(&plan.steps[first].after, &plan.steps[host[0]].after);
                    prop_assert_eq!(plan.steps[first].load().and_then(|load| load.until), host.last().copied());
                }
                Order::InTurn => {}
            }
        }
    }
}
