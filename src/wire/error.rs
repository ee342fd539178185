//! What can go wrong on the wire, and which outcome of a request that is.

use std::{io, net::SocketAddr};

use crate::{record::Outcome, units};

/// Why a request got no whole answer. Each text stands alone in a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// No connection could be made: `connection refused by 127.0.0.1:8080`.
    #[error("{0}")]
    Connect(String),
    /// No connection could be made for want of a local port or a file descriptor: the machine that asks is at its limit,
    /// not the server.
    #[error("{0}")]
    Exhausted(String),
    /// The TLS handshake failed.
    #[error("tls handshake with `{host}` failed: {reason}")]
    Tls {
        /// The host asked for.
        host: String,
        /// What rustls or the socket says.
        reason: String,
    },
    /// The connection died before the first byte of an answer.
    #[error("no answer: {0}")]
    NoAnswer(String),
    /// The connection died after the first byte of an answer and before its end.
    #[error("the answer broke off: {0}")]
    BrokenOff(String),
    /// The answer is not HTTP as agreed: a bad or huge head, bad chunks, a compressed body.
    #[error("bad http: {0}")]
    Malformed(String),
    /// The body is over [`Limits::body_bytes`](super::Limits::body_bytes).
    #[error("the answer is over {}", units::show_bytes(*limit))]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
}

impl WireError {
    /// The outcome of a request that ended so.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Connect(_) | Self::Exhausted(_) | Self::NoAnswer(_) => Outcome::ConnectFailed,
            Self::Tls { .. } => Outcome::TlsFailed,
            Self::BrokenOff(_) => Outcome::Truncated,
            Self::Malformed(_) | Self::TooLarge { .. } => Outcome::Malformed,
        }
    }

    /// A failed `connect`.
    pub(super) fn connect(address: SocketAddr, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Connect(format!("connection refused by {address}")),
            io::ErrorKind::AddrNotAvailable => {
                Self::Exhausted(format!("no local port is left to connect to {address}"))
            }
            _ if is_out_of_files(error) => {
                Self::Exhausted(format!("no file descriptor is left to connect to {address}"))
            }
            _ => Self::Connect(format!("cannot connect to {address}: {}", in_words(error))),
        }
    }

    /// A connection that ended before the first byte of an answer: by an error, or in good order.
    pub(super) fn no_answer(error: Option<&io::Error>) -> Self {
        match error {
            Some(error) if error.kind() == io::ErrorKind::InvalidData => Self::Malformed(in_words(error)),
            _ => Self::NoAnswer(how(error)),
        }
    }

    /// One that ended within an answer.
    pub(super) fn broken_off(error: Option<&io::Error>) -> Self {
        match error {
            // rustls calls bad records so
            Some(error) if error.kind() == io::ErrorKind::InvalidData => Self::Malformed(in_words(error)),
            _ => Self::BrokenOff(how(error)),
        }
    }
}

/// Whether the process (`EMFILE`) or the system (`ENFILE`) has no file descriptor left.
#[cfg(unix)]
fn is_out_of_files(error: &io::Error) -> bool {
    use nix::errno::Errno;
    let code = error.raw_os_error().map(Errno::from_raw);
    matches!(code, Some(Errno::EMFILE | Errno::ENFILE))
}

#[cfg(not(unix))]
fn is_out_of_files(_: &io::Error) -> bool {
    false
}

fn how(error: Option<&io::Error>) -> String {
    match error {
        Some(error) if error.kind() != io::ErrorKind::UnexpectedEof => in_words(error),
        _ => "connection closed by the server".to_owned(),
    }
}

/// An error of the system as part of a sentence: `connection reset by peer`.
pub(super) fn in_words(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
