//! What went wrong on a stream, in the words of the wire.

use std::io;

use h2::{Error, Reason};

use crate::wire::WireError;

/// Why a request got no head of an answer.
pub(in super::super) struct Failure {
    pub(in super::super) error: WireError,
    /// Whether the server cannot have begun with it, or died before it said anything: then it may be sent once more.
    pub(in super::super) may_repeat: bool,
}

impl Failure {
    /// One before any byte of an answer, or within its head.
    pub(super) fn of_head(error: &Error, answered: bool) -> Self {
        let wire = translate(error, answered);
        let refused = error.is_remote()
            && (error.is_go_away() || (error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM)));
        Self { may_repeat: !answered && (error.is_io() || refused), error: wire }
    }

    /// A head that is over the limit.
    pub(super) fn too_large() -> Self {
        Self { error: WireError::Malformed("the head is too large".to_owned()), may_repeat: false }
    }
}

/// An error of the protocol or of the connection below it, before the first byte of an answer or behind it.
pub(super) fn translate(error: &Error, answered: bool) -> WireError {
    if let Some(error) = error.get_io() {
        // so the protocol calls an end of the connection
        let closed = matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::NotConnected);
        let error = Some(error).filter(|_| !closed);
        return if answered { WireError::broken_off(error) } else { WireError::no_answer(error) };
    }
    let reason = error.reason().map_or_else(|| error.to_string(), name);
    if !error.is_remote() {
        // what the other side did was found to be wrong on this one
        return WireError::Malformed(format!("no http/2: {reason}"));
    }
    let how = if error.is_go_away() {
        format!("the server ends the connection: {reason}")
    } else {
        format!("the server reset the stream: {reason}")
    };
    if answered { WireError::BrokenOff(how) } else { WireError::NoAnswer(how) }
}

/// A beginning of a connection that came to nothing.
pub(super) fn of_connection(error: Option<&Error>) -> WireError {
    match error {
        Some(error) if error.is_io() || error.is_remote() => match translate(error, false) {
            WireError::NoAnswer(how) => WireError::Connect(format!("http/2 did not begin: {how}")),
            other => other,
        },
        Some(error) => translate(error, false),
        None => WireError::Connect("http/2 did not begin: connection closed by the server".to_owned()),
    }
}

/// The name of an error code as RFC 9113, section 7, has it, or its number.
fn name(reason: Reason) -> String {
    const NAMES: [&str; 14] = [
        "NO_ERROR",
        "PROTOCOL_ERROR",
        "INTERNAL_ERROR",
        "FLOW_CONTROL_ERROR",
        "SETTINGS_TIMEOUT",
        "STREAM_CLOSED",
        "FRAME_SIZE_ERROR",
        "REFUSED_STREAM",
        "CANCEL",
        "COMPRESSION_ERROR",
        "CONNECT_ERROR",
        "ENHANCE_YOUR_CALM",
        "INADEQUATE_SECURITY",
        "HTTP_1_1_REQUIRED",
    ];
    let code = u32::from(reason);
    NAMES.get(code as usize).map_or_else(|| format!("error {code}"), |name| (*name).to_owned())
}
