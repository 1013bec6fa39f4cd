//! Time inside a connection: a reader that stops reading, a body that comes too slowly.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// The least that a peer must take in a second, over the time that writing waits for it.
const READER_RATE: u32 = 1 << 10;

/// A stream whose peer must take what is written at a pace, or loses the connection: waiting for it uses up a
/// patience that each byte it takes restores a little.
#[derive(Debug)]
pub struct WriteTimed<S> {
    stream: S,
    patience: Duration,
    left: Duration,
    deadline: Pin<Box<Sleep>>,
    waiting: bool,
}

impl<S> WriteTimed<S> {
    /// Waits `patience` at most for a peer that takes nothing.
    pub fn new(stream: S, patience: Duration) -> Self {
        Self { stream, patience, left: patience, deadline: Box::pin(sleep(patience)), waiting: false }
    }

    /// Passes a ready result on, or fails when the patience is used up.
    fn timed<T>(
        &mut self,
        cx: &mut Context<'_>,
        result: Poll<io::Result<T>>,
        taken: impl Fn(&T) -> usize,
    ) -> Poll<io::Result<T>> {
        if let Poll::Ready(done) = &result {
            if self.waiting {
                self.waiting = false;
                self.left = self.deadline.deadline().saturating_duration_since(Instant::now());
            }
            let bought = done.as_ref().map_or(0.0, |done| taken(done) as f64 / f64::from(READER_RATE));
            self.left = (self.left + Duration::from_secs_f64(bought)).min(self.patience);
            return result;
        }
        if !self.waiting {
            self.waiting = true;
            self.deadline.as_mut().reset(Instant::now() + self.left);
        }
        ready!(self.deadline.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer reads too slowly")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WriteTimed<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WriteTimed<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.timed(cx, result, |taken| *taken)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_flush(cx);
        this.timed(cx, result, |()| 0)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_shutdown(cx);
        this.timed(cx, result, |()| 0)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.timed(cx, result, |taken| *taken)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// How long a body, or what we write, may come and go at any pace.
pub const GRACE: Duration = Duration::from_secs(10);
/// The least that a body must bring a second once [`GRACE`] is over; what browsers send over GPRS brings twice that.
const BODY_RATE: u32 = 2 << 10;

/// A request's body that must keep a pace: each part of it buys time for the next.
#[derive(Debug)]
pub struct PacedBody<B> {
    body: B,
    deadline: Pin<Box<Sleep>>,
}

/// The body did not come in time.
#[derive(Debug, thiserror::Error)]
#[error("the body did not come in time")]
pub struct BodyTooSlow;

impl<B> PacedBody<B> {
    /// Begins to count now.
    pub fn new(body: B) -> Self {
        Self { body, deadline: Box::pin(sleep(GRACE)) }
    }
}

impl<B> Body for PacedBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            let came = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref().map(Bytes::len));
            let bought = Duration::from_secs_f64(came.unwrap_or(0) as f64 / f64::from(BODY_RATE));
            let deadline = this.deadline.deadline() + bought;
            this.deadline.as_mut().reset(deadline);
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        ready!(this.deadline.as_mut().poll(cx));
        Poll::Ready(Some(Err(BodyTooSlow.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_stops_reading_loses_the_connection() {
        let (ours, _theirs) = tokio::io::duplex(16);
        let mut stream = WriteTimed::new(ours, Duration::from_secs(30));
        let error = stream.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    /// Writes 60 kB through a window of 256 bytes to a peer that takes so many a second; when it failed.
    async fn read_at(bytes: usize) -> Result<(), u64> {
        let (ours, mut theirs) = tokio::io::duplex(256);
        let begun = Instant::now();
        let mut stream = WriteTimed::new(ours, Duration::from_secs(30));
        let reading = async {
            let mut taken = vec![0; bytes];
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                let _ = tokio::io::AsyncReadExt::read(&mut theirs, &mut taken).await;
            }
        };
        tokio::select! {
            () = reading => Ok(()),
            written = stream.write_all(&[0; 60_000]) => written.map_err(|_| begun.elapsed().as_secs()),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_a_byte_now_and_then_loses_the_connection_as_well() {
        assert_eq!(read_at(1).await, Err(30));
        assert!(matches!(read_at(128).await, Err(30..=40)));
    }

    /// A body of so many parts, one of `bytes` each second.
    async fn trickling(parts: u32, bytes: usize) -> Result<Duration, Duration> {
        let begun = Instant::now();
        let parts = futures::stream::unfold(0, move |n| async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            (n < parts).then(|| (Ok::<_, io::Error>(Frame::data(Bytes::from(vec![0; bytes]))), n + 1))
        });
        let body = PacedBody::new(http_body_util::StreamBody::new(Box::pin(parts)));
        let whole = body.collect().await;
        let elapsed = begun.elapsed();
        whole.map(|_| elapsed).map_err(|error| {
            assert!(error.downcast_ref::<BodyTooSlow>().is_some());
            elapsed
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stops_or_trickles_ends_in_an_error_and_one_that_keeps_the_pace_does_not() {
        let seconds = |cut: Result<Duration, Duration>| cut.map(|at| at.as_secs()).map_err(|at| at.as_secs());
        assert_eq!(seconds(trickling(100, 0).await), Err(10));
        assert_eq!(seconds(trickling(100, 1).await), Err(10), "a byte a second buys nothing");
        assert_eq!(
            seconds(trickling(100, 1_024).await),
            Err(19),
            "half of the rate nearly doubles the grace"
        );
        assert_eq!(seconds(trickling(40, 2_048).await), Ok(41));
        assert_eq!(seconds(trickling(8, 1).await), Ok(9), "a small body may be slow");
    }
}
