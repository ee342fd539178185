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
    /// The point with the highest throughput; of equals the smallest batch.
    pub fn best(&self) -> Option<(u32, f64)> {
        let better = |a: (u32, f64), b: (u32, f64)| if (b.1, a.0) > (a.1, b.0) { b } else { a };
        self.points.iter().copied().reduce(better)
    }

    /// The smallest batch whose throughput lies within a share of the highest: beyond it, more prompts per request gain
    /// little.
    pub fn enough(&self, within: f64) -> Option<(u32, f64)> {
        let (_, best) = self.best()?;
        let good = self.points.iter().filter(|(_, tokens)| *tokens >= best * (1.0 - within));
        good.copied().min_by_key(|(batch, _)| *batch)
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_best_and_what_is_enough() {
        let curve = |points: &[(u32, f64)]| BatchCurve {
            phase: String::new(),
            load: String::new(),
            points: points.to_vec(),
        };
        let saturating = curve(&[(1, 100.0), (4, 360.0), (8, 600.0), (16, 630.0), (32, 625.0)]);
        assert_eq!(saturating.best(), Some((16, 630.0)));
        assert_eq!(saturating.enough(0.05), Some((8, 600.0)));
        assert_eq!(saturating.speedup(600.0), Some(6.0));
        let equal = curve(&[(8, 50.0), (2, 50.0)]);
        assert_eq!((equal.best(), equal.enough(0.05)), (Some((2, 50.0)), Some((2, 50.0))));
        assert_eq!(equal.speedup(50.0), None, "nothing to compare with");
    }
}
