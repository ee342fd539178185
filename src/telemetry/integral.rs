//! Energy from power, where nothing counts it.

/// Power summed up over time. What happened between two readings is taken to lie on the line between them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Integral {
    /// The last reading: nanoseconds and watts.
    last: Option<(u64, f64)>,
    joules: f64,
}

impl Integral {
    /// Joules since the first reading, with this one in watts.
    pub(super) fn add(&mut self, at_ns: u64, watts: f64) -> f64 {
        if let Some((before_ns, before)) = self.last {
            let seconds = at_ns.saturating_sub(before_ns) as f64 / 1e9;
            self.joules += f64::midpoint(before, watts) * seconds;
        }
        self.last = Some((at_ns, watts));
        self.joules
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_is_a_triangle() {
        let mut integral = Integral::default();
        let joules = (0..=10).map(|second| integral.add(second * 1_000_000_000, 20.0 * second as f64));
        // 0 to 200 W in 10 s
        assert_eq!(joules.last(), Some(1000.0));
    }
}
