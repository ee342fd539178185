//! Exit codes, and which of several counts.

use std::process::ExitCode;

use crate::verdict::{Conclusion, Verdict};

/// What `--help` says about them.
pub(super) const HELP: &str = "\
Exit codes:
  0    every judged target passed, or none was declared and the run is valid
  1    a target failed, or every measured request did
  2    wrong usage or an invalid scenario; nothing was sent
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
    /// The exit code of a judged run.
    pub(super) fn of(verdict: &Verdict) -> Self {
        match verdict.conclusion {
            Conclusion::Pass => Self::Pass,
            Conclusion::Fail => Self::Fail,
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
