//! Exit codes, and which of several counts.

use std::process::ExitCode;

use crate::{config::OnInconclusive, metrics::Ending, record::StopCause, verdict::Conclusion};

/// What `--help` says about them.
pub(super) const HELP: &str = "\
Exit codes:
  0    every judged target passed, or none was declared and the run is valid
  1    a target failed (also when it ended the run), every measured request did, or a metric regressed
  2    wrong usage, an invalid scenario or another experiment than the baseline; nothing was sent
  3    the measurement is invalid or inconclusive
  4    the environment failed: no endpoint answered, disk, limits
  130  interrupted; what was measured is saved and graded as ABORTED
With several scenarios the worst counts: 4, 130, 3, 1, 0.";

/// The exit codes, the one that counts first last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Exit {
    /// 0.
    Pass,
    /// 1.
    Fail,
    /// 3.
    Invalid,
    /// 130.
    Interrupted,
    /// 4.
    Environment,
    /// 2; nothing ran, so it never meets the others.
    Usage,
}

impl Exit {
    /// The exit code of a judged run. `silent` is that no endpoint ever answered.
    pub(super) fn of(
        conclusion: Conclusion,
        ending: Ending,
        silent: bool,
        on_inconclusive: OnInconclusive,
    ) -> Self {
        match conclusion {
            _ if matches!(ending, Ending::Stopped(StopCause::Recorder | StopCause::Dataset)) => {
                Self::Environment
            }
            // an interrupted run may not have given the first answer its time
            _ if silent && matches!(ending, Ending::Completed | Ending::Stopped(StopCause::Abort)) => {
                Self::Environment
            }
            Conclusion::Pass => Self::Pass,
            Conclusion::Fail => Self::Fail,
            Conclusion::Inconclusive if on_inconclusive == OnInconclusive::Warn => Self::Pass,
            Conclusion::Inconclusive | Conclusion::Invalid => Self::Invalid,
            Conclusion::Aborted => Self::Interrupted,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Pass => 0,
            Exit::Fail => 1,
            Exit::Usage => 2,
            Exit::Invalid => 3,
            Exit::Environment => 4,
            Exit::Interrupted => 130,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ended_a_run_comes_before_how_it_was_judged() {
        let interrupted = Ending::Stopped(StopCause::Interrupt);
        let recorder = Ending::Stopped(StopCause::Recorder);
        let aborted = Ending::Stopped(StopCause::Abort);
        for (conclusion, ending, silent, exit) in [
            (Conclusion::Pass, Ending::Completed, false, Exit::Pass),
            (Conclusion::Fail, Ending::Completed, false, Exit::Fail),
            (Conclusion::Fail, Ending::Completed, true, Exit::Environment),
            (Conclusion::Inconclusive, Ending::Completed, false, Exit::Invalid),
            (Conclusion::Aborted, interrupted, false, Exit::Interrupted),
            (Conclusion::Aborted, interrupted, true, Exit::Interrupted),
            (Conclusion::Aborted, recorder, false, Exit::Environment),
            (Conclusion::Aborted, Ending::Stopped(StopCause::Dataset), false, Exit::Environment),
            (Conclusion::Fail, aborted, false, Exit::Fail),
            (Conclusion::Fail, aborted, true, Exit::Environment),
        ] {
            let of = Exit::of(conclusion, ending, silent, OnInconclusive::Fail);
            assert_eq!(of, exit, "{conclusion:?} {ending:?} {silent}");
        }
    }

    #[test]
    fn what_could_not_be_decided_may_only_warn() {
        for (conclusion, exit) in [
            (Conclusion::Pass, Exit::Pass),
            (Conclusion::Inconclusive, Exit::Pass),
            (Conclusion::Invalid, Exit::Invalid),
            (Conclusion::Fail, Exit::Fail),
        ] {
            let of = Exit::of(conclusion, Ending::Completed, false, OnInconclusive::Warn);
            assert_eq!(of, exit, "{conclusion:?}");
        }
    }

    #[test]
    fn the_worst_of_several_counts() {
        use Exit::{Environment, Fail, Interrupted, Invalid, Pass};
        for (codes, worst) in [
            (vec![Pass, Fail, Pass], Fail),
            (vec![Fail, Invalid], Invalid),
            (vec![Invalid, Interrupted, Fail], Interrupted),
            (vec![Interrupted, Environment], Environment),
        ] {
            assert_eq!(codes.iter().max(), Some(&worst), "{codes:?}");
        }
    }
}
