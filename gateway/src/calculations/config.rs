//! The `[calculations]` table of `site.toml`: how many run at once on this machine, and what one of them may take.

use aops_engine::BLOCK;
use serde::{Deserialize, Deserializer};

/// The `[calculations]` table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CalculationsConfig {
    /// How many run at once: as many as there are processors where nothing is said; 0 leaves them all to `aops worker`,
    /// which needs `[store]`.
    pub workers: Option<u16>,
    /// The memory that one may take.
    #[serde(deserialize_with = "memory")]
    pub memory_mib: u64,
    /// The time of processors that one may take, on all of them together.
    #[serde(deserialize_with = "seconds")]
    pub processor_seconds: u64,
    /// The time that one may take by the clock.
    #[serde(deserialize_with = "seconds")]
    pub seconds: u64,
    /// Lines of data of a chunk: a calculation of more is cut; 0 cuts none.
    #[serde(deserialize_with = "chunk")]
    pub chunk_lines: usize,
}

impl Default for CalculationsConfig {
    fn default() -> Self {
        Self {
            workers: None,
            memory_mib: 2_048,
            processor_seconds: 3_600,
            seconds: 3_600,
            chunk_lines: CHUNK_LINES,
        }
    }
}

impl CalculationsConfig {
    /// How many run at once here.
    pub fn here(self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(2, usize::from);
        // With one core the second worker only waits for what is small: it is short.
        self.workers.map_or_else(|| cores().max(2), usize::from)
    }

    /// Blocks of the engine in a chunk; none where nothing is cut.
    pub fn chunk_blocks(self) -> Option<usize> {
        (self.chunk_lines > 0).then(|| self.chunk_lines.div_ceil(BLOCK))
    }
}

/// Below this the whole is computed sooner than a chunk is handed over.
const CHUNK_LINES: usize = 250_000;
/// Below this no process starts.
const LEAST_MEMORY: u64 = 64;
/// A day: what takes longer is asked for in parts.
const LONGEST: u64 = 86_400;

fn memory<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let memory = u64::deserialize(deserializer)?;
    if (LEAST_MEMORY..=1 << 20).contains(&memory) {
        return Ok(memory);
    }
    Err(serde::de::Error::custom(format_args!(
        "{memory} MiB; from {LEAST_MEMORY} to {} are possible",
        1 << 20
    )))
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let seconds = u64::deserialize(deserializer)?;
    if (1..=LONGEST).contains(&seconds) {
        return Ok(seconds);
    }
    Err(serde::de::Error::custom(format_args!("{seconds} seconds; from 1 to {LONGEST} are possible")))
}

fn chunk<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let lines = usize::deserialize(deserializer)?;
    if lines == 0 || lines >= BLOCK {
        return Ok(lines);
    }
    Err(serde::de::Error::custom(format_args!("{lines} lines; 0 (no chunks) and from {BLOCK} are possible")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_as_always_and_what_makes_no_sense_is_refused_with_what_does() {
        let read = |text: &str| toml::from_str::<CalculationsConfig>(text);
        assert_eq!(read("").unwrap(), CalculationsConfig::default());
        assert!(read("").unwrap().here() >= 2);
        assert_eq!(read("workers = 0").unwrap().here(), 0);
        for (text, blocks) in [("", Some(62)), ("chunk_lines = 4097", Some(2)), ("chunk_lines = 0", None)] {
            assert_eq!(read(text).unwrap().chunk_blocks(), blocks, "{text}");
        }
        for (wrong, told) in [
            ("memory_mib = 8", "from 64"),
            ("seconds = 0", "from 1 to 86400"),
            ("chunk_lines = 100", "from 4096"),
            ("processor_seconds = 1e9", "invalid type"),
            ("worker = 1", "unknown field"),
        ] {
            let error = read(wrong).unwrap_err().to_string();
            assert!(error.contains(told), "{wrong}: {error}");
        }
    }
}
