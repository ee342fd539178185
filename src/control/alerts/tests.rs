use std::collections::BTreeMap;

use crate::{
    catalog::{MetricName, Quantity},
    config::{Condition, Ready, Severity, StopSignal},
    metrics::fixture::{MS, Run, SEC, answer, closed, closed_for, failure, open, phase, plan},
    plan::{AlertSource, PlannedService},
    record::{Class, Outcome, Sample, ServiceEnded, StopCause},
};

use super::*;

/// An alert on a condition with the usual cooldown, over windows of so many seconds.
fn alert(metric: &str, is: Beyond, window_s: u64, scopes: Vec<ScopeKey>) -> PlannedAlert {
    let metric: MetricName = metric.parse().expect("a metric");
    PlannedAlert {
        name: "it".to_owned(),
        source: AlertSource::Scenario,
        trigger: Trigger::Limit(Condition { metric, is }),
        hold: Duration::ZERO,
        window: Duration::from_secs(window_s),
        cooldown: Duration::from_secs(60),
        severity: Severity::Warn,
        scopes,
        endpoint: None,
    }
}

/// What was told, as state, second, and value.
type Told = (AlertState, f64, Option<f64>);

fn told(alerts: &[Alert]) -> Vec<Told> {
    alerts.iter().map(|alert| (alert.state, alert.at_ns as f64 / 1e9, alert.value)).collect()
}

/// A plan without any load that matters, and one alert.
fn watching(alert: PlannedAlert) -> Alerts {
    let mut plan = plan(&["chat"], vec![closed_for("load", 1, 1_000)]);
    plan.alerts = vec![alert];
    Alerts::new(&plan).expect("an alert")
}

fn sample(at_ns: u64, subject: Subject, quantity: Quantity, value: f64) -> Event {
    Event::Telemetry(Telemetry::Sample(Sample {
        at_ns,
        sensor: SensorKind::Nvml,
        class: Class::Sampled,
        subject,
        readings: BTreeMap::from([(quantity, value)]),
        cores: Vec::new(),
        raw: BTreeMap::new(),
    }))
}

/// Shows readings of one subject every 100 ms, with a look every 250 ms, for so many seconds.
fn read(alerts: &mut Alerts, quantity: Quantity, seconds: u64, value: impl Fn(f64) -> f64) -> Vec<Alert> {
    let mut all = Vec::new();
    for at_ns in (0..seconds * SEC).step_by(50 * MS as usize) {
        if at_ns.is_multiple_of(100 * MS) {
            let value = value(at_ns as f64 / 1e9);
            alerts.observe(&sample(at_ns, Subject::Gpu("0".to_owned()), quantity, value));
        }
        if at_ns.is_multiple_of(250 * MS) {
            all.extend(alerts.look(at_ns));
        }
    }
    all
}

#[test]
fn a_series_fires_once_per_cooldown_and_clears() {
    let hot =
        |at: f64| (10.0..20.0).contains(&at) || (22.0..40.0).contains(&at) || (100.0..105.0).contains(&at);
    let alert = PlannedAlert {
        hold: Duration::from_secs(2),
        ..alert("gpu_temperature", Beyond::Above(85.0), 1, Vec::new())
    };
    let seen =
        read(&mut watching(alert), Quantity::GpuTemperature, 120, |at| if hot(at) { 90.0 } else { 70.0 });
    assert_eq!(
        told(&seen),
        [
            // two seconds after the first reading above the limit
            (AlertState::Firing, 12.0, Some(90.0)),
            // when the last such reading has left the window; the next stretch lies within the cooldown
            (AlertState::Cleared, 21.0, Some(70.0)),
            (AlertState::Firing, 102.0, Some(90.0)),
            (AlertState::Cleared, 106.0, Some(70.0)),
        ]
    );
    let (fired, cleared) = (&seen[0], &seen[1]);
    assert_eq!((fired.since_ns, fired.threshold), (10 * SEC, Some(85.0)));
    assert_eq!(fired.subject, Some(Subject::Gpu("0".to_owned())));
    assert_eq!((cleared.since_ns, cleared.worst), (12 * SEC, Some(90.0)));
}

#[test]
fn what_is_still_so_when_the_cooldown_is_over_fires_then() {
    let hot = |at: f64| (10.0..20.0).contains(&at) || (30.0..80.0).contains(&at);
    let alert = alert("gpu_temperature", Beyond::Above(85.0), 1, Vec::new());
    let seen =
        read(&mut watching(alert), Quantity::GpuTemperature, 75, |at| if hot(at) { 90.0 } else { 70.0 });
    let at: Vec<(AlertState, f64)> = told(&seen).into_iter().map(|(state, at, _)| (state, at)).collect();
    assert_eq!(at, [(AlertState::Firing, 10.0), (AlertState::Cleared, 21.0), (AlertState::Firing, 70.0)]);
    assert_eq!(seen[2].since_ns, 30 * SEC);
}

#[test]
fn what_is_over_too_soon_is_not_told() {
    let alert = PlannedAlert {
        hold: Duration::from_secs(5),
        ..alert("gpu_temperature", Beyond::Above(85.0), 1, Vec::new())
    };
    let hot = |at: f64| (10.0..13.0).contains(&at);
    let seen =
        read(&mut watching(alert), Quantity::GpuTemperature, 60, |at| if hot(at) { 90.0 } else { 70.0 });
    assert_eq!(seen, []);
}

#[test]
fn a_mean_over_time_waits_for_its_whole_window() {
    let alert = alert("system.memory.mean", Beyond::Above(0.9), 10, Vec::new());
    let seen = read(&mut watching(alert), Quantity::SystemMemory, 20, |_| 0.95);
    // the first reading is at 0, and windows move on by a tenth
    assert_eq!(told(&seen).len(), 1);
    assert!((9.0..=10.0).contains(&(seen[0].at_ns as f64 / 1e9)), "{seen:?}");
}

#[test]
fn a_count_is_what_it_grew_by_in_the_window() {
    let alert = alert("server.preemptions", Beyond::Above(0.0), 10, Vec::new());
    let seen =
        read(&mut watching(alert), Quantity::ServerPreemptions, 40, |at| if at < 5.0 { 7.0 } else { 9.0 });
    let [fired, cleared] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!((fired.state, fired.at_ns, fired.value), (AlertState::Firing, 5 * SEC, Some(2.0)));
    assert_eq!((cleared.state, cleared.value), (AlertState::Cleared, Some(0.0)));
}

#[test]
fn subjects_are_told_by_the_worst_or_by_their_sum() {
    for (quantity, metric, value, subject) in [
        (Quantity::GpuTemperature, "gpu_temperature", 90.0, Some("1")),
        (Quantity::Power, "power.max", 170.0, None),
    ] {
        let mut alerts = watching(alert(metric, Beyond::Above(85.0), 1, Vec::new()));
        for (gpu, value) in [("0", 80.0), ("1", 90.0)] {
            alerts.observe(&sample(SEC, Subject::Gpu(gpu.to_owned()), quantity, value));
        }
        let seen = alerts.look(SEC);
        assert_eq!(seen[0].value, Some(value));
        assert_eq!(seen[0].subject, subject.map(|gpu| Subject::Gpu(gpu.to_owned())));
    }
}

#[test]
fn what_two_sensors_read_of_the_same_is_no_sum() {
    // the driver, and the page of an exporter on this machine
    for quantity in [Quantity::Power, Quantity::GpuTemperature] {
        let name = format!("{}.max", quantity.name());
        let mut alerts = watching(alert(&name, Beyond::Above(10.0), 1, Vec::new()));
        alerts.observe(&sample(SEC, Subject::Gpu("0".to_owned()), quantity, 302.0));
        let Event::Telemetry(Telemetry::Sample(mut page)) =
            sample(SEC, Subject::Gpu("localhost:9400/0".to_owned()), quantity, 300.0)
        else {
            unreachable!()
        };
        page.sensor = SensorKind::Prometheus;
        alerts.observe(&Event::Telemetry(Telemetry::Sample(page)));
        assert_eq!(alerts.look(SEC)[0].value, Some(300.0), "{name}");
    }
}

#[test]
fn power_is_unusual_by_what_it_was_in_the_same_step() {
    let metric: MetricName = "power.mean".parse().expect("a metric");
    let unusual = || PlannedAlert {
        trigger: Trigger::Unusual(metric),
        ..alert("power.mean", Beyond::Above(0.0), 10, Vec::new())
    };
    let leap = |at: f64| if at < 100.0 { 300.0 + (at * 10.0) % 7.0 } else { 500.0 };
    let seen = read(&mut watching(unusual()), Quantity::Power, 130, leap);
    let states: Vec<AlertState> = seen.iter().map(|alert| alert.state).collect();
    // what lasts does not become usual
    assert_eq!(states, [AlertState::Firing], "{seen:?}");
    assert!((100.0..112.0).contains(&(seen[0].at_ns as f64 / 1e9)), "{seen:?}");
    // another load draws another power
    let mut alerts = watching(unusual());
    let mut seen = read(&mut alerts, Quantity::Power, 100, leap);
    alerts.observe(&Event::Diary(Diary::StepStarted { step: 1, at_ns: 100 * SEC }));
    for at_ns in (100 * SEC..130 * SEC).step_by(250 * MS as usize) {
        alerts.observe(&sample(at_ns, Subject::Gpu("0".to_owned()), Quantity::Power, 500.0));
        seen.extend(alerts.look(at_ns));
    }
    assert_eq!(seen, []);
}

/// Shows the power of a step that ends its arrivals by an event after 100 s, and draws little from there on.
fn drained(event: Option<&Diary>) -> Vec<Alert> {
    let metric: MetricName = "power.mean".parse().expect("a metric");
    let unusual = PlannedAlert {
        trigger: Trigger::Unusual(metric),
        ..alert("power.mean", Beyond::Above(0.0), 10, Vec::new())
    };
    let mut plan = plan(&["chat"], vec![closed("load", 1, 500)]);
    plan.alerts = vec![unusual];
    let mut alerts = Alerts::new(&plan).expect("an alert");
    alerts.observe(&Event::Diary(Diary::StepStarted { step: 1, at_ns: 0 }));
    let mut all = Vec::new();
    for at_ns in (0..130 * SEC).step_by(250 * MS as usize) {
        if at_ns == 100 * SEC
            && let Some(line) = event.cloned()
        {
            alerts.observe(&Event::Diary(line));
        }
        let power = if at_ns < 100 * SEC { 300.0 } else { 60.0 };
        alerts.observe(&sample(at_ns, Subject::Gpu("0".to_owned()), Quantity::Power, power));
        all.extend(alerts.look(at_ns));
    }
    all
}

#[test]
fn power_is_not_unusual_once_only_the_last_answers_come_in() {
    assert_eq!(drained(None)[0].state, AlertState::Firing);
    let issued = Diary::Issued { step: 1, at_ns: 100 * SEC, issued: 500, in_flight: 1, users: 1 };
    assert_eq!(drained(Some(&issued)), []);
    let stopping = Diary::Stopping { at_ns: 100 * SEC, cause: StopCause::Interrupt };
    assert_eq!(drained(Some(&stopping)), []);
}

/// Shows a run, with a look every 250 ms.
fn watched(run: &Run) -> Vec<Alert> {
    let mut alerts = Alerts::new(&run.plan).expect("an alert");
    let mut events: Vec<(u64, u8, Event)> = run
        .diary
        .iter()
        .filter_map(|line| match line {
            Diary::StepStarted { at_ns, .. } => Some((*at_ns, 0, line)),
            Diary::Issued { at_ns, .. } => Some((*at_ns, 1, line)),
            Diary::StepEnded { at_ns, .. } => Some((*at_ns, 3, line)),
            Diary::RunEnded { at_ns } => Some((*at_ns, 4, line)),
            _ => None,
        })
        .map(|(at_ns, rank, line)| (at_ns, rank, Event::Diary(line.clone())))
        .collect();
    events.extend(run.records.iter().map(|(record, chunks)| {
        let event = Event::Finished { record: Box::new(record.clone()), chunks: chunks.clone(), texts: None };
        (record.end_ns, 2, event)
    }));
    events.sort_by_key(|(at_ns, rank, _)| (*at_ns, *rank));
    let (mut now_ns, mut all) = (0, Vec::new());
    for (at_ns, _, event) in events {
        while now_ns + 250 * MS <= at_ns {
            now_ns += 250 * MS;
            all.extend(alerts.look(now_ns));
        }
        alerts.observe(&event);
    }
    all.extend(alerts.look(now_ns + 250 * MS));
    all
}

/// Ten requests a second for so many seconds, each with its outcome and its time to the first token in milliseconds.
fn requests(seconds: u64, alert: PlannedAlert, each: impl Fn(u64) -> (Outcome, u64)) -> Run {
    let mut run = Run::new(plan(&["chat", "other"], vec![open("load", 10.0, seconds)]));
    run.plan.alerts = vec![alert];
    run.start(1, 0);
    for number in 0..seconds * 10 {
        let due_ns = number * 100 * MS;
        let (outcome, took_ms) = each(number);
        let request = match outcome {
            Outcome::Ok => answer(due_ns, took_ms * MS, &[MS]),
            _ => failure(due_ns, took_ms * MS, outcome),
        };
        run.push(1, request);
    }
    run.end()
}

#[test]
fn a_percentile_is_that_of_the_window_and_waits_for_enough_requests() {
    let slow = |from: u64, to: u64| {
        move |number: u64| (Outcome::Ok, if (from * 10..to * 10).contains(&number) { 900 } else { 50 })
    };
    let on = || alert("ttft.p95", Beyond::Above(0.8), 10, vec![phase("load")]);
    let seen = watched(&requests(60, on(), slow(20, 30)));
    let [fired, cleared] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!((fired.state, cleared.state), (AlertState::Firing, AlertState::Cleared));
    assert_eq!(fired.scope, Some(phase("load")));
    assert!(fired.value.is_some_and(|value| (value - 0.9).abs() < 0.001), "{fired:?}");
    // a twentieth of a window of a hundred is slow within the first second, and no more when the window is past
    assert!((21 * SEC..=22 * SEC).contains(&fired.at_ns), "{fired:?}");
    assert!((38 * SEC..=41 * SEC).contains(&cleared.at_ns), "{cleared:?}");
    // twenty are needed, whatever they say
    let seen = watched(&requests(10, on(), slow(0, 60)));
    assert!((2_500 * MS..=3_250 * MS).contains(&seen[0].at_ns), "{seen:?}");
    // and it ends with its phase
    assert_eq!(seen[1].state, AlertState::Ended);
    assert_eq!(watched(&requests(1, on(), slow(0, 60))), []);
}

#[test]
fn requests_that_failed_are_the_slowest() {
    let on = alert("ttft.p95", Beyond::Above(0.8), 10, vec![phase("load")]);
    let seen = watched(&requests(20, on, |number| {
        (if number.is_multiple_of(10) { Outcome::HttpError } else { Outcome::Ok }, 50)
    }));
    assert_eq!((seen[0].state, seen[0].value, seen[0].threshold), (AlertState::Firing, None, Some(0.8)));
}

#[test]
fn a_share_takes_several_requests_and_a_clear_case() {
    let errors = || alert("error_rate", Beyond::Above(0.05), 30, vec![phase("load")]);
    let one_of = |every: u64| {
        move |number: u64| (if number.is_multiple_of(every) { Outcome::HttpError } else { Outcome::Ok }, 50)
    };
    // the first request fails, which is all of them then, and a tenth of them later
    assert_eq!(watched(&requests(60, errors(), one_of(1_000))), []);
    assert_eq!(watched(&requests(60, errors(), one_of(40))), []);
    let rare = || alert("timeout_rate", Beyond::Above(0.01), 30, vec![phase("load")]);
    for at in 0..30 {
        let once = |number| (if number == at { Outcome::Timeout } else { Outcome::Ok }, 50);
        assert_eq!(watched(&requests(30, rare(), once)), [], "request {at}");
    }
    // what is a little above may be chance, and what is far above is not
    assert_eq!(watched(&requests(10, errors(), one_of(19))), []);
    assert_eq!(watched(&requests(10, errors(), one_of(5)))[0].state, AlertState::Firing);
    // a share that is too low is told by those that do not count
    for (fine, fires) in [(2, false), (20, true)] {
        let low = alert("error_rate", Beyond::Below(0.95), 30, vec![phase("load")]);
        let seen =
            watched(&requests(10, low, |at| (if at < fine { Outcome::Ok } else { Outcome::HttpError }, 50)));
        assert_eq!(!seen.is_empty(), fires, "{fine}: {seen:?}");
    }
    let failing = |number| if number < 200 { (Outcome::Ok, 50) } else { (Outcome::HttpError, 50) };
    let seen = watched(&requests(40, errors(), failing));
    assert_eq!(seen[0].state, AlertState::Firing);
    assert!((21 * SEC..=23 * SEC).contains(&seen[0].at_ns), "{seen:?}");
    // and it clears when what failed has left the window
    let for_a_while =
        |number| (if (200..250).contains(&number) { Outcome::HttpError } else { Outcome::Ok }, 50);
    let states: Vec<AlertState> =
        watched(&requests(80, errors(), for_a_while)).into_iter().map(|alert| alert.state).collect();
    assert_eq!(states, [AlertState::Firing, AlertState::Cleared]);
    // a server that hangs ends three requests, all of them too late
    let timeouts = alert("timeout_rate", Beyond::Above(0.01), 30, vec![phase("load")]);
    let mut run = Run::new(plan(&["chat"], vec![open("load", 0.1, 40)]));
    run.plan.alerts = vec![timeouts];
    run.start(1, 0);
    for number in 0..4 {
        run.push(1, failure(number * 10 * SEC, 5 * SEC, Outcome::Timeout));
    }
    assert_eq!(watched(&run.end())[0].state, AlertState::Firing);
}

#[test]
fn a_rate_is_that_of_a_whole_window_and_not_of_the_drain() {
    let on = |limit| alert("output_tokens_per_second", Beyond::Below(limit), 10, vec![phase("load")]);
    // two tokens each, ten times a second
    let fine = |_| (Outcome::Ok, 50);
    assert_eq!(watched(&requests(40, on(19.0), fine)), []);
    let seen = watched(&requests(40, on(21.0), fine));
    assert_eq!(seen[0].state, AlertState::Firing);
    assert!((10 * SEC..=12 * SEC).contains(&seen[0].at_ns), "{seen:?}");
    assert!(seen[0].value.is_some_and(|value| (value - 20.0).abs() < 1.5), "{seen:?}");
    let stalled = |number| if number < 200 { (Outcome::Ok, 50) } else { (Outcome::HttpError, 50) };
    let seen = watched(&requests(40, on(10.0), stalled));
    assert!((24 * SEC..=27 * SEC).contains(&seen[0].at_ns), "{seen:?}");
}

#[test]
fn spikes_are_told_by_their_share() {
    let on = |is| alert("spike_rate.mad", is, 30, vec![phase("load")]);
    let tail = |number: u64| (Outcome::Ok, if number.is_multiple_of(10) { 500 } else { 50 + number % 7 });
    let seen = watched(&requests(40, on(Beyond::Outside(0.02, 0.08)), tail));
    assert_eq!(seen[0].state, AlertState::Firing);
    assert!(seen[0].value.is_some_and(|value| (value - 0.1).abs() < 0.03), "{seen:?}");
    assert_eq!(seen[0].threshold, Some(0.08));
    assert_eq!(watched(&requests(40, on(Beyond::Outside(0.05, 0.15)), tail)), []);
}

#[test]
fn an_alert_of_one_endpoint_hears_of_no_other() {
    let here = |name: &str| ScopeKey { endpoint: Some(name.to_owned()), ..phase("load") };
    let failing = |_| (Outcome::HttpError, 50);
    for (endpoint, fires) in [("chat", true), ("other", false)] {
        let on = alert("error_rate", Beyond::Above(0.05), 30, vec![here(endpoint)]);
        assert_eq!(!watched(&requests(10, on, failing)).is_empty(), fires, "{endpoint}");
    }
}

#[test]
fn a_server_that_ends_is_told_once_and_whatever_the_cooldown() {
    let crash = PlannedAlert { trigger: Trigger::Crash, ..alert("ttft", Beyond::Above(0.0), 30, Vec::new()) };
    let mut alerts = watching(crash);
    let ended = |asked| {
        Event::Diary(Diary::ServiceEnded(ServiceEnded {
            service: "server".to_owned(),
            at_ns: SEC,
            asked,
            status: Some(1),
            signal: None,
            killed: false,
            left_running: Vec::new(),
        }))
    };
    let gone = |name: &str| {
        Event::Telemetry(Telemetry::Missing {
            at_ns: 2 * SEC,
            sensor: SensorKind::Process,
            subject: Subject::Server(vec![name.to_owned()]),
            why: "its process ended".to_owned(),
        })
    };
    let Event::Telemetry(Telemetry::Sample(mut there)) =
        sample(SEC, Subject::Server(vec!["chat".to_owned()]), Quantity::ServerMemory, 1.0)
    else {
        unreachable!()
    };
    there.sensor = SensorKind::Process;
    let back = Sample { at_ns: 2_500 * MS, ..there.clone() };
    let [there, back] = [there, back].map(|sample| Event::Telemetry(Telemetry::Sample(sample)));
    alerts.observe(&there);
    for event in [ended(true), ended(false), gone("chat"), gone("chat"), gone("never there")] {
        alerts.observe(&event);
    }
    let whys: Vec<_> = alerts.look(3 * SEC).into_iter().filter_map(|alert| alert.why).collect();
    assert_eq!(
        whys,
        ["service `server` ended with status 1", "the server of `chat` is gone: its process ended"]
    );
    // one that comes back can end again
    for event in [back, gone("chat")] {
        alerts.observe(&event);
    }
    assert_eq!(alerts.look(4 * SEC).len(), 1);
}

/// That the service `server` ended by itself, that the process of `chat` did, and that this is there.
fn crash_of_chat() -> [Event; 3] {
    let ended = Diary::ServiceEnded(ServiceEnded {
        service: "server".to_owned(),
        at_ns: 2 * SEC,
        asked: false,
        status: Some(1),
        signal: None,
        killed: false,
        left_running: Vec::new(),
    });
    let chat = || Subject::Server(vec!["chat".to_owned()]);
    let gone = Telemetry::Missing {
        at_ns: 2 * SEC,
        sensor: SensorKind::Process,
        subject: chat(),
        why: "its processes have ended".to_owned(),
    };
    let Event::Telemetry(Telemetry::Sample(there)) = sample(SEC, chat(), Quantity::ServerMemory, 1.0) else {
        unreachable!()
    };
    let there = Sample { sensor: SensorKind::Process, ..there };
    [Event::Diary(ended), Event::Telemetry(gone), Event::Telemetry(Telemetry::Sample(there))]
}

fn service(name: &str) -> PlannedService {
    PlannedService {
        name: name.to_owned(),
        command: "server".to_owned(),
        args: Vec::new(),
        environment: BTreeMap::new(),
        folder: String::new(),
        ready: Ready::Tcp(Vec::new()),
        ready_within: Duration::ZERO,
        stop: StopSignal::Terminate,
        stop_within: Duration::ZERO,
    }
}

#[test]
fn a_service_and_its_process_are_one_crash() {
    let crash = PlannedAlert { trigger: Trigger::Crash, ..alert("ttft", Beyond::Above(0.0), 30, Vec::new()) };
    let mut plan = plan(&["chat"], vec![closed("load", 1, 10)]);
    plan.alerts = vec![crash];
    plan.services = vec![service("server")];
    plan.endpoints[0].service = Some(0);
    let [ended, gone, there] = crash_of_chat();
    // what was read before comes late, too
    for (events, told) in [
        ([&there, &ended, &there, &gone], "service `server` ended with status 1"),
        ([&there, &gone, &there, &ended], "the server of `chat` is gone: its processes have ended"),
    ] {
        let mut alerts = Alerts::new(&plan).expect("an alert");
        for event in events {
            alerts.observe(event);
        }
        let whys: Vec<_> = alerts.look(3 * SEC).into_iter().filter_map(|alert| alert.why).collect();
        assert_eq!(whys, [told]);
    }
}

#[test]
fn what_is_read_no_more_behind_the_end_of_the_run_has_not_crashed() {
    let crash = PlannedAlert { trigger: Trigger::Crash, ..alert("ttft", Beyond::Above(0.0), 30, Vec::new()) };
    let mut alerts = watching(crash);
    let [_, gone, there] = crash_of_chat();
    alerts.observe(&there);
    alerts.observe(&Event::Diary(Diary::RunEnded { at_ns: 2 * SEC }));
    alerts.observe(&gone);
    assert_eq!(alerts.look(3 * SEC), []);
}

#[test]
fn what_fires_when_the_run_ends_says_so() {
    let mut alerts = watching(alert("gpu_temperature", Beyond::Above(85.0), 1, Vec::new()));
    let seen = read(&mut alerts, Quantity::GpuTemperature, 2, |_| 90.0);
    assert_eq!(told(&seen), [(AlertState::Firing, 0.0, Some(90.0))]);
    alerts.observe(&Event::Diary(Diary::RunEnded { at_ns: 2 * SEC }));
    let seen = alerts.look(5 * SEC);
    assert_eq!(told(&seen), [(AlertState::Ended, 2.0, None)]);
    assert_eq!(seen[0].worst, Some(90.0));
    assert_eq!(alerts.look(9 * SEC), []);
}
