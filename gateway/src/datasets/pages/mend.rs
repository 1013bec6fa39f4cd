//! `/espace-client/donnees/corriger/{id}`: the faults of a file by page and by kind, its columns to be told, the file with
//! its faults marked; and its end.

use std::collections::BTreeMap;

use aops_dataset::{Bounds, Fault, Faults, Mapped};
use aops_engine::{Lines, MODULES};
use aops_manifest::Language;
use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};

use super::list::module_title;
use super::{PATH, XLSX, attached};
use crate::accounts::SignInNeeded;
use crate::app::{App, SharedApp};
use crate::datasets::draft::{self, Draft, Found};
use crate::datasets::guard::{self, Who};
use crate::datasets::keep::{self, KeepError, New};
use crate::datasets::receive::{self, Asked};
use crate::datasets::{MOST, mapping, told};
use crate::web::posted::Posted;
use crate::web::{WebError, negotiation, render_titled};

/// Faults of a page, and kinds of faults that are told.
const PAGE: usize = 100;
const KINDS: usize = 60;

/// The routes of this file.
pub(super) fn routes() -> Router<SharedApp> {
    Router::new()
        .route("/espace-client/donnees/corriger/{id}", get(show).post(settle))
        .route("/espace-client/donnees/corriger/{id}/a-corriger.xlsx", get(annotated))
        .route("/espace-client/donnees/corriger/{id}/supprimer", post(remove))
}

/// Where a draft is mended.
pub(super) fn path(id: &str) -> String {
    format!("{PATH}/corriger/{id}")
}

/// Which faults a page shows.
#[derive(Debug, Default)]
pub(super) struct Part {
    page: usize,
    /// The kind by its place among all, or all.
    kind: Option<usize>,
}

async fn show(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, SignInNeeded> {
    let who = guard::person(&app, &headers, uri.path()).await?;
    let language = negotiation::language(&uri, &headers);
    let query = negotiation::query(&uri)?;
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
    let part = Part { page: number("page").unwrap_or(1).saturating_sub(1), kind: number("motif") };
    Ok(page(&app, &who, language, StatusCode::OK, &id, &part).await?)
}

/// A page of a draft's faults.
///
/// # Errors
/// [`WebError`].
pub(super) async fn page(
    app: &App,
    who: &Who,
    language: Language,
    status: StatusCode,
    id: &str,
    part: &Part,
) -> Result<Response, WebError> {
    let (draft, _) = draft::read(app, &who.organisation, id).await?.ok_or(WebError::NotFound)?;
    let found = draft::found(app, &who.organisation, id, &draft).await?.ok_or(WebError::NotFound)?;
    let lines = aops_engine::lines(&draft.module).ok_or(WebError::NotFound)?;
    let site = app.site.load();
    let kinds = kinds(&found.faults);
    let chosen = part.kind.and_then(|kind| kinds.get(kind));
    let of_kind =
        |fault: &&Fault| chosen.is_none_or(|kind| kind.code == fault.code && *kind.column == *fault.column);
    let all: Vec<&Fault> = found.faults.listed.iter().filter(of_kind).collect();
    let pages = all.len().div_ceil(PAGE).max(1);
    let at = part.page.min(pages - 1);
    let told: Vec<Value> = all
        .iter()
        .skip(at * PAGE)
        .take(PAGE)
        .map(|fault| {
            let sentence = told::sentence(&site.texts, language, fault);
            json!({ "row": fault.row.unwrap_or(1), "column": fault.column, "message": sentence })
        })
        .collect();
    let kinds: Vec<Value> = kinds
        .iter()
        .take(KINDS)
        .map(|kind| {
            let example = told::sentence(&site.texts, language, kind.first);
            json!({ "column": kind.column, "count": kind.count, "row": kind.first.row.unwrap_or(1), "example": example })
        })
        .collect();
    let context = json!({
        "id": id, "name": draft.name, "title": module_title(&draft.module), "rows": found.rows,
        "total": found.faults.total, "listed": found.faults.listed.len(),
        "faults": told, "kinds": kinds, "kind": part.kind.filter(|_| chosen.is_some()),
        "page": at + 1, "pages": pages, "shown": all.len(),
        "warnings": told::warnings(&site.texts, language, &found.warnings),
        "columns": columns(&found.mapped), "targets": targets(&lines), "pseudonyms": draft.pseudonyms,
    });
    let title = site.texts.text(language, "mend.title", &[("name", &draft.name)]);
    Ok(render_titled(app, status, language, &title, "gateway/corriger.html", context))
}

/// Faults of one kind in one column.
struct Kind<'f> {
    code: &'f str,
    column: &'f str,
    first: &'f Fault,
    count: usize,
}

/// The kinds of faults, the most frequent first.
fn kinds(faults: &Faults) -> Vec<Kind<'_>> {
    let mut kinds: BTreeMap<(&str, &str), Kind<'_>> = BTreeMap::new();
    for fault in &faults.listed {
        let (code, column) = (fault.code.as_str(), &*fault.column);
        kinds.entry((column, code)).or_insert(Kind { code, column, first: fault, count: 0 }).count += 1;
    }
    let mut kinds: Vec<Kind<'_>> = kinds.into_values().collect();
    kinds.sort_by_key(|kind| std::cmp::Reverse(kind.count));
    kinds
}

fn columns(mapped: &[Mapped]) -> Vec<Value> {
    let column = |(index, one): (usize, &Mapped)| json!({ "name": format!("colonne-{index}"), "column": one.column, "target": one.read_as, "personal": one.personal });
    mapped.iter().enumerate().map(column).collect()
}

fn targets(lines: &Lines) -> Vec<Value> {
    let target = |column: &aops_engine::Column| json!({ "name": column.name, "title": column.title, "required": column.required });
    lines.columns.iter().map(target).collect()
}

/// What the columns are, told: the file is checked again, and recorded where nothing is wrong with it.
async fn settle(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let who = guard::person(&app, &headers, &path(&id)).await?;
    let (draft, version) = draft::read(&app, &who.organisation, &id).await?.ok_or(WebError::NotFound)?;
    let found = draft::found(&app, &who.organisation, &id, &draft).await?.ok_or(WebError::NotFound)?;
    let file = draft::file(&app, &who.organisation, &id, &draft).await?.ok_or(WebError::NotFound)?;
    let module = MODULES.iter().copied().find(|known| *known == draft.module).ok_or(WebError::NotFound)?;
    let pseudonyms = posted.fields.get("pseudonymes").is_some_and(|value| value == "oui");
    let said = draft::mapping(&found.mapped, |index| {
        posted.fields.get(&format!("colonne-{index}")).map(|value| value.trim().to_owned())
    });
    let asked = Asked { module, name: draft.name.clone(), mapping: said.clone(), pseudonyms };
    let checked = receive::checked(&app, &who, asked, Bytes::copy_from_slice(&file)).await?;
    let Ok(checked) = checked else {
        return Err(WebError::Internal("a draft cannot be read again".into()).into());
    };
    mapping::remember(&app, &who.organisation, module, said).await?;
    if !checked.faults.is_empty() {
        let draft = Draft { pseudonyms, ..draft };
        draft::checked(&app, &who, &id, (draft, version), &Found::from(&*checked)).await?;
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return Ok(page(&app, &who, posted.language, status, &id, &Part::default()).await?);
    }
    let new = New { module, name: draft.name, pseudonyms, warranty: draft.warranty };
    match keep::record(&app, &who, new, *checked).await {
        Ok(((recorded, _), _)) => {
            draft::remove(&app, &who, &id).await?;
            Ok(posted.accepted(&format!("{PATH}/{recorded}?fait=charge")))
        }
        Err(KeepError::Many) => {
            let faults =
                told::faults(&app.site.load().texts, posted.language, &Fault::too_many_files(MOST).into());
            Err(WebError::Unprocessable(faults).into())
        }
        Err(KeepError::Record(error)) => Err(error.into()),
    }
}

/// The file as a workbook with its faults marked, to mend and send back.
async fn annotated(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, SignInNeeded> {
    let who = guard::person(&app, &headers, &path(&id)).await?;
    let language = negotiation::language(&uri, &headers);
    let (draft, file, found) = whole(&app, &who, &id).await?;
    let turn = app.datasets.check().await?;
    let site = app.site.load_full();
    let marked = tokio::task::spawn_blocking(move || {
        let sheet = aops_dataset::read(&file, &Bounds::USUAL).map_err(|fault| fault.code)?;
        let title = site.texts.text(language, "mend.column", &[]);
        let sentence = |fault: &Fault| told::sentence(&site.texts, language, fault);
        let marked = aops_dataset::annotated(&sheet, &found.faults, &title, sentence);
        drop(turn);
        marked.map_err(|error| error.to_string())
    });
    let internal = |why: String| WebError::Internal(format!("a file could not be marked: {why}"));
    let marked = marked.await.map_err(|error| internal(error.to_string()))?.map_err(internal)?;
    let stem = draft.name.rsplit_once('.').map_or(draft.name.as_str(), |(stem, _)| stem);
    Ok(attached(marked, XLSX, &format!("{stem}-a-corriger.xlsx")))
}

async fn whole(
    app: &App,
    who: &Who,
    id: &str,
) -> Result<(Draft, zeroize::Zeroizing<Vec<u8>>, Found), WebError> {
    let (draft, _) = draft::read(app, &who.organisation, id).await?.ok_or(WebError::NotFound)?;
    let file = draft::file(app, &who.organisation, id, &draft).await?.ok_or(WebError::NotFound)?;
    let found = draft::found(app, &who.organisation, id, &draft).await?.ok_or(WebError::NotFound)?;
    Ok((draft, file, found))
}

async fn remove(
    State(app): State<SharedApp>,
    Path(id): Path<String>,
    headers: HeaderMap,
    posted: Posted,
) -> Result<Response, SignInNeeded> {
    let who = guard::person(&app, &headers, PATH).await?;
    match draft::remove(&app, &who, &id).await? {
        true => Ok(posted.accepted(&format!("{PATH}?fait=abandonne"))),
        false => Err(WebError::NotFound.into()),
    }
}
