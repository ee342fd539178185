use crate::plan::{Plan, compile, endpoint_of, fixture};

const REQUESTS: u64 = 20_000;

/// The shares of the only phase of a scenario with these endpoints, by name.
fn shares(endpoints: &[(&'static str, Option<f64>)], named: Option<&[&str]>) -> Vec<(String, f64)> {
    let mut scenario = fixture::bare();
    scenario.endpoints =
        fixture::named(endpoints.iter().map(|(name, weight)| (*name, fixture::endpoint(*weight))));
    let mut phase = fixture::phase(Some(10), None, fixture::closed(&[1]));
    phase.endpoints = named.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
    scenario.phases = fixture::named([("only", phase)]);
    named_shares(&compile(&scenario))
}

fn named_shares(plan: &Plan) -> Vec<(String, f64)> {
    let (_, load) = plan.loads().next().expect("a step with load");
    load.traffic
        .iter()
        .map(|traffic| (plan.endpoints[traffic.endpoint].name.clone(), traffic.share))
        .collect()
}

#[test]
fn weights_become_shares() {
    type Case<'a> = (&'a [(&'static str, Option<f64>)], Option<&'a [&'a str]>, &'a [(&'a str, f64)]);
    let cases: [Case; 9] = [
        // none at all: equal shares
        (&[("b", None), ("a", None)], None, &[("a", 0.5), ("b", 0.5)]),
        (&[("a", Some(3.0)), ("b", Some(1.0))], None, &[("a", 0.75), ("b", 0.25)]),
        // those without one get traffic only from phases that name them
        (&[("a", Some(3.0)), ("b", None), ("c", Some(1.0))], None, &[("a", 0.75), ("c", 0.25)]),
        (&[("a", Some(3.0)), ("b", None)], Some(&["b"]), &[("b", 1.0)]),
        // there with the mean of the others
        (
            &[("a", Some(3.0)), ("b", None), ("c", Some(1.0))],
            Some(&["a", "b", "c"]),
            &[("a", 0.5), ("b", 1.0 / 3.0), ("c", 1.0 / 6.0)],
        ),
        (&[("a", Some(3.0)), ("b", None), ("c", None)], Some(&["b", "c"]), &[("b", 0.5), ("c", 0.5)]),
        // weights renormalize among the endpoints of a phase
        (
            &[("a", Some(0.2)), ("b", Some(0.2)), ("c", Some(0.6))],
            Some(&["b", "c"]),
            &[("b", 0.25), ("c", 0.75)],
        ),
        (&[("a", Some(0.0)), ("b", Some(2.0))], None, &[("b", 1.0)]),
        (&[("a", Some(0.0)), ("b", None)], Some(&["a", "b"]), &[("b", 1.0)]),
    ];
    for (endpoints, named, expected) in cases {
        let got = shares(endpoints, named);
        assert_eq!(got.len(), expected.len(), "{endpoints:?} {named:?}: {got:?}");
        for ((name, share), (expected_name, expected_share)) in got.iter().zip(expected) {
            assert_eq!(name, expected_name, "{endpoints:?} {named:?}");
            assert!((share - expected_share).abs() < 1e-12, "{endpoints:?} {named:?}: {share}");
        }
    }
}

#[test]
fn requests_go_where_the_shares_send_them() {
    let plan = compile(&fixture::mixed());
    let (_, load) = plan.loads().next().expect("a step with load");
    let mut counts = vec![0_u32; plan.endpoints.len()];
    for seq in 0..REQUESTS {
        counts[endpoint_of(load, plan.seed, seq)] += 1;
    }
    for traffic in &load.traffic {
        let (n, p) = (REQUESTS as f64, traffic.share);
        let off = (f64::from(counts[traffic.endpoint]) - n * p).abs();
        assert!(off < 4.0 * (n * p * (1.0 - p)).sqrt(), "{counts:?}");
    }
}

#[test]
fn a_route_depends_on_seed_and_number_alone() {
    let plan = compile(&fixture::mixed());
    let loads: Vec<_> = plan.loads().filter(|(_, load)| load.traffic.len() == 2).collect();
    let route = |seed, load| -> Vec<usize> { (0..64).map(|seq| endpoint_of(load, seed, seq)).collect() };
    assert_eq!(route(1, loads[0].1), route(1, loads[1].1));
    assert_ne!(route(1, loads[0].1), route(2, loads[0].1));
}

#[test]
fn the_order_of_endpoints_in_the_file_does_not_move_a_request() {
    let scenario = fixture::mixed();
    let mut turned = scenario.clone();
    turned.endpoints.reverse();
    let names = |plan: &Plan| -> Vec<String> {
        let (_, load) = plan.loads().next().expect("a step with load");
        (0..64).map(|seq| plan.endpoints[endpoint_of(load, plan.seed, seq)].name.clone()).collect()
    };
    assert_eq!(names(&compile(&scenario)), names(&compile(&turned)));
}
