//! What is sent: prompts and lengths, each a pure function of the seed and the sequence number.
