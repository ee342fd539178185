//! What slows a GPU of NVIDIA's down, as its driver says.

/// Bits of `nvmlClocksEventReasons` (nvml.h): power cap, hardware slowdown, thermal slowdown by software and by hardware, power brake.
const SLOW: u64 = 0x04 | 0x08 | 0x20 | 0x40 | 0x80;

/// Whether heat or power are among the reasons. A GPU without work, and one whose clocks somebody set, is not slowed down in this
/// sense.
pub(super) fn slows(bits: u64) -> bool {
    bits & SLOW != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idleness_is_no_slowdown() {
        // numbers of nvml.h
        for (bits, slow) in
            [(0, false), (1, false), (2, false), (4, true), (0x20, true), (0x41, true), (0x100, false)]
        {
            assert_eq!(slows(bits), slow, "{bits:#x}");
        }
    }
}
