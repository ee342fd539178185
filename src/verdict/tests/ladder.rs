//! Ladders of a simulated server in virtual time: the optimum lies where the server's limits say.

use super::*;
use crate::{
    config::Sim,
    metrics::{
        Ladder,
        fixture::{seen, server},
        ladders,
    },
    plan::Traffic,
    sim::{Request, simulate_closed},
};

/// A run of a ladder of users over a server, each level with 20 requests a user.
pub(super) fn climb(server: &Sim, seed: u64, levels: &[u32], request: Request) -> Run {
    let steps = levels.iter().map(|users| {
        let requests = u64::from(*users) * 20;
        level(closed("ladder", *users, requests), &format!("users={users}"))
    });
    let mut run = Run::new(plan(&["chat"], steps.collect()));
    let mut from_ns = SEC;
    for (step, users) in (1..).zip(levels) {
        run.start(step, from_ns);
        let requests = vec![request; *users as usize * 20];
        let mut free: Vec<(u64, u32)> = (0..*users).map(|user| (0, user)).collect();
        let mut last_ns = 0;
        for request in simulate_closed(server, seed, *users, &requests) {
            // whoever was free for longest
            free.sort_unstable();
            let (_, user) = free.remove(0);
            let end_ns = request.end_ns.expect("nothing stalls");
            free.push((end_ns, user));
            last_ns = last_ns.max(end_ns);
            run.push_user(step, user, seen(&request, from_ns));
        }
        run.finish(step, from_ns + last_ns);
        from_ns += last_ns + SEC;
    }
    run.end()
}

pub(super) const ASK: Request = Request { prompt_tokens: 50, output_tokens: 20, stream: true };
pub(super) const OCTAVES: [u32; 6] = [1, 2, 4, 8, 16, 32];

fn optimum_of(run: &Run) -> Optimum {
    let [optimum] = <[Optimum; 1]>::try_from(judge(&run.plan, &run.summary()).optima).expect("one ladder");
    optimum
}

#[test]
fn the_optimum_lies_at_the_servers_limit_and_moves_with_it() {
    for limit in [4, 8, 16] {
        for seed in 0..3 {
            let run = climb(&server(limit), seed, &OCTAVES, ASK);
            let optimum = optimum_of(&run);
            assert_eq!(optimum.step, Some(format!("users={limit}")), "{seed}: {}", optimum.reason);
            let summary = run.summary();
            let [Ladder { levels, knee, .. }] = &ladders(&summary)[..] else { panic!("one ladder") };
            assert_eq!(knee.map(|knee| levels[knee].step), optimum.step.as_deref(), "{seed}");
            let best = levels.iter().find(|level| Some(level.step) == optimum.step.as_deref()).expect("it");
            assert!(best.efficiency.is_some_and(|share| share > 0.6 && share < 1.0), "{:?}", best.efficiency);
        }
    }
    insta::assert_snapshot!(optimum_of(&climb(&server(8), 1, &OCTAVES, ASK)).reason, @"8 users: 99.1 % of the highest throughput (32 users) at 25.4 % of its `e2e.p95`; 6.38 times the throughput of 1 user");
}

#[test]
fn a_server_that_is_not_full_may_have_more() {
    let optimum = optimum_of(&climb(&server(64), 1, &OCTAVES, ASK));
    assert_eq!(optimum.step.as_deref(), Some("users=32"));
    insta::assert_snapshot!(optimum.reason, @"32 users: the highest throughput, 703 tok/s, at the highest level: more may bring more; 14.7 times the throughput of 1 user");
}

/// A target with its places.
fn on(metric: &str, bound: Bound, scopes: Vec<ScopeKey>, bounds: Vec<ScopeKey>) -> PlannedTarget {
    PlannedTarget { scopes, bounds, ..target("t", metric, bound, "ladder") }
}

fn each_level() -> Vec<ScopeKey> {
    OCTAVES.iter().map(|users| ScopeKey { step: Some(format!("users={users}")), ..phase("ladder") }).collect()
}

#[test]
fn targets_on_latency_bound_the_optimum() {
    let mut run = climb(&server(8), 1, &OCTAVES, ASK);
    // a step of four takes 22 ms, one of eight 24 ms
    let limit = Bound::AtMost(0.023);
    let slow = |scopes, bounds| on("tpot.p50", limit, scopes, bounds);
    for target in [slow(each_level(), Vec::new()), slow(Vec::new(), each_level())] {
        run.plan.targets = vec![target];
        let optimum = optimum_of(&run);
        assert_eq!(optimum.step.as_deref(), Some("users=4"), "{}", optimum.reason);
        assert_eq!(optimum.stable, ["users=1", "users=2", "users=4"]);
        insta::allow_duplicates!(
            insta::assert_snapshot!(optimum.reason, @"4 users: the highest throughput, 172 tok/s, which no smaller level comes near; 3.61 times the throughput of 1 user; 8 users would bring more, but `tpot.p50` is 24.3 ms, over 23.0 ms (`t`)")
        );
    }
    let at_optimum = vec![ScopeKey { step: Some("optimum".to_owned()), ..phase("ladder") }];
    let floor = on("output_tokens_per_second", Bound::AtMost(1.0), each_level(), Vec::new());
    let info = PlannedTarget { severity: Severity::Info, ..slow(each_level(), Vec::new()) };
    for target in [slow(at_optimum, Vec::new()), floor, info] {
        run.plan.targets = vec![target];
        assert_eq!(optimum_of(&run).step.as_deref(), Some("users=8"));
    }
    run.plan.targets = vec![on("e2e.p50", Bound::AtMost(0.001), each_level(), Vec::new())];
    let optimum = optimum_of(&run);
    assert_eq!((optimum.step, optimum.stable), (None, Vec::new()));
    insta::assert_snapshot!(optimum.reason, @"no level has errors under 5.0 % and latency within the targets: at 1 user `e2e.p50` is 421 ms, over 1.00 ms (`t`)");
}

#[test]
fn a_target_is_judged_at_the_optimum() {
    let mut run = climb(&server(8), 1, &OCTAVES, ASK);
    let key = ScopeKey { step: Some("optimum".to_owned()), ..phase("ladder") };
    let judged = |run: &Run| {
        let verdict = judge(&run.plan, &run.summary());
        let [row] = <[Judged; 1]>::try_from(verdict.targets).expect("one row");
        row
    };
    for (limit, mark) in [(0.030, Mark::Pass), (0.023, Mark::Fail)] {
        run.plan.targets = vec![on("tpot.p50", Bound::AtMost(limit), vec![key.clone()], Vec::new())];
        let row = judged(&run);
        assert_eq!((row.mark, &row.scope), (mark, &key), "{}", row.note);
        assert!(row.note.starts_with("the optimum is `users=8`; exact order statistics"), "{}", row.note);
        assert_eq!(row.samples, 160, "the requests of that level");
    }
    // where no level is the best nothing is judged
    for (record, _) in &mut run.records {
        record.outcome = Outcome::Overloaded;
    }
    let row = judged(&run);
    assert_eq!((row.mark, row.value, &row.scope), (Mark::Inconclusive, None, &key));
    insta::assert_snapshot!(row.note, @"no level has errors under 5.0 % and latency within the targets: at 1 user 100.0 % of its requests failed");
}

#[test]
fn endpoints_have_limits_of_their_own() {
    let mut run = climb(&server(8), 1, &[1, 2, 4], ASK);
    run.plan.endpoints.push(crate::metrics::fixture::endpoint("other"));
    for step in &mut run.plan.steps[1..] {
        load(step).traffic = vec![Traffic { endpoint: 0, share: 0.5 }, Traffic { endpoint: 1, share: 0.5 }];
    }
    let of = |endpoint: &str, users: u32| ScopeKey {
        step: Some(format!("users={users}")),
        endpoint: Some(endpoint.to_owned()),
        ..phase("ladder")
    };
    let limit = |endpoint: &str| {
        let keys = [1, 2, 4].map(|users| of(endpoint, users));
        on("ttft.p50", Bound::AtMost(0.001), keys.to_vec(), Vec::new())
    };
    run.plan.targets = vec![limit("chat")];
    assert_eq!(optimum_of(&run).step, None);
    // nothing went there, so nothing shows that it holds
    run.plan.targets = vec![limit("other")];
    assert!(optimum_of(&run).reason.contains("nothing is known of its `ttft.p50`"));
}

#[test]
fn batches_are_levels_too() {
    let sizes = [1, 4, 16, 64];
    let steps = sizes.map(|batch| {
        let mut step = level(closed("batches", 1, 10), &format!("batch={batch}"));
        load(&mut step).batch = batch;
        step
    });
    let mut run = Run::new(plan(&["chat"], steps.to_vec()));
    // four times the prompts take four times as long at the end
    for (step, took_ms) in [(1, 1000), (2, 1000), (3, 1000), (4, 3900)] {
        let start = step as u64 * 100 * SEC;
        run.start(step, start);
        for request in 0..10 {
            let (mut record, chunks) = answer(start + request * took_ms * MS, MS, &[(took_ms - 1) * MS]);
            record.batch = sizes[step - 1];
            record.output_tokens = Some(100 * u64::from(record.batch));
            run.push_user(step, 0, (record, chunks));
        }
        run.finish(step, start + 50 * SEC);
    }
    let run = run.end();
    let optimum = optimum_of(&run);
    assert_eq!(optimum.step.as_deref(), Some("batch=16"));
    insta::assert_snapshot!(optimum.reason, @"16 prompts: 97.5 % of the highest throughput (64 prompts) at 25.6 % of its `e2e.p95`; 16.0 times the throughput of 1 prompt");
}
