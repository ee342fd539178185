//! Room for the keys and values of tokens, in blocks as vLLM has them.

use crate::config::KV_CACHE_BLOCK_TOKENS;

/// The memory of the server for the tokens that running sequences look back on.
#[derive(Debug, Clone)]
pub(super) struct KvCache {
    /// Whole blocks; `None` where memory has no end.
    capacity: Option<u64>,
    /// Blocks in use.
    used: u64,
}

/// The blocks that one sequence holds.
#[derive(Debug, Clone, Default)]
pub(super) struct Held(u64);

impl KvCache {
    /// An empty cache for so many tokens, of which only whole blocks count.
    pub(super) fn new(tokens: Option<u32>) -> Self {
        Self { capacity: tokens.map(|tokens| u64::from(tokens / KV_CACHE_BLOCK_TOKENS)), used: 0 }
    }

    /// Whether so many tokens of one sequence fit while nobody else has any.
    pub(super) fn ever_fits(&self, tokens: u64) -> bool {
        self.capacity.is_none_or(|capacity| blocks(tokens) <= capacity)
    }

    /// How many of the sequences fit together beside what is in use, taken in their order up to the first that does
    /// not; each is given as its tokens.
    pub(super) fn fitting(&self, sequences: impl Iterator<Item = u64>) -> usize {
        let Some(capacity) = self.capacity else { return sequences.count() };
        let mut free = capacity - self.used;
        sequences
            .take_while(|tokens| {
                let left = free.checked_sub(blocks(*tokens));
                free = left.unwrap_or(0);
                left.is_some()
            })
            .count()
    }

    /// Lets a sequence hold so many tokens. Gives `false` and changes nothing where there is no room for those that
    /// it lacks.
    pub(super) fn grow(&mut self, held: &mut Held, tokens: u64) -> bool {
        let more = blocks(tokens).saturating_sub(held.0);
        if self.capacity.is_some_and(|capacity| capacity - self.used < more) {
            return false;
        }
        self.used += more;
        held.0 += more;
        true
    }

    /// Takes back all that a sequence holds.
    pub(super) fn release(&mut self, held: &mut Held) {
        self.used -= std::mem::take(&mut held.0);
    }

    /// The share of blocks in use; 0 where memory has no end.
    pub(super) fn usage(&self) -> f64 {
        self.capacity.map_or(0.0, |capacity| self.used as f64 / capacity as f64)
    }
}

fn blocks(tokens: u64) -> u64 {
    tokens.div_ceil(u64::from(KV_CACHE_BLOCK_TOKENS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_hold_whole_blocks() {
        let mut cache = KvCache::new(Some(79));
        let (mut one, mut two) = (Held::default(), Held::default());
        assert!(cache.ever_fits(64) && !cache.ever_fits(65), "the fifth block is not whole");
        assert!(cache.grow(&mut one, 17));
        assert_eq!((one.0, cache.usage()), (2, 0.5));
        assert!(cache.grow(&mut one, 32), "there is room in its last block");
        assert_eq!(cache.fitting([16, 16, 1].into_iter()), 2);
        assert_eq!(cache.fitting([33, 1].into_iter()), 0, "nobody overtakes");
        assert!(cache.grow(&mut two, 32) && !cache.grow(&mut one, 33));
        assert_eq!((one.0, cache.usage()), (2, 1.0));
        cache.release(&mut two);
        assert!(cache.grow(&mut one, 33));
        cache.release(&mut one);
        assert_eq!((one.0, cache.usage()), (0, 0.0));
    }

    #[test]
    fn memory_without_end_takes_all() {
        let mut cache = KvCache::new(None);
        let mut held = Held::default();
        assert!(cache.ever_fits(u64::MAX) && cache.grow(&mut held, 1 << 40));
        assert_eq!((cache.fitting([u64::MAX; 3].into_iter()), cache.usage()), (3, 0.0));
    }
}
