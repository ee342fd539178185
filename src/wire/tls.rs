//! The TLS configuration of measured connections.

use std::sync::{Arc, OnceLock};

use rustls::{ClientConfig, RootCertStore, client::Resumption, crypto::ring};

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

/// The configuration that trusts the system's roots; made on first use, then shared.
///
/// # Errors
///
/// When the system has no root certificates.
pub fn config() -> Result<Arc<ClientConfig>, TlsConfigError> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return Ok(Arc::clone(config));
    }
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, ignored) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        let reason =
            found.errors.first().map_or_else(|| format!("{ignored} could not be read"), ToString::to_string);
        return Err(TlsConfigError::NoRoots { reason });
    }
    let config = with_roots(roots)?;
    Ok(Arc::clone(CONFIG.get_or_init(|| config)))
}

/// A configuration that trusts these roots.
///
/// Sessions are never resumed, so that every `tls_ns` is the time of a full handshake.
///
/// # Errors
///
/// When rustls finds no protocol version for its provider.
pub fn with_roots(roots: RootCertStore) -> Result<Arc<ClientConfig>, TlsConfigError> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsConfigError::Provider { reason: error.to_string() })?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_once_where_the_system_has_roots() {
        match config() {
            Ok(first) => assert!(config().is_ok_and(|second| Arc::ptr_eq(&first, &second))),
            Err(error) => assert!(matches!(error, TlsConfigError::NoRoots { .. }), "{error}"),
        }
    }
}
