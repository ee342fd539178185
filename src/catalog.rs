//! The metrics and protocols that exist: names, units and directions.
//!
//! Everything that takes a metric's name (targets, reports, JSON) looks it up here, so a metric that is not in this
//! table cannot be asked for and one that is has the same name everywhere.

mod carrier;
mod metric;
mod name;
mod protocol;
mod quantity;
mod statistic;
mod unit;

pub use carrier::Carrier;
pub use metric::{Direction, Kind, Metric};
pub use name::{MetricName, UnknownMetric};
pub use protocol::Protocol;
pub use quantity::{Course, Quantity};
pub use statistic::Statistic;
pub use unit::Unit;
