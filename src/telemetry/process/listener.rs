//! Who listens on a port: the socket by `/proc/net/tcp{,6}`, as `proc_pid_net(5)` describes them, and the processes that have it open.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
};

use super::{
    super::{
        files::{below, text},
        servers::port_of,
    },
    forwarders::forwarder,
    tree,
};

/// The state of a socket that listens, in `/proc/net/tcp`.
const LISTEN: &str = "0A";

/// The processes that listen where a URL of this machine leads, without those whose parents do so too; none where nobody does.
pub(super) fn of_url(url: &str, root: &Path) -> Result<Vec<u32>, String> {
    let port = port_of(url).ok_or_else(|| format!("`{url}` has no port"))?;
    let sockets = sockets_on(port, root)?;
    if sockets.is_empty() {
        return Ok(Vec::new());
    }
    let holders = holders_of(&sockets, root)?;
    if holders.is_empty() {
        return Err(format!(
            "the process that listens on port {port} belongs to somebody else, or is in a container"
        ));
    }
    let mut parents: BTreeMap<u32, u32> = BTreeMap::new();
    for pid in &holders {
        let name = text(root, &format!("/proc/{pid}/comm")).unwrap_or_default();
        if let Some(name) = forwarder(&name) {
            return Err(format!(
                "what listens on port {port} is `{name}`, which only hands on to the server"
            ));
        }
        parents.extend(tree::parent_of(root, *pid).map(|parent| (*pid, parent)));
    }
    Ok(holders.iter().copied().filter(|pid| !has_ancestor_in(*pid, &parents, &holders)).collect())
}

/// That nobody listens where a URL of this machine leads, in words.
pub(super) fn nobody(url: &str) -> String {
    let port = port_of(url).map_or_else(String::new, |port| format!(" {port}"));
    format!("nothing listens on port{port} in this network namespace")
}

fn has_ancestor_in(pid: u32, parents: &BTreeMap<u32, u32>, holders: &BTreeSet<u32>) -> bool {
    parents.get(&pid).is_some_and(|parent| holders.contains(parent))
}

/// The inodes of the sockets that listen on a port for whoever is on this machine.
fn sockets_on(port: u16, root: &Path) -> Result<BTreeSet<u64>, String> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| text(root, path));
    let mut sockets = BTreeSet::new();
    for table in tables.iter().flatten() {
        sockets.extend(table.lines().filter_map(|line| listening(line, port)));
    }
    match tables {
        // a system without version 6 has one of them
        [Err(why), Err(_)] => Err(why),
        _ => Ok(sockets),
    }
}

/// The inode of the socket of a line, if that listens on this port.
fn listening(line: &str, port: u16) -> Option<u64> {
    // sl local_address rem_address st tx_queue:rx_queue tr:when retrnsmt uid timeout inode
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let (address, at) = fields.get(1)?.split_once(':')?;
    let here = u16::from_str_radix(at, 16) == Ok(port) && *fields.get(3)? == LISTEN;
    let address = address_of(address)?.to_canonical();
    (here && (address.is_loopback() || address.is_unspecified())).then(|| fields.get(9)?.parse().ok())?
}

/// An address as the kernel writes it: words of 32 bits in the order of the machine.
fn address_of(hex: &str) -> Option<IpAddr> {
    let word = |index: usize| {
        let digits = hex.get(index * 8..index * 8 + 8)?;
        u32::from_str_radix(digits, 16).ok().map(u32::to_ne_bytes)
    };
    if hex.len() == 8 {
        return Some(Ipv4Addr::from(word(0)?).into());
    }
    let words = [word(0)?, word(1)?, word(2)?, word(3)?];
    let bytes: [u8; 16] = words.concat().try_into().ok()?;
    Some(Ipv6Addr::from(bytes).into())
}

/// The processes that have one of these sockets open, as far as we may look.
fn holders_of(sockets: &BTreeSet<u64>, root: &Path) -> Result<BTreeSet<u32>, String> {
    let wanted: BTreeSet<String> = sockets.iter().map(|inode| format!("socket:[{inode}]")).collect();
    let holds = |pid: &u32| {
        let open = fs::read_dir(below(root, &format!("/proc/{pid}/fd"))).into_iter().flatten().flatten();
        let mut targets = open.filter_map(|entry| fs::read_link(entry.path()).ok());
        targets.any(|target| target.to_str().is_some_and(|target| wanted.contains(target)))
    };
    Ok(tree::all(root)?.into_iter().filter(holds).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_socket_is_read_as_linux_writes_it() {
        let v4 = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4242 1";
        let any = "   1: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4243 1";
        let elsewhere = "   2: 0A00000A:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4244 1";
        let busy = "   3: 0100007F:1F90 0100007F:8000 01 00000000:00000000 00:00000000 00000000  1000        0 4245 1";
        let v6 = "   4: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 \
                  00:00000000 00000000     0        0 4246 1";
        let titles = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
        for (line, inode) in [
            (v4, Some(4242)),
            (any, Some(4243)),
            (elsewhere, None),
            (busy, None),
            (v6, Some(4246)),
            (titles, None),
            ("", None),
        ] {
            assert_eq!(listening(line, 8080), inode, "{line}");
        }
        assert_eq!(listening(v4, 8081), None);
    }
}
