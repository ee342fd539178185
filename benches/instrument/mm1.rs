//! Part `mm1`: twenty seeds of a queue whose mean response is known, side by side for a minute.

mod mm1_study;

use mm1_study::{CONFIDENCE, study};

use crate::Figures;

/// What twenty seeds say.
pub(crate) fn figures() -> Vec<Figures> {
    let study = study(1..21, 80.0, 60);
    let mut all: Vec<Figures> = study
        .runs
        .iter()
        .map(|run| {
            let figures = vec![
                ("requests", run.requests as f64, ""),
                ("mean", run.measured.mean * 1e3, "ms"),
                ("half_width", run.measured.half_width(CONFIDENCE) * 1e3, "ms"),
                ("modelled", run.modelled.mean * 1e3, "ms"),
                ("late", run.late * 1e3, "ms"),
                ("late_p99", run.late_p99 * 1e3, "ms"),
                ("holds", f64::from(u8::from(run.measured.holds(study.expected, CONFIDENCE))), ""),
            ];
            (format!("mm1 seed {}", run.seed), figures)
        })
        .collect();
    let (measured, modelled) = study.held();
    all.push((
        "mm1".to_owned(),
        vec![
            ("expected", study.expected * 1e3, "ms"),
            ("holds", measured as f64, "of 20"),
            ("modelled_holds", modelled as f64, "of 20"),
        ],
    ));
    all
}
