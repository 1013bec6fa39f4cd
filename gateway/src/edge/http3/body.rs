//! The body of a request over HTTP/3, as long as its head says.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use h3::error::Code;
use h3::server::RequestStream;
use http_body::{Body, Frame, SizeHint};

/// DATA frames, counted against the declared length.
pub(super) struct RequestBody {
    stream: RequestStream<h3_quinn::RecvStream, Bytes>,
    declared: Option<u64>,
    came: u64,
}

/// Why a body ends before its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    /// The peer went, or sent what is no body.
    #[error("the body was cut off")]
    Cut,
    /// Content-Length and DATA tell two lengths (RFC 9114 § 4.1.2).
    #[error("the body is not as long as declared")]
    Length,
}

impl RequestBody {
    /// What comes on a stream, whose head declared so many bytes.
    pub(super) fn new(stream: RequestStream<h3_quinn::RecvStream, Bytes>, declared: Option<u64>) -> Self {
        Self { stream, declared, came: 0 }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = self.get_mut();
        let data = match ready!(this.stream.poll_recv_data(cx)) {
            Ok(Some(mut data)) => data.copy_to_bytes(data.remaining()),
            Ok(None) if this.declared.is_some_and(|declared| declared != this.came) => {
                return Poll::Ready(Some(Err(Broken::Length)));
            }
            Ok(None) => return Poll::Ready(None),
            Err(_) => return Poll::Ready(Some(Err(Broken::Cut))),
        };
        this.came += data.len() as u64;
        if this.declared.is_some_and(|declared| declared < this.came) {
            return Poll::Ready(Some(Err(Broken::Length)));
        }
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.declared.map(|declared| declared.saturating_sub(self.came));
        left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        // What nobody reads need not be sent (RFC 9114 § 4.1.2); after the end this says nothing.
        self.stream.stop_sending(Code::H3_NO_ERROR);
    }
}
