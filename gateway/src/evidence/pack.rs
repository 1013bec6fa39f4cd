//! Making a pack: its files in the order of their names, each with one date, so that nothing of the hour is in it.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::path::Path;

use aops_manifest::Language;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::log::Extract;
use super::tested::{self, TestResults};
use super::{Days, EvidenceError, LOG, MANIFEST, SIGNATURE};
use super::{access, components, configuration, key, promises, registers, served};
use crate::app::App;
use crate::files;
use crate::leaflet::{Leaflet, Section};
use crate::register::{self, Writing};
use crate::sealing;
use crate::working_days;

/// The pages, by their files and the keys of their titles.
const PAGES: [(&str, &str); 7] = [
    ("index.html", "index"),
    ("promesses.html", "promises"),
    ("registre.html", "register"),
    ("registres.html", "registers"),
    ("acces.html", "access"),
    ("journal.html", "log"),
    ("protocole.html", "served"),
];
const CONFIGURATION: &str = "configuration.json";
const COMPONENTS: &str = "composants.cdx.json";
/// The results of the tests, where they are there.
const TESTS: &str = "tests.json";
/// The policy as it is served.
const POLICY: &str = "politique.html";
const POLICY_PATH: &str = "/confidentialite/";

/// What a pack says of its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    /// The first day.
    pub(super) from: String,
    /// The last day.
    pub(super) to: String,
    /// The program that made it.
    pub(super) program: String,
    /// By file, its SHA-256 in hexadecimal.
    pub(super) files: BTreeMap<String, String>,
}

/// Writes a pack of some days, with the results of tests where they are given; its bytes follow from the state, the days
/// and these alone.
///
/// # Errors
/// [`EvidenceError`]; there is no half of a pack.
pub async fn write(
    app: &App,
    days: Days,
    tests: Option<&TestResults>,
    path: &Path,
) -> Result<usize, EvidenceError> {
    let today = working_days::today(app.clock.now());
    if days.from > days.to || days.to > today {
        return Err(EvidenceError::Days);
    }
    let files = contents(app, days, tests).await?;
    let pair = key::pair(app).await?;
    let digests = files.iter().map(|(name, bytes)| (name.clone(), digest(bytes)));
    let manifest = Manifest {
        from: days.from.to_string(),
        to: days.to.to_string(),
        program: concat!("aops ", env!("CARGO_PKG_VERSION")).into(),
        files: digests.collect(),
    };
    let manifest = serde_json::to_vec_pretty(&manifest)?;
    let signature = STANDARD.encode(pair.sign(&manifest).as_ref());
    let count = files.len();
    let packed = packed(files, &manifest, &signature)?;
    files::write_private(path, &packed)?;
    Ok(count)
}

/// Every file but the manifest and its signature.
async fn contents(
    app: &App,
    days: Days,
    tests: Option<&TestResults>,
) -> Result<BTreeMap<String, Vec<u8>>, EvidenceError> {
    let site = register::site(app)?;
    let writing = Writing::new(app, &site, Language::Fr).await?;
    let log = Extract::of(app, days).await?;
    let title = |key: &str| writing.word(&format!("dossier.page.{key}"));
    let beside: Vec<(String, String)> =
        PAGES.iter().map(|(file, key)| ((*file).to_owned(), title(key))).collect();
    let mut files = BTreeMap::new();
    for (file, key) in PAGES {
        let sections = match key {
            "promises" => promised(&writing, tests)?,
            "register" => {
                let mut sections = writing.register().sections;
                sections.push(writing.processors());
                sections
            }
            "registers" => registers::sections(app, &writing, days).await?,
            "access" => access::sections(app, &writing).await?,
            "log" => told(&writing, &log),
            "served" => served::sections(app, &writing)?,
            _ => index(&writing, days, &log, tests.is_some()),
        };
        let lead = writing.word(&format!("dossier.lead.{key}"));
        let leaflet = Leaflet { title: title(key), lead, sections, beside: beside.clone() };
        files.insert(file.to_owned(), leaflet.html(&site, Language::Fr)?.into_bytes());
    }
    files.insert(CONFIGURATION.into(), serde_json::to_vec_pretty(&configuration::told(&app.settings))?);
    let components = components::cyclonedx().map_err(EvidenceError::Declared)?;
    files.insert(COMPONENTS.into(), serde_json::to_vec_pretty(&components)?);
    if let Some(tests) = tests {
        files.insert(TESTS.into(), serde_json::to_vec_pretty(tests)?);
    }
    files.insert(LOG.into(), log.lines()?.into_bytes());
    if let Some(policy) = site.resource(POLICY_PATH)
        && let crate::web::stored::Stored::Memory(policy) = &policy.identity.body
    {
        files.insert(POLICY.into(), policy.to_vec());
    }
    Ok(files)
}

fn index(writing: &Writing<'_>, days: Days, log: &Extract, tests: bool) -> Vec<Section> {
    let word = |key: &str| writing.word(&format!("dossier.{key}"));
    let company = writing.app.settings.company.get("name").cloned().unwrap_or_default();
    let about = vec![
        (word("publisher"), company),
        (word("program"), concat!("aops ", env!("CARGO_PKG_VERSION")).to_owned()),
        (word("tests_sources_here"), writing.app.settings.sources.clone()),
        (word("from"), writing.site.texts.day(Language::Fr, days.from)),
        (word("to"), writing.site.texts.day(Language::Fr, days.to)),
        (word("anchor"), log.anchor().unwrap_or_else(|| "–".into())),
    ];
    let others = [CONFIGURATION, COMPONENTS, TESTS, LOG, POLICY, MANIFEST, SIGNATURE];
    let others = others.into_iter().filter(|file| tests || *file != TESTS);
    let others = others.map(|file| (file.to_owned(), word(&format!("file.{}", file.replace('.', "_")))));
    vec![
        Section::lines(word("about"), about),
        Section::lines(word("files"), others.collect()),
        Section::words(word("check"), vec![word("check_told")]),
    ]
}

fn promised(writing: &Writing<'_>, tests: Option<&TestResults>) -> Result<Vec<Section>, EvidenceError> {
    let word = |key: &str| writing.word(&format!("dossier.{key}"));
    let rows = promises::all()?.into_iter().map(|promise| {
        let proved = tested::of(writing, tests, &promise);
        let kept = match (promise.organisational, promise.missing) {
            (true, _) => word("by_people"),
            (false, Some(_)) => word("not_whole"),
            (false, None) => promise.keeps.join(", "),
        };
        vec![promise.id, promise.heading, kept, proved]
    });
    let head = ["promise", "passage", "kept_by", "tests_title"].map(word);
    Ok(vec![
        tested::section(writing, tests),
        Section::table(word("page.promises"), head.to_vec(), rows.collect()),
    ])
}

fn told(writing: &Writing<'_>, log: &Extract) -> Vec<Section> {
    let word = |key: &str| writing.word(&format!("dossier.{key}"));
    let mut actions: BTreeMap<String, u64> = BTreeMap::new();
    for entry in &log.entries {
        let event: serde_json::Value = serde_json::from_str(&entry.event).unwrap_or_default();
        // How many letters went is part of some of them.
        let action = event["action"].as_str().unwrap_or_default();
        *actions
            .entry(action.trim_end_matches(|c: char| c.is_ascii_digit() || c == ' ').to_owned())
            .or_default() += 1;
    }
    let rows = actions.into_iter().map(|(action, count)| vec![action, count.to_string()]);
    let first = log.entries.first().map_or_else(|| "–".into(), |entry| entry.number.to_string());
    let proof = vec![
        (word("entries"), log.entries.len().to_string()),
        (word("first_entry"), first),
        (word("anchor"), log.anchor().unwrap_or_else(|| "–".into())),
        (word("chain"), word(if log.whole { "chain_whole" } else { "chain_damaged" })),
    ];
    vec![
        Section::lines(word("proof"), proof),
        Section::table(word("actions_counted"), vec![word("action"), word("column.count")], rows.collect()),
    ]
}

fn packed(
    files: BTreeMap<String, Vec<u8>>,
    manifest: &[u8],
    signature: &str,
) -> Result<Vec<u8>, EvidenceError> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o644);
    for (name, bytes) in files {
        zip.start_file(name, options)?;
        zip.write_all(&bytes)?;
    }
    zip.start_file(MANIFEST, options)?;
    zip.write_all(manifest)?;
    zip.start_file(SIGNATURE, options)?;
    zip.write_all(signature.as_bytes())?;
    Ok(zip.finish()?.into_inner())
}

pub(super) fn digest(bytes: &[u8]) -> String {
    sealing::hex(&Sha256::digest(bytes))
}
