//! What goes through networks and disks: `/proc/net/dev` and `/proc/diskstats`, as `proc_pid_net(5)` and the kernel's
//! `iostats.rst` describe them.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::super::{
    Sensor,
    files::{OpenFile, below},
    growth::Growth,
};
use crate::{
    catalog::Quantity,
    record::{Class, Sample, SensorKind, Subject},
};

const NETWORKS: &str = "/proc/net/dev";
const DISKS: &str = "/proc/diskstats";

/// The length of a sector in `/proc/diskstats`, whatever that of the disk is.
const SECTOR_BYTES: u64 = 512;

/// Bytes over all networks.
pub(super) struct Networks {
    dev: OpenFile,
    received: Growth<String>,
    sent: Growth<String>,
}

impl Networks {
    pub(super) fn open(root: &Path) -> Result<Self, String> {
        let dev = OpenFile::open(root, NETWORKS)?;
        Ok(Self { dev, received: Growth::default(), sent: Growth::default() })
    }
}

impl Sensor for Networks {
    fn kind(&self) -> SensorKind {
        SensorKind::System
    }

    fn subject(&self) -> &Subject {
        &Subject::Machine
    }

    fn read(&mut self, at_ns: u64) -> Result<Vec<Sample>, String> {
        // two lines of titles
        for line in self.dev.read()?.lines().skip(2) {
            let Some((name, counts)) = line.split_once(':') else { continue };
            let counts: Vec<&str> = counts.split_ascii_whitespace().collect();
            let count = |index: usize| counts.get(index)?.parse().ok();
            // bytes, packets and six more that came in, then the same that went out
            let (Some(received), Some(sent)) = (count(0), count(8)) else {
                return Err(format!("`{NETWORKS}` has a line without counts"));
            };
            self.received.count(name.trim().to_owned(), received);
            self.sent.count(name.trim().to_owned(), sent);
        }
        Ok(vec![counted(
            at_ns,
            [(Quantity::NetworkReceived, self.received.total()), (Quantity::NetworkSent, self.sent.total())],
        )])
    }
}

/// Bytes of all disks, not of their parts, nor of what is made of disks.
pub(super) struct Disks {
    root: PathBuf,
    diskstats: OpenFile,
    /// By name, whether it is a disk.
    known: BTreeMap<String, bool>,
    read: Growth<String>,
    written: Growth<String>,
}

impl Disks {
    pub(super) fn open(root: &Path) -> Result<Self, String> {
        let diskstats = OpenFile::open(root, DISKS)?;
        let (known, read, written) = (BTreeMap::new(), Growth::default(), Growth::default());
        let mut disks = Self { root: root.to_owned(), diskstats, known, read, written };
        disks.count()?;
        if disks.known.values().any(|disk| *disk) {
            Ok(disks)
        } else {
            Err(format!("`{DISKS}` has no disk that `/sys/block` knows as a device"))
        }
    }

    fn count(&mut self) -> Result<(), String> {
        for line in self.diskstats.read()?.lines() {
            let fields: Vec<&str> = line.split_ascii_whitespace().collect();
            let Some(name) = fields.get(2) else { continue };
            let disk = if let Some(disk) = self.known.get(*name) {
                *disk
            } else {
                let disk = is_disk(&self.root, name);
                self.known.insert((*name).to_owned(), disk);
                disk
            };
            if !disk {
                continue;
            }
            let sectors = |index: usize| fields.get(index)?.parse::<u64>().ok();
            let (Some(read), Some(written)) = (sectors(5), sectors(9)) else {
                return Err(format!("`{DISKS}` has a line without counts"));
            };
            self.read.count((*name).to_owned(), read);
            self.written.count((*name).to_owned(), written);
        }
        Ok(())
    }
}

/// Whether a name is that of hardware: parts of disks do not stand in `/sys/block`, and what is made of disks or of memory (loop,
/// RAID, LVM, zram) has no device.
fn is_disk(root: &Path, name: &str) -> bool {
    below(root, &format!("/sys/block/{}/device", name.replace('/', "!"))).exists()
}

impl Sensor for Disks {
    fn kind(&self) -> SensorKind {
        SensorKind::System
    }

    fn subject(&self) -> &Subject {
        &Subject::Machine
    }

    fn read(&mut self, at_ns: u64) -> Result<Vec<Sample>, String> {
        self.count()?;
        let bytes = |sectors: u64| sectors.saturating_mul(SECTOR_BYTES);
        Ok(vec![counted(
            at_ns,
            [
                (Quantity::DiskRead, bytes(self.read.total())),
                (Quantity::DiskWritten, bytes(self.written.total())),
            ],
        )])
    }
}

fn counted(at_ns: u64, counts: [(Quantity, u64); 2]) -> Sample {
    Sample {
        at_ns,
        sensor: SensorKind::System,
        class: Class::Counter,
        subject: Subject::Machine,
        readings: counts.into_iter().map(|(quantity, count)| (quantity, count as f64)).collect(),
        cores: Vec::new(),
        raw: BTreeMap::new(),
    }
}
