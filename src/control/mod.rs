//! What steers a run while it goes on: reads events, judges with `metrics` and `verdict`, and says what is to be done.
//!
//! It knows no clock and sends nothing itself: whoever records the events shows them here, names the time, and hands
//! on what is decided. So the engine never judges, and judging never holds up a request.

mod watch;

pub use watch::Watch;
