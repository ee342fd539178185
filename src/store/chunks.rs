//! `chunks.bin`: the arrival of every output event.
//!
//! After an eight-byte header come blocks, one per request that had output, in the order of `requests.jsonl`:
//! `seq`, the number of events, then for each the gap since the one before (since the start of the run for the first)
//! and how much earlier it may have arrived at most, 0 where that is known exactly; all as LEB128 varints, times in
//! microseconds. A width is rounded up, so that the bounds hold.

use std::io::{self, Read};

use crate::record::ChunkTimes;

/// Marks the file and its format version.
pub(super) const HEADER: &[u8; 8] = b"SCNCHK\0\x02";

/// Appends the block of one request.
pub(super) fn encode(seq: u64, times: &ChunkTimes, out: &mut Vec<u8>) {
    varint(seq, out);
    varint(times.len() as u64, out);
    let mut before = 0;
    for (at_ns, width_ns) in times.at_ns.iter().zip(&times.width_ns) {
        let micros = at_ns / 1000;
        varint(micros.saturating_sub(before), out);
        varint(u64::from(width_ns.div_ceil(1000)), out);
        before = micros.max(before);
    }
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Reads the next block; `None` at the end of the file or where a crash cut a block short.
pub(super) fn decode(input: &mut impl Read, times: &mut ChunkTimes) -> io::Result<Option<u64>> {
    times.clear();
    let (Some(seq), Some(count)) = (read_varint(input)?, read_varint(input)?) else {
        return Ok(None);
    };
    let mut micros: u64 = 0;
    for _ in 0..count {
        let (Some(gap), Some(width)) = (read_varint(input)?, read_varint(input)?) else {
            return Ok(None);
        };
        micros = micros.saturating_add(gap);
        let width_ns = u32::try_from(width.saturating_mul(1000)).unwrap_or(u32::MAX);
        times.push(micros.saturating_mul(1000), width_ns);
    }
    Ok(Some(seq))
}

fn read_varint(input: &mut impl Read) -> io::Result<Option<u64>> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let mut byte = [0];
        match input.read_exact(&mut byte) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        value |= u64::from(byte[0] & 0x7f) << shift;
        if byte[0] & 0x80 == 0 {
            return Ok(Some(value));
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "a number of more than 64 bits"))
}
