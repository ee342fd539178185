//! How an endpoint is connected to: `endpoints.NAME.http_version` and `[endpoints.NAME.tls]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The versions of HTTP that may be spoken with an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum HttpVersion {
    /// HTTP/1.1, a connection for each request in flight.
    #[default]
    #[serde(rename = "1.1")]
    One,
    /// HTTP/2: by ALPN over TLS, by prior knowledge without it.
    #[serde(rename = "2")]
    Two,
    /// What the server chooses by ALPN; HTTP/1.1 without TLS, where nothing is negotiated.
    #[serde(rename = "auto")]
    Auto,
}

impl HttpVersion {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::One, Self::Two, Self::Auto];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::One => "1.1",
            Self::Two => "2",
            Self::Auto => "auto",
        }
    }

    /// Whether it is HTTP/1.1, which plans leave out.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// `[endpoints.NAME.tls]`: whom its connections trust, and how they show who they are. Paths are those of PEM files.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Tls {
    /// Certificates of the authorities that are trusted, in place of the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// What the client shows where the server asks who it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientCertificate>,
    /// Whether the certificate of the server is taken for good, whatever it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub insecure: bool,
}

/// A certificate of the client with its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClientCertificate {
    /// The certificate, then those of the authorities between it and one that the server knows.
    pub cert: String,
    /// Its private key.
    pub key: String,
}

impl Tls {
    /// Whether nothing is said: the system's authorities are trusted, and the client shows nothing.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Every path in it, to be changed.
    pub fn paths_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let client = self.client.iter_mut().flat_map(|client| [&mut client.cert, &mut client.key]);
        self.ca.iter_mut().chain(client)
    }
}
