//! Mathematics without our nouns: ranks, order statistics, moments, robust spread, shares, several tests at once.

mod batch_means;
mod binomial;
mod bootstrap;
mod dependence;
mod change;
mod holm;
mod moments;
mod ranks;
mod shares;
mod spikes;
mod steady;

pub use batch_means::{BATCHES, Estimate, batch_means, changing_means, student_quantile, student_tail};
pub use binomial::cumulative;
pub use bootstrap::bootstrap;
pub use change::{Change, change_point};
pub use dependence::{Indicators, dependent_lower_rank, dependent_upper_rank, effective};
pub use holm::holm;
pub use moments::{Moments, median, median_absolute_deviation};
pub use ranks::{lower_rank, nearest_rank, sample_floor, settles_at, upper_rank};
pub use shares::{normal_quantile, normal_tail, score, share_settles_at, wilson};
pub use spikes::{beyond_deviations, beyond_mads};
pub use steady::{Drift, STEADY_FLOOR, drift, transient};
