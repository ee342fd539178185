//! HTTP/2 (RFC 9113): requests that share connections, each with the arrival of its own bytes.
//!
//! The `h2` crate speaks the protocol and buffers a frame ahead of whoever reads it, so stamps are kept beside it: a
//! [`Watch`] sits below it, follows the frame headers in what arrives, and notes for each stream which read brought how
//! many bytes of its body. Who takes bytes from `h2` takes their arrivals from there, byte for byte; how `h2` cuts and
//! buffers them makes no difference.
//!
//! ```text
//! stamped plain text ─transport→ h2 ─→ bytes of a body ┐
//!                        └─frames→ watch ─→ arrivals ──┴─body→ pieces
//! ```
//!
//! A task per connection drives it; those who ask and read are woken by it.

mod body;
mod connection;
mod failure;
mod frames;
mod request;
mod shared;
mod transport;
mod watch;

pub(super) use self::{
    body::Body,
    connection::{Connection, Opened},
    request::Parts,
    shared::{Reserved, Shared},
};
