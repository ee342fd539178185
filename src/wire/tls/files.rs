//! The PEM files that `[endpoints.NAME.tls]` names.

use std::{fs, sync::Arc};

use rustls::{
    RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::CertifiedKey,
};

use super::Trust;
use crate::{config::Tls, wire::error::in_words};

/// What stands in the files.
#[derive(Debug, Default)]
pub struct Files {
    /// Whom they say is trusted.
    pub trust: Trust,
    /// The certificate of the client and those above it, with its key.
    pub client: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct FileError {
    /// The key of `[endpoints.NAME.tls]` that names it.
    pub key: &'static str,
    /// What is wrong: "cannot read `ca.pem`: no such file or directory".
    pub reason: String,
    /// What to do about it.
    pub help: &'static str,
}

const CERTIFICATES: &str =
    "a PEM file of certificates has parts that begin with `-----BEGIN CERTIFICATE-----`";
const KEY: &str =
    "a PEM file of a key begins with `-----BEGIN PRIVATE KEY-----`, and the key has no password";
const PATH: &str = "put the file there, or correct the path, which starts at the folder of the scenario";

impl Files {
    /// Reads them.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with them.
    pub fn read(tls: &Tls) -> Result<Self, Vec<FileError>> {
        let mut errors = Vec::new();
        let mut keep = |error| errors.push(error);
        let trust = match &tls.ca {
            _ if tls.insecure => Trust::Anybody,
            Some(path) => roots(path).map_err(&mut keep).map_or(Trust::System, Trust::Only),
            None => Trust::System,
        };
        let client = tls.client.as_ref().and_then(|client| {
            let chain = certificates("cert", &client.cert).map_err(&mut keep);
            let key = private_key(&client.key).map_err(&mut keep);
            let (chain, key) = (chain.ok()?, key.ok()?);
            fit(&chain, &key, &client.cert, &client.key).map_err(&mut keep).ok()?;
            Some((chain, key))
        });
        if errors.is_empty() { Ok(Self { trust, client }) } else { Err(errors) }
    }
}

fn roots(path: &str) -> Result<Arc<RootCertStore>, FileError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("ca", path)? {
        roots.add(certificate).map_err(|error| FileError {
            key: "ca",
            reason: format!("`{path}` has a certificate that can be no authority: {error}"),
            help: CERTIFICATES,
        })?;
    }
    Ok(Arc::new(roots))
}

fn certificates(key: &'static str, path: &str) -> Result<Vec<CertificateDer<'static>>, FileError> {
    let bytes = read(key, path)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let bad = |what: &str| FileError { key, reason: format!("`{path}` {what}"), help: CERTIFICATES };
    match all {
        Ok(all) if all.is_empty() => Err(bad("has no certificate in PEM")),
        Ok(all) => Ok(all),
        Err(error) => Err(bad(&format!("is no PEM file: {error}"))),
    }
}

fn private_key(path: &str) -> Result<PrivateKeyDer<'static>, FileError> {
    let bytes = read("key", path)?;
    // what rustls says of it is not shown: it could quote the file
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| FileError {
        key: "key",
        reason: format!("`{path}` has no private key in PEM"),
        help: KEY,
    })
}

/// Whether a key is that of the first certificate.
fn fit(
    chain: &[CertificateDer<'static>],
    key: &PrivateKeyDer<'static>,
    cert_path: &str,
    key_path: &str,
) -> Result<(), FileError> {
    let made = CertifiedKey::from_der(chain.to_vec(), key.clone_key(), &ring::default_provider());
    match made {
        Ok(_) => Ok(()),
        Err(rustls::Error::InconsistentKeys(_)) => Err(FileError {
            key: "key",
            reason: format!("the key in `{key_path}` is not that of the first certificate in `{cert_path}`"),
            help: "name the files that were made together; the certificate of the client stands first",
        }),
        Err(error) => Err(FileError {
            key: "cert",
            reason: format!("`{cert_path}` with `{key_path}` cannot be used: {error}"),
            help: CERTIFICATES,
        }),
    }
}

fn read(key: &'static str, path: &str) -> Result<Vec<u8>, FileError> {
    fs::read(path).map_err(|error| FileError {
        key,
        reason: format!("cannot read `{path}`: {}", in_words(&error)),
        help: PATH,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rcgen::{CertificateParams, KeyPair};

    use super::*;
    use crate::config::ClientCertificate;

    fn write(folder: &Path, name: &str, text: &str) -> String {
        let path = folder.join(name);
        fs::write(&path, text).expect("a file");
        path.display().to_string()
    }

    #[test]
    fn files_are_read_and_all_that_is_wrong_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let keys = [KeyPair::generate().expect("a key"), KeyPair::generate().expect("a key")];
        let certificate =
            CertificateParams::new(vec!["client".to_owned()]).expect("a name").self_signed(&keys[0]);
        let cert = write(folder.path(), "cert.pem", &certificate.expect("a certificate").pem());
        let [own, other] =
            [0, 1].map(|n| write(folder.path(), &format!("{n}.pem"), &keys[n].serialize_pem()));
        let broken =
            write(folder.path(), "broken.pem", "-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----\n");
        let gone = folder.path().join("gone.pem").display().to_string();
        let tls = |ca: Option<&str>, client: Option<[&str; 2]>| Tls {
            ca: ca.map(str::to_owned),
            client: client
                .map(|[cert, key]| ClientCertificate { cert: cert.to_owned(), key: key.to_owned() }),
            insecure: false,
        };

        let files = Files::read(&tls(Some(&cert), Some([&cert, &own]))).expect("sound files");
        assert!(matches!(files.trust, Trust::Only(roots) if roots.len() == 1) && files.client.is_some());
        assert!(matches!(Files::read(&Tls::default()), Ok(Files { trust: Trust::System, client: None })));
        for (tls, expected) in [
            (
                tls(Some(&gone), Some([&gone, &gone])),
                ["ca", "cert", "key"]
                    .map(|key| (key, format!("cannot read `{gone}`: no such file or directory")))
                    .to_vec(),
            ),
            (tls(Some(&own), None), vec![("ca", format!("`{own}` has no certificate in PEM"))]),
            (tls(None, Some([&cert, &cert])), vec![("key", format!("`{cert}` has no private key in PEM"))]),
            (
                tls(None, Some([&cert, &other])),
                vec![(
                    "key",
                    format!("the key in `{other}` is not that of the first certificate in `{cert}`"),
                )],
            ),
        ] {
            let errors = Files::read(&tls).expect_err("something is wrong");
            let told: Vec<_> = errors.into_iter().map(|error| (error.key, error.reason)).collect();
            assert_eq!(told, expected);
        }
        let errors = Files::read(&tls(Some(&broken), None)).expect_err("no PEM");
        assert!(errors[0].reason.starts_with(&format!("`{broken}` is no PEM file: ")), "{errors:?}");
    }
}
