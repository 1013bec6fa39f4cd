//! Beginning an upload, within what an organisation may have under way, and giving one up.

use super::super::document::Warranty;
use super::super::guard::Who;
use super::super::keep::note;
use super::super::receive::Asked;
use super::document::{FINISHED, UPLOADS, Upload, draw, expires, finished, gone, read};
use super::{MOST, MOST_BYTES};
use crate::app::App;
use crate::blobs;
use crate::records::{self, RecordError, Turn, sound};
use crate::store::{Batch, Expect, StoreError};
use crate::web::WebError;

/// What is begun one at a time.
const ADMISSION: &str = "uploads";
/// Others who begin at once, before one is asked to come again.
const TRIES: usize = 16;

/// Why none is begun.
#[derive(Debug)]
pub(super) enum Refused {
    /// There are as many, or as much, as there may be.
    Many,
    /// Anything else.
    Web(WebError),
}

impl<E: Into<WebError>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self::Web(error.into())
    }
}

/// Begins an upload of so many bytes; its name.
///
/// # Errors
/// [`Refused`].
pub(super) async fn begin(
    app: &App,
    who: &Who,
    asked: &Asked,
    length: u64,
) -> Result<(String, Upload), Refused> {
    let created = app.clock.now();
    let upload = Upload {
        module: asked.module.to_owned(),
        name: asked.name.clone(),
        mapping: asked.mapping.clone(),
        pseudonyms: asked.pseudonyms,
        warranty: Warranty::given(app, who),
        created,
        length,
        offset: 0,
        written: 0,
        parts: Vec::new(),
    };
    for _ in 0..TRIES {
        let turn = Turn::of(app, &who.organisation, ADMISSION).await?;
        let (mut count, mut bytes) = (1, length);
        for id in names(app, &who.organisation).await? {
            if let Some((other, _)) = sound(read(app, &who.organisation, &id).await)?.flatten() {
                count += 1;
                bytes = bytes.saturating_add(other.length);
            }
        }
        if count > MOST || bytes > MOST_BYTES {
            return Err(Refused::Many);
        }
        let id = draw(app).map_err(RecordError::from)?;
        let mut batch = Batch::new(&who.organisation);
        turn.take(&mut batch)?;
        let key = records::subject_key(app, &who.organisation, &id, &mut batch).await?;
        let end = expires(app, created);
        records::put_sealed(&mut batch, &key, UPLOADS, &id, Expect::Absent, &upload, end)?;
        note(app, &mut batch, who, "upload begun", &id)?;
        match app.store.commit(batch).await {
            Ok(()) => return Ok((id, upload)),
            Err(StoreError::Conflict(_)) => tokio::task::yield_now().await,
            Err(error) => return Err(error.into()),
        }
    }
    Err(WebError::Unavailable("uploads are begun by too many at once".into()).into())
}

/// The names of the uploads of an organisation that are under way.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn names(app: &App, organisation: &str) -> Result<Vec<String>, RecordError> {
    records::names(app, UPLOADS, organisation).await
}

/// Gives an upload up, with what has come of it; whether it was there. The data set that one became stays.
///
/// # Errors
/// [`WebError`].
pub(super) async fn give_up(app: &App, who: &Who, id: &str) -> Result<bool, WebError> {
    for _ in 0..TRIES {
        let mut batch = Batch::new(&who.organisation);
        if let Some((_, version)) = read(app, &who.organisation, id).await? {
            gone(app, &mut batch, id, Expect::Version(version)).await?;
        } else if let Some((_, version)) = finished(app, &who.organisation, id).await? {
            batch = batch.delete(FINISHED, id, Expect::Version(version));
        } else {
            return Ok(false);
        }
        note(app, &mut batch, who, "upload given up", id)?;
        match blobs::commit(app, batch).await {
            Ok(()) => return Ok(true),
            Err(StoreError::Conflict(_)) => tokio::task::yield_now().await,
            Err(error) => return Err(error.into()),
        }
    }
    Err(WebError::Unavailable("the upload is written by too many at once".into()))
}
