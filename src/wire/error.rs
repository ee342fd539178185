//! What can go wrong on the wire, and which outcome of a request that is.

use std::{error::Error as _, io, net::SocketAddr};

use crate::{record::Outcome, units};

/// Why a request got no whole answer. Each text stands alone in a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// No connection could be made: `connection refused by 127.0.0.1:8080`.
    #[error("{0}")]
    Connect(String),
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
            Self::Connect(_) | Self::NoAnswer(_) => Outcome::ConnectFailed,
            Self::Tls { .. } => Outcome::TlsFailed,
            Self::BrokenOff(_) => Outcome::Truncated,
            Self::Malformed(_) | Self::TooLarge { .. } => Outcome::Malformed,
        }
    }

    /// A failed `connect`.
    pub(super) fn connect(address: SocketAddr, error: &io::Error) -> Self {
        Self::Connect(match error.kind() {
            io::ErrorKind::ConnectionRefused => format!("connection refused by {address}"),
            io::ErrorKind::AddrNotAvailable => {
                format!("no local port is left to connect to {address}")
            }
            _ => format!("cannot connect to {address}: {}", in_words(error)),
        })
    }

    /// What hyper says of an exchange, told apart by what had arrived. `connection` is what the connection itself
    /// ended with, which is nearer to the cause than what the body was told.
    pub(super) fn exchange(
        error: Option<&hyper::Error>,
        connection: Option<&hyper::Error>,
        answered: bool,
    ) -> Self {
        let io = error.and_then(io_cause).or_else(|| connection.and_then(io_cause));
        let reason = match (io, error.or(connection)) {
            // hyper's own decoders report bad framing as `InvalidInput` or `InvalidData`, rustls bad records too
            (Some(io), _)
                if matches!(io.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) =>
            {
                return Self::Malformed(in_words(io));
            }
            (Some(io), _) if io.kind() != io::ErrorKind::UnexpectedEof => in_words(io),
            (None, Some(error)) if error.is_parse() => return Self::Malformed(error.to_string()),
            _ => "connection closed by the server".to_owned(),
        };
        if answered { Self::BrokenOff(reason) } else { Self::NoAnswer(reason) }
    }
}

fn io_cause(error: &hyper::Error) -> Option<&io::Error> {
    std::iter::successors(error.source(), |&error| error.source()).find_map(|error| error.downcast_ref())
}

/// An error of the system as part of a sentence: `connection reset by peer`.
pub(super) fn in_words(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
