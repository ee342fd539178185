//! The search for the most that a machine holds: up in steps until it does not, then between the two.

/// What is tried, and how often.
#[derive(Debug, Clone, Copy)]
pub(super) struct Climb {
    /// Levels from the bottom up.
    pub(super) levels: &'static [u32],
    /// Levels between the last that was held and the first that was not, each in the geometric middle of what is left.
    pub(super) between: u32,
    /// How often a level may miss before it has failed: a shared machine hiccups.
    pub(super) tries: u32,
}

/// How far it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Reached {
    /// The most that was held.
    pub(super) most: Option<u32>,
    /// The fewest above it that was not; `None` where nothing above it was tried.
    pub(super) failed: Option<u32>,
}

impl Climb {
    /// Tries levels up to `top` for as long as there is time, which is asked before each but the first. What cannot be tried
    /// again for lack of time has failed by what was seen of it.
    ///
    /// # Errors
    /// That of the first try that has one.
    pub(super) fn run<E>(
        self,
        top: u32,
        time_left: impl Fn() -> bool,
        mut holds: impl FnMut(u32) -> Result<bool, E>,
    ) -> Result<Reached, E> {
        let mut reached = Reached::default();
        let mut again = |level: u32| {
            for _ in 1..self.tries {
                if holds(level)? {
                    return Ok(true);
                }
                if !time_left() {
                    return Ok(false);
                }
            }
            holds(level)
        };
        for (index, level) in self.levels.iter().copied().enumerate() {
            if index > 0 && (level > top || !time_left()) {
                break;
            }
            if !again(level)? {
                reached.failed = Some(level);
                break;
            }
            reached.most = Some(level);
        }
        for _ in 0..self.between {
            let Reached { most: Some(most), failed: Some(failed) } = reached else { break };
            let middle = (f64::from(most) * f64::from(failed)).sqrt().round() as u32;
            if middle <= most || middle >= failed || !time_left() {
                break;
            }
            if again(middle)? {
                reached.most = Some(middle);
            } else {
                reached.failed = Some(middle);
            }
        }
        Ok(reached)
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, convert::Infallible};

    use super::*;

    /// A machine that holds so many; gives what was reached and what was tried.
    fn climbed(climb: Climb, top: u32, tries: usize, holds: u32) -> (Reached, Vec<u32>) {
        let tried = RefCell::new(Vec::new());
        let reached = climb.run(
            top,
            || tried.borrow().len() < tries,
            |level| {
                tried.borrow_mut().push(level);
                Ok::<_, Infallible>(level <= holds)
            },
        );
        let Ok(reached) = reached;
        (reached, tried.into_inner())
    }

    #[test]
    fn it_climbs_and_then_narrows_down() {
        let climb = Climb { levels: &[100, 200, 400, 800], between: 2, tries: 1 };
        for (top, tries, holds, most, failed, tried) in [
            (9999, 99, 9999, Some(800), None, &[100, 200, 400, 800][..]),
            (9999, 99, 250, Some(238), Some(283), &[100, 200, 400, 283, 238]),
            (9999, 99, 50, None, Some(100), &[100]),
            // no descriptors for more, and no time for more
            (250, 99, 9999, Some(200), None, &[100, 200]),
            (50, 99, 9999, Some(100), None, &[100]),
            (9999, 2, 9999, Some(200), None, &[100, 200]),
            (9999, 0, 9999, Some(100), None, &[100]),
            (9999, 3, 250, Some(200), Some(400), &[100, 200, 400]),
        ] {
            let expected = (Reached { most, failed }, tried.to_vec());
            assert_eq!(climbed(climb, top, tries, holds), expected, "{top} {tries} {holds}");
        }
    }

    #[test]
    fn a_level_that_misses_once_is_tried_again() {
        let climb = Climb { levels: &[100, 200], between: 0, tries: 2 };
        assert_eq!(climbed(climb, 999, 99, 150).1, [100, 200, 200]);
        assert_eq!(climbed(climb, 999, 2, 150).1, [100, 200], "without time for it");
        let mut missed = false;
        let reached = climb.run(
            999,
            || true,
            |level| {
                let misses = level == 100 && !missed;
                missed |= misses;
                Ok::<_, Infallible>(!misses)
            },
        );
        assert_eq!(reached, Ok(Reached { most: Some(200), failed: None }));
    }

    #[test]
    fn an_error_ends_it() {
        let climb = Climb { levels: &[100, 200], between: 0, tries: 2 };
        assert_eq!(climb.run(999, || true, |_| Err("no")), Err("no"));
    }
}
