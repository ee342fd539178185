//! AMD's GPUs, by what the kernel's `amdgpu` shows of them
//! (<https://docs.kernel.org/gpu/amdgpu/thermal.html>, <https://docs.kernel.org/gpu/amdgpu/driver-misc.html>).

use std::{collections::BTreeMap, path::Path};

use super::{Found, Missing, Sensor, integral::Integral};
use crate::{
    catalog::Quantity,
    machine::{Tree, amd},
    record::{Class, Sample, SensorKind, Subject},
};

/// A sensor for each card of AMD's on the machine whose `sys` is below `root`.
pub(super) fn find(root: &Path) -> Found {
    let tree = Tree::new(root);
    let (mut sensors, mut missing): (Vec<Box<dyn Sensor>>, Vec<Missing>) = (Vec::new(), Vec::new());
    let mut lack = |subject, why| missing.push(Missing { sensor: SensorKind::Amdgpu, subject, why });
    match amd::cards(&tree) {
        Ok(cards) => {
            for card in cards {
                let subject = Subject::Gpu(card.clone());
                match Card::new(&tree, &card) {
                    Ok(card) => sensors.push(Box::new(card)),
                    Err(why) => lack(subject, why),
                }
            }
        }
        Err(why) => lack(Subject::Machine, why),
    }
    (sensors, missing)
}

/// A file with a number, and what to divide it by.
#[derive(Debug)]
struct File {
    quantity: Quantity,
    path: String,
    unit: f64,
}

/// A card, with the files that it has.
struct Card {
    tree: Tree,
    subject: Subject,
    files: Vec<File>,
    /// Bytes of memory that it has.
    memory: Option<u64>,
    energy: Integral,
}

impl Card {
    fn new(tree: &Tree, card: &str) -> Result<Self, String> {
        let folder = amd::folder(card);
        let own = |name: &str| format!("{folder}/{name}");
        // older kernels have no monitor without its sensors' driver; the rest is there all the same
        let monitor = amd::monitor(tree, card).unwrap_or_else(|_| own("hwmon"));
        let seen = |name: &str| format!("{monitor}/{name}");
        // the first of these that is there: new cards tell of the moment's power, others of a short mean
        let files: [(Quantity, Vec<String>, f64); 6] = [
            (Quantity::GpuUtilization, vec![own("gpu_busy_percent")], 100.0),
            (Quantity::GpuMemory, vec![own("mem_info_vram_used")], 1.0),
            (Quantity::Power, vec![seen("power1_average"), seen("power1_input")], 1e6),
            // thousandths of a degree
            (Quantity::GpuTemperature, vec![seen("temp1_input")], 1e3),
            // hertz
            (Quantity::GpuClock, vec![seen("freq1_input")], 1e6),
            (Quantity::GpuMemoryClock, vec![seen("freq2_input")], 1e6),
        ];
        let mut why = String::new();
        let mut found = Vec::new();
        for (quantity, paths, unit) in files {
            let path = paths.into_iter().find(|path| match tree.number(path) {
                Ok(_) => true,
                Err(error) => {
                    why = if why.is_empty() { error } else { std::mem::take(&mut why) };
                    false
                }
            });
            found.extend(path.map(|path| File { quantity, path, unit }));
        }
        if found.is_empty() {
            return Err(why);
        }
        Ok(Self {
            tree: tree.clone(),
            subject: Subject::Gpu(card.to_owned()),
            files: found,
            memory: tree.number(&own("mem_info_vram_total")).ok().filter(|bytes| *bytes > 0),
            energy: Integral::default(),
        })
    }
}

impl Sensor for Card {
    fn kind(&self) -> SensorKind {
        SensorKind::Amdgpu
    }

    fn subject(&self) -> &Subject {
        &self.subject
    }

    /// What its files say. Energy is power summed up since the first reading, since no file counts it.
    fn read(&mut self, at_ns: u64) -> Result<Vec<Sample>, String> {
        let mut readings = BTreeMap::new();
        let mut why = None;
        for File { quantity, path, unit } in &self.files {
            match self.tree.number(path) {
                Ok(number) => {
                    readings.insert(*quantity, number as f64 / unit);
                }
                // a file may fail for a moment, such as while the card sleeps
                Err(error) => why = Some(error),
            }
        }
        if let Some(why) = why.filter(|_| readings.is_empty()) {
            return Err(why);
        }
        if let Some((used, all)) = readings.get(&Quantity::GpuMemory).copied().zip(self.memory) {
            readings.insert(Quantity::GpuMemoryUtilization, used / all as f64);
        }
        if let Some(watts) = readings.get(&Quantity::Power) {
            let joules = self.energy.add(at_ns, *watts);
            readings.insert(Quantity::Energy, joules);
        }
        Ok(vec![Sample {
            at_ns,
            sensor: SensorKind::Amdgpu,
            class: Class::Sampled,
            subject: self.subject.clone(),
            readings,
            cores: Vec::new(),
            raw: BTreeMap::new(),
        }])
    }
}

#[cfg(test)]
mod tests;
