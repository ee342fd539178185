//! `results/`: the only code that writes there.
