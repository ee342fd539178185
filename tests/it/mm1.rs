//! A queue whose answer is in every textbook. `cargo bench --bench instrument -- mm1` does the same with twenty seeds and
//! long runs; here are a few short ones.

#[path = "../../benches/instrument/mm1_study.rs"]
mod study;

#[test]
fn one_server_with_exponential_service_times_takes_as_long_as_theory_says() {
    let study = study::study(1..5, 40.0, 15);
    let (measured, modelled) = study.held();
    for run in &study.runs {
        println!(
            "seed {}: {} requests, mean {:.1} ± {:.1} ms, modelled {:.1} ms, late {:.2} ms (p99 {:.2} ms)",
            run.seed,
            run.requests,
            run.measured.mean * 1e3,
            run.measured.half_width(study::CONFIDENCE) * 1e3,
            run.modelled.mean * 1e3,
            run.late * 1e3,
            run.late_p99 * 1e3,
        );
    }
    // every request is as late as the machine makes it; that it is late at all costs little of a queue's wait. What else the machine has to do
    // may spoil one of four, as it may its interval
    let mut ratios: Vec<f64> = study.runs.iter().map(|run| run.measured.mean / run.modelled.mean).collect();
    ratios.sort_by(f64::total_cmp);
    assert!(ratios[0] > 0.95 && ratios[2] < 1.4, "{ratios:?}");
    println!("expected {:.1} ms: held by {measured} of 4, of the model by {modelled}", study.expected * 1e3);
    assert!(measured >= 3, "only {measured} of 4 intervals hold {} s", study.expected);
}
