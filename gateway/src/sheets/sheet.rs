//! `/espace-client/confidentialite/{sheet}.{html,pdf}`: the papers that a client keeps: a processing sheet for each tool, the
//! annex to the contract, the measures, the place of the data, and the certificate of what was deleted.

use aops_engine::MODULES;
use aops_manifest::Language;
use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, Uri, header};

use super::certificate;
use super::page::PAGE;
use crate::accounts::{self, Account, SignInNeeded};
use crate::app::{App, SharedApp};
use crate::authorisation::Action;
use crate::leaflet::{Leaflet, Section};
use crate::register::{CALCULATIONS, Writing};
use crate::web::{Site, WebError, negotiation};

/// The measures, each with the promise of the policy that it keeps.
const MEASURES: [(&str, &str); 12] = [
    ("transport", "p-transport-encryption"),
    ("rest", "p-confidentiality"),
    ("access", "p-access-control"),
    ("staff", "p-staff-secrecy"),
    ("passwords", "p-password-hash"),
    ("sessions", "p-relogin"),
    ("firewalls", "p-firewalls"),
    ("blacklist", "p-ip-blacklist"),
    ("store", "p-nosql-secured"),
    ("log", "p-access-control"),
    ("deletion", "p-delete-6-months"),
    ("premises", "p-premises"),
];
/// What a processor owes (GDPR art. 28.3), by the keys of its words.
const DUTIES: [&str; 9] = [
    "instructions",
    "confidentiality",
    "security",
    "subprocessors",
    "persons",
    "help",
    "breach",
    "end",
    "audit",
];

pub(super) fn routes() -> Router<SharedApp> {
    Router::new().route("/espace-client/confidentialite/{sheet}", get(sheet))
}

/// The tools that have a sheet, as the page lists them.
pub(super) fn tools() -> &'static [&'static str] {
    MODULES
}

async fn sheet(
    State(app): State<SharedApp>,
    Path(name): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, SignInNeeded> {
    let session = accounts::require(&app, &headers, PAGE).await?;
    let account = accounts::read(&app, &session.organisation, &session.account).await?;
    let account = account.ok_or(SignInNeeded::To(None))?;
    let language = negotiation::language(&uri, &headers);
    let site = app.site.load_full();
    Ok(answered(&app, &site, &account, &name, language).await?)
}

async fn answered(
    app: &App,
    site: &Site,
    account: &Account,
    name: &str,
    language: Language,
) -> Result<Response, WebError> {
    let (sheet, form) = name.rsplit_once('.').ok_or(WebError::NotFound)?;
    let form = Form::named(form).ok_or(WebError::NotFound)?;
    let writing = Writing::new(app, site, language).await?;
    let leaflet = match sheet {
        "annexe" => annex(&writing, account).await?,
        "mesures" => measures(&writing),
        "localisation" => location(&writing),
        "effacement" if account.role.actions().contains(&Action::ReadJournal) => {
            certificate::leaflet(&writing, &account.organisation).await?
        }
        "effacement" => return Err(WebError::Forbidden("the role does not allow it")),
        tool => {
            let tool = tool.strip_prefix("traitement-").ok_or(WebError::NotFound)?;
            let tool = tools().iter().find(|known| **known == tool).ok_or(WebError::NotFound)?;
            processing(&writing, account, tool).await?
        }
    };
    let fault = |error: &dyn std::fmt::Display| WebError::Internal(error.to_string());
    let (kind, bytes) = match form {
        Form::Html => {
            let html = leaflet.html(site, language).map_err(|error| fault(&error))?;
            ("text/html; charset=utf-8", html.into_bytes())
        }
        Form::Pdf => {
            ("application/pdf", leaflet.pdf(app, site, language).await.map_err(|error| fault(&error))?)
        }
    };
    let fields = [
        (header::CONTENT_TYPE, kind.to_owned()),
        // A name that was looked up among ours: no character of it means anything in the field.
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"aops-{name}\"")),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((fields, bytes).into_response())
}

/// How a paper is written.
#[derive(Debug, Clone, Copy)]
enum Form {
    Html,
    Pdf,
}

impl Form {
    fn named(name: &str) -> Option<Self> {
        match name {
            "html" => Some(Self::Html),
            "pdf" => Some(Self::Pdf),
            _ => None,
        }
    }
}

/// The sheet of a tool for the client's own register (art. 30.1).
async fn processing(writing: &Writing<'_>, account: &Account, tool: &str) -> Result<Leaflet, WebError> {
    let word = |key: &str| writing.word(&format!("sheet.{key}"));
    let named = writing.word(&format!("calculs.module.{tool}"));
    let mut about = parties(writing, account).await?;
    about.extend(writing.lines(&CALCULATIONS));
    let columns = aops_engine::lines(tool).map(|lines| {
        lines
            .columns
            .iter()
            .map(|column| vec![column.title.clone(), column.name.to_owned()])
            .collect::<Vec<_>>()
    });
    let columns = match columns {
        Some(rows) => Section::table(word("columns"), vec![word("column"), word("column_name")], rows),
        None => Section::words(word("columns"), vec![word("no_columns")]),
    };
    Ok(Leaflet {
        title: format!("{}{} {named}", word("processing"), writing.word("error.colon")),
        lead: word("processing_lead"),
        sections: vec![Section::lines(named, about), columns],
        beside: Vec::new(),
    })
}

/// The annex to the contract (art. 28.3).
async fn annex(writing: &Writing<'_>, account: &Account) -> Result<Leaflet, WebError> {
    let word = |key: &str| writing.word(&format!("sheet.{key}"));
    let mut about = parties(writing, account).await?;
    about.extend(writing.lines(&CALCULATIONS));
    about.push((word("duration"), word("duration_told")));
    let duties = DUTIES.map(|duty| (word(&format!("duty.{duty}.name")), word(&format!("duty.{duty}.text"))));
    Ok(Leaflet {
        title: word("annex"),
        lead: word("annex_lead"),
        sections: vec![
            Section::lines(word("subject"), about),
            Section::lines(word("duties"), duties.to_vec()),
            writing.processors(),
            measured(writing),
        ],
        beside: Vec::new(),
    })
}

fn measures(writing: &Writing<'_>) -> Leaflet {
    let word = |key: &str| writing.word(&format!("sheet.{key}"));
    Leaflet {
        title: word("measures"),
        lead: word("measures_lead"),
        sections: vec![measured(writing)],
        beside: Vec::new(),
    }
}

fn measured(writing: &Writing<'_>) -> Section {
    let word = |key: String| writing.word(&format!("sheet.{key}"));
    let row = |(measure, promise): (&str, &str)| {
        let (name, text) = (word(format!("measure.{measure}.name")), word(format!("measure.{measure}.text")));
        vec![name, text, promise.to_owned()]
    };
    let head = ["measure_head", "measure_text", "promise"].map(|head| word(head.to_owned()));
    Section::table(word("measures".into()), head.to_vec(), MEASURES.map(row).to_vec())
}

/// Where data are: what is declared of the host, and how they stand there.
fn location(writing: &Writing<'_>) -> Leaflet {
    let word = |key: &str| writing.word(&format!("sheet.{key}"));
    let store = if writing.app.settings.store.is_some() { "store_server" } else { "store_embedded" };
    let about = vec![
        (word("host"), writing.recipients(&CALCULATIONS)),
        (word("store"), word(store)),
        (word("rest"), word("rest_told")),
        (word("copies"), word("copies_told")),
    ];
    Leaflet {
        title: word("location"),
        lead: word("location_lead"),
        sections: vec![Section::lines(word("location"), about), writing.processors()],
        beside: Vec::new(),
    }
}

/// Who decides, and who works for them.
pub(super) async fn parties(
    writing: &Writing<'_>,
    account: &Account,
) -> Result<Vec<(String, String)>, WebError> {
    let client = client(writing.app, &account.organisation).await?;
    let company = |key: &str| writing.app.settings.company.get(key).cloned().unwrap_or_default();
    let word = |key: &str| writing.word(&format!("sheet.{key}"));
    Ok(vec![
        (word("controller"), client),
        (word("processor"), format!("{}, {}", company("name"), company("rcs"))),
        (writing.word("register.officer"), company("dpo_email")),
    ])
}

/// The name of a client; its id where staff made it and it has none.
pub(super) async fn client(app: &App, organisation: &str) -> Result<String, WebError> {
    let found = accounts::organisation(app, organisation).await?;
    Ok(found.map_or_else(|| organisation.to_owned(), |found| found.raison_sociale))
}

#[cfg(test)]
#[path = "sheet_tests.rs"]
mod tests;
