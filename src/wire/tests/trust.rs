//! Whom a connection trusts, how it shows who it is, and what is agreed on: with files, as a scenario names them.

use std::{fs, net::SocketAddr};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig, crypto::ring, pki_types::PrivateKeyDer, server::WebPkiClientVerifier,
};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;

use super::{
    over_http2::{Handler, answer, begin, handler, next, serving},
    *,
};
use crate::config::{ClientCertificate, HttpVersion, Tls};

/// An authority of the test's own, with its certificate and those of a client in files.
pub(super) struct Authority {
    ca: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let ca = CertifiedIssuer::self_signed(params, key).expect("an authority");
        let authority = Self { ca, folder: tempfile::tempdir().expect("a folder") };
        let (certificate, key) = authority.sign("client");
        authority.write("ca.pem", &authority.ca.pem());
        authority.write("client.pem", &certificate.pem());
        authority.write("client-key.pem", &key.serialize_pem());
        authority
    }

    fn sign(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        (params.signed_by(&key, &self.ca).expect("a certificate"), key)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).expect("a file");
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// A server with a certificate for `localhost` that speaks these protocols, and may ask who the client is.
    pub(super) fn acceptor(&self, protocols: &[&str], asks: bool) -> TlsAcceptor {
        let (certificate, key) = self.sign("localhost");
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("versions");
        let mut roots = RootCertStore::empty();
        roots.add(self.ca.der().clone()).expect("an authority");
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
        let builder = if asks {
            builder.with_client_cert_verifier(verifier.expect("a verifier"))
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let mut config =
            builder.with_single_cert(vec![certificate.der().clone()], key).expect("a configuration");
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }

    pub(super) fn origin(address: SocketAddr) -> Origin {
        Origin {
            host: "localhost".to_owned(),
            port: address.port(),
            tls: true,
            authority: format!("localhost:{}", address.port()),
            base_path: "/v1".to_owned(),
            addresses: vec![address],
        }
    }

    /// A client that trusts it.
    pub(super) fn trusting(&self, http: HttpVersion) -> Arc<ClientConfig> {
        config(&self.tls(false), http)
    }

    /// What a scenario says that trusts it, and shows the client's certificate.
    fn tls(&self, shows: bool) -> Tls {
        let client = ClientCertificate { cert: self.path("client.pem"), key: self.path("client-key.pem") };
        Tls { ca: Some(self.path("ca.pem")), client: shows.then_some(client), insecure: false }
    }
}

fn config(tls: &Tls, http: HttpVersion) -> Arc<ClientConfig> {
    tls::config(tls::Files::read(tls).expect("sound files"), http).expect("a configuration")
}

/// Answers one request over what was agreed on.
fn answering(acceptor: &TlsAcceptor) -> Handler {
    let acceptor = acceptor.clone();
    handler(|stream| async move {
        // a client that does not like what it sees leaves
        let Ok(mut stream) = acceptor.accept(stream).await else { return };
        if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
            let mut connection = begin(stream).await;
            while let Some((_, respond)) = next(&mut connection).await {
                answer(respond, "over 2");
            }
            return;
        }
        let mut read = Vec::new();
        while !read.ends_with(b"{\"stream\":true}") {
            if !stream.read_buf(&mut read).await.is_ok_and(|bytes| bytes > 0) {
                return;
            }
        }
        stream.write_all(sized("over 1").as_bytes()).await.expect("a client");
        stream.flush().await.expect("a client");
        let _ = stream.read_to_end(&mut read).await;
    })
}

async fn ask(acceptor: &TlsAcceptor, tls: &Tls, http: HttpVersion) -> Result<Whole, WireError> {
    let address = serving(vec![answering(acceptor), answering(acceptor)]).await;
    let pool =
        Pool::new(Authority::origin(address), Clock::start(), Some(config(tls, http))).expect("a pool");
    exchange(&pool.speaking(http)).await
}

#[tokio::test]
async fn a_version_is_agreed_on() {
    let authority = Authority::new();
    for (http, offered, expected) in [
        (HttpVersion::One, &["h2", "http/1.1"][..], Ok("over 1")),
        (HttpVersion::Two, &["h2", "http/1.1"], Ok("over 2")),
        (HttpVersion::Auto, &["h2", "http/1.1"], Ok("over 2")),
        (HttpVersion::Auto, &["http/1.1"], Ok("over 1")),
        (HttpVersion::Auto, &[], Ok("over 1")),
        (HttpVersion::Two, &[], Err("the server did not agree on http/2 by alpn")),
        (HttpVersion::Two, &["http/1.1"], Err("received fatal alert: NoApplicationProtocol")),
    ] {
        let acceptor = authority.acceptor(offered, false);
        let answered = ask(&acceptor, &authority.tls(false), http).await;
        let told = answered.map(|whole| whole.body).map_err(|error| (error.to_string(), error.outcome()));
        let expected = expected.map(str::to_owned).map_err(|reason| {
            (format!("tls handshake with `localhost` failed: {reason}"), Outcome::TlsFailed)
        });
        assert_eq!(told, expected, "{http:?} {offered:?}");
    }
}

#[tokio::test]
async fn a_server_is_trusted_for_its_authority_or_by_those_who_trust_anybody() {
    let authority = Authority::new();
    let acceptor = authority.acceptor(&[], false);
    let insecure = Tls { insecure: true, ..Tls::default() };
    for tls in [authority.tls(false), insecure] {
        let whole = ask(&acceptor, &tls, HttpVersion::One).await.expect("an answer");
        assert_eq!(whole.body, "over 1");
    }
    // not by another authority, nor by those of the system
    let error = ask(&acceptor, &Authority::new().tls(false), HttpVersion::One).await;
    let error = error.expect_err("untrusted");
    assert!(error.to_string().contains("invalid peer certificate"), "{error}");
    let files = tls::Files::read(&Tls::default()).expect("nothing to read");
    if let Ok(config) = tls::config(files, HttpVersion::One) {
        let address = serving(vec![answering(&acceptor)]).await;
        let pool = Pool::new(Authority::origin(address), Clock::start(), Some(config)).expect("a pool");
        assert_eq!(exchange(&pool).await.expect_err("untrusted").outcome(), Outcome::TlsFailed);
    }
}

#[tokio::test]
async fn a_client_shows_who_it_is_where_it_is_asked() {
    let authority = Authority::new();
    let acceptor = authority.acceptor(&["h2", "http/1.1"], true);
    let stranger = Authority::new();
    let unknown = Tls { client: stranger.tls(true).client, ..authority.tls(false) };
    for http in [HttpVersion::One, HttpVersion::Two] {
        let whole = ask(&acceptor, &authority.tls(true), http).await.expect("an answer");
        assert!(whole.body.starts_with("over"));
        // nobody, and somebody whom the server does not know
        for tls in [&authority.tls(false), &unknown] {
            let error = ask(&acceptor, tls, http).await.expect_err("refused");
            assert!(error.to_string().contains("received fatal alert"), "{error}");
        }
    }
}
