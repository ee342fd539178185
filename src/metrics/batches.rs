//! Throughput over the number of prompts per request.

use crate::{catalog::Metric, metrics::Summary};

/// The batch sizes of a phase at one level of its load.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchCurve {
    /// The phase.
    pub phase: String,
    /// The level, such as `users=4`; empty where the phase has one.
    pub load: String,
    /// Prompts per request and output tokens per second, in the order of the plan; two at least.
    pub points: Vec<(u32, f64)>,
}

impl BatchCurve {
    /// How many times the throughput of one prompt per request a point has; `None` where there is no such step.
    pub fn speedup(&self, tokens: f64) -> Option<f64> {
        let (_, one) = self.points.iter().find(|(batch, tokens)| *batch == 1 && *tokens > 0.0)?;
        Some(tokens / one)
    }
}

/// The curves of all measured phases with several batch sizes, in the order of the plan. Steps without a throughput
/// are left out.
pub fn batch_curves(summary: &Summary) -> Vec<BatchCurve> {
    let mut curves: Vec<BatchCurve> = Vec::new();
    for scope in &summary.scopes {
        let (Some(step), None, Some(batch), true) =
            (&scope.key.step, &scope.key.endpoint, scope.batch, scope.measured)
        else {
            continue;
        };
        let Some(tokens) = scope.value(Metric::OutputTokensPerSecond, None) else { continue };
        // a step of a phase with one batch size is named by its load alone, and is no point of a curve
        let Some(load) = step.strip_suffix(&format!("batch={batch}")) else { continue };
        let load = load.trim_end_matches(',');
        let phase = &scope.key.phase;
        match curves.iter_mut().find(|curve| curve.phase == *phase && curve.load == load) {
            Some(curve) => curve.points.push((batch, tokens)),
            None => curves.push(BatchCurve {
                phase: phase.clone(),
                load: load.to_owned(),
                points: vec![(batch, tokens)],
            }),
        }
    }
    curves.retain(|curve| curve.points.len() > 1);
    curves
}
