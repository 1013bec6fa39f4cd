//! The bytes of a built file on their way out: from memory, or in pieces from the file that a large one stays in.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::task::JoinHandle;

/// From this size on a file stays on the disk, in bytes; pages and their assets are far below.
pub const LARGE: u64 = 4 << 20;
/// What is read at once.
const PIECE: u64 = 128 << 10;

/// The bytes of one coding of a file.
#[derive(Debug, Clone)]
pub enum Stored {
    /// In memory.
    Memory(Bytes),
    /// On the disk: opened when the site was read, so that it stays the same whatever is built meanwhile.
    Disk(Arc<File>, u64),
}

impl Stored {
    /// How many there are.
    pub fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Disk(_, length) => *length,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A part of them, within [`Stored::len`].
    pub fn part(&self, part: Range<u64>) -> Leaving {
        match self {
            Self::Memory(bytes) => Leaving::Memory(bytes.slice(part.start as usize..part.end as usize)),
            Self::Disk(file, _) => {
                Leaving::Disk(Pieces { file: Arc::clone(file), left: part, reading: None })
            }
        }
    }
}

/// Bytes on their way out.
#[derive(Debug)]
pub enum Leaving {
    /// All at once.
    Memory(Bytes),
    /// A piece at a time.
    Disk(Pieces),
}

/// What is left of a file to be sent.
#[derive(Debug)]
pub struct Pieces {
    file: Arc<File>,
    left: Range<u64>,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl Leaving {
    /// Nothing.
    pub const NONE: Self = Self::Memory(Bytes::new());

    /// How many bytes are left.
    pub fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::Disk(pieces) => pieces.left.end - pieces.left.start,
        }
    }

    /// Whether none are left.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Body for Leaving {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.get_mut() {
            Self::Memory(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Memory(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Disk(pieces) => pieces.poll_piece(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len())
    }
}

impl Pieces {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.left.is_empty() {
            return Poll::Ready(None);
        }
        let (file, left) = (&self.file, &self.left);
        let reading = self.reading.get_or_insert_with(|| {
            let (file, start) = (Arc::clone(file), left.start);
            let length = PIECE.min(left.end - start) as usize;
            // A disk may take its time; other answers go on.
            tokio::task::spawn_blocking(move || {
                let mut piece = vec![0; length];
                file.read_exact_at(&mut piece, start).map(|()| Bytes::from(piece))
            })
        });
        let read = ready!(Pin::new(reading).poll(cx));
        self.reading = None;
        let piece = read.map_err(io::Error::other).and_then(|piece| piece);
        Poll::Ready(Some(piece.map(|piece| {
            self.left.start += piece.len() as u64;
            Frame::data(piece)
        })))
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    fn file(bytes: &[u8]) -> Stored {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        Stored::Disk(Arc::new(File::open(file.path()).unwrap()), bytes.len() as u64)
    }

    #[tokio::test]
    async fn a_file_leaves_whole_and_in_parts_as_bytes_in_memory_do() {
        let bytes: Vec<u8> = (0..300_000u32).map(|n| (n % 251) as u8).collect();
        let (disk, memory) = (file(&bytes), Stored::Memory(bytes.clone().into()));
        for part in [0..300_000, 0..0, 5..6, 131_071..262_145, 299_999..300_000] {
            let expected = &bytes[part.start as usize..part.end as usize];
            for stored in [&disk, &memory] {
                let leaving = stored.part(part.clone());
                assert_eq!(leaving.size_hint().exact(), Some(part.end - part.start));
                assert_eq!(leaving.collect().await.unwrap().to_bytes(), expected, "{part:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_file_cut_short_ends_in_an_error_and_not_in_wrong_bytes() {
        let Stored::Disk(short, _) = file(b"short") else { unreachable!() };
        assert!(Stored::Disk(short, 9).part(0..9).collect().await.is_err());
    }
}
