//! The body of an answer, on its way: bytes of the built site as they are, or what a handler writes.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::edge::open_connections::Answering;
use crate::web::stored::Leaving;

/// A body that tells its connection when it moves and when it has gone.
#[derive(Debug)]
pub struct AnswerBody {
    content: Content,
    answering: Answering,
}

#[derive(Debug)]
enum Content {
    Built(Leaving),
    Written(Body),
}

impl AnswerBody {
    /// Bytes of the built site.
    pub fn built(bytes: Leaving, answering: Answering) -> Self {
        Self { content: Content::Built(bytes), answering }
    }

    /// What a handler writes.
    pub fn written(body: Body, answering: Answering) -> Self {
        Self { content: Content::Written(body), answering }
    }
}

impl http_body::Body for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        this.answering.moved();
        match &mut this.content {
            Content::Built(bytes) => {
                Pin::new(bytes).poll_frame(cx).map(|frame| frame.map(|frame| frame.map_err(axum::Error::new)))
            }
            Content::Written(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Built(bytes) => bytes.is_empty(),
            Content::Written(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Built(bytes) => bytes.size_hint(),
            Content::Written(body) => body.size_hint(),
        }
    }
}
