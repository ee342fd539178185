//! Bytes as text.

use std::fmt::Write as _;

/// Bytes in hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        // writing to a string does not fail
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
