//! HTTP/2 frames that cost us more than their sender (RFC 9113 § 10.5): counted as they pass, before h2 acts on them.
//!
//! h2 bounds streams, resets that wait, and the size of header lists; what it does not bound is how often a peer
//! may make it answer (PING, SETTINGS), forget (RST_STREAM) or read nothing (empty DATA, CONTINUATION, PRIORITY).

use std::time::{Duration, Instant};

/// Frames of each kind that may come at once, and how many a second in the long run.
const SETTINGS: (u32, u32) = (20, 1);
const PING: (u32, u32) = (60, 5);
const RESET: (u32, u32) = (200, 20);
const EMPTY: (u32, u32) = (200, 20);
const OTHER: (u32, u32) = (200, 20);
const WINDOW: (u32, u32) = (50_000, 50_000);
/// CONTINUATION frames of one header block.
const CONTINUATIONS: u32 = 4;
/// Bytes of one header block, compressed.
const BLOCK: usize = 32 << 10;
/// How long a header block may stay open.
pub const BLOCK_PATIENCE: Duration = Duration::from_secs(10);

const PREFACE: usize = 24;
const HEAD: usize = 9;

/// What a peer does too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flood {
    /// SETTINGS.
    Settings,
    /// PING.
    Ping,
    /// RST_STREAM ("rapid reset", CVE-2023-44487).
    Reset,
    /// DATA without data and without end (CVE-2019-9518).
    Empty,
    /// PRIORITY and frames that nobody knows.
    Other,
    /// WINDOW_UPDATE.
    Window,
    /// CONTINUATION without end (CVE-2024-27316), or a header block too large.
    Continuation,
}

impl Flood {
    /// The label in metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::Settings => "h2_settings",
            Self::Ping => "h2_ping",
            Self::Reset => "h2_reset",
            Self::Empty => "h2_empty",
            Self::Other => "h2_other",
            Self::Window => "h2_window",
            Self::Continuation => "h2_continuation",
        }
    }
}

/// Follows one connection's frames.
#[derive(Debug)]
pub struct Frames {
    /// Bytes of the preface or of a payload that are still to come.
    left: usize,
    head: [u8; HEAD],
    filled: usize,
    block: Option<Block>,
    buckets: [Bucket; 6],
}

#[derive(Debug)]
struct Block {
    since: Instant,
    continuations: u32,
    bytes: usize,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    spent: f32,
    at: Instant,
}

impl Bucket {
    fn take(&mut self, (burst, rate): (u32, u32), now: Instant) -> bool {
        let regained = now.duration_since(self.at).as_secs_f32() * rate as f32;
        self.at = now;
        self.spent = (self.spent - regained).max(0.0);
        let granted = self.spent + 1.0 <= burst as f32;
        if granted {
            self.spent += 1.0;
        }
        granted
    }
}

impl Frames {
    /// A connection that begins now.
    pub fn new(now: Instant) -> Self {
        let buckets = [Bucket { spent: 0.0, at: now }; 6];
        Self { left: PREFACE, head: [0; HEAD], filled: 0, block: None, buckets }
    }

    /// Since when a header block has been open, if one is.
    pub fn open_since(&self) -> Option<Instant> {
        self.block.as_ref().map(|block| block.since)
    }

    /// Looks at the bytes that came.
    ///
    /// # Errors
    /// What there is too much of: the connection ends.
    pub fn look(&mut self, mut bytes: &[u8], now: Instant) -> Result<(), Flood> {
        while !bytes.is_empty() {
            if self.left > 0 {
                let passed = self.left.min(bytes.len());
                self.left -= passed;
                bytes = &bytes[passed..];
                continue;
            }
            let wanted = (HEAD - self.filled).min(bytes.len());
            self.head[self.filled..self.filled + wanted].copy_from_slice(&bytes[..wanted]);
            self.filled += wanted;
            bytes = &bytes[wanted..];
            if self.filled == HEAD {
                self.filled = 0;
                self.left = usize::from(self.head[0]) << 16
                    | usize::from(self.head[1]) << 8
                    | usize::from(self.head[2]);
                self.frame(self.left, self.head[3], self.head[4], now)?;
            }
        }
        Ok(())
    }

    fn frame(&mut self, length: usize, kind: u8, flags: u8, now: Instant) -> Result<(), Flood> {
        const END_STREAM: u8 = 0x1;
        const ACK: u8 = 0x1;
        const END_HEADERS: u8 = 0x4;
        let (flood, limit) = match kind {
            0x0 if length == 0 && flags & END_STREAM == 0 => (Flood::Empty, EMPTY),
            0x0 => return Ok(()),
            0x1 => {
                let open = flags & END_HEADERS == 0;
                self.block = open.then_some(Block { since: now, continuations: 0, bytes: length });
                return if length > BLOCK { Err(Flood::Continuation) } else { Ok(()) };
            }
            0x3 => (Flood::Reset, RESET),
            // What answers us costs nothing more; h2 knows what it asked for.
            0x4 | 0x6 if flags & ACK != 0 => return Ok(()),
            0x4 => (Flood::Settings, SETTINGS),
            0x6 => (Flood::Ping, PING),
            0x8 => (Flood::Window, WINDOW),
            0x9 => return self.continuation(length, flags & END_HEADERS != 0),
            _ => (Flood::Other, OTHER),
        };
        if self.buckets[flood as usize].take(limit, now) { Ok(()) } else { Err(flood) }
    }

    fn continuation(&mut self, length: usize, ends: bool) -> Result<(), Flood> {
        // Without an open block h2 refuses it by itself.
        let Some(block) = &mut self.block else { return Ok(()) };
        block.continuations += 1;
        block.bytes += length;
        if block.continuations > CONTINUATIONS || block.bytes > BLOCK {
            return Err(Flood::Continuation);
        }
        if ends {
            self.block = None;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(length: usize, kind: u8, flags: u8) -> Vec<u8> {
        let mut bytes =
            vec![(length >> 16) as u8, (length >> 8) as u8, length as u8, kind, flags, 0, 0, 0, 1];
        bytes.resize(HEAD + length, 0);
        bytes
    }

    fn after_preface(now: Instant) -> Frames {
        let mut frames = Frames::new(now);
        frames.look(&[b'P'; PREFACE], now).unwrap();
        frames
    }

    /// How many of a frame pass at one instant.
    fn passing(bytes: &[u8], most: usize) -> usize {
        let now = Instant::now();
        let mut frames = after_preface(now);
        (0..most).take_while(|_| frames.look(bytes, now).is_ok()).count()
    }

    #[test]
    fn each_flood_ends_at_its_allowance_and_data_never_does() {
        assert_eq!(passing(&frame(0, 4, 0), 1_000), 20);
        assert_eq!(passing(&frame(8, 6, 0), 1_000), 60);
        assert_eq!(passing(&frame(4, 3, 0), 1_000), 200);
        assert_eq!(passing(&frame(0, 0, 0), 1_000), 200);
        assert_eq!(passing(&frame(5, 2, 0), 1_000), 200);
        assert_eq!(passing(&frame(0, 0xbe, 0), 1_000), 200);
        assert_eq!(passing(&frame(16, 0, 0), 1_000), 1_000);
        assert_eq!(passing(&frame(0, 0, 1), 1_000), 1_000);
        assert_eq!(passing(&frame(8, 6, 1), 1_000), 1_000, "answers to our own pings");
    }

    #[test]
    fn an_allowance_comes_back_with_time() {
        let start = Instant::now();
        let mut bucket = Bucket { spent: 0.0, at: start };
        assert_eq!((0..100).filter(|_| bucket.take(PING, start)).count(), 60);
        let later = start + Duration::from_secs(10);
        assert_eq!((0..100).filter(|_| bucket.take(PING, later)).count(), 50);
    }

    #[test]
    fn a_header_block_is_bounded_in_frames_bytes_and_is_known_to_be_open() {
        let now = Instant::now();
        let mut frames = after_preface(now);
        frames.look(&frame(3, 1, 0), now).unwrap();
        assert_eq!(frames.open_since(), Some(now));
        frames.look(&frame(3, 9, 4), now).unwrap();
        assert_eq!(frames.open_since(), None);
        frames.look(&frame(3, 1, 0), now).unwrap();
        for _ in 0..CONTINUATIONS {
            frames.look(&frame(1, 9, 0), now).unwrap();
        }
        assert_eq!(frames.look(&frame(1, 9, 0), now), Err(Flood::Continuation));
        assert_eq!(after_preface(now).look(&frame(BLOCK + 1, 1, 4), now), Err(Flood::Continuation));
    }

    proptest! {
        /// However the network cuts the bytes, the same frames are counted.
        #[test]
        fn what_is_counted_does_not_depend_on_how_bytes_arrive(cuts in prop::collection::vec(1usize..40, 1..60)) {
            let now = Instant::now();
            let mut frames = Frames::new(now);
            let mut bytes = vec![b'P'; PREFACE];
            for _ in 0..61 {
                bytes.extend(frame(8, 6, 0));
            }
            let mut outcome = Ok(());
            let mut rest = &bytes[..];
            for cut in cuts.into_iter().cycle() {
                if rest.is_empty() || outcome.is_err() {
                    break;
                }
                let (part, after) = rest.split_at(cut.min(rest.len()));
                outcome = frames.look(part, now);
                rest = after;
            }
            prop_assert_eq!(outcome, Err(Flood::Ping));
        }
    }
}
