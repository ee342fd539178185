//! What a plan knows of judgement: objectives, prices, targets that end the run, targets that nothing can prove.

use std::time::Duration;

use crate::{
    catalog::Metric,
    config::{
        Bound, Load, Objective, OnInconclusive, Order, Phase, Price, Scenario, Severity, Shape, Target,
    },
    plan::{Plan, ScopeKey, compile, diff::diff, fixture, provable, render, totals},
};

/// Everything that is judged, over the small scenario with one closed and one open phase and a pause.
fn judged() -> Scenario {
    let mut scenario = fixture::bare();
    scenario.phases = fixture::named([
        ("users", fixture::phase(Some(300), None, fixture::closed(&[4]))),
        ("rest", fixture::pause(360)),
        ("arrivals", fixture::phase(None, Some(60), fixture::open(Shape::Rates(vec![5.0])))),
    ]);
    scenario.objectives = vec![
        Objective { metric: Metric::Ttft, at_most: Duration::from_millis(500) },
        Objective { metric: Metric::E2e, at_most: fixture::seconds(3) },
    ];
    scenario.price = Some(Price::PerHour(3.6));
    scenario.run.on_inconclusive = OnInconclusive::Warn;
    scenario.targets = fixture::named([
        ("good", fixture::target("goodput", Bound::AtLeast(3.0))),
        ("met", fixture::target("objectives_met_rate", Bound::AtLeast(0.9))),
        ("cost", fixture::target("cost_per_million_tokens", Bound::AtMost(0.5))),
        (
            "errors",
            Target {
                abort: Some(fixture::seconds(10)),
                ..fixture::target("error_rate", Bound::AtMost(0.05))
            },
        ),
    ]);
    scenario
}

#[test]
fn a_plan_shows_how_it_is_judged_and_what_it_costs() {
    insta::assert_snapshot!(render::text(&compile(&judged())));
}

#[test]
fn none_of_it_is_the_experiment_and_all_of_it_is_kept() {
    let plan = compile(&judged());
    assert_eq!(Plan::from_json(&plan.to_json()).expect("its own text"), plan);
    let mut without = judged();
    (without.objectives, without.price) = (Vec::new(), None);
    without.targets.clear();
    without.run.on_inconclusive = OnInconclusive::Fail;
    let without = compile(&without);
    assert_eq!(without.experiment, plan.experiment);
    for key in ["objectives", "price", "cost", "on_inconclusive", "abort"] {
        assert!(!without.to_json().contains(&format!("\"{key}")), "{key}");
    }
}

#[test]
fn a_step_costs_its_time_or_its_tokens() {
    let mut scenario = judged();
    let plan = compile(&scenario);
    // 3.6 an hour is 0.001 a second
    let costs: Vec<f64> = plan.steps[2..].iter().map(|step| step.expected.cost.expect("a price")).collect();
    assert!((costs[0] - 0.36).abs() < 1e-12 && (costs[1] - 0.06).abs() < 1e-12, "{costs:?}");
    let whole = totals(&plan);
    let seconds = whole.duration_s.expect("every step has one");
    assert!((whole.cost.expect("a price") - seconds / 1000.0).abs() < 1e-9);

    scenario.price = Some(Price::PerMillionTokens { input: 2.0, output: 0.0 });
    let dear = compile(&scenario);
    let whole = totals(&dear);
    let input = whole.input_tokens.expect("every step has some");
    assert!((whole.cost.expect("a price") - 2.0 * input / 1e6).abs() < 1e-9);
    assert_eq!(dear.steps[2].expected.cost, Some(0.0), "a pause has no tokens");

    scenario.price = None;
    assert_eq!(totals(&compile(&scenario)).cost, None);
    let changes = diff(&plan, &dear);
    assert!(changes.same_experiment && changes.plan.iter().any(|field| field.field == "cost"));
}

#[test]
fn steps_side_by_side_share_the_hour() {
    let minute = |rate: f64, order: Order| Phase {
        order,
        ..fixture::phase(None, Some(60), fixture::open(Shape::Rates(vec![rate])))
    };
    let mut scenario = judged();
    scenario.targets.clear();
    scenario.phases = fixture::named([
        ("host", minute(30.0, Order::InTurn)),
        ("guest", minute(10.0, Order::During("host".to_owned()))),
        ("rest", Phase { order: Order::After(Vec::new()), ..fixture::pause(90) }),
    ]);
    let plan = compile(&scenario);
    let cost = |phase: &str| {
        let step = plan.steps.iter().find(|step| step.phase == phase).expect("a step");
        (step.expected.cost.expect("a price"), step.expected.output_tokens.expect("as the schedule says"))
    };
    let [(host, host_tokens), (guest, guest_tokens), (rest, _)] = ["host", "guest", "rest"].map(cost);
    assert!((host / guest - host_tokens / guest_tokens).abs() < 1e-9, "{host} {guest}");
    // the pause pays for what is left of it once it is alone
    assert!((host + guest - 0.06).abs() < 1e-9 && (rest - 0.03).abs() < 1e-9, "{host} {guest} {rest}");
    let whole = totals(&plan).cost.expect("a price");
    assert!((host + guest + rest - whole).abs() < 1e-9, "{whole}");
}

#[test]
fn what_the_scenario_lacks_is_measured_nowhere() {
    let mut scenario = judged();
    (scenario.objectives, scenario.price) = (Vec::new(), None);
    let plan = compile(&scenario);
    for target in &plan.targets {
        assert_eq!(target.scopes.is_empty(), target.name != "errors", "{}", target.name);
    }
}

#[test]
fn only_what_decides_ends_a_run() {
    let mut scenario = judged();
    scenario.targets["errors"].from_preset = true;
    let abort = |plan: &Plan| plan.targets.iter().find(|target| target.name == "errors").expect("it").abort;
    scenario.platform.named = true;
    assert_eq!(abort(&compile(&scenario)), Some(fixture::seconds(10)));
    // nobody named the preset, so it is for information
    scenario.platform.named = false;
    assert_eq!(abort(&compile(&scenario)), None);
}

/// Whether a target over one phase is refused, before anything of its severity or its layer changes that.
fn refused(metric: &str, bound: Bound, requests: Option<u64>, duration: Option<u64>, load: Load) -> bool {
    refused_after(metric, bound, requests, duration, load, |_| ())
}

fn refused_after(
    metric: &str,
    bound: Bound,
    requests: Option<u64>,
    duration: Option<u64>,
    load: Load,
    change: impl Fn(&mut Target),
) -> bool {
    let mut scenario = fixture::bare();
    scenario.objectives = judged().objectives;
    scenario.phases = fixture::named([("load", fixture::phase(requests, duration, load))]);
    let mut target = fixture::target(metric, bound);
    change(&mut target);
    scenario.targets = fixture::named([("only", target)]);
    let plan = compile(&scenario);
    let refused = provable::findings(&plan).next().is_some();
    // what is refused would at least be warned about
    assert!(!refused || plan.warnings.iter().any(|warning| warning.contains("`only`")), "{metric}");
    refused
}

#[test]
fn what_no_outcome_can_prove_is_refused() {
    let four = || fixture::closed(&[4]);
    let high = |limit| Bound::AtMost(limit);
    for (metric, bound, requests, no) in [
        ("e2e.p50", high(1.0), 4, true),
        ("e2e.p50", high(1.0), 5, false),
        ("e2e.p90", high(1.0), 28, true),
        ("e2e.p90", high(1.0), 29, false),
        ("e2e.p95", high(1.0), 58, true),
        ("e2e.p95", high(1.0), 59, false),
        ("e2e.p99", high(1.0), 298, true),
        ("e2e.p99", high(1.0), 299, false),
        ("e2e.p999", high(1.0), 2_994, true),
        ("e2e.p999", high(1.0), 2_995, false),
        ("decode_tokens_per_second.p95", Bound::AtLeast(30.0), 1, false),
        ("error_rate", high(0.01), 267, true),
        ("error_rate", high(0.01), 268, false),
        ("error_rate", high(0.05), 51, true),
        ("error_rate", high(0.05), 52, false),
        // judged on the count
        ("error_rate", high(0.0), 1, false),
        ("objectives_met_rate", Bound::AtLeast(0.95), 51, true),
        ("objectives_met_rate", Bound::AtLeast(0.95), 52, false),
        ("objectives_met_rate", Bound::AtLeast(1.0), 1, false),
        // judged on their values, whatever their number
        ("e2e.mean", high(1.0), 1, false),
        ("output_tokens_per_second", Bound::AtLeast(1.0), 1, false),
        // the server says how many gaps a request has
        ("itl.p99", high(1.0), 1, false),
    ] {
        assert_eq!(refused(metric, bound, Some(requests), None, four()), no, "{metric} {requests}");
    }
}

#[test]
fn only_what_is_known_for_certain_is_refused() {
    let p99 = |requests, duration, load| refused("e2e.p99", Bound::AtMost(1.0), requests, duration, load);
    let rate = |rate| fixture::open(Shape::Rates(vec![rate]));
    // a schedule is counted
    assert!(p99(None, Some(10), rate(10.0)));
    assert!(!p99(None, Some(60), rate(10.0)));
    assert!(p99(Some(50), None, rate(10.0)));
    // whichever ends it first, there are no more than these
    assert!(p99(Some(50), Some(60), fixture::closed(&[4])));
    // the server decides
    assert!(!p99(None, Some(1), fixture::closed(&[1])));
    assert!(!p99(Some(400), Some(1), fixture::closed(&[1])));
    let spared = |change: fn(&mut Target)| {
        !refused_after("e2e.p99", Bound::AtMost(1.0), Some(50), None, fixture::closed(&[4]), change)
    };
    assert!(!spared(|_| ()));
    assert!(spared(|target| target.severity = Severity::Warn));
    assert!(spared(|target| target.severity = Severity::Info));
    assert!(spared(|target| target.from_preset = true));
}

#[test]
fn what_cannot_be_proved_is_a_warning_where_the_scenario_lets_that_only_warn() {
    let mut scenario = fixture::bare();
    scenario.phases = fixture::named([("load", fixture::phase(Some(50), None, fixture::closed(&[4])))]);
    scenario.targets = fixture::named([("tail", fixture::target("e2e.p99", Bound::AtMost(1.0)))]);
    let plan = compile(&scenario);
    let [finding] = &provable::findings(&plan).collect::<Vec<_>>()[..] else { panic!("one target") };
    assert_eq!(
        finding.help,
        "set `phases.load.requests` to 299 or more, or let it only warn by `targets.tail.severity = \"warn\"` or \
         `run.on_inconclusive = \"warn\"`"
    );
    scenario.run.on_inconclusive = OnInconclusive::Warn;
    let plan = compile(&scenario);
    assert_eq!(provable::findings(&plan).count(), 0);
    assert!(plan.warnings.iter().any(|warning| warning.contains("needs 299 values to be proved")));
}

#[test]
fn what_the_seed_sends_to_an_endpoint_is_what_counts() {
    let mut scenario = fixture::bare();
    scenario.endpoints =
        fixture::named([("left", fixture::endpoint(None)), ("right", fixture::endpoint(None))]);
    scenario.targets = fixture::named([(
        "tail",
        Target { endpoint: Some("left".to_owned()), ..fixture::target("e2e.p95", Bound::AtMost(1.0)) },
    )]);
    let with = |seed: u64, requests: u64, on_inconclusive: OnInconclusive| {
        let mut scenario = scenario.clone();
        scenario.phases =
            fixture::named([("load", fixture::phase(Some(requests), None, fixture::closed(&[4])))]);
        (scenario.seed, scenario.run.on_inconclusive) = (seed, on_inconclusive);
        compile(&scenario)
    };
    // half of 118 are enough on average, and not with every seed
    let refused = |seed: &u64| provable::findings(&with(*seed, 118, OnInconclusive::Fail)).next().is_some();
    let seed = (0..20).find(refused).expect("one in two seeds sends fewer");
    let plan = with(seed, 118, OnInconclusive::Warn);
    let warning =
        plan.warnings.iter().find(|warning| warning.contains("`tail`")).expect("a warning at least");
    // and what it advises is enough
    let advised = warning.split("requests` to ").nth(1).and_then(|rest| rest.split(' ').next());
    let advised: u64 = advised.and_then(|number| number.parse().ok()).expect(warning);
    assert!(advised > 118, "{warning}");
    assert_eq!(provable::findings(&with(seed, advised, OnInconclusive::Fail)).count(), 0);
    assert_eq!(provable::findings(&with(seed, advised - 1, OnInconclusive::Fail)).count(), 1);
}

/// A mixed phase and a ladder of users, with this target on them.
fn with_a_ladder(change: impl FnOnce(&mut Target)) -> Plan {
    let mut scenario = fixture::bare();
    scenario.phases = fixture::named([
        ("mixed", fixture::phase(Some(100), None, fixture::closed(&[4]))),
        ("ladder", fixture::phase(Some(100), None, fixture::closed(&[1, 2, 4]))),
    ]);
    let mut target = fixture::target("ttft.p95", Bound::AtMost(1.0));
    change(&mut target);
    scenario.targets = fixture::named([("only", target)]);
    compile(&scenario)
}

fn keys(keys: &[ScopeKey]) -> Vec<String> {
    keys.iter().map(ToString::to_string).collect()
}

#[test]
fn the_optimum_is_one_place_whichever_level_it_is() {
    for phase in [None, Some("ladder".to_owned())] {
        let plan = with_a_ladder(|target| (target.step, target.phase) = (Some("optimum".to_owned()), phase));
        let [target] = &plan.targets[..] else { panic!("one target") };
        assert_eq!((keys(&target.scopes), target.bounds.len()), (vec!["ladder · optimum".to_owned()], 0));
        assert_eq!(provable::findings(&plan).count(), 0);
        assert_eq!(Plan::from_json(&plan.to_json()).expect("what was written"), plan);
    }
    let unprovable = with_a_ladder(|target| {
        target.metric = "ttft.p99".parse().expect("a metric");
        target.step = Some("optimum".to_owned());
    });
    let [finding] = &provable::findings(&unprovable).collect::<Vec<_>>()[..] else { panic!("one target") };
    assert!(finding.message.contains("in `ladder · optimum` needs 299 requests"), "{}", finding.message);
    // a phase of one step has no best one
    let nowhere = with_a_ladder(|target| {
        (target.step, target.phase) = (Some("optimum".to_owned()), Some("mixed".to_owned()));
    });
    assert!(nowhere.targets[0].scopes.is_empty());
}

#[test]
fn a_limit_on_latency_without_a_place_bounds_the_optimum() {
    let levels = ["ladder · users=1", "ladder · users=2", "ladder · users=4"];
    let places = |plan: &Plan| (keys(&plan.targets[0].scopes), keys(&plan.targets[0].bounds));
    let everywhere = with_a_ladder(|_| ());
    assert_eq!(places(&everywhere), (vec!["mixed".to_owned()], levels.map(str::to_owned).to_vec()));
    let text = render::text(&everywhere);
    assert!(text.contains("mixed; bounds the optimum of ladder"), "{text}");
    for (plan, scopes) in [
        (with_a_ladder(|target| target.phase = Some("ladder".to_owned())), 3),
        (with_a_ladder(|target| target.phase = Some("mixed".to_owned())), 1),
        (with_a_ladder(|target| target.severity = Severity::Info), 1),
        (with_a_ladder(|target| target.bound = Bound::AtLeast(1.0)), 1),
        (with_a_ladder(|target| target.metric = "error_rate".parse().expect("a metric")), 1),
        (with_a_ladder(|target| target.metric = "send_lag".parse().expect("a metric")), 1),
    ] {
        let (judged, bounds) = places(&plan);
        assert_eq!((judged.len(), bounds.len()), (scopes, 0));
    }
}
