//! TLS of endpoints: set up before anything is sent, and what to do where server and client do not come together.

use std::{error::Error, io, sync::Arc};

use rustls::{AlertDescription, CertificateError, ClientConfig};

use crate::{
    config::{Address, HttpVersion},
    plan::PlannedEndpoint,
    wire::tls::{self, Files},
};

/// The TLS configuration of an endpoint; `None` where it has no TLS.
///
/// # Errors
/// Everything that is wrong with its files, or with those of the system, each with its fix.
pub(super) fn set_up(endpoint: &PlannedEndpoint) -> Result<Option<Arc<ClientConfig>>, Vec<String>> {
    let Address::Url(url) = &endpoint.address else { return Ok(None) };
    if !url.starts_with("https://") {
        return Ok(None);
    }
    let name = &endpoint.name;
    let files = Files::read(&endpoint.tls).map_err(|errors| {
        let told = errors
            .iter()
            .map(|error| format!("`endpoints.{name}.tls.{}`: {error}\n  help: {}", error.key, error.help));
        told.collect::<Vec<_>>()
    })?;
    tls::config(files, endpoint.http_version).map(Some).map_err(|error| {
        let help = format!(
            "install the system's certificates, or name your own: `endpoints.{name}.tls.ca = \"FILE\"`"
        );
        vec![format!("{error}\n  help: {help}")]
    })
}

/// What helps where a connection failed for a reason that waiting does not mend; `None` where waiting may.
pub(super) fn advice(error: &(dyn Error + 'static), endpoint: &PlannedEndpoint) -> Option<String> {
    if let Some(error) = find::<rustls::Error>(error) {
        return Some(of_tls(error, endpoint));
    }
    let protocol = find::<h2::Error>(error).is_some_and(|error| error.is_library() || error.is_go_away());
    let name = &endpoint.name;
    (protocol && endpoint.http_version == HttpVersion::Two)
        .then(|| format!("the server may not speak HTTP/2: remove `endpoints.{name}.http_version`"))
}

/// What else may be the reason where a server with TLS hangs up without a word; empty where it is none.
pub(super) fn unasked(endpoint: &PlannedEndpoint) -> String {
    let tls = matches!(&endpoint.address, Address::Url(url) if url.starts_with("https://"));
    if tls && endpoint.tls.client.is_none() {
        let name = &endpoint.name;
        format!("; if the server wants to know who asks, set `endpoints.{name}.tls.cert` and `.key`")
    } else {
        String::new()
    }
}

fn of_tls(error: &rustls::Error, endpoint: &PlannedEndpoint) -> String {
    let tls = |key: &str| format!("`endpoints.{}.tls.{key}`", endpoint.name);
    let insecure = format!("or accept any certificate by {}", tls("insecure = true"));
    match error {
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => format!(
            "write the host in `endpoints.{}.url` by a name that the certificate is for, {insecure}",
            endpoint.name
        ),
        rustls::Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => format!("give the server a certificate that is valid now, {insecure}"),
        rustls::Error::InvalidCertificate(_) if endpoint.tls.ca.is_some() => {
            format!("name the authority that signed the server's certificate in {}, {insecure}", tls("ca"))
        }
        rustls::Error::InvalidCertificate(_) => {
            format!("name the authority that signed it: {}, {insecure}", tls("ca = \"FILE\""))
        }
        rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol) => {
            let (name, http) = (&endpoint.name, endpoint.http_version.name());
            format!(
                "the server does not speak what `endpoints.{name}.http_version` = \"{http}\" offers: try `\"auto\"`"
            )
        }
        rustls::Error::AlertReceived(_) if endpoint.tls.client.is_none() => format!(
            "if the server wants to know who asks, name a certificate and its key: {} and {}",
            tls("cert = \"FILE\""),
            tls("key = \"FILE\"")
        ),
        rustls::Error::AlertReceived(_) => format!(
            "the server may not accept the certificate of the client: correct {} and {}",
            tls("cert"),
            tls("key")
        ),
        rustls::Error::InvalidMessage(_) => {
            let name = &endpoint.name;
            format!("the server may not speak TLS: write `http://` in `endpoints.{name}.url`")
        }
        _ => format!("see what the server says of its TLS, and `endpoints.{}.tls`", endpoint.name),
    }
}

/// The first error of this kind among an error and its causes.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // what an I/O error wraps is not its cause: that is the cause of what it wraps
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}
