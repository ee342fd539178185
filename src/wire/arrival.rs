//! When bytes arrived, and how well that is known.

use crate::record::ClockSource;

/// When the bytes of one read arrived, in nanoseconds since the start of the run.
///
/// The last byte of the read arrived at `at_ns` where the kernel says so. Every byte of it arrived after `after_ns`,
/// when the read before had taken all that was there; so an event that ends before the read does arrived in
/// (`after_ns`, `at_ns`], and so did every event where the kernel does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Not later than this.
    pub at_ns: u64,
    /// Later than this.
    pub after_ns: u64,
    /// When the read that brought them returned: what a client without the kernel's stamps would take for the arrival.
    pub read_ns: u64,
    /// Who says so.
    pub source: ClockSource,
}

impl Arrival {
    /// Whether `at_ns` is the very time at which the last byte arrived.
    pub fn is_exact(&self) -> bool {
        self.source == ClockSource::Kernel
    }
}
