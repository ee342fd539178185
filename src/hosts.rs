//! Which hosts are ours: load goes to this machine and its networks, and anywhere else only where somebody says so.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Ends of names that no public server has: RFC 6761 (`localhost`), RFC 6762 (`local`), RFC 8375 (`home.arpa`), and
/// `internal`, which ICANN reserved for private use in 2024.
const LOCAL_ENDS: &[&str] = &["localhost", "local", "internal", "home.arpa"];

/// The host of a URL, without brackets around an address of version 6, in lower case and without the dot at the end of
/// a complete name; `None` where the text is no URL with a host.
pub fn of_url(url: &str) -> Option<String> {
    let uri: http::Uri = url.parse().ok()?;
    Some(plain(uri.host()?))
}

/// A host as it is compared.
fn plain(host: &str) -> String {
    host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase()
}

/// Whether a host is plainly ours by its name alone: a local address, a name that ends as no public one does, or one
/// without a dot, which only the resolver of this network can know. Where such a name leads after all is looked at
/// when it is resolved, by [`is_local_address`].
pub fn is_local(host: &str) -> bool {
    let host = plain(host);
    if let Ok(address) = host.parse() {
        return is_local_address(address);
    }
    let ends =
        |end: &&str| host.strip_suffix(*end).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    !host.contains('.') || LOCAL_ENDS.iter().any(ends)
}

/// Whether a host is this machine, by its name or number: `localhost` and names that end in it (RFC 6761), a loopback
/// address, or an unspecified one, which connects to this machine.
pub fn is_this_machine(host: &str) -> bool {
    let host = plain(host);
    match host.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(address) => address.is_loopback() || address.is_unspecified(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

/// Whether an address cannot be one of the public internet: loopback, private (RFC 1918, and RFC 4193 for version 6),
/// link-local, shared behind a carrier's NAT (RFC 6598), or unspecified, which connects to this machine.
pub fn is_local_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_local_v4(address),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(address) => is_local_v4(address),
            None => is_local_v6(address),
        },
    }
}

fn is_local_v4(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    let carrier = first == 100 && second & 0xc0 == 64;
    address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_unspecified()
        || carrier
}

fn is_local_v6(address: Ipv6Addr) -> bool {
    address.is_loopback()
        || address.is_unique_local()
        || address.is_unicast_link_local()
        || address.is_unspecified()
}

/// Whether a host may be loaded: it is plainly ours, or is on the list.
pub fn is_allowed(host: &str, list: &[String]) -> bool {
    is_local(host) || is_named(host, list)
}

/// Whether a host is on the list: by the same name, whatever its case, or as the same address.
pub fn is_named(host: &str, list: &[String]) -> bool {
    let host = plain(host);
    let address = host.parse::<IpAddr>().ok();
    list.iter().any(|named| {
        let named = plain(named);
        named == host || (address.is_some() && named.parse().ok() == address)
    })
}

/// Refuses a host that was taken for a local one by its name and leads elsewhere, before anything is sent.
///
/// # Errors
///
/// The address, and what to do.
pub fn refuse_public(
    host: &str,
    mut addresses: impl Iterator<Item = IpAddr>,
    allowed: &[String],
) -> Result<(), String> {
    match addresses.find(|address| !is_local_address(*address)) {
        Some(address) if !is_named(host, allowed) => Err(format!(
            "`{host}` leads to the public address {address}, which nobody allowed\n  help: if its owner \
             agrees, add `run.allow_hosts = [\"{host}\"]` or `--allow-host {host}`"
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ours_by_its_name() {
        for host in [
            "localhost",
            "LOCALHOST.",
            "api.localhost",
            "gpu-box",
            "printer.local",
            "vllm.prod.svc.cluster.local",
            "gateway.internal",
            "nas.home.arpa",
            "127.0.0.1",
            "127.8.9.1",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.20",
            "169.254.3.4",
            "100.64.0.1",
            "100.127.255.255",
            "0.0.0.0",
            "::1",
            "[::1]",
            "::",
            "fd00::7",
            "fe80::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(is_local(host), "{host}");
        }
        for host in [
            "api.example.com",
            "example.com.",
            "local.example.com",
            "mylocal.net",
            "notinternal.dev",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.0",
            "172.32.0.1",
            "192.169.0.1",
            "2001:4860:4860::8888",
            "[2001:db8::1]",
            "::ffff:8.8.8.8",
        ] {
            assert!(!is_local(host), "{host}");
        }
    }

    #[test]
    fn what_is_this_machine() {
        for host in [
            "localhost",
            "LOCALHOST.",
            "api.localhost",
            "api.localhost.",
            "127.0.0.1",
            "127.8.9.1",
            "::1",
            "[::1]",
            "0.0.0.0",
            "[::]",
            "::ffff:127.0.0.1",
        ] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in ["", "gpu-box", "mylocalhost", "localhost.example.com", "10.1.2.3", "fe80::1", "8.8.8.8"]
        {
            assert!(!is_this_machine(host), "{host}");
        }
    }

    #[test]
    fn a_list_names_hosts_whatever_their_spelling() {
        let list = ["API.Example.com".to_owned(), "[2001:db8::1]".to_owned()];
        for (host, named) in [
            ("api.example.com", true),
            ("api.example.com.", true),
            ("2001:db8:0::1", true),
            ("example.com", false),
            ("api.example.com.evil.net", false),
            ("localhost", false),
        ] {
            assert_eq!(is_named(host, &list), named, "{host}");
            assert_eq!(is_allowed(host, &list), named || host == "localhost", "{host}");
        }
    }

    #[test]
    fn urls_have_hosts() {
        for (url, host) in [
            ("http://127.0.0.1:8080/v1", Some("127.0.0.1")),
            ("https://API.example.com/v1", Some("api.example.com")),
            ("http://[::1]:9000/", Some("::1")),
            ("/v1", None),
        ] {
            assert_eq!(of_url(url).as_deref(), host, "{url}");
        }
    }

    #[test]
    fn a_local_name_must_lead_to_a_local_address() {
        let allowed = ["Gateway".to_owned()];
        for (host, addresses, refused) in [
            ("box", &["10.0.0.7"][..], None),
            ("box", &["10.0.0.7", "fd00::7"], None),
            // any of them may be the one that is connected to
            ("box", &["10.0.0.7", "203.0.113.9"], Some("203.0.113.9")),
            ("box", &["2001:db8::1"], Some("2001:db8::1")),
            ("gateway", &["203.0.113.9"], None),
        ] {
            let addresses = addresses.iter().map(|text| text.parse().expect("an address"));
            let done = refuse_public(host, addresses, &allowed);
            let public = done.err().map(|error| error.split(',').next().unwrap_or_default().to_owned());
            let expected = refused.map(|address| format!("`{host}` leads to the public address {address}"));
            assert_eq!(public, expected, "{host}");
        }
    }
}
