//! What is made of many values.

/// A statistic of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Statistic {
    /// Arithmetic mean.
    Mean,
    /// Median.
    P50,
    /// 90th percentile.
    P90,
    /// 95th percentile.
    P95,
    /// 99th percentile.
    P99,
    /// 99.9th percentile.
    P999,
    /// Smallest.
    Min,
    /// Largest.
    Max,
    /// Sample standard deviation.
    Stddev,
}

impl Statistic {
    /// Every statistic.
    pub const ALL: [Self; 9] = [
        Self::Mean,
        Self::P50,
        Self::P90,
        Self::P95,
        Self::P99,
        Self::P999,
        Self::Min,
        Self::Max,
        Self::Stddev,
    ];

    /// Those of what is read again and again.
    pub const OVER_TIME: [Self; 3] = [Self::Mean, Self::Min, Self::Max];

    /// The name behind the dot.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::P999 => "p999",
            Self::Min => "min",
            Self::Max => "max",
            Self::Stddev => "stddev",
        }
    }

    /// The quantile it is, for percentiles.
    pub fn quantile(self) -> Option<f64> {
        match self {
            Self::P50 => Some(0.5),
            Self::P90 => Some(0.9),
            Self::P95 => Some(0.95),
            Self::P99 => Some(0.99),
            Self::P999 => Some(0.999),
            _ => None,
        }
    }
}
