//! How endpoints are connected to.

use super::*;
use crate::config::{ClientCertificate, HttpVersion, MetricsPages, Tls};

const LOAD: &str = "[phases.main]\nload.closed = { users = 1 }\n";
const HTTPS: &str = "endpoints.main.url=https://127.0.0.1:8080/v1";

#[test]
fn a_connection_is_http_1_1_with_the_systems_authorities_unless_it_is_said() {
    let endpoint = compiled(None, LOAD, &[]).endpoints["main"].clone();
    assert_eq!((endpoint.http_version, endpoint.tls), (HttpVersion::One, Tls::default()));
    for (written, version) in
        [("1.1", HttpVersion::One), ("2", HttpVersion::Two), ("auto", HttpVersion::Auto)]
    {
        let text = format!("http_version = \"{written}\"\n{LOAD}");
        assert_eq!(compiled(None, &text, &[]).endpoints["main"].http_version, version);
    }
}

#[test]
fn paths_of_tls_start_where_they_are_written() {
    let input = Input {
        name: "plans/a.toml",
        text: "version = 1\nname = \"a\"\nphases.main.load.closed.users = 1\nendpoints.main.url = \"https://a/v1\"\n\
               [endpoints.main.tls]\nca = \"certs/ca.pem\"\ncert = \"/c.pem\"\nkey = \"${DIR}/k.pem\"\n",
        platform: None,
        sets: &[],
    };
    let env = |name: &str| (name == "DIR").then(|| "own".to_owned());
    let cases = load(&input, &Machine::default(), &env, &|_| Err(io::ErrorKind::NotFound.into()));
    let scenario = cases.expect("a sound scenario").remove(0);
    let client = ClientCertificate { cert: "/c.pem".to_owned(), key: "plans/own/k.pem".to_owned() };
    assert_eq!(
        scenario.endpoints["main"].tls,
        Tls { ca: Some("plans/certs/ca.pem".to_owned()), client: Some(client), insecure: false }
    );
}

#[test]
fn a_path_in_a_flag_starts_at_the_current_folder() {
    let scenario = compiled(None, LOAD, &[HTTPS, "endpoints.main.tls.ca=ca.pem"]);
    assert_eq!(scenario.endpoints["main"].tls.ca.as_deref(), Some("ca.pem"));
    let scenario = compiled(None, LOAD, &[HTTPS, "endpoints.main.tls.insecure=true"]);
    assert!(scenario.endpoints["main"].tls.insecure);
}

#[test]
fn a_key_that_stands_in_the_file_is_not_shown() {
    for set in
        ["endpoints.main.tls.key=-----BEGIN PRIVATE KEY-----\nMIIsecret", "endpoints.main.tls.key=secret"]
    {
        let message = rendered(LOAD, &[HTTPS, set]);
        assert!(!message.contains("secret"), "{message}");
    }
}

#[test]
fn pages_are_looked_for_unless_somebody_says_where_or_that_there_are_none() {
    let metrics =
        |line: &str| compiled(None, &format!("{line}\n{LOAD}"), &[]).endpoints["main"].metrics.clone();
    let at = |urls: &[&str]| MetricsPages::At(urls.iter().map(|url| (*url).to_owned()).collect());
    for (line, pages) in [
        ("", MetricsPages::Auto),
        ("metrics = \"auto\"", MetricsPages::Auto),
        ("metrics = \"off\"", MetricsPages::Off),
        ("metrics = \" http://a:1/metrics \"", at(&["http://a:1/metrics"])),
        ("metrics = [\"http://a/m\", \"https://b/n/\", \"http://a/m\"]", at(&["http://a/m", "https://b/n/"])),
    ] {
        assert_eq!(metrics(line), pages, "{line}");
    }
}
