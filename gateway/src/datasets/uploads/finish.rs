//! The end of an upload: once all of it is here, it is read as a file that came at once. The batch that records the data
//! set removes the upload, so that it becomes one data set whoever asks how often.

use aops_dataset::{Fault, Faults};
use aops_engine::MODULES;
use bytes::BytesMut;

use super::super::guard::Who;
use super::super::keep::{self, KeepError, New};
use super::super::receive::{self, Asked};
use super::super::{document, mapping};
use super::document::{FINISHED, Finished, Upload, expires, finished, gone, part_of, read};
use crate::app::{App, SharedApp};
use crate::blobs;
use crate::records::{self, RecordError};
use crate::store::{Batch, Expect, StoreError};
use crate::web::WebError;

/// What became of a file that is whole.
#[derive(Debug)]
pub(super) enum Came {
    /// It is a data set.
    Kept(Finished),
    /// It is none, for these faults.
    Faulty(Box<Faults>),
}

/// Reads a file that is whole, on a task of its own: who hangs up meanwhile finds the data set when it asks again.
///
/// # Errors
/// [`WebError`].
pub(super) async fn finish(app: &SharedApp, who: &Who, id: &str) -> Result<Came, WebError> {
    let (app, who, id) = (SharedApp::clone(app), who.clone(), id.to_owned());
    let finishing = tokio::spawn(async move { finished_by(&app, &who, &id).await });
    finishing.await.map_err(|error| WebError::Internal(format!("an upload could not be read: {error}")))?
}

async fn finished_by(app: &App, who: &Who, id: &str) -> Result<Came, WebError> {
    let organisation = &who.organisation;
    let Some((upload, version)) = read(app, organisation, id).await? else {
        let found = finished(app, organisation, id).await?.ok_or(WebError::NotFound)?;
        return Ok(Came::Kept(found.0));
    };
    let turn = app.datasets.receive().await?;
    let bytes = whole(app, organisation, id, &upload).await?;
    let module = MODULES.iter().copied().find(|known| *known == upload.module).ok_or(WebError::NotFound)?;
    let mut said = mapping::of(app, organisation, module).await?;
    said.extend(upload.mapping.clone());
    let (name, pseudonyms) = (upload.name.clone(), upload.pseudonyms);
    let asked = Asked { module, name: name.clone(), mapping: said, pseudonyms };
    let checked = match receive::checked(app, who, asked, bytes.freeze()).await? {
        Ok(checked) if checked.faults.is_empty() => checked,
        Ok(checked) => return Ok(Came::Faulty(Box::new(checked.faults))),
        Err(fault) => return Ok(Came::Faulty(Box::new(fault.into()))),
    };
    drop(turn);
    let dataset = document::draw(app).map_err(RecordError::from)?;
    let came = Finished { length: upload.length, dataset: dataset.clone(), created: upload.created };
    let mut batch = Batch::new(organisation);
    gone(app, &mut batch, id, Expect::Version(version)).await?;
    let end = expires(app, upload.created);
    records::put_plain(&mut batch, FINISHED, id, Expect::Absent, &came, end)?;
    let new = New { module, name, pseudonyms, warranty: upload.warranty };
    match keep::record_as(app, who, (dataset, batch), new, *checked).await {
        Ok(_) => Ok(Came::Kept(came)),
        Err(KeepError::Many) => Ok(Came::Faulty(Box::new(Fault::too_many_files(super::super::MOST).into()))),
        Err(KeepError::Record(RecordError::Store(StoreError::Conflict(_)))) => {
            // Another finished it at once, or it was given up.
            let found = finished(app, organisation, id).await?.ok_or(WebError::NotFound)?;
            Ok(Came::Kept(found.0))
        }
        Err(KeepError::Record(error)) => Err(error.into()),
    }
}

/// All of a file, from its parts.
async fn whole(app: &App, organisation: &str, id: &str, upload: &Upload) -> Result<BytesMut, WebError> {
    let mut bytes = BytesMut::with_capacity(usize::try_from(upload.length).unwrap_or_default());
    for part in &upload.parts {
        let content = blobs::read(app, organisation, id, &part_of(id, part.number), part.blob).await?;
        bytes.extend_from_slice(&content.ok_or(WebError::NotFound)?);
    }
    Ok(bytes)
}
