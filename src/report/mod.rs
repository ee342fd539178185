//! Verdict and Summary → bytes; one file per format. Pure.
