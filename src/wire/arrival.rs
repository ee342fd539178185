//! When bytes arrived, and how well that is known.

use crate::record::ClockSource;

/// When the bytes of one read arrived, in nanoseconds since the start of the run.
///
/// The last byte of the read arrived at `at_ns` where the kernel says so and the read took all that was there. Every
/// byte of it arrived after `after_ns`, when the last such read before it began; so an event that ends before the read
/// does arrived in (`after_ns`, `at_ns`], and so did every event where the kernel does not tell.
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
    /// Whether `at_ns` is the very time at which the last byte arrived. Never without the kernel's stamp, and not with
    /// it where the socket held more than was read: the stamp may then be that of bytes which were left.
    pub exact: bool,
}

impl Arrival {
    /// That of bytes which are there by now; more is not known.
    pub(super) fn unseen(now_ns: u64) -> Self {
        Self { at_ns: now_ns, after_ns: 0, read_ns: now_ns, source: ClockSource::User, exact: false }
    }

    /// How long the last byte waited to be read, in nanoseconds; 0 where the kernel does not tell.
    pub fn waited_ns(&self) -> u64 {
        self.read_ns - self.at_ns
    }

    /// How much earlier than `at_ns` a byte may have arrived, in nanoseconds; 4 s stand for all that is more.
    pub fn width_ns(&self) -> u32 {
        u32::try_from(self.at_ns - self.after_ns).unwrap_or(u32::MAX)
    }
}
