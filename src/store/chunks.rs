//! `chunks.bin`: the arrival of every output event.
//!
//! After an eight-byte header come blocks, one per request that had output, in the order of `requests.jsonl`:
//! `seq`, the number of events, the first arrival and then the gaps, all as LEB128 varints, times in microseconds
//! since the start of the run.

use std::io::{self, Read};

/// Marks the file and its format version.
pub(super) const HEADER: &[u8; 8] = b"SCNCHK\0\x01";

/// Appends the block of one request. Times are nanoseconds and ascending.
pub(super) fn encode(seq: u64, times_ns: &[u64], out: &mut Vec<u8>) {
    varint(seq, out);
    varint(times_ns.len() as u64, out);
    let mut before = 0;
    for time in times_ns {
        let micros = time / 1000;
        varint(micros.saturating_sub(before), out);
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
pub(super) fn decode(input: &mut impl Read, times_ns: &mut Vec<u64>) -> io::Result<Option<u64>> {
    times_ns.clear();
    let (Some(seq), Some(count)) = (read_varint(input)?, read_varint(input)?) else {
        return Ok(None);
    };
    let mut micros: u64 = 0;
    for _ in 0..count {
        let Some(gap) = read_varint(input)? else {
            return Ok(None);
        };
        micros = micros.saturating_add(gap);
        times_ns.push(micros.saturating_mul(1000));
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
