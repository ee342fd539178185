//! Faults: how requests go wrong. Those on demand are decided from the seed and the number of the request alone.

use rand::RngExt as _;

use super::draw::{Purpose, stream};
use crate::config::Faults;

/// How a request goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Refused with status 500 before anything is generated.
    Error,
    /// Refused with status 503, because too many requests wait.
    Overloaded,
    /// The stream carries an error object in its middle and ends.
    ErrorInStream,
    /// The connection is cut in the middle of the stream.
    Cut,
    /// The stream stops in its middle and stays open.
    Stalled,
    /// Refused with status 400, because prompt and answer together have more tokens than the key-value cache holds.
    TooLong,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 6] =
        [Self::Error, Self::Overloaded, Self::ErrorInStream, Self::Cut, Self::Stalled, Self::TooLong];

    /// Its name in `/metrics`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Overloaded => "overloaded",
            Self::ErrorInStream => "error_in_stream",
            Self::Cut => "cut",
            Self::Stalled => "stalled",
            Self::TooLong => "too_long",
        }
    }

    /// What befalls request number `number`, if anything. Overload and what is too long are not decided here, since they
    /// depend on the queue and on the request.
    ///
    /// One uniform number per request is held against the shares laid end to end, so each fault has exactly its
    /// share as long as they sum to at most 1. An answer that is not streamed has no middle: only
    /// [`Fault::Error`] can befall it.
    pub(super) fn of_request(faults: &Faults, seed: u64, number: u64, stream_asked: bool) -> Option<Self> {
        let mut point: f64 = stream(seed, Purpose::Faults, number).random();
        let shares = [
            (Self::Error, faults.error_rate),
            (Self::ErrorInStream, faults.mid_stream_error_rate),
            (Self::Cut, faults.cut_rate),
            (Self::Stalled, faults.stall_rate),
        ];
        for (fault, share) in shares {
            if point < share {
                return (stream_asked || fault == Self::Error).then_some(fault);
            }
            point -= share;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIXED: Faults = Faults {
        error_rate: 0.1,
        overload_queue: None,
        mid_stream_error_rate: 0.2,
        cut_rate: 0.05,
        stall_rate: 0.15,
    };

    fn share(fault: Option<Fault>, stream_asked: bool) -> f64 {
        let hits =
            (0..20_000).filter(|number| Fault::of_request(&MIXED, 7, *number, stream_asked) == fault).count();
        hits as f64 / 20_000.0
    }

    #[test]
    fn each_fault_has_its_share() {
        for (fault, expected) in [
            (Some(Fault::Error), 0.1),
            (Some(Fault::ErrorInStream), 0.2),
            (Some(Fault::Cut), 0.05),
            (Some(Fault::Stalled), 0.15),
            (None, 0.5),
        ] {
            // four standard deviations of a share of one half over 20,000 draws
            assert!((share(fault, true) - expected).abs() < 0.015, "{fault:?}");
        }
    }

    #[test]
    fn only_a_stream_can_break_in_its_middle() {
        assert_eq!(share(Some(Fault::Error), false), share(Some(Fault::Error), true));
        assert!((share(None, false) - 0.9).abs() < 0.015);
    }

    #[test]
    fn the_seed_and_the_number_decide() {
        let of = |seed| (0..200).map(|n| Fault::of_request(&MIXED, seed, n, true)).collect::<Vec<_>>();
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }

    #[test]
    fn shares_of_nothing_and_of_everything() {
        let all = Faults { error_rate: 1.0, ..Faults::default() };
        for number in 0..1000 {
            assert_eq!(Fault::of_request(&Faults::default(), 3, number, true), None);
            assert_eq!(Fault::of_request(&all, 3, number, true), Some(Fault::Error));
        }
    }
}
