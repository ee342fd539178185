//! Mathematics without our nouns: ranks, order statistics, moments, robust spread, shares, several tests at once, two
//! sides of a comparison.

mod batch_means;
mod binomial;
mod bootstrap;
mod bounded;
mod change;
mod dependence;
mod difference;
mod excess;
#[cfg(test)]
mod fixture;
mod holm;
mod moderated;
mod moments;
mod rank_sum;
mod ranks;
mod shares;
mod spikes;
mod steady;
mod student;

pub use batch_means::{BATCHES, Estimate, batch_means, changing_means};
pub use binomial::cumulative;
pub use bootstrap::bootstrap;
pub use bounded::Bounded;
pub use change::{Change, change_point};
pub use dependence::{Indicators, dependent_lower_rank, dependent_upper_rank, effective};
pub use difference::{prediction, runs_to_exceed, welch};
pub use excess::{Excess, excess};
pub use holm::holm;
pub use moderated::{Common, common};
pub use moments::{Moments, mean, median, median_absolute_deviation, parts};
pub use rank_sum::{rank_sum_floor, rank_sum_tails, runs_to_reject, shift_rank};
pub use ranks::{lower_rank, nearest_rank, sample_floor, settles_at, upper_rank};
pub use shares::{normal_quantile, normal_tail, score, share_settles_at, wilson};
pub use spikes::{beyond_deviations, beyond_mads};
pub use steady::{Drift, STEADY_FLOOR, drift, transient};
pub use student::{student_quantile, student_tail};
