use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use super::*;
use crate::{
    catalog::Quantity,
    plan::Work,
    record::{ChunkTimes, Class, Diary, Outcome, Record, Sample, SensorKind, StopCause, Subject, Telemetry},
    report::fixture,
};

const SECOND: u64 = 1_000_000_000;

/// Index of a step of the fixture's plan.
fn step_of(plan: &Plan, name: &str) -> usize {
    plan.steps.iter().position(|step| step.name == name).expect("a step of the fixture")
}

fn started(step: usize, at: u64) -> Event {
    Event::Diary(Diary::StepStarted { step, at_ns: at * SECOND })
}

fn ended(step: usize, at: u64) -> Event {
    Event::Diary(Diary::StepEnded { step, at_ns: at * SECOND, issued: 0, due: 0 })
}

fn issued(step: usize, in_flight: u64, users: u32) -> Event {
    Event::Diary(Diary::Issued { step, at_ns: 0, issued: 100, in_flight, users })
}

/// A request of a step that took two seconds and ended at this moment.
fn finished(step: usize, end_ns: u64, outcome: Outcome) -> Event {
    let record = Record {
        step_id: step,
        due_ns: end_ns - 2 * SECOND,
        last_token_ns: Some(end_ns),
        end_ns,
        output_tokens: (!outcome.failed()).then_some(50),
        outcome,
        ..fixture::record()
    };
    Event::Finished { record: Box::new(record), chunks: ChunkTimes::default(), texts: None }
}

#[test]
fn an_open_loop_shows_what_is_in_flight() {
    let plan = fixture::mixed().plan;
    let step = step_of(&plan, "mixed");
    let mut progress = Progress::new(&plan);
    assert_eq!(progress.line(0), "[0s] opening connections");
    progress.observe(&started(step_of(&plan, "warmup"), 0));
    progress.observe(&ended(step_of(&plan, "warmup"), 10));
    assert_eq!(progress.line(11 * SECOND), "[11s] between phases");
    progress.observe(&started(step, 12));
    assert_eq!(progress.line(12 * SECOND), "[12s] phase mixed · 160 s left".replace("160 s", "2m 40s"));
    progress.observe(&issued(step, 12, 0));
    for i in 0..80 {
        let outcome = if i % 20 == 0 { Outcome::Overloaded } else { Outcome::Ok };
        progress.observe(&finished(step, 32 * SECOND + i * SECOND / 8, outcome));
    }
    insta::assert_snapshot!(
        progress.line(42 * SECOND - 1),
        @"[41s] phase mixed · in flight 12 · 80 requests · 8.00 req/s · 380 tok/s · e2e p90 2.00 s · errors 5.0 % · 2m 11s left"
    );
    assert!(progress.done(42 * SECOND).is_some_and(|done| (0.2..0.3).contains(&done)));
}

#[test]
fn a_level_of_a_ladder_shows_its_users_once_they_differ_from_its_name() {
    let plan = fixture::mixed().plan;
    let step = step_of(&plan, "users=16");
    let mut progress = Progress::new(&plan);
    for earlier in 1..step {
        progress.observe(&started(earlier, 0));
        progress.observe(&ended(earlier, 100));
    }
    progress.observe(&started(step, 156));
    progress.observe(&issued(step, 5, 5));
    assert_eq!(progress.line(157 * SECOND), "[2m37s] phase ladder · users=16 · users 5 · 19 s left");
    progress.observe(&issued(step, 16, 16));
    assert_eq!(progress.line(157 * SECOND), "[2m37s] phase ladder · users=16 · 19 s left");
    progress.observe(&Event::Diary(Diary::Stopping { at_ns: 0, cause: StopCause::Interrupt }));
    assert_eq!(progress.line(158 * SECOND), "[2m38s] phase ladder · users=16 · stopping");
}

#[test]
fn what_a_stop_cut_off_is_no_error() {
    let plan = fixture::mixed().plan;
    let step = step_of(&plan, "mixed");
    let mut progress = Progress::new(&plan);
    progress.observe(&started(step, 0));
    for _ in 0..4 {
        progress.observe(&finished(step, 5 * SECOND, Outcome::Ok));
    }
    progress.observe(&Event::Diary(Diary::Stopping { at_ns: 6 * SECOND, cause: StopCause::Interrupt }));
    for outcome in [Outcome::NotSent, Outcome::Cancelled, Outcome::Timeout] {
        progress.observe(&finished(step, 7 * SECOND, outcome));
    }
    let line = progress.line(8 * SECOND);
    assert!(line.contains("5 requests") && line.contains("errors 20.0 %"), "{line}");
}

#[test]
fn a_pause_is_shown_with_the_time_that_is_left() {
    let mut plan = fixture::mixed().plan;
    let step = step_of(&plan, "warmup");
    plan.steps[step].work = Work::Pause { duration: Duration::from_secs(10) };
    plan.steps.truncate(step + 1);
    let mut progress = Progress::new(&plan);
    progress.observe(&started(step, 2));
    assert_eq!(progress.line(5 * SECOND), "[5s] phase warmup · pause · 7 s left");
    assert!(progress.done(5 * SECOND).is_some_and(|done| (0.41..0.42).contains(&done)));
    progress.observe(&Event::Diary(Diary::Stopping { at_ns: 0, cause: StopCause::Interrupt }));
    assert_eq!(progress.line(6 * SECOND), "[6s] phase warmup · pause · stopping");
    progress.observe(&ended(step, 6));
    assert_eq!(progress.line(6 * SECOND), "[6s] stopping");
}

#[test]
fn steps_side_by_side_share_a_line_and_the_longest_way_is_left() {
    let mut plan = fixture::mixed().plan;
    let (warmup, mixed) = (step_of(&plan, "warmup"), step_of(&plan, "mixed"));
    plan.steps.truncate(mixed + 1);
    // beside the open loop: users until it ends, and a short pause
    let mut users = plan.steps[warmup].clone();
    users.phase = "users".to_owned();
    users.name = "users".to_owned();
    if let Work::Load(load) = &mut users.work {
        (load.requests, load.until) = (None, Some(mixed));
    }
    let mut rest = users.clone();
    rest.phase = "rest".to_owned();
    rest.name = "rest".to_owned();
    rest.work = Work::Pause { duration: Duration::from_secs(20) };
    let mut last = plan.steps[mixed].clone();
    (last.phase, last.name) = ("last".to_owned(), "last".to_owned());
    for step in [users, rest, last] {
        let id = plan.steps.len();
        let after =
            if step.phase == "last" { vec![mixed, id - 2, id - 1] } else { plan.steps[mixed].after.clone() };
        plan.steps.push(crate::plan::Step { id, after, ..step });
    }
    let mut progress = Progress::new(&plan);
    progress.observe(&started(warmup, 0));
    progress.observe(&ended(warmup, 10));
    for step in [mixed, mixed + 1, mixed + 2] {
        progress.observe(&started(step, 10));
    }
    progress.observe(&issued(mixed, 7, 0));
    progress.observe(&issued(mixed + 1, 2, 2));
    for second in 11..20 {
        progress.observe(&finished(mixed, second * SECOND, Outcome::Ok));
        progress.observe(&finished(mixed + 1, second * SECOND, Outcome::Ok));
    }
    insta::assert_snapshot!(
        progress.line(20 * SECOND),
        @"[20s] phases mixed + users + rest · pause · users 2 · in flight 7 · 18 requests · 2.00 req/s · 100 tok/s · e2e p90 2.00 s · errors 0.0 % · 1m 50s left"
    );
    assert!(progress.done(20 * SECOND).is_some_and(|done| (0.1..0.2).contains(&done)));
    progress.observe(&ended(mixed + 2, 30));
    for step in [mixed, mixed + 1] {
        progress.observe(&ended(step, 70));
    }
    progress.observe(&started(mixed + 3, 70));
    assert_eq!(progress.line(80 * SECOND), "[1m20s] phase last · 50 s left");
}

#[test]
fn a_step_that_ends_by_count_is_estimated_from_its_pace() {
    let mut plan = fixture::mixed().plan;
    let step = step_of(&plan, "warmup");
    // nothing is known of what comes after
    for later in &mut plan.steps[step + 1..] {
        later.expected.duration_s = None;
        if let Work::Load(load) = &mut later.work {
            load.duration = None;
            load.requests = Some(100);
        }
    }
    let mut progress = Progress::new(&plan);
    progress.observe(&started(step, 0));
    progress.observe(&issued(step, 2, 2));
    for i in 0..4 {
        progress.observe(&finished(step, (2 + i) * SECOND, Outcome::Ok));
    }
    assert!(!progress.line(5 * SECOND).contains("left"), "four requests say little of the pace");
    progress.observe(&finished(step, 5 * SECOND, Outcome::Ok));
    let line = progress.line(5 * SECOND);
    assert!(line.ends_with(" · 15 s left in this step"), "{line}");
    assert_eq!(progress.done(5 * SECOND), None);
}

#[test]
fn a_plain_terminal_gets_a_line_every_interval_and_one_after_a_pause() {
    let plan = fixture::mixed().plan;
    let mut lines = Plain::new(&plan, Plain::INTERVAL);
    lines.observe(&started(step_of(&plan, "mixed"), 1));
    assert_eq!(lines.tick(9 * SECOND), None);
    assert!(lines.tick(10 * SECOND).is_some_and(|line| line.starts_with("[10s] phase mixed")));
    assert_eq!(lines.tick(19 * SECOND), None);
    assert!(lines.tick(45 * SECOND).is_some());
    assert_eq!(lines.tick(46 * SECOND), None);
    assert!(lines.tick(50 * SECOND).is_some());
    assert_eq!(Plain::new(&plan, Duration::ZERO).tick(SECOND), None);
}

/// A terminal that keeps what is written.
#[derive(Debug, Default, Clone)]
struct Screen(Arc<Mutex<String>>);

impl Screen {
    /// What was written since the last call.
    fn take(&self) -> String {
        std::mem::take(&mut *self.0.lock().expect("no test panicked while it wrote"))
    }

    fn write(&self, text: &str) {
        self.0.lock().expect("no test panicked while it wrote").push_str(text);
    }
}

impl indicatif::TermLike for Screen {
    fn width(&self) -> u16 {
        120
    }

    fn move_cursor_up(&self, _: usize) -> std::io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> std::io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> std::io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> std::io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> std::io::Result<()> {
        self.write(text);
        Ok(())
    }

    fn write_str(&self, text: &str) -> std::io::Result<()> {
        self.write(text);
        Ok(())
    }

    fn clear_line(&self) -> std::io::Result<()> {
        Ok(())
    }

    fn flush(&self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_bar_draws_on_what_it_is_given() {
    let plan = fixture::mixed().plan;
    let screen = Screen::default();
    let target = indicatif::ProgressDrawTarget::term_like(Box::new(screen.clone()));
    let mut bar = terminal::Bar::new(&plan, target);
    bar.observe(&started(step_of(&plan, "warmup"), 0));
    bar.tick(SECOND);
    assert!(screen.take().contains("[1s] phase warmup"));
    bar.observe(&ended(step_of(&plan, "warmup"), 10));
    bar.observe(&started(step_of(&plan, "mixed"), 12));
    bar.tick(72 * SECOND);
    let drawn = screen.take();
    assert!(drawn.contains('━') && drawn.contains("[1m12s] phase mixed"), "{drawn}");
    bar.finish();
    assert!(!screen.take().contains("phase"));
}

#[test]
fn where_nothing_is_sent_readings_are_the_news() {
    let mut plan = fixture::quiet().plan;
    plan.steps.truncate(2);
    plan.steps[1].work = Work::Watch { duration: Some(Duration::from_secs(60)) };
    let sample = |at: u64, subject: Subject, readings: &[(Quantity, f64)]| {
        Event::Telemetry(Telemetry::Sample(Sample {
            at_ns: at * SECOND,
            sensor: SensorKind::System,
            class: Class::Sampled,
            subject,
            readings: readings.iter().copied().collect(),
            cores: Vec::new(),
            raw: BTreeMap::new(),
        }))
    };
    let main = || Subject::Server(vec!["main".to_owned()]);
    let mut progress = Progress::new(&plan);
    assert!(progress.watches());
    progress.observe(&started(1, 0));
    progress.observe(&sample(
        28,
        main(),
        &[(Quantity::ServerKvCacheUsage, 0.31), (Quantity::ServerRunning, 2.0)],
    ));
    progress.observe(&sample(
        30,
        Subject::Machine,
        &[(Quantity::CpuUtilization, 0.123), (Quantity::SystemMemory, 0.4)],
    ));
    assert_eq!(
        progress.line(30 * SECOND),
        "[30s] CPU 12.3 %, memory 40.0 % · main 2 running, KV cache 31.0 % · 30 s left"
    );
    // what nobody has read for a while is no news
    assert_eq!(progress.line(34 * SECOND), "[34s] CPU 12.3 %, memory 40.0 % · 26 s left");
    // without an end there is nothing left
    plan.steps[1].work = Work::Watch { duration: None };
    let mut open = Progress::new(&plan);
    open.observe(&started(1, 0));
    open.observe(&sample(1, Subject::Machine, &[(Quantity::CpuUtilization, 0.5)]));
    assert_eq!((open.line(SECOND), open.done(SECOND)), ("[1s] CPU 50.0 %".to_owned(), None));
}
