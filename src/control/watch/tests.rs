use crate::{
    config::Bound,
    metrics::fixture::{MS, Run, SEC, answer, ask, closed, failure, level, load, open, phase, plan, target},
    plan::{Pattern, PlannedTarget},
    record::{Outcome, StopCause},
};

use super::*;

/// A target on errors that ends the run after so many milliseconds.
fn errors(after_ms: u64, scopes: Vec<ScopeKey>) -> PlannedTarget {
    PlannedTarget {
        abort: Some(Duration::from_millis(after_ms)),
        scopes,
        ..target("errors", "error_rate", Bound::AtMost(0.05), "load")
    }
}

/// Shows a run to a watch, with a look after every event and every 100 ms between them; gives what ended it.
fn watched(run: &Run) -> Option<Abort> {
    let mut watch = Watch::new(&run.plan).expect("a target that may end the run");
    let mut events: Vec<(u64, Event)> = run
        .diary
        .iter()
        .filter_map(|line| match line {
            Diary::StepStarted { at_ns, .. }
            | Diary::Issued { at_ns, .. }
            | Diary::Stopping { at_ns, .. } => Some((*at_ns, line)),
            Diary::StepEnded { at_ns, .. } | Diary::RunEnded { at_ns } => Some((*at_ns + 1, line)),
            _ => None,
        })
        .map(|(at_ns, line)| (at_ns, Event::Diary(line.clone())))
        .collect();
    events.extend(run.records.iter().map(|(record, chunks)| {
        let event = Event::Finished { record: Box::new(record.clone()), chunks: chunks.clone(), texts: None };
        (record.end_ns, event)
    }));
    events.sort_by_key(|(at_ns, _)| *at_ns);
    let mut now_ns = 0;
    for (at_ns, event) in events {
        while now_ns + 100 * MS < at_ns {
            now_ns += 100 * MS;
            if let Some(abort) = watch.look(now_ns) {
                return Some(abort);
            }
        }
        now_ns = at_ns;
        watch.observe(&event);
        if let Some(abort) = watch.look(now_ns) {
            return Some(abort);
        }
    }
    None
}

/// One user with a request every 100 ms, each with its outcome.
fn requests(targets: Vec<PlannedTarget>, outcomes: impl IntoIterator<Item = Outcome>) -> Run {
    let mut run = Run::new(plan(&["chat"], vec![closed("load", 1, 1_000)]));
    run.plan.targets = targets;
    run.start(1, 0);
    for (number, outcome) in outcomes.into_iter().enumerate() {
        let due_ns = number as u64 * 100 * MS;
        run.push_user(
            1,
            0,
            match outcome {
                Outcome::Ok => answer(due_ns, 50 * MS, &[]),
                _ => failure(due_ns, 50 * MS, outcome),
            },
        );
    }
    run.end()
}

#[test]
fn a_plan_without_abort_is_not_watched() {
    let mut run = requests(vec![], [Outcome::Ok; 3]);
    assert!(Watch::new(&run.plan).is_none());
    run.plan.targets = vec![target("errors", "error_rate", Bound::AtMost(0.05), "load")];
    assert!(Watch::new(&run.plan).is_none());
}

#[test]
fn a_dead_server_ends_the_run_once_the_target_has_failed_for_as_long_as_it_says() {
    let run = requests(vec![errors(1_000, vec![phase("load")])], [Outcome::HttpError; 100]);
    let abort = watched(&run).expect("nothing but failures");
    assert_eq!((abort.target.as_str(), &abort.scope), ("errors", &phase("load")));
    // the third failure ends at 250 ms, the next look is due by 500 ms
    assert!((250 * MS..=500 * MS).contains(&abort.since_ns), "{abort:?}");
    assert!((SEC..=SEC + 500 * MS).contains(&(abort.at_ns - abort.since_ns)), "{abort:?}");
    assert!(abort.requests >= 10 && abort.beyond == abort.requests, "{abort:?}");
}

#[test]
fn a_healthy_server_is_left_alone() {
    let some = (0..1_000).map(|i| if i % 40 == 0 { Outcome::HttpError } else { Outcome::Ok });
    assert_eq!(watched(&requests(vec![errors(0, vec![phase("load")])], some)), None);
}

/// Twenty requests a second, of which the server refuses every 30th at once; good answers take ten seconds.
fn slow_but_sound(targets: Vec<PlannedTarget>) -> Run {
    let mut run = Run::new(plan(&["chat", "other"], vec![open("load", 20.0, 20)]));
    run.plan.targets = targets;
    run.start(1, 0);
    for number in 0..400 {
        let due_ns = number * 50 * MS;
        let refused = number % 30 == 0;
        let request =
            if refused { failure(due_ns, MS, Outcome::Overloaded) } else { answer(due_ns, 10 * SEC, &[]) };
        run.push(1, request);
    }
    run
}

#[test]
fn failures_that_come_before_the_good_answers_are_not_all_there_is() {
    let here = ScopeKey { endpoint: Some("chat".to_owned()), ..phase("load") };
    for scope in [phase("load"), here] {
        assert_eq!(watched(&slow_but_sound(vec![errors(0, vec![scope])]).end()), None);
    }
    let slow = |at_most| PlannedTarget {
        abort: Some(Duration::ZERO),
        ..target("slow", "ttft.p95", Bound::AtMost(at_most), "load")
    };
    assert_eq!(watched(&slow_but_sound(vec![slow(10.0)]).end()), None);
    let abort = watched(&slow_but_sound(vec![slow(9.0)]).end()).expect("every answer is too late");
    assert!(abort.at_ns > 10 * SEC && abort.beyond < abort.requests, "{abort:?}");
}

#[test]
fn what_the_diary_says_is_issued_may_still_turn_out_well() {
    let mut run = requests(vec![errors(0, vec![phase("load")])], [Outcome::HttpError; 3]);
    assert!(watched(&run).is_some_and(|abort| (abort.requests, abort.beyond) == (3, 3)));
    run.diary.insert(2, Diary::Issued { step: 1, at_ns: MS, issued: 100, in_flight: 100, users: 0 });
    run.diary.retain(|line| !matches!(line, Diary::StepEnded { .. }));
    assert_eq!(watched(&run), None);
}

#[test]
fn a_dead_server_ends_the_run_however_many_are_in_flight() {
    let mut run = Run::new(plan(&["chat"], vec![open("load", 20.0, 60)]));
    run.plan.targets = vec![errors(1_000, vec![phase("load")])];
    run.start(1, 0);
    for number in 0..1_200 {
        run.push(1, failure(number * 50 * MS, 5 * SEC, Outcome::Timeout));
        let (at_ns, issued) = (number * 50 * MS, number + 1);
        run.diary.push(Diary::Issued { step: 1, at_ns, issued, in_flight: issued.min(100), users: 0 });
    }
    let abort = watched(&run.end()).expect("nothing but time-outs");
    // of the hundred in flight and what has ended, an allowed twentieth is passed with the first dozens
    assert!(abort.at_ns < 8 * SEC && abort.beyond < abort.requests, "{abort:?}");
}

#[test]
fn a_bad_start_that_mends_is_forgiven_within_the_time() {
    // four failures, then none: hopeless until the share has come down again
    let mends = (0..200).map(|i| if i < 4 { Outcome::HttpError } else { Outcome::Ok });
    let run = |after_ms| requests(vec![errors(after_ms, vec![phase("load")])], mends.clone());
    assert!(watched(&run(0)).is_some());
    assert_eq!(watched(&run(20_000)), None);
}

#[test]
fn silence_is_no_forgiveness() {
    // three failures at once, then nothing ends any more
    let mut run = requests(vec![errors(5_000, vec![phase("load")])], [Outcome::Timeout; 3]);
    run.diary.retain(|line| !matches!(line, Diary::StepEnded { .. } | Diary::RunEnded { .. }));
    run.diary.push(Diary::RunEnded { at_ns: 60 * SEC });
    assert!(watched(&run).is_some_and(|abort| abort.at_ns < 6 * SEC));
}

#[test]
fn each_share_counts_its_own_and_percentiles_count_failures_as_the_worst() {
    let hopeless = |metric: &str, bound, outcome| {
        let target = PlannedTarget { abort: Some(Duration::ZERO), ..target("t", metric, bound, "load") };
        watched(&requests(vec![target], vec![outcome; 40])).is_some()
    };
    let few = Bound::AtMost(0.05);
    assert!(hopeless("timeout_rate", few, Outcome::Timeout));
    assert!(!hopeless("timeout_rate", few, Outcome::HttpError));
    assert!(hopeless("contention_error_rate", few, Outcome::Overloaded));
    assert!(!hopeless("contention_error_rate", few, Outcome::HttpError));
    assert!(hopeless("ttft.p95", Bound::AtMost(10.0), Outcome::HttpError));
    assert!(hopeless("ttft.p95", Bound::AtMost(0.04), Outcome::Ok));
    assert!(!hopeless("ttft.p95", Bound::AtMost(0.05), Outcome::Ok));
}

#[test]
fn objectives_are_judged_on_the_way() {
    let target = PlannedTarget {
        abort: Some(Duration::ZERO),
        ..target("met", "objectives_met_rate", Bound::AtLeast(0.9), "load")
    };
    let mut run = requests(vec![target], [Outcome::Ok; 40]);
    let objective =
        |ms| crate::config::Objective { metric: Metric::Ttft, at_most: Duration::from_millis(ms) };
    ask(&mut run.plan, &[objective(50)]);
    assert_eq!(watched(&run), None);
    ask(&mut run.plan, &[objective(49)]);
    assert!(watched(&run).is_some());
}

#[test]
fn each_endpoint_is_judged_by_what_it_is_asked_for() {
    let of = |ms| vec![crate::config::Objective { metric: Metric::Ttft, at_most: Duration::from_millis(ms) }];
    let mut run = Run::new(plan(&["big", "small"], vec![closed("load", 1, 1_000)]));
    run.start(1, 0);
    for number in 0..80 {
        run.push_to(1, (number % 2) as usize, Some(0), answer(number * 100 * MS, 50 * MS, &[]));
    }
    let mut run = run.end();
    let met = |endpoint: Option<&str>| PlannedTarget {
        abort: Some(Duration::ZERO),
        scopes: vec![ScopeKey { endpoint: endpoint.map(str::to_owned), ..phase("load") }],
        ..target("met", "objectives_met_rate", Bound::AtLeast(0.9), "load")
    };
    // every answer takes 50 ms
    for (big, small, endpoint, ends) in [
        (of(50), of(50), None, false),
        (of(50), of(49), None, true),
        (of(50), of(49), Some("big"), false),
        (of(50), of(49), Some("small"), true),
        (Vec::new(), of(49), None, true),
        (Vec::new(), of(50), None, false),
        (Vec::new(), of(49), Some("big"), false),
    ] {
        run.plan.endpoints[0].objectives = big;
        run.plan.endpoints[1].objectives = small;
        run.plan.targets = vec![met(endpoint)];
        assert_eq!(watched(&run).is_some(), ends, "{:?} {endpoint:?}", run.plan.endpoints[0].objectives);
    }
}

#[test]
fn only_the_requests_that_a_target_is_about_count() {
    let mut run = Run::new(plan(&["big", "small"], vec![closed("load", 1, 100)]));
    let scope = |endpoint: &str| ScopeKey { endpoint: Some(endpoint.to_owned()), ..phase("load") };
    run.start(1, 0);
    for number in 0..100 {
        let due_ns = number * 100 * MS;
        // only `big` fails
        let request =
            if number % 2 == 0 { failure(due_ns, MS, Outcome::HttpError) } else { answer(due_ns, MS, &[]) };
        run.push_to(1, (number % 2) as usize, Some(0), request);
    }
    let mut run = run.end();
    for (endpoint, ends) in [("small", false), ("big", true)] {
        run.plan.targets = vec![errors(0, vec![scope(endpoint)])];
        assert_eq!(watched(&run).is_some(), ends, "{endpoint}");
    }
}

#[test]
fn users_who_still_start_are_outside_the_window() {
    let run = |ramp_up_s| {
        let mut step = closed("load", 4, 1_000);
        load(&mut step).pattern =
            Pattern::Closed { users: 4, ramp_up: Duration::from_secs(ramp_up_s), think_time: Duration::ZERO };
        let mut run = Run::new(plan(&["chat"], vec![step]));
        run.plan.targets = vec![errors(0, vec![phase("load")])];
        run.start(1, 0);
        for number in 0..20 {
            run.push_user(1, 0, failure(number * 100 * MS, MS, Outcome::HttpError));
        }
        run.end()
    };
    assert!(watched(&run(0)).is_some());
    // the last of four starts after three quarters of it
    assert!(watched(&run(2)).is_some_and(|abort| abort.at_ns > 1_500 * MS));
    assert_eq!(watched(&run(8)), None);
}

/// A ladder of two levels of two seconds and a phase behind it; one of them fails.
fn ladder(failing: usize, targets: Vec<PlannedTarget>) -> Run {
    let levels = [level(closed("ladder", 1, 20), "users=1"), level(closed("ladder", 2, 20), "users=2")];
    let [one, two] = levels;
    let mut run = Run::new(plan(&["chat"], vec![one, two, open("after", 10.0, 2)]));
    run.plan.targets = targets;
    for step in 1..=3 {
        let begin = (step as u64 - 1) * 3 * SEC;
        run.start(step, begin);
        for number in 0..20 {
            let due_ns = begin + number * 100 * MS;
            let fails = step == failing;
            let request =
                if fails { failure(due_ns, MS, Outcome::HttpError) } else { answer(due_ns, MS, &[]) };
            run.push(step, request);
        }
        run.finish(step, begin + 2 * SEC);
    }
    run.end()
}

fn levels() -> Vec<ScopeKey> {
    let step = |name: &str| ScopeKey { step: Some(name.to_owned()), ..phase("ladder") };
    vec![step("users=1"), step("users=2")]
}

#[test]
fn a_level_that_failed_ends_the_run_in_the_next_one_but_not_in_a_phase_of_no_concern() {
    // hopeless at once, for longer than the level lasts
    let abort = watched(&ladder(1, vec![errors(2_500, levels())])).expect("the target cannot pass any more");
    assert_eq!(abort.scope.step.as_deref(), Some("users=1"));
    assert!((3 * SEC..4 * SEC).contains(&abort.at_ns), "in the second level: {abort:?}");
    assert_eq!(watched(&ladder(2, vec![errors(2_500, levels())])), None, "the rest measures other things");
    let everywhere = [levels(), vec![phase("after")]].concat();
    assert!(watched(&ladder(2, vec![errors(2_500, everywhere)])).is_some_and(|abort| abort.at_ns >= 6 * SEC));
    assert_eq!(watched(&ladder(3, vec![errors(0, levels())])), None);
}

#[test]
fn a_run_that_is_ending_is_not_ended_again() {
    let mut run = requests(vec![errors(0, vec![phase("load")])], [Outcome::HttpError; 100]);
    run.diary.insert(1, Diary::Stopping { at_ns: 0, cause: StopCause::Interrupt });
    assert_eq!(watched(&run), None);
}

#[test]
fn looks_are_a_quarter_of_a_second_apart() {
    let run = requests(vec![errors(0, vec![phase("load")])], [Outcome::Ok; 1]);
    let mut watch = Watch::new(&run.plan).expect("a target that may end the run");
    watch.observe(&Event::Diary(Diary::StepStarted { step: 1, at_ns: 0 }));
    assert_eq!(watch.look(0), None);
    for _ in 0..10 {
        let (mut record, chunks) = failure(0, MS, Outcome::HttpError);
        (record.step_id, record.endpoint) = (1, "chat".to_owned());
        watch.observe(&Event::Finished { record: Box::new(record), chunks: chunks.into(), texts: None });
    }
    assert_eq!(watch.look(249 * MS), None);
    assert!(watch.look(250 * MS).is_some());
    assert_eq!(watch.look(900 * MS), None, "once");
}

/// A watch over one closed step that began at 0, in which nothing has ended.
fn hanging(target: PlannedTarget) -> Watch {
    let mut plan = plan(&["chat", "other"], vec![closed("load", 8, 1_000)]);
    plan.targets = vec![PlannedTarget { abort: Some(Duration::from_secs(2)), ..target }];
    let mut watch = Watch::new(&plan).expect("a target that may end the run");
    watch.observe(&Event::Diary(Diary::StepStarted { step: 1, at_ns: 0 }));
    watch
}

/// So many requests that were due and sent at 0, as somebody sees them at a moment.
fn seen(at_ns: u64, requests: u64, change: impl Fn(&mut Pending)) -> Event {
    let pending = |number| {
        let mut pending = Pending {
            seq: 100_000 + number,
            endpoint: 0,
            due_ns: 0,
            begun_ns: Some(0),
            sent_ns: Some(0),
            first_token_ns: None,
            first_content_ns: None,
        };
        change(&mut pending);
        pending
    };
    Event::Pending { step: 1, at_ns, requests: (0..requests).map(pending).collect() }
}

/// When a run ends of which the same is seen every 100 ms for a minute.
fn ended_by(target: PlannedTarget, requests: u64, change: impl Fn(&mut Pending)) -> Option<Abort> {
    let mut watch = hanging(target);
    (0..600).find_map(|tick| {
        watch.observe(&seen(tick * 100 * MS, requests, &change));
        watch.look(tick * 100 * MS)
    })
}

fn slow(metric: &str, seconds: f64) -> PlannedTarget {
    target("slow", metric, Bound::AtMost(seconds), "load")
}

#[test]
fn a_server_that_hangs_ends_the_run_by_the_age_of_what_is_in_flight() {
    for metric in ["ttft.p95", "e2e.p95", "service.ttft.p95"] {
        let abort = ended_by(slow(metric, 5.0), 8, |_| ()).expect(metric);
        // five seconds, one in which an answer could lie unread, and two for as long as which it must be so
        assert!((8 * SEC..=9 * SEC).contains(&abort.at_ns), "{metric} {abort:?}");
        assert_eq!((abort.requests, abort.beyond), (8, 8), "{metric}");
    }
    let met = target("met", "objectives_met_rate", Bound::AtLeast(0.9), "load");
    let mut watch = hanging(met);
    let objective = crate::config::Objective { metric: Metric::Ttft, at_most: Duration::from_secs(5) };
    ask(&mut watch.plan, &[objective]);
    let abort = (0..600).find_map(|tick| {
        watch.observe(&seen(tick * 100 * MS, 8, |_| ()));
        watch.look(tick * 100 * MS)
    });
    assert!(abort.is_some_and(|abort| abort.at_ns <= 9 * SEC && abort.beyond == 8));
    // what is asked of another endpoint says nothing of what waits at this one
    let mut watch = hanging(target("met", "objectives_met_rate", Bound::AtLeast(0.9), "load"));
    watch.plan.endpoints[1].objectives = vec![objective];
    let abort = (0..600).find_map(|tick| {
        watch.observe(&seen(tick * 100 * MS, 8, |_| ()));
        watch.look(tick * 100 * MS)
    });
    assert_eq!(abort, None);
}

#[test]
fn what_may_still_turn_out_well_ends_no_run() {
    // too few to say so
    assert_eq!(ended_by(slow("ttft.p95", 5.0), 2, |_| ()), None);
    // its first token came in time, however long the rest takes
    let answering = |pending: &mut Pending| pending.first_token_ns = Some(5 * SEC);
    assert_eq!(ended_by(slow("ttft.p95", 5.0), 8, answering), None);
    assert_eq!(ended_by(slow("e2e.p95", 5.0), 8, answering), None);
    // setting up a connection is outside every latency
    assert_eq!(ended_by(slow("ttft.p95", 5.0), 8, |pending| pending.sent_ns = None), None);
    // failures are known when they are there
    assert_eq!(ended_by(slow("error_rate", 0.05), 8, |_| ()), None);
    // and those to another endpoint are not what the target is about
    let here = ScopeKey { endpoint: Some("chat".to_owned()), ..phase("load") };
    let of_chat = || PlannedTarget { scopes: vec![here.clone()], ..slow("ttft.p95", 5.0) };
    assert_eq!(ended_by(of_chat(), 8, |pending| pending.endpoint = 1), None);
    assert!(ended_by(of_chat(), 8, |_| ()).is_some());
}

#[test]
fn what_has_ended_is_not_pending_any_more() {
    let mut watch = hanging(slow("ttft.p95", 5.0));
    watch.observe(&seen(30 * SEC, 8, |_| ()));
    for number in 0..8 {
        let (mut record, chunks) = answer(0, SEC, &[]);
        (record.step_id, record.seq, record.endpoint) = (1, 100_000 + number, "chat".to_owned());
        watch.observe(&Event::Finished { record: Box::new(record), chunks: chunks.into(), texts: None });
    }
    assert!((30..60).all(|second| watch.look(second * SEC).is_none()));
}

#[test]
fn what_waits_for_a_place_does_not_speak_for_the_server() {
    // of 200 that are due four were sent and timed out, and the others wait
    let failed = |watch: &mut Watch| {
        for number in 0..4 {
            let (mut record, chunks) = failure(0, SEC, Outcome::Timeout);
            (record.step_id, record.seq, record.endpoint) = (1, 100_200 + number, "chat".to_owned());
            watch.observe(&Event::Finished { record: Box::new(record), chunks: chunks.into(), texts: None });
        }
    };
    let ends = |queued: bool| {
        let mut watch = hanging(slow("error_rate", 0.05));
        failed(&mut watch);
        watch.observe(&seen(2 * SEC, 200, |pending| {
            if queued {
                (pending.begun_ns, pending.sent_ns) = (None, None);
            }
        }));
        (2..10).find_map(|second| watch.look(second * SEC))
    };
    assert!(ends(true).is_some_and(|abort| (abort.requests, abort.beyond) == (4, 4)));
    assert_eq!(ends(false), None);
}
