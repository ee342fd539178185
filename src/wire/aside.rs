//! What is asked beside the load, such as a list of models: nothing of it is measured.

use std::sync::Arc;

use reqwest::{Client, ClientBuilder, redirect::Policy};
use rustls::ClientConfig;

use super::{
    Origin,
    tls::{self, Files},
};
use crate::config::{HttpVersion, Tls};

/// The beginnings of a client that asks where the load goes, by the same addresses and the same trust, and nowhere else: no proxies and
/// no redirects.
pub fn aside(origin: &Origin, tls: Option<&ClientConfig>) -> ClientBuilder {
    // the default provider can be set once per process; a second call finds it set, which is as good
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .resolve_to_addrs(&origin.host, &origin.addresses);
    match tls {
        Some(tls) => builder.tls_backend_preconfigured(tls.clone()),
        None => builder,
    }
}

/// The trust that the system has in a server, for a URL that no endpoint says anything of; `None` without TLS.
///
/// # Errors
///
/// Why it cannot be known, in words.
pub fn trust_of_system(origin: &Origin) -> Result<Option<Arc<ClientConfig>>, String> {
    if !origin.tls {
        return Ok(None);
    }
    let files = Files::read(&Tls::default()).map_err(|_| "no files".to_owned())?;
    tls::config(files, HttpVersion::One).map(Some).map_err(|error| error.to_string())
}

/// What became of a request that got no answer, such as `Connection refused (os error 111)`: its innermost cause.
pub fn in_words(error: &reqwest::Error, longest: std::time::Duration) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", longest.as_secs());
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
