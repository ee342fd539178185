//! The machine and the servers under test while a run goes on: what reads them, and the thread on which it does.

#[cfg(any(target_os = "linux", test))]
pub mod amdgpu;
mod integral;
pub mod nvml;
pub mod prometheus;
#[cfg(any(target_os = "linux", test))]
pub mod rapl;
mod throttle;

use crate::record::{Sample, SensorKind, Subject};

/// Reads one thing, such as a GPU or a server's page, again and again.
pub trait Sensor: Send {
    /// What kind it is.
    fn kind(&self) -> SensorKind;

    /// What it reads.
    fn subject(&self) -> &Subject;

    /// What there is to read at this moment of the run, in nanoseconds since its start: usually one sample, several where values of
    /// more than one class or subject come from one place. The first reading of what needs two is left out.
    ///
    /// # Errors
    ///
    /// Why nothing more will come of it, in words: it is read no more.
    fn read(&mut self, at_ns: u64) -> Result<Vec<Sample>, String>;

    /// What turned out to be missing since this was asked last, in words, while it goes on to read what there is. Each is told once.
    fn missing(&mut self) -> Vec<String> {
        Vec::new()
    }
}

/// Something that was to be read and cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// What would have read it.
    pub sensor: SensorKind,
    /// What it is about.
    pub subject: Subject,
    /// Why it is not there, in words.
    pub why: String,
}

/// What a source finds.
type Found = (Vec<Box<dyn Sensor>>, Vec<Missing>);
