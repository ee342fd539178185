use std::time::Duration;

use crate::{
    config::{Address, Arrivals, Finding, Load, Open, Order, Phase, Scenario, Shape, Spikes, Stage},
    plan::{compile, fixture, safety},
};

fn scenario(url: &str, phases: impl IntoIterator<Item = (&'static str, Phase)>) -> Scenario {
    let mut scenario = fixture::bare();
    scenario.endpoints["flash"].url = Address::Url(url.to_owned());
    scenario.phases = fixture::named(phases);
    scenario
}

fn refused(scenario: &Scenario) -> Vec<Finding> {
    safety::findings(&compile(scenario))
}

/// The addresses of the values at fault, with what lifts the ceiling.
fn at_fault(scenario: &Scenario) -> Vec<(String, String)> {
    let flag = |help: &str| help.split('`').nth(1).unwrap_or_default().to_owned();
    refused(scenario).into_iter().map(|finding| (finding.labels[0].0.clone(), flag(&finding.help))).collect()
}

const HERE: &str = "http://127.0.0.1:8080/v1";

fn constant(shape: Shape, spikes: Option<Spikes>) -> Load {
    Load::Open(Open { arrivals: Arrivals::Constant, shape, spikes, concurrency_limit: None })
}

fn stage(from: f64, to: f64, over: u64) -> Stage {
    Stage { from, to, over: Duration::from_secs(over) }
}

#[test]
fn what_stays_below_every_ceiling_is_not_refused() {
    let fast = || constant(Shape::Rates(vec![1000.0]), None);
    let phases = [
        ("at_the_rate", fixture::phase(Some(900_000), None, fast())),
        ("long", fixture::phase(None, Some(23 * 3600), constant(Shape::Rates(vec![0.1]), None))),
    ];
    assert_eq!(refused(&scenario(HERE, phases)), []);
}

#[test]
fn a_rate_is_at_fault_where_it_is_written() {
    let every = Duration::from_secs(10);
    let spikes = |rate| Some(Spikes { every, lasting: Duration::from_secs(1), rate });
    for (load, key) in [
        (constant(Shape::Rates(vec![5.0, 1200.0]), None), "rate"),
        (constant(Shape::Stages(vec![stage(1.0, 1200.0, 60)]), None), "stages"),
        (constant(Shape::Stages(vec![stage(1.0, 1.0, 30), stage(1200.0, 1200.0, 30)]), None), "stages"),
        (constant(Shape::Rates(vec![5.0]), spikes(1200.0)), "spikes.rate"),
        // without its spikes it is above the ceiling already
        (constant(Shape::Rates(vec![1200.0]), spikes(1.0)), "rate"),
    ] {
        let expected = (format!("phases.main.load.open.{key}"), "--ceiling rate=1200/s".to_owned());
        let scenario = scenario(HERE, [("main", fixture::phase(None, Some(60), load))]);
        assert_eq!(at_fault(&scenario), [expected]);
    }
}

#[test]
fn the_largest_part_of_too_much_is_at_fault() {
    let count = |requests| fixture::phase(Some(requests), None, fixture::closed(&[500, 600]));
    let phases = [("small", count(100)), ("large", count(600_000))];
    let expected = |path: &str, flag: &str| (path.to_owned(), flag.to_owned());
    assert_eq!(
        at_fault(&scenario(HERE, phases)),
        [expected("phases.large.requests", "--ceiling requests=1200200")]
    );

    let mut day = scenario(
        HERE,
        [
            ("load", fixture::phase(None, Some(20 * 3600), constant(Shape::Rates(vec![1.0]), None))),
            ("rest", fixture::pause(21 * 3600)),
        ],
    );
    assert_eq!(at_fault(&day), [expected("phases.rest.pause", "--ceiling duration=41h")]);
    day.run.ceiling.requests = 1000;
    assert_eq!(at_fault(&day)[0], expected("phases.load", "--ceiling requests=72000"));
}

#[test]
fn what_goes_to_simulated_servers_does_not_count() {
    let fast = || constant(Shape::Rates(vec![1500.0]), None);
    let mut mixed = scenario(HERE, [("main", fixture::phase(None, Some(600), fast()))]);
    assert_eq!(at_fault(&mixed).len(), 1, "900,000 requests, and too fast");
    // half of the traffic goes elsewhere
    mixed.endpoints.insert("simulated".to_owned(), fixture::endpoint(None));
    assert_eq!(refused(&mixed), []);
    mixed.run.ceiling.requests = 449_999;
    assert!(refused(&mixed)[0].message.contains("450,000 requests"), "{:?}", refused(&mixed));
    mixed.endpoints["flash"].url = Address::Sim("small".to_owned());
    assert_eq!(refused(&mixed), []);
}

#[test]
fn a_guess_refuses_nothing() {
    // some 2,000,000 requests, or a week, if real servers were as fast as is assumed
    let timed = fixture::phase(None, Some(3600), fixture::closed(&[1000]));
    let counted = fixture::phase(Some(900_000), None, fixture::closed(&[1]));
    let either = fixture::phase(Some(2_000_000), Some(3600), fixture::closed(&[1]));
    for phase in [timed, counted, either] {
        assert_eq!(refused(&scenario(HERE, [("main", phase)])), []);
    }
    // what is written is no guess
    let day = fixture::phase(None, Some(25 * 3600), fixture::closed(&[1]));
    assert_eq!(at_fault(&scenario(HERE, [("main", day)]))[0].0, "phases.main.duration");
}

#[test]
fn rates_of_phases_side_by_side_add_up() {
    let phase = |rate| fixture::phase(None, Some(60), constant(Shape::Rates(vec![rate]), None));
    let mut both = scenario(HERE, [("first", phase(700.0)), ("second", phase(600.0))]);
    assert_eq!(refused(&both), [], "one after the other");
    both.phases["second"].order = Order::During("first".to_owned());
    let finding = refused(&both).remove(0);
    assert_eq!(
        finding.message,
        "phases side by side send up to 1,300 requests/s, and the ceiling is 1,000/s"
    );
    assert_eq!(finding.labels[0], ("phases.first.load.open.rate".to_owned(), "700 requests/s".to_owned()));
}
