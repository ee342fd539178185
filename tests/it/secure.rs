//! Servers with TLS and HTTP/2: whom a run trusts, what it speaks, and what it says where the two do not come together.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use h2::server::{SendResponse, handshake};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig, crypto::ring, pki_types::PrivateKeyDer, server::WebPkiClientVerifier,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    runtime::Runtime,
};
use tokio_rustls::TlsAcceptor;

use crate::{
    kit::{Bench, Done},
    server::{chat_finish, chat_text, usage},
};

const TOKENS: u64 = 5;

/// A server that speaks HTTP/2 and nothing else; stopped when dropped.
struct Server {
    _runtime: Runtime,
    address: SocketAddr,
    connections: Arc<AtomicU32>,
}

impl Server {
    /// With TLS where there is an acceptor.
    fn start(acceptor: Option<TlsAcceptor>) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&connections);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                let (acceptor, count) = (acceptor.clone(), Arc::clone(&count));
                tokio::spawn(async move {
                    match acceptor {
                        None => serve(stream, &count).await,
                        // a client that does not like the certificate hangs up
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                serve(stream, &count).await;
                            }
                        }
                    }
                });
            }
        });
        Self { _runtime: runtime, address, connections }
    }

    fn url(&self, scheme: &str) -> String {
        format!("{scheme}://localhost:{}/v1", self.address.port())
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, count: &AtomicU32) {
    let Ok(mut connection) = handshake(stream).await else { return };
    let mut first = true;
    while let Some(Ok((request, respond))) = connection.accept().await {
        let look = request.method() == http::Method::GET;
        if !look && std::mem::take(&mut first) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        tokio::spawn(answer(respond, look));
    }
}

async fn answer(mut respond: SendResponse<Bytes>, look: bool) {
    if look {
        let head = http::Response::builder().header("content-type", "application/json").body(()).unwrap();
        let mut out = respond.send_response(head, false).unwrap();
        out.send_data(Bytes::from_static(br#"{"data":[{"id":"m"}]}"#), true).unwrap();
        return;
    }
    let head = http::Response::builder().header("content-type", "text/event-stream").body(()).unwrap();
    // a client that was cut off is no reason to complain
    let Ok(mut out) = respond.send_response(head, false) else { return };
    for _ in 0..TOKENS {
        tokio::time::sleep(Duration::from_millis(2)).await;
        let _ = out.send_data(format!("data: {}\n\n", chat_text("word ")).into(), false);
    }
    let rest = [chat_finish("length"), usage(7, TOKENS), "[DONE]".to_owned()];
    let rest: Vec<String> = rest.iter().map(|data| format!("data: {data}\n\n")).collect();
    let _ = out.send_data(rest.concat().into(), true);
}

/// An authority of the test's own.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// Leaves its certificate, and those of a client, in the folder.
    fn new(bench: &Bench) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let own = Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap());
        let (certificate, key) = own.sign("client");
        bench.file("ca.pem", &own.0.pem());
        bench.file("client.pem", &certificate.pem());
        bench.file("client-key.pem", &key.serialize_pem());
        own
    }

    fn sign(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        (CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.0).unwrap(), key)
    }

    /// A server for `name`, which may ask who the client is.
    fn acceptor(&self, name: &str, asks: bool) -> TlsAcceptor {
        let (certificate, key) = self.sign(name);
        let provider = Arc::new(ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let builder =
            ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let builder = if asks {
            builder.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let mut config = builder.with_single_cert(vec![certificate.der().clone()], key).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }
}

fn scenario(bench: &Bench, url: &str, endpoint: &str) -> String {
    bench.file(
        "secure.toml",
        &format!(
            r#"
            version = 1
            name = "secure"
            # each thread has connections of its own, and here they are counted
            run = {{ ready_timeout = "2s", threads = 1 }}
            [endpoints.main]
            url = "{url}"
            {endpoint}
            [phases.load]
            requests = 12
            load.closed = {{ users = 4 }}
            "#
        ),
    )
}

fn run(bench: &Bench, server: &Server, endpoint: &str) -> Done {
    bench.run(&["run", &scenario(bench, &server.url("https"), endpoint)])
}

/// All requests of the only run were answered over HTTP/2, on a connection that was opened for all of them.
#[track_caller]
fn went_well(bench: &Bench, server: &Server) {
    let records = bench.only_run().records();
    assert_eq!(records.len(), 12);
    for record in &records {
        assert_eq!((&record["outcome"], &record["http_version"]), (&"ok".into(), &"2".into()), "{record}");
        assert_eq!((&record["attempts"], &record["output_tokens"]), (&1.into(), &TOKENS.into()), "{record}");
        assert!(record["connect_ns"].is_null() && record["tls_ns"].is_null(), "{record}");
        assert!(record["sent_ns"].as_u64() < record["first_byte_ns"].as_u64(), "{record}");
    }
    assert_eq!(records.iter().filter(|record| record["connection_reused"] == false).count(), 1);
    assert_eq!(server.connections.load(Ordering::Relaxed), 1);
}

#[test]
fn a_server_of_ones_own_authority_over_http_2() {
    for version in ["2", "auto"] {
        let bench = Bench::new();
        let server = Server::start(Some(Authority::new(&bench).acceptor("localhost", false)));
        let endpoint = format!("http_version = \"{version}\"\ntls.ca = \"ca.pem\"");
        let done = run(&bench, &server, &endpoint).expect_code(0);
        went_well(&bench, &server);
        assert!(!done.stdout.contains("insecure"), "{}", done.stdout);
    }
}

#[test]
fn http_2_by_prior_knowledge() {
    let bench = Bench::new();
    let server = Server::start(None);
    let file = scenario(&bench, &server.url("http"), "http_version = \"2\"");
    bench.run(&["run", &file]).expect_code(0);
    went_well(&bench, &server);
    let done = bench.run(&["probe", &file]).expect_code(0);
    assert!(done.stdout.contains("head: status 200, HTTP/2"), "{}", done.stdout);
}

#[test]
fn a_certificate_that_nobody_knows_is_refused_with_the_key_that_mends_it() {
    let bench = Bench::new();
    let server = Server::start(Some(Authority::new(&bench).acceptor("localhost", false)));
    // its own authority stands in for those of a system, which may have none
    let other = Bench::new();
    Authority::new(&other);
    let ca = other.path("ca.pem");
    let done =
        run(&bench, &server, &format!("http_version = \"2\"\ntls.ca = '{}'", ca.display())).expect_code(4);
    let help = "help: name the authority that signed the server's certificate in `endpoints.main.tls.ca`";
    assert!(
        done.stderr.contains("invalid peer certificate") && done.stderr.contains(help),
        "{}",
        done.stderr
    );
    let done = run(&bench, &server, "http_version = \"2\"").expect_code(4);
    assert!(done.stderr.contains("`endpoints.main.tls.ca = \"FILE\"`"), "{}", done.stderr);
    assert!(bench.runs().is_empty());
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let bench = Bench::new();
    let server = Server::start(Some(Authority::new(&bench).acceptor("elsewhere", false)));
    let done = run(&bench, &server, "http_version = \"2\"\ntls.ca = \"ca.pem\"").expect_code(4);
    assert!(done.stderr.contains("by a name that the certificate is for"), "{}", done.stderr);
}

#[test]
fn insecure_accepts_any_certificate_and_everybody_hears_of_it() {
    let bench = Bench::new();
    let server = Server::start(Some(Authority::new(&bench).acceptor("elsewhere", false)));
    let endpoint = "http_version = \"2\"\ntls.insecure = true";
    let done = run(&bench, &server, endpoint).expect_code(0);
    went_well(&bench, &server);
    let notice = "insecure: any certificate of `main` was accepted";
    assert!(done.stdout.contains(notice), "{}", done.stdout);
    assert!(bench.only_run().text("report.html").contains(notice.replace('`', "&#x60;").as_str()));
    let file = scenario(&bench, &server.url("https"), endpoint);
    let done = bench.run(&["check", &file]).expect_code(0);
    assert!(done.stdout.contains("`endpoints.main.tls.insecure` accepts any certificate"), "{}", done.stdout);
}

#[test]
fn a_server_may_ask_who_the_client_is() {
    let bench = Bench::new();
    let server = Server::start(Some(Authority::new(&bench).acceptor("localhost", true)));
    let endpoint = "http_version = \"2\"\ntls = { ca = \"ca.pem\" }";
    let done = run(&bench, &server, endpoint).expect_code(4);
    assert!(done.stderr.contains("`endpoints.main.tls.cert` and `.key`"), "{}", done.stderr);
    let endpoint = "http_version = \"2\"\n\
                    tls = { ca = \"ca.pem\", cert = \"client.pem\", key = \"client-key.pem\" }";
    run(&bench, &server, endpoint).expect_code(0);
    went_well(&bench, &server);
}

#[test]
fn files_that_are_missing_or_broken_are_told_before_anything_is_sent() {
    let bench = Bench::new();
    let server = Server::start(Some(Authority::new(&bench).acceptor("localhost", false)));
    bench.file("empty.pem", "");
    let endpoint = "tls = { ca = \"gone.pem\", cert = \"empty.pem\", key = \"empty.pem\" }";
    let file = scenario(&bench, &server.url("https"), endpoint);
    let done = bench.run(&["check", &file]).expect_code(0);
    let problems = [
        "`endpoints.main.tls.ca`: cannot read `gone.pem`: no such file or directory",
        "`endpoints.main.tls.cert`: `empty.pem` has no certificate in PEM",
        "`endpoints.main.tls.key`: `empty.pem` has no private key in PEM",
    ];
    for problem in problems {
        assert!(done.stdout.contains(&format!("warning: {problem}")), "{problem}\n{}", done.stdout);
    }
    assert!(done.stdout.contains("secure.toml:8:26: warning: `endpoints.main.tls.ca`"), "{}", done.stdout);
    let done = bench.run(&["run", &file]).expect_code(4);
    for problem in problems {
        // a run can be repeated from any folder, so its paths are whole
        let start = problem.split(": ").next().unwrap();
        assert!(done.stderr.contains(&format!("endpoint `main`: {start}: ")), "{problem}\n{}", done.stderr);
    }
    assert!(bench.runs().is_empty() && server.connections.load(Ordering::Relaxed) == 0);
}

#[test]
fn a_server_without_http_2_is_told_by_the_key_that_asked_for_it() {
    let bench = Bench::new();
    let server = crate::server::Server::with_models(
        "127.0.0.1:0",
        |out| out.answer("200 OK", "application/json", "{}"),
        |_, _| crate::server::After::Close,
    );
    let file = scenario(&bench, &server.url(), "http_version = \"2\"");
    let done = bench.run(&["run", &file]).expect_code(4);
    assert!(done.stderr.contains("`endpoints.main."), "{}", done.stderr);
}
