//! What comes of a file, put behind what is here: sealed and kept piece by piece while it comes, so that a connection that
//! breaks, or a process that is killed, loses no more than the last piece.

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;

use super::super::guard::Who;
use super::document::{Part, UPLOADS, Upload, expires, part_of};
use crate::app::App;
use crate::blobs;
use crate::records;
use crate::store::{Batch, Expect, StoreError};
use crate::web::WebError;
use crate::web::posted::body_fault;

/// So much is kept at a time, in bytes.
const PIECE: usize = 1 << 20;
/// A last part that is smaller is written anew with what comes behind it: however small what is sent, parts are few.
const SMALL: usize = 256 << 10;

/// Where an upload stands.
pub(super) type At = (Upload, u64);

/// Appends a body: where the upload stands now, and what broke it off. What came before is kept: with
/// [`WebError::TooLarge`], for more than was announced, all up to the end; with [`WebError::Conflict`], where another
/// appends at once, what the other sent.
pub(super) async fn append(app: &App, who: &Who, id: &str, mut at: At, body: Body) -> (At, Option<WebError>) {
    let mut stream = body.into_data_stream();
    let mut held = BytesMut::new();
    loop {
        let left = at.0.length - at.0.offset - held.len() as u64;
        let (over, broken) = match stream.next().await {
            Some(Ok(bytes)) if bytes.len() as u64 > left => {
                held.extend_from_slice(bytes.get(..left as usize).unwrap_or_default());
                (true, Some(WebError::TooLarge))
            }
            Some(Ok(bytes)) => {
                held.extend_from_slice(&bytes);
                (false, None)
            }
            Some(Err(error)) => (true, Some(body_fault(&error))),
            None => (true, None),
        };
        if !over && held.len() < PIECE {
            continue;
        }
        at = match keep(app, who, id, &at, held.split().freeze()).await {
            Ok(at) => at,
            Err(error) => return (at, Some(error)),
        };
        if over {
            return (at, broken);
        }
    }
}

/// Keeps a piece behind what is here.
async fn keep(app: &App, who: &Who, id: &str, at: &At, bytes: Bytes) -> Result<At, WebError> {
    if bytes.is_empty() {
        return Ok(at.clone());
    }
    let (mut upload, version) = at.clone();
    let (organisation, end) = (&who.organisation, expires(app, upload.created));
    let mut batch = Batch::new(organisation);
    let key = records::subject_key(app, organisation, id, &mut batch).await?;
    let mut content = zeroize::Zeroizing::new(Vec::new());
    if let Some(last) = upload.parts.last().copied().filter(|last| last.blob.bytes < SMALL) {
        let name = part_of(id, last.number);
        let before = blobs::read(app, organisation, id, &name, last.blob).await?;
        content.extend_from_slice(&before.ok_or(WebError::NotFound)?);
        blobs::remove(app, &mut batch, &name, last.blob)?;
        upload.parts.pop();
    }
    content.extend_from_slice(&bytes);
    let name = part_of(id, upload.written);
    let blob = blobs::put(app, &mut batch, &key, &name, &content, end).await?;
    upload.parts.push(Part { number: upload.written, blob });
    upload.written = upload.written.saturating_add(1);
    upload.offset = upload.offset.saturating_add(bytes.len() as u64);
    records::put_sealed(&mut batch, &key, UPLOADS, id, Expect::Version(version), &upload, end)?;
    match blobs::commit(app, batch).await {
        Ok(()) => Ok((upload, version + 1)),
        Err(StoreError::Conflict(_)) => Err(WebError::Conflict("another request appends to this upload")),
        Err(error) => Err(error.into()),
    }
}
