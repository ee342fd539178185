//! Mathematics without our nouns: ranks, order statistics, moments, robust spread, shares, several tests at once.

mod batch_means;
mod binomial;
mod change;
mod holm;
mod moments;
mod ranks;
mod shares;
mod steady;

pub use batch_means::{MeanInterval, batch_means, student_quantile};
pub use binomial::cumulative;
pub use change::{Change, change_point};
pub use holm::holm;
pub use moments::{Moments, median, median_absolute_deviation};
pub use ranks::{lower_rank, nearest_rank, sample_floor, settles_at, upper_rank};
pub use shares::{normal_quantile, normal_tail, score, share_settles_at, wilson};
pub use steady::{Drift, STEADY_FLOOR, drift, transient};
