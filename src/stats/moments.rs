//! Mean, deviation and their robust counterparts.

/// Mean and variance of a stream of numbers, stable whatever their size (Welford; merged by Chan's formula).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Moments {
    count: u64,
    mean: f64,
    /// Sum of squared distances from the mean.
    squares: f64,
}

impl Moments {
    /// Takes one number in.
    pub fn push(&mut self, value: f64) {
        self.count += 1;
        let before = value - self.mean;
        self.mean += before / self.count as f64;
        self.squares += before * (value - self.mean);
    }

    /// Takes in all numbers of another stream.
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        let count = self.count + other.count;
        let apart = other.mean - self.mean;
        let weight = other.count as f64 / count as f64;
        self.mean += apart * weight;
        self.squares += other.squares + apart * apart * self.count as f64 * weight;
        self.count = count;
    }

    /// How many numbers.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their mean; 0 for none.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Their sample standard deviation, over `n − 1`; 0 below two.
    pub fn stddev(&self) -> f64 {
        if self.count < 2 { 0.0 } else { (self.squares / (self.count - 1) as f64).sqrt() }
    }
}

impl FromIterator<f64> for Moments {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut moments = Self::default();
        values.into_iter().for_each(|value| moments.push(value));
        moments
    }
}

/// The mean of values; not a number of none.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The bounds of so many parts of a series of a length, one after another, as equal as can be.
pub fn parts(length: usize, count: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    let bound = move |part: usize| (part as u128 * length as u128 / count as u128) as usize;
    (0..count).map(move |part| bound(part)..bound(part + 1))
}

/// The median of ascending values, halfway between the middle two of an even number; `None` of nothing.
pub fn median(ascending: &[f64]) -> Option<f64> {
    let upper = *ascending.get(ascending.len() / 2)?;
    Some(if ascending.len() % 2 == 1 {
        upper
    } else {
        f64::midpoint(ascending[ascending.len() / 2 - 1], upper)
    })
}

/// The median of the distances from the median, of ascending values; `None` of nothing. Times 1.4826 it estimates
/// the standard deviation of a normal distribution.
pub fn median_absolute_deviation(ascending: &[f64]) -> Option<f64> {
    let centre = median(ascending)?;
    let mut distances: Vec<f64> = ascending.iter().map(|value| (value - centre).abs()).collect();
    distances.sort_unstable_by(f64::total_cmp);
    median(&distances)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_deviation_of_a_few() {
        let moments: Moments = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0].into_iter().collect();
        assert_eq!(moments.count(), 8);
        assert!((moments.mean() - 5.0).abs() < 1e-12);
        assert!((moments.stddev() - (32.0_f64 / 7.0).sqrt()).abs() < 1e-12);
        assert_eq!(Moments::default().stddev(), 0.0);
        assert_eq!([3.0].into_iter().collect::<Moments>().stddev(), 0.0);
    }

    #[test]
    fn small_spread_on_a_large_offset_survives() {
        let moments: Moments = [1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0].into_iter().collect();
        assert!((moments.stddev() - 30.0_f64.sqrt()).abs() < 1e-6, "{}", moments.stddev());
    }

    #[test]
    fn equal_values_have_no_spread_at_all() {
        assert_eq!([0.1; 1000].into_iter().collect::<Moments>().stddev(), 0.0);
    }

    #[test]
    fn merged_parts_are_the_whole() {
        let values = [1.5, 2.0, 8.0, -3.0, 11.0, 0.25];
        let whole: Moments = values.into_iter().collect();
        for cut in 0..=values.len() {
            let mut left: Moments = values[..cut].iter().copied().collect();
            left.merge(&values[cut..].iter().copied().collect());
            assert_eq!(left.count(), whole.count());
            assert!((left.mean() - whole.mean()).abs() < 1e-12);
            assert!((left.stddev() - whole.stddev()).abs() < 1e-12);
        }
    }

    #[test]
    fn medians_of_odd_and_even_numbers() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[1.0, 2.0, 10.0]), Some(2.0));
        assert_eq!(median(&[1.0, 2.0, 4.0, 10.0]), Some(3.0));
    }

    #[test]
    fn one_wild_value_does_not_move_the_robust_spread() {
        assert_eq!(median_absolute_deviation(&[1.0, 1.0, 2.0, 2.0, 4.0, 6.0, 9.0]), Some(1.0));
        assert_eq!(median_absolute_deviation(&[1.0, 1.0, 2.0, 2.0, 4.0, 6.0, 9e9]), Some(1.0));
        assert_eq!(median_absolute_deviation(&[5.0, 5.0, 5.0, 5.0, 90.0]), Some(0.0));
        assert_eq!(median_absolute_deviation(&[]), None);
    }
}
