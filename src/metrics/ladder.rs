//! What each level of a ladder gains over the smallest: speed-up, efficiency, the tails of its latency, and the knee.

use crate::{
    catalog::{Metric, Statistic},
    metrics::{Scope, Summary},
};

/// The levels of a measured phase: of users, of rates, of prompts per request, or of two of these.
#[derive(Debug, Clone)]
pub struct Ladder<'a> {
    /// The phase.
    pub phase: &'a str,
    /// What throughput is: output tokens per second, or requests per second where no level has tokens.
    pub throughput: Metric,
    /// Two at least, from the smallest load on.
    pub levels: Vec<Level<'a>>,
    /// The place of the level behind which throughput bends, where it does.
    pub knee: Option<usize>,
}

/// One level of a ladder.
#[derive(Debug, Clone)]
pub struct Level<'a> {
    /// Its step.
    pub step: &'a str,
    /// The load in words: `8 users`, `4 req/s`, `16 prompts`, `4 users × 8 prompts`.
    pub name: String,
    /// The load as a number; of two things that vary their product, which is what is in flight of users and prompts.
    pub load: f64,
    /// Its numbers.
    pub scope: &'a Scope,
    /// In the unit of the ladder's throughput; `None` where nothing was answered.
    pub throughput: Option<f64>,
    /// Its throughput ÷ that of the smallest level, which is one user where the ladder begins with one.
    pub speedup: Option<f64>,
    /// The speed-up ÷ how many times the load of the smallest level it has: 1 where nobody waits for anybody.
    pub efficiency: Option<f64>,
}

impl Level<'_> {
    /// How many times its median a percentile is, with failed requests as infinite; `None` where the median is.
    pub fn tail(&self, metric: Metric, statistic: Statistic) -> Option<f64> {
        let median = self.scope.value(metric, Some(Statistic::P50))?;
        let far = self.scope.value(metric, Some(statistic))?;
        (median > 0.0 && median.is_finite()).then(|| far / median)
    }
}

/// The ladders of a run, in the order of the plan.
pub fn ladders(summary: &Summary) -> Vec<Ladder<'_>> {
    let mut phases: Vec<(&str, Vec<Level>)> = Vec::new();
    for scope in summary.scopes.iter().filter(|scope| scope.measured && scope.explores) {
        let (Some(step), None) = (&scope.key.step, &scope.key.endpoint) else { continue };
        let Some((load, name)) = load_of(step) else { continue };
        let level = Level { step, name, load, scope, throughput: None, speedup: None, efficiency: None };
        match phases.iter_mut().find(|(phase, _)| *phase == scope.key.phase) {
            Some((_, levels)) => levels.push(level),
            None => phases.push((&scope.key.phase, vec![level])),
        }
    }
    phases.retain(|(_, levels)| levels.len() > 1);
    phases.into_iter().map(|(phase, levels)| compared(phase, levels)).collect()
}

/// Fills in what is to be compared.
fn compared<'a>(phase: &'a str, mut levels: Vec<Level<'a>>) -> Ladder<'a> {
    levels.sort_by(|one, other| one.load.total_cmp(&other.load));
    let of = |metric: Metric, level: &Level| level.scope.value(metric, None).filter(|value| *value > 0.0);
    let tokens = levels.iter().any(|level| of(Metric::OutputTokensPerSecond, level).is_some());
    let throughput = if tokens { Metric::OutputTokensPerSecond } else { Metric::RequestsPerSecond };
    for level in &mut levels {
        level.throughput = of(throughput, level);
    }
    let smallest = levels.first().and_then(|level| Some((level.load, level.throughput?)));
    for level in &mut levels {
        let speedup = level.throughput.zip(smallest).map(|(value, (_, base))| value / base);
        level.speedup = speedup;
        level.efficiency = speedup.zip(smallest).map(|(speedup, (load, _))| speedup * load / level.load);
    }
    // where two things vary there is no curve
    let curve = levels.iter().all(|level| !level.step.contains(','));
    let points: Vec<(usize, f64, f64)> = levels
        .iter()
        .enumerate()
        .filter_map(|(place, level)| Some((place, level.load, level.throughput?)))
        .collect();
    let knee = if curve { knee(&points) } else { None };
    Ladder { phase, throughput, levels, knee }
}

/// The load that the name of a step tells, as a number and in words; `None` where it tells none.
fn load_of(step: &str) -> Option<(f64, String)> {
    let mut load = 1.0;
    let mut names = Vec::new();
    for part in step.split(',') {
        let (axis, value) = part.split_once('=')?;
        let number = value.parse().ok().filter(|number: &f64| *number > 0.0)?;
        let noun = match axis {
            "users" if number == 1.0 => "user",
            "users" => "users",
            "rate" => "req/s",
            "batch" if number == 1.0 => "prompt",
            "batch" => "prompts",
            _ => return None,
        };
        load *= number;
        names.push(format!("{value} {noun}"));
    }
    Some((load, names.join(" × ")))
}

/// How far behind a knee the curve has to fall below the diagonal's rise, in mean distances between levels; the
/// value of the paper for data that is all there.
const SENSITIVITY: f64 = 1.0;

/// The knee of throughput over load, by Kneedle: with both scaled to `0..=1` the point farthest above the diagonal,
/// where the curve then falls back towards it by more than a mean distance between two points. Below saturation it
/// never does, and there is no knee. Each point is a mean over a window, so nothing is smoothed. Points are
/// (place, load, throughput), ascending by load; the result is the place of one.
///
/// Satopää, V., Albrecht, J., Irwin, D., Raghavan, B.: Finding a "Kneedle" in a Haystack: Detecting Knee Points in
/// System Behavior, ICDCS Workshops (2011).
fn knee(points: &[(usize, f64, f64)]) -> Option<usize> {
    let (&(_, first, _), &(_, last, _)) = (points.first()?, points.last()?);
    let lowest = points.iter().map(|point| point.2).fold(f64::INFINITY, f64::min);
    let highest = points.iter().map(|point| point.2).fold(0.0, f64::max);
    if points.len() < 3 || last <= first || highest <= lowest {
        return None;
    }
    let above = |&(_, load, value): &(usize, f64, f64)| {
        (value - lowest) / (highest - lowest) - (load - first) / (last - first)
    };
    let (at, farthest) = points.iter().map(above).enumerate().reduce(|a, b| if b.1 > a.1 { b } else { a })?;
    let fallen = farthest - SENSITIVITY / (points.len() - 1) as f64;
    points[at..].iter().any(|point| above(point) < fallen).then(|| points[at].0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knee_of(loads: &[f64], curve: impl Fn(f64) -> f64) -> Option<f64> {
        let points: Vec<_> =
            loads.iter().enumerate().map(|(place, load)| (place, *load, curve(*load))).collect();
        knee(&points).map(|place| loads[place])
    }

    #[test]
    fn the_knee_is_where_throughput_stops_to_grow() {
        // a batch of at most so many sequences, whose steps take longer the more there are
        let server = |batch: f64| move |users: f64| users.min(batch) / (20.0 + 0.5 * users.min(batch));
        let octaves = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0];
        for batch in [4.0, 8.0, 16.0] {
            assert_eq!(knee_of(&octaves, server(batch)), Some(batch));
        }
        assert_eq!(knee_of(&octaves, server(64.0)), None, "it is not saturated");
        assert_eq!(knee_of(&octaves, |users| users), None, "it is a line");
        assert_eq!(knee_of(&octaves, |_| 5.0), None, "nothing grows");
        assert_eq!(knee_of(&[1.0, 2.0], server(1.0)), None, "two points have no knee");
        let declining = |users: f64| server(8.0)(users) - 0.002 * (users - 8.0).max(0.0);
        assert_eq!(knee_of(&octaves, declining), Some(8.0));
        let usual = [1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0];
        assert_eq!(knee_of(&usual, server(16.0)), Some(15.0));
    }

    #[test]
    fn steps_tell_their_load() {
        for (step, load) in [
            ("users=1", Some((1.0, "1 user"))),
            ("users=8", Some((8.0, "8 users"))),
            ("rate=2.5", Some((2.5, "2.5 req/s"))),
            ("batch=1", Some((1.0, "1 prompt"))),
            ("users=4,batch=8", Some((32.0, "4 users × 8 prompts"))),
            ("stages", None),
            ("users=0", None),
            ("tries=4", None),
        ] {
            assert_eq!(load_of(step), load.map(|(load, name)| (load, name.to_owned())), "{step}");
        }
    }
}
