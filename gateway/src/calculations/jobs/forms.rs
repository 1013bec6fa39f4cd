//! The outcome of a calculation as it is kept, and as reports: JSON, workbook, PDF. A report is made when it is asked
//! for, so that there is none to delete, and its figures are those of the outcome.

use std::io::Read as _;

use aops_manifest::Language;
use aops_report::{Cell, Table, Told, Words, printed, tables, xlsx};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::records::{Job, OUTCOMES, Outcome, outcome_of};
use crate::app::App;
use crate::blobs;
use crate::records;
use crate::store::Address;
use crate::web::WebError;

/// Level of compression: the fast one, as JSON loses nine tenths by any.
const LEVEL: i32 = 3;
/// The largest outcome, in bytes of JSON.
const LARGEST: u64 = 1 << 30;
/// Lists of lines of data, which an outcome is kept without: the data have them.
const LINES: [&str; 2] = ["employees", "heads"];

/// A form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::calculations) enum Form {
    /// For programs.
    Json,
    /// For spreadsheets.
    Xlsx,
    /// For paper and archives.
    Pdf,
}

impl Form {
    /// By the end of its name.
    pub(in crate::calculations) fn of(ending: &str) -> Option<Self> {
        match ending {
            "json" => Some(Self::Json),
            "xlsx" => Some(Self::Xlsx),
            "pdf" => Some(Self::Pdf),
            _ => None,
        }
    }

    /// Its media type.
    pub(in crate::calculations) fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Pdf => "application/pdf",
        }
    }

    /// The end of its name.
    pub(in crate::calculations) fn ending(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Xlsx => "xlsx",
            Self::Pdf => "pdf",
        }
    }
}

/// An outcome with what was asked.
#[derive(Debug, Clone)]
pub(in crate::calculations) struct Computed {
    /// What was asked, without lines of data.
    pub(in crate::calculations) request: Value,
    /// What the engine answered.
    pub(in crate::calculations) outcome: Value,
    digest: String,
    data: String,
}

/// An outcome as it is kept; a reason where it cannot be.
pub(super) fn pack(request: &Value, outcome: Value, digest: &str, data: &str) -> Result<String, String> {
    let mut asked = request.clone();
    if let Some(members) = asked.as_object_mut() {
        LINES.iter().for_each(|name| drop(members.remove(*name)));
    }
    let whole = json!({ "request": asked, "outcome": outcome, "digest": digest, "data": data });
    let bytes = serde_json::to_vec(&whole).map_err(|error| error.to_string())?;
    let packed = zstd::encode_all(bytes.as_slice(), LEVEL).map_err(|error| error.to_string())?;
    Ok(STANDARD.encode(packed))
}

fn unpack(packed: &[u8]) -> Result<Computed, String> {
    let bytes = STANDARD.decode(packed).map_err(|error| error.to_string())?;
    let reader = zstd::Decoder::new(bytes.as_slice()).map_err(|error| error.to_string())?;
    let mut plain = Vec::new();
    reader.take(LARGEST).read_to_end(&mut plain).map_err(|error| error.to_string())?;
    let mut whole: Map<String, Value> = serde_json::from_slice(&plain).map_err(|error| error.to_string())?;
    let mut member = |name: &str| whole.remove(name).unwrap_or_default();
    let text = |value: Value| value.as_str().unwrap_or_default().to_owned();
    Ok(Computed {
        request: member("request"),
        outcome: member("outcome"),
        digest: text(member("digest")),
        data: text(member("data")),
    })
}

/// The outcome of a calculation that has one.
///
/// # Errors
/// [`WebError`].
pub(in crate::calculations) async fn computed(
    app: &App,
    organisation: &str,
    job: &Job,
) -> Result<Option<Computed>, WebError> {
    let address = Address::new(OUTCOMES, organisation, &job.id);
    let Some((outcome, _)) = records::read_sealed::<Outcome>(app, &address, &job.id).await? else {
        return Ok(None);
    };
    let packed = match outcome {
        Outcome::Here(packed) => Zeroizing::new(packed.into_bytes()),
        Outcome::Content(blob) => {
            let name = outcome_of(&job.id);
            let Some(packed) = blobs::read(app, organisation, &job.id, &name, blob).await? else {
                return Ok(None);
            };
            packed
        }
    };
    let read = tokio::task::spawn_blocking(move || unpack(&packed)).await;
    let read = read.map_err(|error| WebError::Internal(error.to_string()))?;
    read.map(Some).map_err(|why| WebError::Internal(format!("the outcome of {}: {why}", job.id)))
}

/// A report of a calculation, made in turn with other work of this kind.
///
/// # Errors
/// [`WebError`]; what goes wrong in the making is ours, and told in the log.
pub(in crate::calculations) async fn report(
    app: &App,
    job: &Job,
    computed: Computed,
    owner: Option<String>,
    form: Form,
) -> Result<Vec<u8>, WebError> {
    let turn = app.calculations.turn().await?;
    let (module, made) = (job.module.clone(), job.ended.unwrap_or(job.created));
    let name = job.name.clone();
    let trial = job.test.then(|| app.site.load().texts.text(Language::Fr, "calculs.trial", &[]));
    let making = tokio::task::spawn_blocking(move || {
        let Computed { request, outcome, digest, data } = computed;
        let whole = || -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
            let words = Words::french()?;
            Ok(match form {
                Form::Json => {
                    let mut told = json!({
                        "module": module, "made": made, "digest": digest, "request": request, "result": outcome,
                    });
                    if trial.is_some() {
                        told["test"] = json!(true);
                    }
                    serde_json::to_vec(&told)?
                }
                Form::Xlsx => {
                    let mut all = tables(&module, &request, &outcome, &words);
                    if let Some(trial) = trial {
                        let first = all.first().map(|table| table.title.clone()).unwrap_or_default();
                        all.insert(0, marked(&trial, first));
                    }
                    xlsx(&all)?
                }
                Form::Pdf => {
                    let data = Some(data.as_str()).filter(|data| !data.is_empty()).or(name.as_deref());
                    let data = trial.as_deref().or(data);
                    let (owner, digest) = (owner.as_deref(), digest.as_str());
                    let told = Told {
                        module: &module,
                        request: &request,
                        outcome: &outcome,
                        made,
                        digest,
                        owner,
                        data,
                    };
                    printed(&told, &words)?
                }
            })
        };
        let bytes = whole().map_err(|error| error.to_string());
        drop(turn);
        bytes
    });
    let made = making.await.map_err(|error| WebError::Internal(error.to_string()))?;
    made.map_err(|why| WebError::Internal(format!("the report of {}: {why}", job.id)))
}

/// The sheet before the others that says that a workbook is a trial's.
fn marked(trial: &str, first: String) -> Table {
    Table { title: trial.to_owned(), headers: vec![trial.to_owned()], rows: vec![vec![Cell::Text(first)]] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_kept_small_and_without_the_lines_that_the_data_have() {
        let request = json!({ "employees": [{ "id": "A" }], "scale": "x" });
        let outcome = json!({ "dbo": 1.5, "employees": vec![json!({ "id": "A", "dbo": 1.5 }); 1_000] });
        let packed = pack(&request, outcome.clone(), "d1", "Personnel").unwrap();
        assert!(packed.len() < 2_000, "{}", packed.len());
        let computed = unpack(packed.as_bytes()).unwrap();
        assert_eq!((computed.outcome, computed.request), (outcome, json!({ "scale": "x" })));
        assert_eq!((computed.digest.as_str(), computed.data.as_str()), ("d1", "Personnel"));
        for wrong in ["", "€", "AAAA"] {
            assert!(unpack(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
