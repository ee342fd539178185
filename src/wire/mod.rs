//! Measured sockets: connect, TLS, pool, arrival times, HTTP, framing. The only code that touches them.
//!
//! A [`Pool`] per endpoint sends [`Message`]s and hands out [`Response`]s whose body comes in [`Piece`]s, each with the
//! [`Arrival`] of the read that brought it: the kernel's own receive time where the system tells. Over HTTP/1.1 the whole
//! exchange runs inside the caller's task, and dropping its future (a time-out) drops the connection with it. Over HTTP/2
//! requests share connections, each of which has a task of its own, and dropping the future resets the stream.
//!
//! ```text
//! kernel ─socket→ stamped bytes ─stream→ plain text ─head, body→ pieces ─framing→ events
//! ```
//!
//! There are no retries but the one that [`Pool::send`] states, no redirects, no proxies and no limit on the number
//! of connections.

mod arrival;
mod aside;
mod body;
mod clock;
mod error;
mod framing;
mod head;
mod http;
mod http2;
pub mod kernel;
mod mark;
mod origin;
mod pool;
pub mod priority;
mod socket;
mod stream;
pub mod tls;

pub use arrival::Arrival;
pub use aside::{aside, in_words, trust_of_system};
pub use clock::Clock;
pub use error::WireError;
pub use framing::{Frame, Framer, Framing, FramingError, MAX_EVENT, MAX_WHOLE};
pub use head::{Message, Request};
pub use http::{Limits, Piece, Response, Timing};
pub use mark::Mark;
pub use origin::{Origin, OriginError};
pub use pool::{Pool, Reserved};

#[cfg(test)]
mod tests;
