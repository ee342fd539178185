//! Programs that stand for a server which is somewhere else.

#[cfg(any(target_os = "linux", test))]
use std::path::Path;

#[cfg(any(target_os = "linux", test))]
use super::{super::files::text, tree};

/// Programs that listen or run for a server that is somewhere else: in a container, or on another machine.
const FORWARDERS: [&str; 17] = [
    "autossh",
    "docker",
    "docker-proxy",
    "kubectl",
    "nerdctl",
    "oc",
    "passt",
    "pasta",
    "podman",
    "rootlesskit",
    "rootlessport",
    "slirp4netns",
    "socat",
    "srun",
    "ssh",
    "sshd",
    "systemd-run",
];

/// The one that a process is, by its name: some have the processor's extensions behind a point, such as `pasta.avx2`.
pub(super) fn forwarder(name: &str) -> Option<&'static str> {
    let plain = name.trim().split('.').next().unwrap_or_default();
    FORWARDERS.into_iter().find(|forwarder| *forwarder == plain)
}

/// Whether a program, run by this command as a process of this number, only hands on to the server, which is then no part of it: itself or
/// by a process that it started.
pub fn hands_on(command: &str, pid: u32) -> bool {
    let program = command.rsplit('/').next().unwrap_or_default();
    forwarder(program).is_some() || process_hands_on(pid)
}

#[cfg(target_os = "linux")]
fn process_hands_on(pid: u32) -> bool {
    has_forwarder(pid, Path::new("/"))
}

/// Elsewhere only the command tells.
#[cfg(not(target_os = "linux"))]
fn process_hands_on(_: u32) -> bool {
    false
}

/// Whether a process or one below it is such a program.
#[cfg(any(target_os = "linux", test))]
fn has_forwarder(pid: u32, root: &Path) -> bool {
    let is_one =
        |pid: &u32| text(root, &format!("/proc/{pid}/comm")).is_ok_and(|name| forwarder(&name).is_some());
    let below = |other: &u32| {
        let mut at = *other;
        // no chain of parents is as long, but while it is read some may get other numbers
        (0..64).any(|_| {
            at = tree::parent_of(root, at).unwrap_or(0);
            at == pid
        })
    };
    let all = tree::all(root).unwrap_or_default();
    is_one(&pid) || all.iter().filter(|other| is_one(other)).any(below)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn forwarders_are_known_by_name() {
        for (name, known) in [
            ("docker-proxy\n", Some("docker-proxy")),
            ("pasta.avx2\n", Some("pasta")),
            ("passt", Some("passt")),
            ("ssh", Some("ssh")),
            ("llama-server", None),
            ("python3.12", None),
            ("", None),
        ] {
            assert_eq!(forwarder(name), known, "{name}");
        }
        let own = std::process::id();
        assert!(hands_on("docker", own) && hands_on("/usr/bin/kubectl", own));
        assert!(!hands_on("llama-server", own));
    }

    #[test]
    fn a_shell_that_runs_one_hands_on() {
        let folder = tempfile::tempdir().expect("a folder");
        for (pid, parent, name) in
            [(10, 1, "sh"), (11, 10, "env"), (12, 11, "docker"), (20, 1, "sh"), (21, 20, "python3")]
        {
            let place = folder.path().join(format!("proc/{pid}"));
            fs::create_dir_all(&place).expect("a folder");
            fs::write(place.join("stat"), format!("{pid} ({name}) S {parent} 1 1 0")).expect("a file");
            fs::write(place.join("comm"), format!("{name}\n")).expect("a file");
        }
        let found = [10, 11, 12, 20, 21].map(|pid| has_forwarder(pid, folder.path()));
        assert_eq!(found, [true, true, true, false, false]);
    }
}
