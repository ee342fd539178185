//! Memory that is held, and given back where others need it.

use std::io;

use memmap2::MmapMut;
use rand::{Rng as _, SeedableRng as _};

/// Memory is taken and given back in pieces of at most this size.
pub(super) const CHUNK: u64 = 64 << 20;

/// Each of these has a page of its own on every system.
const PAGE: usize = 4096;

/// The byte of a page that is written when it is touched, behind its number.
const PAGE_MARK: usize = 8;

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// Take so many bytes more.
    Take(u64),
    /// Give back so many bytes at least.
    Give(u64),
    /// Nothing: enough is held, or no more can be.
    Rest,
}

/// Memory that is held: pages of its own, written with what no system can compress or share.
pub(super) struct Hold {
    wanted: u64,
    keep_free: u64,
    chunks: Vec<MmapMut>,
    /// Whether others had need of what was held, so that the last bit of room is left to them.
    yields: bool,
    /// A page of random bytes, so that none can be compressed.
    page: [u8; PAGE],
    /// The next page's number, which makes it differ from all others, so that none can be shared.
    number: u64,
    /// The chunk that is touched next.
    touched: usize,
}

impl Hold {
    /// Holds nothing yet.
    pub(super) fn new(wanted: u64, keep_free: u64) -> Self {
        let mut page = [0; PAGE];
        rand_chacha::ChaCha8Rng::seed_from_u64(1).fill_bytes(&mut page);
        Self { wanted, keep_free, chunks: Vec::new(), yields: false, page, number: 0, touched: 0 }
    }

    /// Bytes that are held.
    pub(super) fn held(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.len() as u64).sum()
    }

    /// Takes or gives back a piece by what is available to all, in bytes. `false` where there is nothing to do; the error
    /// is that of a system that gives no more.
    pub(super) fn adjust(&mut self, available: u64) -> io::Result<bool> {
        match self.next(available) {
            Next::Take(bytes) => {
                let mut chunk = MmapMut::map_anon(bytes as usize)?;
                self.fill(&mut chunk);
                self.chunks.push(chunk);
            }
            Next::Give(bytes) => {
                self.yields = true;
                let mut given = 0;
                while given < bytes
                    && let Some(chunk) = self.chunks.pop()
                {
                    given += chunk.len() as u64;
                }
            }
            Next::Rest => return Ok(false),
        }
        Ok(true)
    }

    fn next(&self, available: u64) -> Next {
        let held = self.held();
        let lacking = self.keep_free.saturating_sub(available);
        if lacking > 0 {
            return if held > 0 { Next::Give(lacking) } else { Next::Rest };
        }
        let next = (self.wanted - held).min(CHUNK);
        let spare = if self.yields { CHUNK } else { 0 };
        // the file system's and others' needs may change between the look and the last page
        let fits = available - self.keep_free >= next + spare;
        if next > 0 && fits { Next::Take(next) } else { Next::Rest }
    }

    fn fill(&mut self, chunk: &mut MmapMut) {
        for page in chunk.chunks_mut(PAGE) {
            self.number += 1;
            page.copy_from_slice(&self.page[..page.len()]);
            if let Some(start) = page.first_chunk_mut() {
                *start = self.number.to_ne_bytes();
            }
        }
    }

    /// Writes to each page of the next chunk, so that it stays in memory.
    pub(super) fn touch(&mut self) {
        if self.chunks.is_empty() {
            return;
        }
        self.touched = (self.touched + 1) % self.chunks.len();
        for page in self.chunks[self.touched].chunks_exact_mut(PAGE) {
            page[PAGE_MARK] = page[PAGE_MARK].wrapping_add(1);
        }
    }

    /// How many pieces there are to touch.
    pub(super) fn pieces(&self) -> usize {
        self.chunks.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: u64 = 1 << 10;

    /// A machine on which others use what they like; returns what is held once there is nothing to do any more.
    fn settle(hold: &mut Hold, free_without: u64) -> u64 {
        for _ in 0..10_000 {
            let available = free_without.saturating_sub(hold.held());
            if !hold.adjust(available).expect("memory") {
                break;
            }
            assert!(
                free_without < hold.held() + hold.keep_free || free_without - hold.held() >= hold.keep_free
            );
        }
        hold.held()
    }

    #[test]
    fn what_is_wanted_is_held_where_there_is_room() {
        let mut hold = Hold::new(100 * KIB, 50 * KIB);
        assert_eq!(settle(&mut hold, 150 * KIB), 100 * KIB);
        assert!(hold.chunks[0].iter().filter(|byte| **byte != 0).count() > 99 << 10);
        hold.touch();
        assert_eq!(settle(&mut hold, 150 * KIB), 100 * KIB, "and no more");
    }

    #[test]
    fn the_floor_is_never_crossed() {
        assert_eq!(settle(&mut Hold::new(100 * KIB, 50 * KIB), 149 * KIB), 0);
        // 2.5 chunks, of which the floor leaves room for two
        let mut hold = Hold::new(CHUNK / 2 * 5, CHUNK);
        assert_eq!(settle(&mut hold, 3 * CHUNK), 2 * CHUNK);
        // others take one more
        assert_eq!(settle(&mut hold, 2 * CHUNK), CHUNK);
        // and give a part of it back, which is left to them
        assert_eq!(settle(&mut hold, 2 * CHUNK + CHUNK / 2), CHUNK);
        assert_eq!(settle(&mut hold, 5 * CHUNK), CHUNK / 2 * 5, "and all of it");
        assert_eq!(settle(&mut hold, 0), 0);
    }
}
