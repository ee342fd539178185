//! Which requests carry which metrics.

use super::Metric;

/// What the requests of a step to an endpoint have, as far as it decides which metrics they carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each says of one thing whether it is there")]
pub struct Carrier {
    /// Whether the endpoint streams, so that answers have a first token and a speed.
    pub streams: bool,
    /// Whether the gaps between the chunks of a stream are known: their arrivals are kept, and are those of one answer.
    pub gaps: bool,
    /// Whether the plan limits concurrency, so that there is a queue to wait in.
    pub queues: bool,
    /// Whether they are due in spikes of a load.
    pub spikes: bool,
}

impl Metric {
    /// Whether such requests have the metric.
    pub fn is_carried_by(self, of: Carrier) -> bool {
        match self {
            Self::QueueWait => of.queues,
            Self::Itl => of.streams && of.gaps,
            _ if self.needs_spikes() && !of.spikes => false,
            _ => of.streams || !self.needs_stream(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_needs_what_it_is_made_of() {
        let all = Carrier { streams: true, gaps: true, queues: true, spikes: true };
        assert!(Metric::ALL.into_iter().all(|metric| metric.is_carried_by(all)));
        let lacking = |of| -> Vec<_> {
            Metric::ALL.into_iter().filter(|metric| !metric.is_carried_by(of)).map(Metric::name).collect()
        };
        assert_eq!(lacking(Carrier { gaps: false, ..all }), ["itl"]);
        assert_eq!(lacking(Carrier { queues: false, ..all }), ["queue_wait"]);
        assert_eq!(lacking(Carrier { spikes: false, ..all }), ["spike.ttft", "spike.e2e", "spike.recovery"]);
        let whole = lacking(Carrier { streams: false, ..all });
        assert!(whole.contains(&"ttft") && whole.contains(&"itl") && !whole.contains(&"e2e"), "{whole:?}");
    }
}
