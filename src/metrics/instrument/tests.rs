use super::*;
use crate::metrics::fixture::{MS, Run, SEC, answer, closed, failure, open, plan};

fn look(at_s: f64, cpu_s: f64) -> Diary {
    Diary::Generator(Generator {
        at_ns: (at_s * 1e9) as u64,
        cpu_ns: Some((cpu_s * 1e9) as u64),
        cores: 2,
        nice: None,
        swapped_bytes: None,
        refused: 0,
        wall_steps: 0,
    })
}

#[test]
fn the_busiest_stretch_of_the_windows_counts() {
    let span = |from_s: u64, to_s: u64| Span { from_ns: from_s * SEC, to_ns: to_s * SEC };
    // idle for 10 s, both processors for 10 s, one for 10 s
    let diary: Vec<Diary> = (0..=30)
        .map(|second| {
            let at = f64::from(second);
            look(at, (at - 10.0).clamp(0.0, 10.0) * 2.0 + (at - 20.0).max(0.0))
        })
        .collect();
    let share = |windows: &[Span]| usage(&diary, windows).and_then(|usage| usage.cpu_share);
    assert_eq!(share(&[span(0, 10)]), Some(0.0));
    assert_eq!(share(&[span(0, 10), span(20, 30)]), Some(0.5));
    assert_eq!(share(&[span(0, 30)]), Some(1.0));
    // shorter than a stretch: all of it
    assert_eq!(share(&[span(19, 21)]), Some(0.75));
    assert_eq!(share(&[]), None);
    assert_eq!(usage(&[], &[span(0, 1)]), None);
}

#[test]
fn widths_are_ranked_with_the_exact_ones_as_none() {
    let of = |widths: Vec<u32>| {
        let mut run = Run::new(plan(&["chat"], vec![closed("load", 1, 1)]));
        run.start(1, 0);
        run.push_user(1, 0, answer(0, MS, &vec![MS; widths.len() - 1]));
        run.records[0].1.width_ns = widths;
        run.end().summary().instrument
    };
    let exact = of(vec![0; 100]);
    assert_eq!((exact.exact, exact.bounded, exact.width_p99_s), (100, 0, Some(0.0)));
    let one = of([vec![5_000_000], vec![0; 99]].concat());
    assert_eq!((one.exact, one.bounded, one.width_p99_s), (99, 1, Some(0.0)));
    let two = of([vec![5_000_000, 7_000_000], vec![0; 98]].concat());
    let width = two.width_p99_s.expect("events");
    assert!((0.00499..0.00502).contains(&width), "{width}");
}

#[test]
fn only_a_load_that_the_plan_keeps_has_to_settle() {
    let settled = |step| {
        let mut run = Run::new(plan(&["chat"], vec![step]));
        run.start(1, 0);
        for i in 0..300 {
            run.push(1, answer(i * 10 * MS, 5 * MS, &[]));
        }
        run.end().summary().instrument.steps[0].settled
    };
    let constant = settled(open("load", 100.0, 3)).expect("a constant rate");
    assert_eq!((constant.requests, constant.transient), (300, Some(0)));
    let mut ramp = open("load", 100.0, 3);
    let crate::plan::Work::Load(LoadStep { pattern: Pattern::Open { stages, .. }, .. }) = &mut ramp.work
    else {
        panic!("an open loop")
    };
    stages[0].to = 200.0;
    assert_eq!(settled(ramp), None);
}

#[test]
fn what_is_in_flight_is_counted_at_the_same_moments() {
    let mut run = Run::new(plan(&["chat"], vec![open("load", 10.0, 2)]));
    run.start(1, 0);
    for i in 0..20 {
        run.push(1, answer(i * 100 * MS, 250 * MS, &[]));
    }
    // never in flight
    run.push(1, failure(SEC, MS, Outcome::NotSent));
    // in flight until it failed
    run.push(1, failure(SEC, 100 * MS, Outcome::ConnectFailed));
    // beside it those sent at 0.8, 0.9 and 1.0 s
    for at_ns in [SEC + 20 * MS, SEC + 40 * MS] {
        run.diary.push(Diary::Issued { step: 1, at_ns, issued: 0, in_flight: 4, users: 0 });
    }
    let summary = run.end().summary();
    assert_eq!(summary.instrument.steps[0].in_flight, Some(Look { looks: 2, counted: 4.0, recorded: 4.0 }));
}
