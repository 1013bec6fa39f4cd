//! The stream between TLS and the socket: what HTTP/2 writes frame by frame leaves in as few calls as can be.
//!
//! h2 flushes after every DATA frame, so each answer would cost a call to the system, and on the other side a wake of
//! its reader. Here a flush waits until the connection has nothing more to say for now: [`Gathering`] sends what was
//! gathered whenever the connection rests. Ten answers of 10 kB to one client leave in two calls instead of ten.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// From so many gathered bytes on they are sent before more is taken.
const MOST: usize = 64 << 10;
/// Buffers that a worker keeps for the next connection that writes.
const SPARE: usize = 16;

thread_local! {
    static BUFFERS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// A socket whose writes may be gathered.
#[derive(Debug)]
pub struct Gathered {
    reading: OwnedReadHalf,
    outgoing: Outgoing,
    gathers: bool,
}

/// The sending side, shared by the stream and whoever sends at rest.
#[derive(Debug, Clone)]
pub struct Outgoing(Arc<Mutex<Waiting>>);

#[derive(Debug)]
struct Waiting {
    socket: OwnedWriteHalf,
    bytes: Vec<u8>,
    /// So many of them have left.
    sent: usize,
}

impl Gathered {
    /// A socket that sends at once, until it is told to gather.
    pub fn new(socket: TcpStream) -> Self {
        let (reading, socket) = socket.into_split();
        let outgoing = Outgoing(Arc::new(Mutex::new(Waiting { socket, bytes: Vec::new(), sent: 0 })));
        Self { reading, outgoing, gathers: false }
    }

    /// Gathers from now on. What is gathered leaves by [`Gathering`] alone.
    pub fn gather(&mut self) -> Outgoing {
        self.gathers = true;
        self.outgoing.clone()
    }
}

impl Outgoing {
    fn with<T>(&self, act: impl FnOnce(&mut Waiting) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Waiting {
    /// Sends what waits.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.bytes.len() {
            let sent = ready!(Pin::new(&mut self.socket).poll_write(cx, &self.bytes[self.sent..]))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += sent;
        }
        self.rest();
        Poll::Ready(Ok(()))
    }

    /// Makes room for `length` bytes: the buffer is one of the worker's while something waits.
    fn poll_room(&mut self, cx: &mut Context<'_>, length: usize) -> Poll<io::Result<()>> {
        if self.bytes.len() - self.sent + length > MOST {
            ready!(self.poll_send(cx))?;
        }
        if self.bytes.capacity() == 0 {
            self.bytes = BUFFERS.with_borrow_mut(Vec::pop).unwrap_or_else(|| Vec::with_capacity(MOST));
        }
        Poll::Ready(Ok(()))
    }

    /// A connection at rest holds no buffer.
    fn rest(&mut self) {
        self.sent = 0;
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        if bytes.capacity() > 0 {
            BUFFERS.with_borrow_mut(|spare| {
                if spare.len() < SPARE {
                    spare.push(bytes);
                }
            });
        }
    }
}

impl AsyncRead for Gathered {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().reading).poll_read(cx, buf)
    }
}

impl AsyncWrite for Gathered {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let gathers = self.gathers;
        self.outgoing.with(|waiting| {
            if !gathers {
                return Pin::new(&mut waiting.socket).poll_write(cx, buf);
            }
            ready!(waiting.poll_room(cx, buf.len()))?;
            waiting.bytes.extend_from_slice(buf);
            Poll::Ready(Ok(buf.len()))
        })
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let gathers = self.gathers;
        self.outgoing.with(|waiting| {
            if !gathers {
                return Pin::new(&mut waiting.socket).poll_write_vectored(cx, bufs);
            }
            let length = bufs.iter().map(|buf| buf.len()).sum();
            ready!(waiting.poll_room(cx, length))?;
            bufs.iter().for_each(|buf| waiting.bytes.extend_from_slice(buf));
            Poll::Ready(Ok(length))
        })
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A socket has nothing to flush; what is gathered waits for the connection to rest.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outgoing.with(|waiting| {
            ready!(waiting.poll_send(cx))?;
            Pin::new(&mut waiting.socket).poll_shutdown(cx)
        })
    }
}

/// A connection that sends what it gathered whenever it rests, and when it ends.
pub struct Gathering<C> {
    connection: C,
    outgoing: Option<Outgoing>,
}

impl<C> Gathering<C> {
    /// `outgoing` as [`Gathered::gather`] gave it; none where nothing is gathered.
    pub fn new(connection: C, outgoing: Option<Outgoing>) -> Self {
        Self { connection, outgoing }
    }
}

impl<C> Gathering<Pin<&mut C>> {
    /// The connection.
    pub fn get_mut(&mut self) -> Pin<&mut C> {
        self.connection.as_mut()
    }
}

impl<C, E> Future for Gathering<C>
where
    C: Future<Output = Result<(), E>> + Unpin,
    E: From<io::Error>,
{
    type Output = Result<(), E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.connection).poll(cx);
        let Some(outgoing) = &this.outgoing else { return polled };
        let sent = outgoing.with(|waiting| waiting.poll_send(cx));
        match (polled, sent) {
            (Poll::Pending, Poll::Ready(Err(error))) => Poll::Ready(Err(error.into())),
            (polled, _) => polled,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (Gathered, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (Gathered::new(listener.accept().await.unwrap().0), client)
    }

    #[tokio::test]
    async fn what_is_written_leaves_when_the_connection_rests_and_not_before() {
        let (mut ours, mut theirs) = pair().await;
        ours.write_all(b"at once,").await.unwrap();
        let mut read = [0; 8];
        theirs.read_exact(&mut read).await.unwrap();
        let outgoing = ours.gather();
        ours.write_all(b"gathered").await.unwrap();
        ours.flush().await.unwrap();
        let early = tokio::time::timeout(std::time::Duration::from_millis(20), theirs.read_exact(&mut read));
        assert!(early.await.is_err(), "it waits");
        let resting = Box::pin(std::future::pending::<io::Result<()>>());
        let mut gathering = Gathering::new(resting, Some(outgoing));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut gathering).poll(&mut cx).is_pending());
        theirs.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"gathered");
    }

    #[tokio::test]
    async fn a_peer_that_does_not_read_holds_the_writer_up_and_then_gets_everything_in_order() {
        let (mut ours, mut theirs) = pair().await;
        let outgoing = ours.gather();
        let sent: Vec<u8> = (0..8_000_000u32).map(|n| (n % 251) as u8).collect();
        let expected = sent.clone();
        let writing = Box::pin(async move {
            for part in sent.chunks(10_007) {
                ours.write_all(part).await?;
            }
            ours.shutdown().await
        });
        let writer = tokio::spawn(Gathering::new(writing, Some(outgoing)));
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        assert!(!writer.is_finished(), "only so much is gathered");
        let mut read = Vec::new();
        theirs.read_to_end(&mut read).await.unwrap();
        writer.await.unwrap().unwrap();
        assert!(read == expected);
    }
}
