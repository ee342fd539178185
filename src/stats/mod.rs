//! Mathematics without our nouns: ranks, order statistics, robust spread, tests of distribution.
