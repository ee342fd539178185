//! Answers that are an error, in the shape of `OpenAI`: `{"error": {"message", "type", "param", "code"}}`.

use axum::{
    Json,
    extract::rejection::BytesRejection,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header::RETRY_AFTER};
use serde_json::{Value, json};

use super::{fault::Fault, request::Misfit};

/// An error as the client sees it.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    message: String,
    kind: &'static str,
    param: Option<&'static str>,
    code: Option<&'static str>,
}

impl Refusal {
    /// The client's own mistake.
    pub(super) fn invalid(status: StatusCode, message: String) -> Self {
        Self { status, message, kind: "invalid_request_error", param: None, code: None }
    }

    /// A fault.
    pub(super) fn fault(fault: Fault) -> Self {
        let (status, message, code) = match fault {
            Fault::Overloaded => {
                (StatusCode::SERVICE_UNAVAILABLE, "the simulated server is overloaded", Some("overloaded"))
            }
            Fault::TooLong => {
                let message = "prompt and answer together have more tokens than the key-value cache of the \
                               simulated server holds"
                    .to_owned();
                // the code by which clients of OpenAI know it
                let code = Some("context_length_exceeded");
                return Self { code, ..Self::invalid(StatusCode::BAD_REQUEST, message) };
            }
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "the simulated server failed on purpose", None),
        };
        Self { status, message: message.to_owned(), kind: "server_error", param: None, code }
    }

    /// The model does not run any more.
    pub(super) fn gone() -> Self {
        let message = "the simulated server has stopped".to_owned();
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            message,
            kind: "server_error",
            param: None,
            code: None,
        }
    }

    /// The JSON of the error, as a body or inside a stream.
    pub(super) fn body(&self) -> Value {
        json!({
            "error": { "message": self.message, "type": self.kind, "param": self.param, "code": self.code },
        })
    }
}

impl From<Misfit> for Refusal {
    fn from(misfit: Misfit) -> Self {
        Self { param: misfit.param, ..Self::invalid(StatusCode::BAD_REQUEST, misfit.message) }
    }
}

impl From<BytesRejection> for Refusal {
    fn from(rejection: BytesRejection) -> Self {
        Self::invalid(rejection.status(), rejection.body_text().to_lowercase())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body())).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, http::HeaderValue::from_static("1"));
        }
        response
    }
}
