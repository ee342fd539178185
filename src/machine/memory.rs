//! How much memory there is now, and how much of it others could have.

#[cfg(any(target_os = "linux", test))]
use std::path::Path;

/// The memory of the machine, or of the cgroup of this process where that may have less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// All of it, in bytes.
    pub total_bytes: u64,
    /// What could be taken without anything being swapped out or killed, in bytes: caches of files count as free.
    pub available_bytes: u64,
}

impl Memory {
    /// Looks at this machine; the error says in words what is not told.
    #[cfg(target_os = "linux")]
    pub fn now() -> Result<Self, String> {
        Self::below(Path::new("/"))
    }

    /// Looks at the system whose `proc` and `sys` are in a folder, likewise.
    #[cfg(any(target_os = "linux", test))]
    pub fn below(root: &Path) -> Result<Self, String> {
        super::linux::memory(root)
    }

    /// Looks at this machine; the error says in words what is not told.
    #[cfg(not(target_os = "linux"))]
    pub fn now() -> Result<Self, String> {
        let mut system = sysinfo::System::new();
        system.refresh_memory();
        let (total_bytes, available_bytes) = (system.total_memory(), system.available_memory());
        if total_bytes == 0 || available_bytes == 0 {
            return Err("the system does not tell how much memory is available".to_owned());
        }
        Ok(Self { total_bytes, available_bytes })
    }
}
