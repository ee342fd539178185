//! The TLS configuration of an endpoint's connections: whom they trust, and how they show who they are.

mod accept_any;
mod files;

use std::sync::{Arc, OnceLock};

use rustls::{ClientConfig, RootCertStore, client::Resumption, crypto::ring};

use self::accept_any::AcceptAny;
pub use self::files::{FileError, Files};
use crate::config::HttpVersion;

/// Why there is no TLS configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsConfigError {
    /// The system's certificate store is empty or unreadable.
    #[error("the system has no usable root certificates: {reason}")]
    NoRoots {
        /// What was found instead.
        reason: String,
    },
    /// The crypto provider and the protocol versions do not fit.
    #[error("no tls configuration: {reason}")]
    Provider {
        /// What rustls says.
        reason: String,
    },
}

impl TlsConfigError {
    fn provider(error: &rustls::Error) -> Self {
        Self::Provider { reason: error.to_string() }
    }
}

/// Whom a connection trusts.
#[derive(Debug, Clone, Default)]
pub enum Trust {
    /// The authorities of the system.
    #[default]
    System,
    /// These, and no other.
    Only(Arc<RootCertStore>),
    /// Anybody.
    Anybody,
}

/// A configuration for connections that speak such HTTP.
///
/// Sessions are never resumed, so that every `tls_ns` is the time of a full handshake.
///
/// # Errors
///
/// When the system's authorities are asked for and there are none, or rustls finds no protocol version for its provider.
pub fn config(files: Files, http: HttpVersion) -> Result<Arc<ClientConfig>, TlsConfigError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsConfigError::provider(&error))?;
    let builder = match files.trust {
        Trust::System => builder.with_root_certificates(system_roots()?),
        Trust::Only(roots) => builder.with_root_certificates(roots),
        Trust::Anybody => {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(AcceptAny::new(provider)))
        }
    };
    let mut config = match files.client {
        Some((certificates, key)) => builder
            .with_client_auth_cert(certificates, key)
            .map_err(|error| TlsConfigError::provider(&error))?,
        None => builder.with_no_client_auth(),
    };
    let offered: &[&[u8]] = match http {
        HttpVersion::One => &[b"http/1.1"],
        HttpVersion::Two => &[b"h2"],
        HttpVersion::Auto => &[b"h2", b"http/1.1"],
    };
    config.alpn_protocols = offered.iter().map(|name| name.to_vec()).collect();
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// The authorities of the system, read on first use.
fn system_roots() -> Result<Arc<RootCertStore>, TlsConfigError> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    if let Some(roots) = ROOTS.get() {
        return Ok(Arc::clone(roots));
    }
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, ignored) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let reason =
            found.errors.first().map_or_else(|| format!("{ignored} could not be read"), ToString::to_string);
        return Err(TlsConfigError::NoRoots { reason });
    }
    Ok(Arc::clone(ROOTS.get_or_init(|| Arc::new(roots))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_read_once_where_the_system_has_any() {
        match system_roots() {
            Ok(first) => assert!(system_roots().is_ok_and(|second| Arc::ptr_eq(&first, &second))),
            Err(error) => assert!(matches!(error, TlsConfigError::NoRoots { .. }), "{error}"),
        }
    }

    #[test]
    fn a_version_of_http_is_offered_by_its_name() {
        for (http, offered) in [
            (HttpVersion::One, &["http/1.1"][..]),
            (HttpVersion::Two, &["h2"]),
            (HttpVersion::Auto, &["h2", "http/1.1"]),
        ] {
            let config =
                config(Files { trust: Trust::Anybody, client: None }, http).expect("a configuration");
            assert!(config.alpn_protocols.iter().eq(offered.iter().map(|name| name.as_bytes())));
        }
    }
}
