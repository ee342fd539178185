//! The process that presses, as its parent sees it.

use std::{
    io::{self, BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{self, ChildStdin, Command, Stdio},
    thread,
};

use tokio::sync::mpsc;

use super::Told;
use crate::config::Pressure;

/// A process that presses. Dropping it ends it, and waits until it is gone.
#[derive(Debug)]
pub struct Child {
    process: process::Child,
    /// Its end tells the process to end, also when this one is killed.
    stdin: Option<ChildStdin>,
    told: mpsc::UnboundedReceiver<Told>,
}

impl Child {
    /// Starts `program pressure --attached …`. The error is that of the system which cannot run it.
    pub fn start(program: &Path, pressure: &Pressure) -> io::Result<Self> {
        let settings = serde_json::to_string(pressure)?;
        let mut command = Command::new(program);
        command.args(["pressure", "--attached", "--settings", &settings]);
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> io::Result<Self> {
        // a group of its own: a Ctrl-C in the terminal is for the parent alone, also before the child can ignore it
        let mut process = command
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (stdin, stdout) = (process.stdin.take(), process.stdout.take());
        let (sender, told) = mpsc::unbounded_channel();
        // from here on a return of any kind ends the process
        let child = Self { process, stdin, told };
        let stdout = stdout.ok_or_else(|| io::Error::other("no standard output"))?;
        thread::Builder::new().name("pressure-told".to_owned()).spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let told =
                    serde_json::from_str(&line).unwrap_or_else(|_| Told::Failed(format!("it said `{line}`")));
                if sender.send(told).is_err() {
                    break;
                }
            }
        })?;
        Ok(child)
    }

    /// Its next line; `None` once it has ended.
    pub async fn told(&mut self) -> Option<Told> {
        self.told.recv().await
    }

    /// Asks it to end, which it does with a last line.
    pub fn end(&mut self) {
        self.stdin = None;
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.stdin = None;
        // both fail only where the process has been waited for already
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Held, *};

    fn shell(script: &str) -> Child {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Child::spawn(command).expect("a child")
    }

    #[tokio::test]
    async fn lines_are_read_until_the_process_ends() {
        let held = Told::Held(Held { memory_bytes: 7, ..Held::default() });
        let line = serde_json::to_string(&held).expect("JSON");
        let mut child = shell(&format!("echo '{line}'; cat; echo nonsense"));
        assert_eq!(child.told().await, Some(held));
        child.end();
        assert_eq!(child.told().await, Some(Told::Failed("it said `nonsense`".to_owned())));
        assert_eq!(child.told().await, None);
    }

    #[tokio::test]
    async fn the_process_ends_with_its_handle() {
        let child = shell("sleep 1000");
        let pid = nix::unistd::Pid::from_raw(child.process.id() as i32);
        assert_eq!(nix::unistd::getpgid(Some(pid)), Ok(pid), "no signal of the terminal reaches it");
        drop(child);
        assert_eq!(nix::sys::signal::kill(pid, None), Err(nix::errno::Errno::ESRCH));
    }
}
