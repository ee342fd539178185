//! TLS with an authority of the test's own.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::config::HttpVersion;

/// An authority, and an acceptor with a certificate of it for `localhost`.
fn authority() -> (CertificateDer<'static>, TlsAcceptor) {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new(vec!["localhost".to_owned()])
        .expect("a name")
        .signed_by(&key, &ca)
        .expect("a certificate");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).expect("a key"),
        )
        .expect("a configuration");
    (ca.der().clone(), TlsAcceptor::from(Arc::new(config)))
}

fn trusting(roots: impl IntoIterator<Item = CertificateDer<'static>>) -> Arc<ClientConfig> {
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(root).expect("a certificate");
    }
    let files = tls::Files { trust: tls::Trust::Only(Arc::new(store)), client: None };
    tls::config(files, HttpVersion::One).expect("a configuration")
}

async fn server(scripts: Vec<Vec<Step>>, acceptor: TlsAcceptor) -> Server {
    Server::with(scripts, move |stream| {
        let acceptor = acceptor.clone();
        async move { acceptor.accept(stream).await.expect("a handshake") }
    })
    .await
}

#[tokio::test]
async fn a_trusted_server_is_measured_like_any_other() {
    let (root, acceptor) = authority();
    let script = vec![
        Step::Request,
        send(format!("{CHUNKED}{}{}0\r\n\r\n", chunk("hel"), chunk("lo"))),
        Step::Request,
        send(sized("again")),
        Step::Hold,
    ];
    let server = server(vec![script], acceptor).await;
    let pool = pool_with(&server, "localhost", Some(trusting([root])));
    pool.open_ahead(1).await.expect("a server");
    // session tickets that came meanwhile are no reason to drop the connection
    let whole = exchange(&pool).await.expect("an answer");
    assert_eq!((whole.body.as_str(), whole.timing.reused, whole.timing.attempts), ("hello", false, 1));
    assert_eq!(whole.timing.tls_ns, None);
    let (sent, first_byte) = (whole.timing.sent_ns, whole.timing.first_byte_ns);
    assert!(sent.is_some() && sent < first_byte);
    let whole = exchange(&pool).await.expect("an answer");
    assert_eq!((whole.body.as_str(), whole.timing.reused, whole.timing.reads), ("again", true, 1));
}

#[tokio::test]
async fn a_handshake_is_timed_where_the_request_made_it() {
    let (root, acceptor) = authority();
    let server = server(vec![vec![Step::Request, send(sized("hi")), Step::Hold]], acceptor).await;
    let pool = pool_with(&server, "localhost", Some(trusting([root])));
    let timing = exchange(&pool).await.expect("an answer").timing;
    let (connect, tls) = (timing.connect_ns.expect("connected"), timing.tls_ns.expect("shaken hands"));
    assert!(connect + tls <= timing.sent_ns.expect("sent"));
}

#[tokio::test]
async fn a_closed_connection_is_seen_before_reuse() {
    let (root, acceptor) = authority();
    let server = server(
        vec![
            vec![Step::Request, send(sized("one")), Step::Wait],
            vec![Step::Request, send(sized("two")), Step::Hold],
        ],
        acceptor,
    )
    .await;
    let pool = pool_with(&server, "localhost", Some(trusting([root])));
    exchange(&pool).await.expect("an answer");
    server.go();
    let mut idle = pool.take_idle();
    while idle.is_quiet() {
        tokio::task::yield_now().await;
    }
    pool.put_idle(idle);
    let whole = exchange(&pool).await.expect("an answer");
    assert_eq!((whole.body.as_str(), whole.timing.attempts), ("two", 1));
}

#[tokio::test]
async fn an_untrusted_server_fails() {
    let (_, acceptor) = authority();
    let server = Server::with(vec![vec![]], move |stream| {
        let acceptor = acceptor.clone();
        async move {
            assert!(acceptor.accept(stream).await.is_err());
            std::future::pending::<tokio::net::TcpStream>().await
        }
    })
    .await;
    let pool = pool_with(&server, "localhost", Some(trusting([])));
    let error = exchange(&pool).await.expect_err("untrusted");
    assert_eq!(
        error.to_string(),
        "tls handshake with `localhost` failed: invalid peer certificate: UnknownIssuer"
    );
    assert_eq!(error.outcome(), Outcome::TlsFailed);
}

#[tokio::test]
async fn a_server_without_tls_fails() {
    let server = Server::start(vec![vec![send("HTTP/1.1 400 Bad Request\r\n\r\n"), Step::Hold]]).await;
    let pool = pool_with(&server, "localhost", Some(trusting([authority().0])));
    let error = exchange(&pool).await.expect_err("no tls");
    assert_eq!(error.outcome(), Outcome::TlsFailed);
}

#[test]
fn a_pool_for_tls_needs_a_configuration() {
    let origin = Origin {
        host: "localhost".to_owned(),
        port: 443,
        tls: true,
        authority: "localhost".to_owned(),
        base_path: String::new(),
        addresses: Vec::new(),
    };
    assert!(matches!(Pool::new(origin, Clock::start(), None), Err(WireError::Tls { .. })));
}
