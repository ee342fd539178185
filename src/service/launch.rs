//! How the program of a service begins: a process of this program ties its life to that of the process that watches, and becomes it.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::{net::UnixStream, process::CommandExt as _},
    },
    process::{Child, Command, Stdio},
};

use super::Order;

/// Why there is no service.
pub(super) enum Unlaunched {
    /// The system refuses what it takes to start any.
    Unwatched(io::Error),
    /// The program cannot be run.
    Refused(String),
}

impl From<io::Error> for Unlaunched {
    fn from(error: io::Error) -> Self {
        Self::Unwatched(error)
    }
}

/// Runs what is ordered, as the leader of a group of its own. Returns once the program runs.
pub(super) fn launch(order: &Order) -> Result<Child, Unlaunched> {
    let (own, other) = UnixStream::pair()?;
    let mut child = Command::new(std::env::current_exe()?)
        .args(["service", "--launched-by", &std::process::id().to_string()])
        .process_group(0)
        .stdin(Stdio::from(OwnedFd::from(other)))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut line = serde_json::to_vec(order).map_err(io::Error::from)?;
    line.push(b'\n');
    // where it has ended already, its end is what is told
    let _ = (&own).write_all(&line);
    let mut reason = String::new();
    // it ends when the program takes over, which does not get the socket
    let _ = (&own).read_to_string(&mut reason);
    if reason.is_empty() {
        return Ok(child);
    }
    child.wait()?;
    Err(Unlaunched::Refused(reason))
}

/// Becomes the program of the [`Order`] on the standard input, for the process `parent` that watches it. On Linux it is killed with
/// that one, unless its file gives it the rights of another user. Returns only where there is nothing to become; whoever ordered
/// it has been told.
///
/// # Errors
/// Where the standard input is not the socket of an order.
pub fn take_over(parent: u32) -> io::Result<()> {
    // closed when another program takes over
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    if !ends_with(parent) {
        return Ok(());
    }
    let mut line = String::new();
    BufReader::new(&socket).read_line(&mut line)?;
    let order: Order = serde_json::from_str(&line)?;
    let error = Command::new(&order.program)
        .args(&order.args)
        .envs(&order.environment)
        .current_dir(&order.folder)
        .stdin(Stdio::null())
        .exec();
    (&socket).write_all(error.to_string().as_bytes())
}

/// Has this process killed when its parent ends, and says whether that is there still.
#[cfg(target_os = "linux")]
fn ends_with(parent: u32) -> bool {
    use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
    // without it only the death of both the run and who watches leaves it running
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    // it may have ended before
    getppid().map(Pid::as_raw_nonzero).is_some_and(|pid| pid.get().unsigned_abs() == parent)
}

/// Other systems know nothing of the kind.
#[cfg(not(target_os = "linux"))]
fn ends_with(parent: u32) -> bool {
    std::os::unix::process::parent_id() == parent
}
