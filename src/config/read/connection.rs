//! How an endpoint is connected to: `http_version` and `[endpoints.NAME.tls]`.

use super::{
    super::{ClientCertificate, HttpVersion, Tls, tree::Node},
    fields::Fields,
    leaf::{self, Read, Wrong, wrong},
};

const TLS_HELP: &str = "write `tls = { ca = \"ca.pem\" }`";
const PATH_HELP: &str = "write the path of a PEM file, from the folder of the scenario";

/// Reads the version of HTTP.
pub(super) fn http_version(fields: &mut Fields<'_>) -> Option<HttpVersion> {
    let versions = HttpVersion::ALL.map(|version| (version.name(), version));
    fields.get("http_version", leaf::word(&versions))
}

/// Reads `[endpoints.NAME.tls]`; without one nothing is said.
pub(super) fn tls(fields: &mut Fields<'_>) -> Option<Tls> {
    if fields.node("tls").is_none() {
        return Some(Tls::default());
    }
    let mut table = fields.table_or("tls", TLS_HELP)?;
    let [ca, cert, key] = ["ca", "cert", "key"].map(|name| {
        let node = table.node(name);
        (name, node, table.get(name, path))
    });
    let flag = table.node("insecure");
    let insecure = table.get("insecure", leaf::boolean);
    let mut right = [&ca, &cert, &key].iter().all(|(_, node, path)| node.is_none() || path.is_some())
        && (flag.is_none() || insecure.is_some());
    for (there, (missing, other, _)) in [(&cert, &key), (&key, &cert)] {
        if let (name, Some(node), _) = there
            && other.is_none()
        {
            right = false;
            let what = format!("needs its `{missing}`");
            let help = format!("add `{missing} = \"client-{missing}.pem\"` beside it");
            table.report(name, at(node, &what, &format!("there is no `{missing}`"), &help, None));
        }
    }
    if let ((name, Some(node), _), Some(flag), Some(true)) = (&ca, flag, insecure) {
        right = false;
        let other = Some((flag.place.clone(), "any certificate is accepted".to_owned()));
        let help = "remove `insecure`: `ca` is enough for a server with a certificate of one's own authority";
        table.report(name, at(node, "would not be asked", "nobody is trusted by it", help, other));
    }
    table.finish();
    let client = cert.2.zip(key.2).map(|(cert, key)| ClientCertificate { cert, key });
    right.then_some(Tls { ca: ca.2, client, insecure: insecure.unwrap_or_default() })
}

fn at(
    node: &Node,
    what: &str,
    label: &str,
    help: &str,
    other: Option<(super::super::source::Place, String)>,
) -> Vec<Wrong> {
    let (place, what, label, help) = (node.place.clone(), what.to_owned(), label.to_owned(), help.to_owned());
    vec![Wrong { place, what, label, help, other }]
}

/// The path of a file. What is in such files does not stand in a scenario.
fn path(node: &Node) -> Read<String> {
    let text = leaf::text(node)?;
    if text.is_empty() {
        return wrong(node, "must not be empty", "empty", PATH_HELP);
    }
    if text.contains("-----BEGIN") || text.contains('\n') {
        return wrong(
            node,
            "must be a path: neither certificates nor keys stand in a scenario",
            "not a path",
            PATH_HELP,
        );
    }
    Ok(text)
}
