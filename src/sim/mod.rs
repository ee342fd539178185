//! The embedded servers behind `sim:` endpoints. Shares no code with `wire` or `protocol`.
