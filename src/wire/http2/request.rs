//! A request as HTTP/2 has it.

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request as Head, Uri, Version, header,
    uri::{Authority, PathAndQuery, Scheme},
};

use crate::wire::Request;

/// Head and body of a request.
#[derive(Debug, Clone)]
pub(in super::super) struct Parts {
    pub(super) head: Head<()>,
    pub(super) body: Bytes,
}

impl Parts {
    /// A request to a host.
    pub(in super::super) fn new(request: &Request, tls: bool, authority: &Authority) -> Self {
        let path = request.target.path_and_query().cloned();
        let uri = Uri::builder()
            .scheme(if tls { Scheme::HTTPS } else { Scheme::HTTP })
            .authority(authority.clone())
            .path_and_query(path.unwrap_or_else(|| PathAndQuery::from_static("/")))
            .build()
            .expect("scheme, authority and path are all there");
        let mut head = Head::new(());
        *head.version_mut() = Version::HTTP_2;
        *head.method_mut() = request.method.clone();
        *head.uri_mut() = uri;
        *head.headers_mut() = request.headers.clone();
        let headers = head.headers_mut();
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if !request.body.is_empty() || request.method == Method::POST {
            headers.insert(header::CONTENT_LENGTH, request.body.len().into());
        }
        Self { head, body: request.body.clone() }
    }
}
