//! What is asked of the requests of each endpoint.

use std::time::Duration;

use crate::{
    catalog::Metric,
    config::{Bound, Objective, Scenario, Shape, Target},
    plan::{Plan, ScopeKey, compile, fixture, render},
};

fn at_most(metric: Metric, ms: u64) -> Objective {
    Objective { metric, at_most: Duration::from_millis(ms) }
}

/// Objectives of all requests, and of those to `chat`; `documents` has none of its own.
fn asking(all: &[Objective], chat: &[Objective]) -> Scenario {
    let mut scenario = fixture::bare();
    let mut own = fixture::endpoint(None);
    chat.clone_into(&mut own.objectives);
    scenario.endpoints = fixture::named([("chat", own), ("documents", fixture::endpoint(None))]);
    scenario.phases =
        fixture::named([("load", fixture::phase(None, Some(60), fixture::open(Shape::Rates(vec![20.0]))))]);
    all.clone_into(&mut scenario.objectives);
    scenario
}

fn lines_of(scenario: &Scenario) -> Vec<String> {
    let text = render::text(&compile(scenario));
    let lines = text.lines().filter_map(|line| line.trim_start().strip_prefix("objectives  "));
    lines.map(|line| line.trim_start().to_owned()).collect()
}

#[test]
fn an_endpoint_lays_its_own_over_those_of_all() {
    let (ttft, tpot, e2e) = (Metric::Ttft, Metric::Tpot, Metric::E2e);
    for (all, chat, resolved, shown) in [
        (vec![], vec![], vec![], vec![]),
        (vec![at_most(ttft, 500)], vec![], vec![at_most(ttft, 500)], vec!["ttft ≤ 500 ms"]),
        // tightened, loosened, added
        (
            vec![at_most(ttft, 500), at_most(e2e, 3_000)],
            vec![at_most(ttft, 200), at_most(tpot, 50), at_most(e2e, 9_000)],
            vec![at_most(ttft, 200), at_most(tpot, 50), at_most(e2e, 9_000)],
            vec!["chat: ttft ≤ 200 ms, tpot ≤ 50.0 ms, e2e ≤ 9.00 s", "others: ttft ≤ 500 ms, e2e ≤ 3.00 s"],
        ),
        (
            vec![at_most(e2e, 3_000)],
            vec![at_most(ttft, 200)],
            vec![at_most(ttft, 200), at_most(e2e, 3_000)],
            vec!["chat: ttft ≤ 200 ms, e2e ≤ 3.00 s", "others: e2e ≤ 3.00 s"],
        ),
        // the same, said once more
        (vec![at_most(ttft, 500)], vec![at_most(ttft, 500)], vec![at_most(ttft, 500)], vec!["ttft ≤ 500 ms"]),
        (
            vec![],
            vec![at_most(ttft, 200)],
            vec![at_most(ttft, 200)],
            vec!["chat: ttft ≤ 200 ms", "others: any answer"],
        ),
    ] {
        let scenario = asking(&all, &chat);
        let plan = compile(&scenario);
        assert_eq!([&plan.objectives, &plan.endpoints[1].objectives], [&all, &all]);
        assert_eq!(plan.endpoints[0].objectives, resolved);
        assert_eq!(lines_of(&scenario), shown);
        assert_eq!(plan.has_objectives(), !shown.is_empty());
        let asked = plan.objectives_of(&plan.endpoints[1]);
        assert_eq!(
            asked.is_some(),
            !shown.is_empty(),
            "what others are asked for makes its own none, not unknown"
        );
    }
    let mut alone = asking(&[at_most(ttft, 500)], &[at_most(ttft, 200)]);
    alone.endpoints.shift_remove("documents");
    assert_eq!(lines_of(&alone), ["chat: ttft ≤ 200 ms"]);
}

#[test]
fn they_are_kept_and_none_of_the_experiment() {
    let plan = compile(&asking(&[at_most(Metric::E2e, 3_000)], &[at_most(Metric::Ttft, 200)]));
    assert_eq!(Plan::from_json(&plan.to_json()).expect("its own text"), plan);
    let without = compile(&asking(&[], &[]));
    assert_eq!(without.experiment, plan.experiment);
    assert!(!without.to_json().contains("\"objectives\""));
    let only = compile(&asking(&[], &[at_most(Metric::Ttft, 200)]));
    assert_eq!(Plan::from_json(&only.to_json()).expect("its own text"), only);
}

#[test]
fn a_plan_that_says_them_once_asks_them_of_every_endpoint() {
    let plan = compile(&asking(&[at_most(Metric::Ttft, 500), at_most(Metric::E2e, 3_000)], &[]));
    let mut document: serde_json::Value = serde_json::from_str(&plan.to_json()).expect("JSON");
    for endpoint in document["endpoints"].as_array_mut().expect("a list") {
        let written = endpoint.as_object_mut().expect("an object").shift_remove("objectives");
        assert!(written.is_some());
    }
    assert_eq!(Plan::from_json(&document.to_string()).expect("an earlier plan"), plan);
}

#[test]
fn a_target_on_goodput_is_judged_where_something_is_asked() {
    let mut scenario = asking(&[], &[at_most(Metric::Ttft, 200)]);
    let alone = |name: &str| {
        let mut phase = fixture::phase(None, Some(60), fixture::open(Shape::Rates(vec![20.0])));
        phase.endpoints = Some(vec![name.to_owned()]);
        phase
    };
    scenario.phases.insert("chat_alone".to_owned(), alone("chat"));
    scenario.phases.insert("documents_alone".to_owned(), alone("documents"));
    let target = |endpoint: Option<&str>| Target {
        endpoint: endpoint.map(str::to_owned),
        ..fixture::target("goodput", Bound::AtLeast(3.0))
    };
    scenario.targets = fixture::named([
        ("all", target(None)),
        ("chat", target(Some("chat"))),
        ("documents", target(Some("documents"))),
    ]);
    let places = |plan: &Plan| -> Vec<String> {
        let each = plan
            .targets
            .iter()
            .map(|target| target.scopes.iter().map(ScopeKey::to_string).collect::<Vec<_>>().join(", "));
        each.collect()
    };
    assert_eq!(places(&compile(&scenario)), ["load, chat_alone", "load · chat, chat_alone · chat", ""]);
    scenario.objectives = vec![at_most(Metric::E2e, 3_000)];
    assert_eq!(
        places(&compile(&scenario)),
        [
            "load, chat_alone, documents_alone",
            "load · chat, chat_alone · chat",
            "load · documents, documents_alone · documents"
        ]
    );
}

#[test]
fn those_beyond_the_time_out_of_their_endpoint_are_warned_about() {
    let lax = |path: &str, timeout: &str, limit: u64| {
        format!(
            "`{path}` allows more than the time-out of {timeout}, so no answer can miss it\n\
             help: write `\"{limit}ms\"` if milliseconds are meant"
        )
    };
    let warned = |all: &[Objective], chat: &[Objective], timeout: u64| {
        let mut scenario = asking(all, chat);
        scenario.endpoints["chat"].timeout = fixture::seconds(timeout);
        compile(&scenario).warnings
    };
    let ttft = |seconds: u64| [at_most(Metric::Ttft, seconds * 1_000)];
    assert_eq!(warned(&[], &ttft(200), 300), [""; 0]);
    assert_eq!(warned(&[], &ttft(301), 300), [lax("endpoints.chat.objectives.ttft", "5m 00s", 301)]);
    // the time-out that counts is that of whom it is asked of
    assert_eq!(warned(&ttft(200), &[], 300), [""; 0]);
    assert_eq!(warned(&ttft(200), &ttft(100), 300), [lax("objectives.ttft", "2m 00s", 200)]);
}
