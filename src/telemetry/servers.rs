//! Which endpoints have one server.

use http::Uri;

use super::Server;
use crate::hosts;

/// Endpoints by server, in their order: those whose URLs lead to one place, and those of one process.
pub(super) fn together(servers: &[Server]) -> Vec<Vec<&Server>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (index, server) in servers.iter().enumerate() {
        let place = place_of(&server.url);
        let same = |other: &Server| {
            (place.is_some() && place_of(&other.url) == place)
                || (other.pid.is_some() && other.pid == server.pid)
        };
        // one that is like the members of two makes them one
        let (own, others) = groups
            .into_iter()
            .partition(|group: &Vec<usize>| group.iter().any(|other| same(&servers[*other])));
        groups = others;
        let mut joined: Vec<usize> = own.into_iter().flatten().chain([index]).collect();
        joined.sort_unstable();
        groups.push(joined);
    }
    groups.sort_unstable();
    groups.into_iter().map(|group| group.into_iter().map(|index| &servers[index]).collect()).collect()
}

/// The names of the endpoints of a server.
pub(super) fn names(group: &[&Server]) -> Vec<String> {
    group.iter().map(|server| server.endpoint.clone()).collect()
}

/// Where a URL leads: host, port and path with query, the same for all names of this machine, and without the API's version.
pub(super) fn place_of(url: &str) -> Option<(String, u16, String)> {
    let uri: Uri = url.parse().ok()?;
    let host = hosts::of_url(url)?;
    let host = if hosts::is_this_machine(&host) { "localhost".to_owned() } else { host };
    let path = uri.path().trim_end_matches('/');
    let path = path.strip_suffix("/v1").unwrap_or(path);
    Some((host, port_of(url)?, format!("{path}?{}", uri.query().unwrap_or_default())))
}

/// The port of a URL, as it is written or by its scheme.
pub(super) fn port_of(url: &str) -> Option<u16> {
    let uri: Uri = url.parse().ok()?;
    let usual = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    uri.host()?;
    Some(uri.port_u16().unwrap_or(usual))
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::config::MetricsPages;

    #[test]
    fn a_url_has_a_port() {
        for (url, port) in [
            ("http://127.0.0.1:8080/v1", Some(8080)),
            ("http://localhost/v1", Some(80)),
            ("https://[::1]/", Some(443)),
            ("/v1", None),
        ] {
            assert_eq!(port_of(url), port, "{url}");
        }
    }

    #[test]
    fn endpoints_have_one_server_by_place_or_process() {
        let servers = [
            ("a", "http://127.0.0.1:8000/v1", None),
            ("b", "http://10.0.0.7:8000/v1", None),
            ("c", "http://localhost:8000", None),
            ("d", "http://127.0.0.1:8001/v1", Some(7)),
            // another server behind the same gateway, as far as anybody knows
            ("e", "http://127.0.0.1:8000/team/v1", None),
            ("f", "http://127.0.0.1:8002/v1", Some(7)),
            ("g", "http://127.0.0.1:8002/v1/", None),
            // what is no URL is like no other
            ("h", "/v1", None),
            ("i", "/v1", None),
        ]
        .map(|(endpoint, url, pid)| Server {
            endpoint: endpoint.to_owned(),
            url: url.to_owned(),
            pid,
            pages: MetricsPages::Auto,
            headers: HeaderMap::new(),
            tls: None,
        });
        let groups: Vec<String> = together(&servers).iter().map(|group| names(group).join("")).collect();
        assert_eq!(groups, ["ac", "b", "dfg", "e", "h", "i"]);
    }
}
