//! Lengths drawn from a distribution, and their mean.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, Poisson, StandardNormal};

use crate::{
    config::{Bin, Lengths},
    stats::normal_tail,
};

/// Draws a length. Real-valued distributions are rounded to the nearest whole number, then clipped.
pub fn draw(lengths: &Lengths, rng: &mut impl Rng) -> u32 {
    match *lengths {
        Lengths::Constant(length) => length,
        Lengths::Uniform { min, max } => rng.random_range(min..=max),
        Lengths::Histogram(ref bins) => {
            let Bin { min, max, .. } = draw_bin(bins, rng);
            rng.random_range(min..=max)
        }
        Lengths::Normal { mean, std_dev, min, max } => {
            let z: f64 = rng.sample(StandardNormal);
            clip(mean + std_dev * z, min, max)
        }
        Lengths::Lognormal { mean, std_dev, min, max } => {
            let z: f64 = rng.sample(StandardNormal);
            let (mu, sigma) = of_logarithms(mean, std_dev);
            clip((mu + sigma * z).exp(), min, max)
        }
        Lengths::Poisson { mean, min, max } => {
            // the type refuses a mean of 0, whose draw is its mean
            clip(Poisson::new(mean).map_or(mean, |poisson| poisson.sample(rng)), min, max)
        }
    }
}

/// A bin by the weights.
fn draw_bin(bins: &[Bin], rng: &mut impl Rng) -> Bin {
    let total: f64 = bins.iter().map(|bin| bin.weight).sum();
    let mut left = rng.random::<f64>() * total;
    let mut weighed = bins.iter().filter(|bin| bin.weight > 0.0).copied();
    let drawn = weighed.clone().find(|bin| {
        left -= bin.weight;
        left < 0.0
    });
    // the weights may sum to a hair more than they come to one by one
    drawn.or_else(|| weighed.next_back()).expect("a weight above 0, which the reader asks for")
}

/// The mean of what [`draw`] gives, after rounding and clipping, so that a plan's token counts are those of the run.
pub fn mean(lengths: &Lengths) -> f64 {
    match *lengths {
        Lengths::Constant(length) => f64::from(length),
        Lengths::Uniform { min, max } => f64::midpoint(f64::from(min), f64::from(max)),
        Lengths::Histogram(ref bins) => {
            mean_of_bins(bins, |min, max| f64::midpoint(f64::from(min), f64::from(max)))
        }
        Lengths::Normal { mean, std_dev, min, max } => {
            mean_of_clipped(min, max, |x| normal_survival((x - mean) / std_dev))
        }
        Lengths::Lognormal { mean, std_dev, min, max } => {
            let (mu, sigma) = of_logarithms(mean, std_dev);
            mean_of_clipped(min, max, |x| normal_survival((x.ln() - mu) / sigma))
        }
        Lengths::Poisson { mean, min, max } if mean > FEW => {
            mean_of_clipped(min, max, |x| normal_survival((x - mean) / mean.sqrt()))
        }
        Lengths::Poisson { mean, min, max } => mean_of_poisson(mean, f64::from(min), f64::from(max)),
    }
}

/// The mean of what [`draw`] gives where all that is shorter is made this long.
pub fn mean_at_least(lengths: &Lengths, floor: u32) -> f64 {
    let mut raised = lengths.clone();
    match &mut raised {
        Lengths::Constant(length) => *length = floor.max(*length),
        Lengths::Uniform { min, max } => return mean_of_raised(*min, *max, floor),
        Lengths::Histogram(bins) => return mean_of_bins(bins, |min, max| mean_of_raised(min, max, floor)),
        // what is clipped twice is clipped to the higher limits
        Lengths::Normal { min, max, .. }
        | Lengths::Lognormal { min, max, .. }
        | Lengths::Poisson { min, max, .. } => {
            *min = floor.max(*min);
            *max = floor.max(*max);
        }
    }
    mean(&raised)
}

/// The mean of uniform lengths where all that is shorter than `floor` is made so long.
fn mean_of_raised(min: u32, max: u32, floor: u32) -> f64 {
    let [low, high, floor] = [min, max, floor].map(f64::from);
    let all = high - low + 1.0;
    let short = (floor - low).clamp(0.0, all);
    (short * floor + (all - short) * f64::midpoint(low.max(floor), high)) / all
}

/// The mean over bins, by their weights, of the means within each.
fn mean_of_bins(bins: &[Bin], within: impl Fn(u32, u32) -> f64) -> f64 {
    let total: f64 = bins.iter().map(|bin| bin.weight).sum();
    bins.iter().map(|bin| bin.weight * within(bin.min, bin.max)).sum::<f64>() / total
}

/// The mean above which a Poisson distribution is taken for the normal one that it comes near, since its terms are as many as
/// its deviations are long. Its skewness is 0.01 by then.
const FEW: f64 = 10_000.0;

fn clip(value: f64, min: u32, max: u32) -> u32 {
    value.round().clamp(f64::from(min), f64::from(max)) as u32
}

/// μ and σ of the logarithms of values with this mean and deviation: σ² = ln(1 + s²/m²), μ = ln m − σ²/2.
fn of_logarithms(mean: f64, std_dev: f64) -> (f64, f64) {
    let variance = (std_dev / mean).powi(2).ln_1p();
    (mean.ln() - variance / 2.0, variance.sqrt())
}

/// P(Z > z) of the standard normal distribution. A deviation of 0 makes z infinite, or NaN exactly at the mean,
/// which rounds up.
fn normal_survival(z: f64) -> f64 {
    if z.is_nan() { 1.0 } else { normal_tail(z) }
}

/// E\[clip(round X)\] = min + Σ P(X ≥ k + ½) over k = min … max − 1.
///
/// Terms are added singly near `min`, where rounding matters, and further out in strides of 1/4096 of the distance,
/// which keeps a range of a billion lengths at some 60,000 terms and the error below a thousandth.
fn mean_of_clipped(min: u32, max: u32, survival: impl Fn(f64) -> f64) -> f64 {
    let (low, high) = (u64::from(min), u64::from(max));
    let mut mean = low as f64;
    let mut k = low;
    while k < high {
        let stride = (1 + (k - low) / 4096).min(high - k);
        mean += stride as f64 * survival(k as f64 + stride as f64 / 2.0);
        k += stride;
    }
    mean
}

/// Σ clip(k) P(k) over all k that matter: 12 deviations and some to either side.
fn mean_of_poisson(mean: f64, min: f64, max: f64) -> f64 {
    if mean <= 0.0 {
        return mean.clamp(min, max);
    }
    let reach = 12.0 * mean.sqrt() + 30.0;
    let (from, to) = ((mean - reach).max(0.0) as u64, (mean + reach) as u64);
    (from..=to)
        .map(|k| {
            let k = k as f64;
            let probability = (k * mean.ln() - mean - libm::lgamma(k + 1.0)).exp();
            probability * k.clamp(min, max)
        })
        .sum()
}
