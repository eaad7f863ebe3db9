//! The async driver over lines: a real broker behind a bridge, and streams in memory.
