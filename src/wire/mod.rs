//! Measured sockets: connect, TLS, pool, arrival times, HTTP, framing. The only code that touches them.
//!
//! A [`Pool`] per endpoint sends [`Request`]s and hands out [`Response`]s whose body frames carry the arrival time of
//! the read that brought them. The whole exchange runs inside the caller's task: hyper's connection is polled there
//! and nowhere else, so no hop between tasks lies between a read, its stamp and the caller, and dropping the future
//! (a time-out) drops the connection with it.
//!
//! There are no retries but the one that [`Pool::send`] states, no redirects, no proxies and no limit on the number
//! of connections.

mod clock;
mod error;
mod framing;
mod http;
mod mark;
mod origin;
mod pool;
mod stream;
pub mod tls;

pub use clock::Clock;
pub use error::WireError;
pub use framing::{Frame, Framer, Framing, FramingError, MAX_EVENT, MAX_WHOLE};
pub use http::{Limits, Request, Response, Timing};
pub use mark::Mark;
pub use origin::{Origin, OriginError};
pub use pool::Pool;

#[cfg(test)]
mod tests;
