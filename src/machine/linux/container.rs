//! Containers, by the marks that their runtimes leave.

use super::tree::Tree;

/// Files that only a runtime puts there. Kubernetes first: its containers have the marks of the runtime below as well.
const FILES: &[(&str, &str)] = &[
    ("/var/run/secrets/kubernetes.io", "kubernetes"),
    ("/.singularity.d", "apptainer"),
    ("/run/.containerenv", "podman"),
    ("/.dockerenv", "docker"),
];

/// Words in the name of the group of the first process; with a namespace of its own a container sees none.
const GROUPS: &[(&str, &str)] = &[
    ("kubepods", "kubernetes"),
    ("libpod", "podman"),
    ("docker", "docker"),
    ("lxc", "lxc"),
    ("containerd", "containerd"),
];

/// The kind of container that the tree is in; `None` where nothing speaks for one.
pub(super) fn kind(tree: &Tree) -> Option<String> {
    let by_file = FILES.iter().find(|(path, _)| tree.has(path)).map(|(_, kind)| (*kind).to_owned());
    let by_group = || {
        let groups = tree.text("/proc/1/cgroup").ok()?;
        GROUPS.iter().find(|(word, _)| groups.contains(word)).map(|(_, kind)| (*kind).to_owned())
    };
    // systemd writes down what its own container manager is called
    by_file.or_else(by_group).or_else(|| tree.text("/run/systemd/container").ok())
}
