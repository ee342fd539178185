//! What plans ask of the machine that they run on.

use crate::{
    config::{Address, Arrivals, Load, Open, Order, Phase, Scenario, Shape, Spikes, Stage},
    machine::calibration::{Form, fixture::calibration},
    plan::{beyond, compile, fixture},
};

/// A machine that times 400 streams and sends 1,000 requests per second.
fn told(scenario: &Scenario) -> Vec<String> {
    beyond(&compile(scenario), &calibration(Some(400), Some(1000.0)))
}

/// A scenario with these phases, whose servers are real: 0.2 s to the first token, then 30 tokens per second, of which
/// there are 50 an answer.
fn scenario<const N: usize>(phases: [(&'static str, Phase); N]) -> Scenario {
    let mut scenario = fixture::bare();
    for endpoint in scenario.endpoints.values_mut() {
        endpoint.url = Address::Url("http://127.0.0.1:8080/v1".to_owned());
    }
    scenario.phases = fixture::named(phases);
    scenario
}

fn closed(users: &[u32]) -> Phase {
    fixture::phase(None, Some(60), fixture::closed(users))
}

fn open(rate: f64) -> Phase {
    fixture::phase(None, Some(60), fixture::open(Shape::Rates(vec![rate])))
}

#[test]
fn users_are_streams() {
    assert_eq!(told(&scenario([("load", closed(&[400]))])), [""; 0]);
    insta::assert_snapshot!(told(&scenario([("load", closed(&[401]))])).join("\n"));
    // of a ladder the highest level, once
    insta::assert_snapshot!(told(&scenario([("ladder", closed(&[100, 500, 1000, 600]))])).join("\n"));
}

#[test]
fn arrivals_are_as_many_streams_as_an_answer_takes_time() {
    let one = |rate| told(&scenario([("load", open(rate))]));
    assert_eq!(one(50.0), [""; 0]);
    insta::assert_snapshot!(one(500.0).join("\n"));
    // answers that come whole are no streams, and a limit holds them
    let mut whole = scenario([("load", open(500.0))]);
    whole.endpoints.values_mut().for_each(|endpoint| endpoint.stream = false);
    assert_eq!(told(&whole), [""; 0]);
    let limited = |limit| {
        let open = Open {
            arrivals: Arrivals::Poisson,
            shape: Shape::Rates(vec![500.0]),
            spikes: None,
            concurrency_limit: Some(limit),
        };
        told(&scenario([("load", fixture::phase(None, Some(60), Load::Open(open)))])).len()
    };
    assert_eq!((limited(400), limited(401)), (0, 1));
}

#[test]
fn a_simulated_server_takes_longer_the_more_there_are() {
    let mut simulated = fixture::bare();
    simulated.phases = fixture::named([("load", open(2.0))]);
    assert_eq!(told(&simulated), [""; 0]);
    // beyond what it serves the queue grows up to the safety cap
    simulated.phases = fixture::named([("load", open(200.0))]);
    simulated.run.max_in_flight = 450;
    let told = told(&simulated);
    assert!(told.len() == 1 && told[0].contains("about 450 streams"), "{told:?}");
}

#[test]
fn the_highest_rate_counts_with_the_key_that_says_it() {
    let shaped = |shape, spikes| {
        let open = Open { arrivals: Arrivals::Poisson, shape, spikes, concurrency_limit: Some(1) };
        told(&scenario([("load", fixture::phase(None, Some(300), Load::Open(open)))]))
    };
    let stage = |from, to| Stage { from, to, over: fixture::seconds(60) };
    let spikes = |rate| Some(Spikes { every: fixture::seconds(60), lasting: fixture::seconds(5), rate });
    for (shape, spikes, key) in [
        (Shape::Rates(vec![1000.0]), None, None),
        (Shape::Rates(vec![100.0, 1001.0]), None, Some("`load.open.rate` sends 1,001 requests/s")),
        (Shape::Stages(vec![stage(1.0, 2000.0)]), None, Some("`load.open.stages` sends 2,000 requests/s")),
        (Shape::Rates(vec![1.0]), spikes(2000.0), Some("`load.open.spikes.rate` sends 2,000 requests/s")),
        (Shape::Rates(vec![2000.0]), spikes(1.0), Some("`load.open.rate` sends 2,000 requests/s")),
    ] {
        let told = shaped(shape.clone(), spikes);
        match key {
            None => assert_eq!(told, [""; 0], "{shape:?}"),
            Some(key) => assert!(told.len() == 1 && told[0].contains(key), "{shape:?}: {told:?}"),
        }
    }
}

#[test]
fn phases_side_by_side_add_up() {
    let beside = |users| Phase { order: Order::During("one".to_owned()), ..closed(&[users]) };
    assert_eq!(told(&scenario([("one", closed(&[300])), ("two", closed(&[300]))])), [""; 0]);
    let both = told(&scenario([("one", closed(&[300])), ("two", beside(300))]));
    insta::assert_snapshot!(both.join("\n"));
    // where one of them is too much alone, that is enough to say
    assert_eq!(told(&scenario([("one", closed(&[500])), ("two", beside(300))])).len(), 1);
}

#[test]
fn what_was_not_found_out_is_no_limit() {
    let plan = compile(&scenario([("load", closed(&[50]))]));
    let mut known = calibration(None, None);
    assert_eq!(beyond(&plan, &known), [""; 0]);
    // the fewest that were tried were too many
    known.streams.failed = Some(51);
    assert_eq!(beyond(&plan, &known), [""; 0]);
    known.streams.failed = Some(50);
    insta::assert_snapshot!(beyond(&plan, &known).join("\n"));
    // more were not tried
    (known.streams.most, known.streams.failed, known.form) = (Some(49), None, Form::Short);
    insta::assert_snapshot!(beyond(&plan, &known).join("\n"));
}
