//! The stream between TLS and hyper: it reads along, and what breaks the protocol does not reach hyper.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use metrics::counter;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep, sleep_until};

use super::frames::{BLOCK_PATIENCE, Flood, Frames};
use super::framing::{Fault, Framing, Then};
use super::{REFUSED, Version};

/// GOAWAY with ENHANCE_YOUR_CALM (RFC 9113 § 6.8, § 7).
const GOAWAY: [u8; 17] = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11];

/// A stream whose incoming bytes are looked at as they pass.
#[derive(Debug)]
pub struct Guarded<S> {
    stream: S,
    looking: Looking,
    /// Set from our end of the connection to the peer's.
    lingering: Option<Lingering>,
    /// Hears of what broke the protocol and is not answered as a request.
    broken: Option<Told>,
}

/// Whom to tell.
struct Told(Box<dyn Fn() + Send>);

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Told(..)")
    }
}

/// A close that lets the last answer arrive: what still comes is read and thrown away, since closing on unread
/// bytes resets the connection and the answer with it (RFC 9112 § 9.6).
#[derive(Debug)]
struct Lingering {
    until: Pin<Box<Sleep>>,
    left: usize,
}

/// How long, and for how many bytes, a close may linger.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 1 << 20;

#[derive(Debug)]
enum Looking {
    One(One),
    Two(Two),
}

#[derive(Debug, Default)]
struct One {
    framing: Framing,
    /// What came and may not pass yet: the beginning of a head.
    held: Vec<u8>,
    /// So many bytes of it may pass after all; there was no room.
    passed: usize,
    refused: Option<Fault>,
    told: bool,
}

#[derive(Debug)]
struct Two {
    frames: Frames,
    /// Set while a header block is open.
    patience: Option<Pin<Box<Sleep>>>,
}

impl<S> Guarded<S> {
    /// Looks along in the protocol that the handshake settled.
    pub fn new(stream: S, version: Version) -> Self {
        let looking = match version {
            Version::One => Looking::One(One::default()),
            Version::Two => Looking::Two(Two { frames: Frames::new(Instant::now()), patience: None }),
        };
        Self { stream, looking, lingering: None, broken: None }
    }

    /// Tells when the connection ends for what came on it.
    pub fn telling(self, told: impl Fn() + Send + 'static) -> Self {
        Self { broken: Some(Told(Box::new(told))), ..self }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { stream, looking, broken, .. } = self.get_mut();
        let read = ready!(match looking {
            Looking::One(one) => one.poll_read(stream, cx, buf),
            Looking::Two(two) => two.poll_read(stream, cx, buf),
        });
        if let Err(error) = &read
            && error.kind() == io::ErrorKind::InvalidData
            && error.get_ref().is_some_and(|why| why.is::<Broken>())
            && let Some(told) = broken.take()
        {
            told.0();
        }
        Poll::Ready(read)
    }
}

impl One {
    fn poll_read<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if self.passed > 0 {
                self.give(buf);
                return Poll::Ready(Ok(()));
            }
            if let Some(fault) = self.refused {
                return self.tell(fault, buf);
            }
            let before = buf.filled().len();
            if self.held.is_empty() {
                ready!(Pin::new(&mut *stream).poll_read(cx, buf))?;
                let came = &buf.filled()[before..];
                if came.is_empty() {
                    return Poll::Ready(Ok(()));
                }
                let looked = self.framing.look(came);
                self.held.extend_from_slice(&came[looked.passed..]);
                buf.set_filled(before + looked.passed);
                self.after(looked.then)?;
            } else {
                let mut more = [0; 2048];
                let mut more = ReadBuf::new(&mut more);
                ready!(Pin::new(&mut *stream).poll_read(cx, &mut more))?;
                if more.filled().is_empty() {
                    return Poll::Ready(Ok(()));
                }
                self.held.extend_from_slice(more.filled());
                self.pass_held(buf)?;
            }
            if buf.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Looks at what is held, and passes on what may pass, as far as there is room.
    fn pass_held(&mut self, buf: &mut ReadBuf<'_>) -> io::Result<()> {
        let looked = self.framing.look(&self.held);
        self.after(looked.then)?;
        self.passed = looked.passed;
        self.give(buf);
        Ok(())
    }

    /// Gives what has passed and is still held.
    fn give(&mut self, buf: &mut ReadBuf<'_>) {
        let given = self.passed.min(buf.remaining());
        buf.put_slice(&self.held[..given]);
        self.held.drain(..given);
        self.passed -= given;
        if self.held.is_empty() {
            self.held = Vec::new();
        }
    }

    fn after(&mut self, then: Then) -> io::Result<()> {
        match then {
            Then::More => Ok(()),
            Then::Refused(fault) => {
                self.refused = Some(fault);
                Ok(())
            }
            Then::Broken(fault) => {
                counter!("requests_refused_total", "phase" => "protocol", "why" => fault.label())
                    .increment(1);
                Err(broken(fault.label()))
            }
        }
    }

    /// Gives hyper a request of ours in place of the refused one, so that it is answered and logged as all are;
    /// then nothing more: the answer closes the connection.
    fn tell(&mut self, fault: Fault, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.told {
            return Poll::Pending;
        }
        self.told = true;
        self.held = Vec::new();
        buf.put_slice(format!("{REFUSED} /{} HTTP/1.1\r\nhost: -\r\n\r\n", fault.label()).as_bytes());
        Poll::Ready(Ok(()))
    }
}

impl Two {
    fn poll_read<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let Poll::Ready(read) = Pin::new(&mut *stream).poll_read(cx, buf) else {
            if let Some(patience) = &mut self.patience {
                ready!(patience.as_mut().poll(cx));
                return Poll::Ready(Err(cut(stream, cx, Flood::Continuation)));
            }
            return Poll::Pending;
        };
        read?;
        if let Err(flood) = self.frames.look(&buf.filled()[before..], Instant::now()) {
            return Poll::Ready(Err(cut(stream, cx, flood)));
        }
        self.patience = match (self.frames.open_since(), self.patience.take()) {
            (None, _) => None,
            (Some(_), Some(patience)) => Some(patience),
            (Some(since), None) => Some(Box::pin(sleep_until((since + BLOCK_PATIENCE).into()))),
        };
        Poll::Ready(Ok(()))
    }
}

/// Says why, if it can be said at once, and ends the connection.
fn cut<S: AsyncWrite + Unpin>(stream: &mut S, cx: &mut Context<'_>, flood: Flood) -> io::Error {
    counter!("requests_refused_total", "phase" => "protocol", "why" => flood.label()).increment(1);
    // Whoever floods need not be heard to: it is told once, and only if it reads.
    let _ = Pin::new(&mut *stream).poll_write(cx, &GOAWAY);
    let _ = Pin::new(stream).poll_flush(cx);
    broken(flood.label())
}

/// The protocol was broken beyond an answer; TLS's own errors are none of these.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Broken(&'static str);

fn broken(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, Broken(why))
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, lingering, .. } = self.get_mut();
        if lingering.is_none() {
            ready!(Pin::new(&mut *stream).poll_shutdown(cx))?;
        }
        let lingering =
            lingering.get_or_insert_with(|| Lingering { until: Box::pin(sleep(LINGER)), left: LINGER_BYTES });
        let mut thrown = [0; 4096];
        loop {
            let mut thrown = ReadBuf::new(&mut thrown);
            match Pin::new(&mut *stream).poll_read(cx, &mut thrown) {
                Poll::Ready(Ok(())) if !thrown.filled().is_empty() && lingering.left > 0 => {
                    lingering.left = lingering.left.saturating_sub(thrown.filled().len());
                }
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => return lingering.until.as_mut().poll(cx).map(Ok),
            }
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn a_refused_head_is_replaced_and_nothing_behind_it_passes() {
        let (mut client, ours) = tokio::io::duplex(4096);
        let mut guarded = Guarded::new(ours, Version::One);
        let good = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        client.write_all(good).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nHo").await.unwrap();
        let mut read = vec![0; 4096];
        let length = guarded.read(&mut read).await.unwrap();
        assert_eq!(&read[..length], good);
        client.write_all(b"st : a\r\n\r\nGET /other HTTP/1.1\r\n\r\n").await.unwrap();
        let length = guarded.read(&mut read).await.unwrap();
        assert_eq!(&read[..length], b"REFUSED /field_name HTTP/1.1\r\nhost: -\r\n\r\n");
        let more = tokio::time::timeout(std::time::Duration::from_millis(20), guarded.read(&mut read));
        assert!(more.await.is_err(), "nothing more is read");
    }

    #[tokio::test]
    async fn a_head_that_comes_byte_by_byte_passes_unchanged() {
        let (mut client, ours) = tokio::io::duplex(1);
        let mut guarded = Guarded::new(ours, Version::One);
        let sent = b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nokGET / HTTP/1.1\r\n\r\n";
        tokio::spawn(async move { client.write_all(sent).await });
        let mut read = Vec::new();
        guarded.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, sent);
    }

    #[tokio::test(start_paused = true)]
    async fn a_header_block_that_stays_open_is_cut_with_a_goaway() {
        let (mut client, ours) = tokio::io::duplex(4096);
        let mut guarded = Guarded::new(ours, Version::Two);
        client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        client.write_all(&[0, 0, 1, 1, 0, 0, 0, 0, 1, 0x82]).await.unwrap();
        let mut read = vec![0; 64];
        assert_eq!(guarded.read(&mut read).await.unwrap(), 34);
        let error = guarded.read(&mut read).await.unwrap_err();
        assert_eq!(error.to_string(), "h2_continuation");
        client.read_exact(&mut read[..17]).await.unwrap();
        assert_eq!(read[..17], GOAWAY);
    }
}
