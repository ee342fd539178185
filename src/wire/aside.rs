//! What is asked beside the load, such as a list of models: nothing of it is measured.

use reqwest::{Client, ClientBuilder, redirect::Policy};
use rustls::ClientConfig;

use super::Origin;

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
