//! How far an alert is: quiet, about to fire, or firing.

use crate::config::Beyond;

/// How far an alert is at one of its places.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) enum State {
    /// Nothing to tell.
    #[default]
    Quiet,
    /// What it says is so, not yet for long enough.
    Pending {
        /// Since when.
        since_ns: u64,
    },
    /// It was told.
    Firing {
        /// When.
        since_ns: u64,
        /// The worst value since.
        worst: f64,
    },
}

/// What there is to tell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Change {
    /// It fires; what it says has been so since this moment.
    Fires(u64),
    /// It does no longer: when it had fired, and the worst value meanwhile.
    Clears(u64, f64),
}

impl State {
    /// Takes what a look has seen: a value, and whether it is beyond the limit. Where there is nothing to see, what fires goes on to,
    /// since nothing shows that it is over, and what was about to begins anew.
    pub(super) fn see(
        &mut self,
        now_ns: u64,
        seen: Option<(f64, bool)>,
        is: Beyond,
        hold_ns: u64,
        rested: bool,
    ) -> Option<Change> {
        match (*self, seen) {
            (Self::Firing { since_ns, worst }, Some((value, true))) => {
                *self = Self::Firing { since_ns, worst: is.worse(worst, value) };
                None
            }
            (Self::Firing { since_ns, worst }, Some((_, false))) => {
                *self = Self::Quiet;
                Some(Change::Clears(since_ns, worst))
            }
            (Self::Firing { .. }, None) => None,
            (_, None | Some((_, false))) => {
                *self = Self::Quiet;
                None
            }
            (before, Some((value, true))) => {
                let since_ns = if let Self::Pending { since_ns } = before { since_ns } else { now_ns };
                if now_ns - since_ns >= hold_ns && rested {
                    *self = Self::Firing { since_ns: now_ns, worst: value };
                    return Some(Change::Fires(since_ns));
                }
                *self = Self::Pending { since_ns };
                None
            }
        }
    }

    /// Ends it, whatever it was.
    pub(super) fn end(&mut self) -> Option<Change> {
        match std::mem::take(self) {
            Self::Firing { since_ns, worst } => Some(Change::Clears(since_ns, worst)),
            Self::Quiet | Self::Pending { .. } => None,
        }
    }
}
