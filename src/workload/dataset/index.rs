//! Where rows begin in a file.

/// Rows of one block.
const BLOCK: usize = 1 << 16;

/// The offset of every row, in the order of the file: four bytes each, in blocks that are never moved.
#[derive(Debug, Default)]
pub(super) struct Index {
    blocks: Vec<Block>,
    rows: u64,
    /// Right behind the last row.
    end: u64,
}

/// Rows that begin within four gigabytes.
#[derive(Debug)]
struct Block {
    /// The number of its first row.
    first: u64,
    /// The offset of that row.
    base: u64,
    /// The offsets of all of them behind that.
    starts: Vec<u32>,
}

impl Index {
    /// Adds the next row.
    pub(super) fn push(&mut self, start: u64) {
        let last = self.blocks.last_mut().filter(|block| block.starts.len() < BLOCK);
        let behind = |block: &mut Block| {
            let offset = u32::try_from(start - block.base).ok()?;
            block.starts.push(offset);
            Some(())
        };
        if last.and_then(behind).is_none() {
            let mut starts = Vec::with_capacity(BLOCK);
            starts.push(0);
            self.blocks.push(Block { first: self.rows, base: start, starts });
        }
        self.rows += 1;
    }

    /// Says that there are no rows from here on, and that there will be no more.
    pub(super) fn close(&mut self, end: u64) {
        self.end = end;
        if let Some(block) = self.blocks.last_mut() {
            block.starts.shrink_to_fit();
        }
    }

    /// How many.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Where a row begins, and where it ends at the latest: the next one begins there.
    pub(super) fn extent(&self, row: u64) -> Option<(u64, u64)> {
        let start = self.start(row)?;
        Some((start, self.start(row + 1).unwrap_or(self.end)))
    }

    fn start(&self, row: u64) -> Option<u64> {
        let block = self.blocks.partition_point(|block| block.first <= row).checked_sub(1)?;
        let block = &self.blocks[block];
        let start = block.starts.get(usize::try_from(row - block.first).ok()?)?;
        Some(block.base + u64::from(*start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_over_blocks_and_gaps() {
        let mut starts: Vec<u64> = (0..BLOCK as u64 + 10).map(|row| row * 7).collect();
        // far apart, so that a block ends before it is full
        let last = *starts.last().expect("rows");
        starts.extend([last + (1 << 33), last + (1 << 33) + 5, last + (1 << 40)]);
        let mut index = Index::default();
        for start in &starts {
            index.push(*start);
        }
        index.close(1 << 50);
        assert_eq!(index.rows(), starts.len() as u64);
        for (row, start) in starts.iter().enumerate() {
            let end = starts.get(row + 1).copied().unwrap_or(1 << 50);
            assert_eq!(index.extent(row as u64), Some((*start, end)), "row {row}");
        }
        assert_eq!(index.extent(starts.len() as u64), None);
        assert_eq!(Index::default().extent(0), None);
    }
}
