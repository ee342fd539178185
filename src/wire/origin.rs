//! Where an endpoint is: a base URL, resolved once.

use std::net::SocketAddr;

use http::{Uri, uri::Scheme};

use super::error::in_words;

/// A server's address as requests need it. Names are resolved when it is made, never on the measured path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Host name or address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Whether the connection is TLS.
    pub tls: bool,
    /// The `host` header.
    pub authority: String,
    /// What the URL's path says before every request's own path, without a slash at the end.
    pub base_path: String,
    /// Addresses, tried in this order.
    pub addresses: Vec<SocketAddr>,
}

/// Why a URL is no origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// Not an `http` or `https` URL of a host.
    #[error("`{url}` is not a base url such as `http://127.0.0.1:8080/v1`")]
    NotAUrl {
        /// As written.
        url: String,
    },
    /// The name has no address.
    #[error("cannot resolve `{host}`: {reason}")]
    Unresolved {
        /// The name.
        host: String,
        /// What the resolver says.
        reason: String,
    },
}

impl Origin {
    /// Takes a base URL apart and resolves its host.
    ///
    /// # Errors
    ///
    /// When the URL has another scheme, no host, user information or a query, or the host has no address.
    pub async fn resolve(url: &str) -> Result<Self, OriginError> {
        let mut origin = Self::parse(url).ok_or_else(|| OriginError::NotAUrl { url: url.to_owned() })?;
        let unresolved = |reason: String| OriginError::Unresolved { host: origin.host.clone(), reason };
        let addresses: Vec<SocketAddr> = tokio::net::lookup_host((origin.host.as_str(), origin.port))
            .await
            .map_err(|error| unresolved(in_words(&error)))?
            .collect();
        if addresses.is_empty() {
            return Err(unresolved("it has no address".to_owned()));
        }
        origin.addresses = addresses;
        Ok(origin)
    }

    /// An origin without addresses.
    fn parse(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let tls = match uri.scheme()? {
            scheme if *scheme == Scheme::HTTP => false,
            scheme if *scheme == Scheme::HTTPS => true,
            _ => return None,
        };
        let authority = uri.authority()?;
        // user information would be a secret in a place that is written to files
        if authority.as_str().contains('@') || uri.query().is_some() {
            return None;
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        (!host.is_empty()).then(|| Self {
            host: host.to_owned(),
            port: authority.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            tls,
            authority: authority.as_str().to_owned(),
            base_path: uri.path().trim_end_matches('/').to_owned(),
            addresses: Vec::new(),
        })
    }

    /// The request target of `path` (with its leading slash) under the base path.
    ///
    /// # Errors
    ///
    /// When `path` is not one.
    pub fn target(&self, path: &str) -> Result<Uri, http::uri::InvalidUri> {
        format!("{}{path}", self.base_path).parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_urls_come_apart() {
        for (url, host, port, tls, base_path) in [
            ("http://127.0.0.1:8080/v1", "127.0.0.1", 8080, false, "/v1"),
            ("http://localhost", "localhost", 80, false, ""),
            ("https://api.example.org/openai/v1/", "api.example.org", 443, true, "/openai/v1"),
            ("http://[::1]:9000/", "::1", 9000, false, ""),
        ] {
            let origin = Origin::parse(url).expect(url);
            assert_eq!(
                (origin.host.as_str(), origin.port, origin.tls, origin.base_path.as_str()),
                (host, port, tls, base_path)
            );
            assert_eq!(
                origin.target("/chat/completions").expect("a path").to_string(),
                format!("{base_path}/chat/completions")
            );
        }
        assert_eq!(Origin::parse("http://[::1]:9000/").map(|o| o.authority), Some("[::1]:9000".to_owned()));
    }

    #[test]
    fn other_texts_are_refused() {
        for url in
            ["", "localhost:80", "ftp://host/", "/v1", "http://", "http://user:key@host/", "http://h/?k=v"]
        {
            assert_eq!(Origin::parse(url), None, "{url}");
        }
    }

    #[tokio::test]
    async fn addresses_need_no_resolver() {
        let origin = Origin::resolve("http://127.0.0.1:8080/v1").await.expect("an address");
        assert_eq!(origin.addresses, ["127.0.0.1:8080".parse().expect("an address")]);
        let error = Origin::resolve("ftp://host").await.expect_err("no such scheme");
        assert_eq!(error.to_string(), "`ftp://host` is not a base url such as `http://127.0.0.1:8080/v1`");
    }
}
