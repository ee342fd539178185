//! NVIDIA's GPUs, by the library that comes with the driver.

use std::path::Path;

use nvml_wrapper::{
    Device, Nvml, cuda_driver_version_major, cuda_driver_version_minor, enum_wrappers::device::Clock,
    error::NvmlError,
};

use super::{Gpu, Notes, Source, Vendor};

/// Every GPU that the driver can still speak to. What one of them does not tell is noted, and so is one that is lost.
pub(super) fn gpus(library: &Path, notes: &mut Notes) -> Vec<Gpu> {
    listed(library, notes).unwrap_or_else(|error| {
        notes.add(Source::Nvml, "NVIDIA GPUs", words(&error, library));
        Vec::new()
    })
}

fn listed(library: &Path, notes: &mut Notes) -> Result<Vec<Gpu>, NvmlError> {
    let nvml = Nvml::builder().lib_path(library.as_os_str()).init()?;
    let count = nvml.device_count()?;
    if count == 0 {
        notes.add(Source::Nvml, "NVIDIA GPUs", "the NVIDIA driver lists no GPU");
        return Ok(Vec::new());
    }
    let mut keep = |what: &str, error: NvmlError| notes.add(Source::Nvml, what, words(&error, library));
    let driver = nvml.sys_driver_version().map_err(|error| keep("version of the NVIDIA driver", error));
    let cuda = nvml.sys_cuda_driver_version().map_err(|error| keep("version of CUDA", error));
    let cuda = cuda.map(|version| {
        format!("{}.{}", cuda_driver_version_major(version), cuda_driver_version_minor(version))
    });
    let mut gpus = Vec::new();
    for index in 0..count {
        let named = nvml.device_by_index(index).and_then(|device| Ok((device.name()?, device)));
        match named {
            Ok((name, device)) => gpus.push(Gpu {
                driver: driver.clone().unwrap_or_default(),
                cuda: cuda.clone().ok(),
                ..gpu(index, name, &device, &mut keep)
            }),
            Err(error) => keep(&format!("GPU {index}"), error),
        }
    }
    Ok(gpus)
}

/// What one GPU tells about itself.
fn gpu(index: u32, name: String, device: &Device, keep: &mut impl FnMut(&str, NvmlError)) -> Gpu {
    let mut told = |what: &str, value: Result<u32, NvmlError>| {
        value.map_err(|error| keep(&format!("{what} of GPU {index}"), error)).ok()
    };
    // milliwatts
    let power = told("power limit", device.enforced_power_limit());
    let max_clock = told("highest clock", device.max_clock_info(Clock::SM));
    let max_memory_clock = told("highest memory clock", device.max_clock_info(Clock::Memory));
    let clock = told("clock", device.clock_info(Clock::SM));
    let memory = device.memory_info().map_err(|error| keep(&format!("memory of GPU {index}"), error));
    Gpu {
        name,
        memory_bytes: memory.ok().map(|memory| memory.total),
        vendor: Vendor::Nvidia,
        id: index.to_string(),
        power_limit_w: power.map(|milliwatts| f64::from(milliwatts) / 1000.0),
        max_clock_mhz: max_clock,
        max_memory_clock_mhz: max_memory_clock,
        clock_mhz: clock,
        ..Gpu::default()
    }
}

/// Why something was not told.
pub(crate) fn words(error: &NvmlError, library: &Path) -> String {
    match error {
        NvmlError::LibloadingError(_) => {
            format!("no NVIDIA driver on this machine: `{}` cannot be loaded", library.display())
        }
        NvmlError::DriverNotLoaded => {
            "the NVIDIA driver is installed, and the kernel has not loaded it".to_owned()
        }
        NvmlError::LibRmVersionMismatch => {
            "the NVIDIA driver's library and its kernel module are of different versions: restart the machine"
                .to_owned()
        }
        NvmlError::NoPermission => "no permission to ask the NVIDIA driver".to_owned(),
        NvmlError::OperatingSystem => "the system keeps this process from the GPU (cgroups)".to_owned(),
        NvmlError::NotSupported => "the device does not tell it".to_owned(),
        NvmlError::FailedToLoadSymbol(_) => "the NVIDIA driver is too old to tell it".to_owned(),
        NvmlError::GpuLost => "the driver has lost it: it fell off the bus".to_owned(),
        other => other.to_string(),
    }
}
