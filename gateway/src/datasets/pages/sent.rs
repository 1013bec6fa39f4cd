//! A form with a file (RFC 7578), read field by field within bounds. Not what is in the file.

use std::collections::BTreeMap;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, header};
use multer::{Constraints, Multipart, SizeLimit};

use crate::app::App;
use crate::edge::route_class::FILE_LIMIT;
use crate::web::WebError;
use crate::web::posted::same_site;

/// The field of the file, and the others.
const FILE: &str = "fichier";
const FIELDS: [&str; 6] = [FILE, "module", "nom", "garantie", "pseudonymes", "colonnes"];
/// The most that a field beside the file may weigh, and all of the form beyond its file.
const SMALL: u64 = 4 << 10;
const ROUND: u64 = 32 << 10;

/// What was sent.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// By name, as typed.
    pub(super) fields: BTreeMap<String, String>,
    /// The file and its name; empty where none was chosen.
    pub(super) file: Bytes,
    pub(super) file_name: String,
}

/// Reads a form that a page of ours sent.
///
/// # Errors
/// [`WebError`]: another site's, another kind, too large, cut half-way, a field that is not known or stands twice.
pub(super) async fn read(app: &App, headers: &HeaderMap, body: Body) -> Result<Sent, WebError> {
    same_site(headers, app)?;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let boundary = multer::parse_boundary(kind).map_err(|_| WebError::Unsupported)?;
    let limit =
        SizeLimit::new().whole_stream(FILE_LIMIT + ROUND).per_field(SMALL).for_field(FILE, FILE_LIMIT);
    let constraints = Constraints::new().allowed_fields(FIELDS.to_vec()).size_limit(limit);
    let mut parts = Multipart::with_constraints(body.into_data_stream(), boundary, constraints);
    let mut sent = Sent::default();
    while let Some(part) = parts.next_field().await.map_err(refusal)? {
        let name = part.name().unwrap_or_default().to_owned();
        if name == FILE {
            sent.file_name = part.file_name().unwrap_or_default().to_owned();
            sent.file = part.bytes().await.map_err(refusal)?;
            continue;
        }
        let text = part.text().await.map_err(refusal)?;
        if sent.fields.insert(name, text).is_some() {
            return Err(WebError::BadRequest("a field stands twice"));
        }
    }
    Ok(sent)
}

fn refusal(error: multer::Error) -> WebError {
    match error {
        multer::Error::FieldSizeExceeded { .. } | multer::Error::StreamSizeExceeded { .. } => {
            WebError::TooLarge
        }
        _ => WebError::BadRequest("the form could not be read to its end"),
    }
}

impl Sent {
    pub(super) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", |value| value.trim())
    }
}
