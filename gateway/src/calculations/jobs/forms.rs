//! The outcome of a calculation as reports: JSON, workbook, PDF. A report is made when it is asked for, so that there is
//! none to delete, and its figures are those of the outcome. The lines of a list that stands apart pass through it one
//! after another, or as the text that they are.

use std::io::{self, BufReader, Read as _};

use aops_engine::Apart;
use aops_manifest::Language;
use aops_report::{Cell, Following, Table, Told, Words, printed, tables, with_more, xlsx};
use serde_json::{Value, json};

use super::packed::{self, Computed, LARGEST};
use super::records::Job;
use crate::app::App;
use crate::web::WebError;

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

/// A report of a calculation, made in turn with other work of this kind.
///
/// # Errors
/// [`WebError`]; what goes wrong in the making is ours, and told in the log.
pub(super) async fn report(
    app: &App,
    organisation: &str,
    job: &Job,
    computed: Computed,
    owner: Option<String>,
    form: Form,
) -> Result<Vec<u8>, WebError> {
    let lines = match form {
        // Paper has the first alone.
        Form::Pdf => None,
        Form::Json | Form::Xlsx => {
            let lines = packed::lines(app, organisation, job, &computed).await?;
            Some(lines.ok_or(WebError::NotFound)?)
        }
    };
    let turn = app.calculations.turn().await?;
    let (module, made) = (job.module.clone(), job.ended.unwrap_or(job.created));
    let name = job.name.clone();
    let trial = job.test.then(|| app.site.load().texts.text(Language::Fr, "calculs.trial", &[]));
    let making = tokio::task::spawn_blocking(move || {
        let Computed { request, outcome, apart, digest, data, .. } = computed;
        let lines = lines.as_deref().map_or(&[][..], Vec::as_slice);
        let whole = || -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
            let words = Words::french()?;
            let unpacked = || Ok::<_, io::Error>(zstd::Decoder::new(lines)?.take(LARGEST));
            Ok(match form {
                Form::Json => {
                    let mut told = json!({
                        "module": module, "made": made, "digest": digest, "request": request, "result": outcome,
                    });
                    if trial.is_some() {
                        told["test"] = json!(true);
                    }
                    match &apart {
                        Some(apart) => whole_json(&told, apart, unpacked()?)?,
                        None => serde_json::to_vec(&told)?,
                    }
                }
                Form::Xlsx => {
                    let all = tables(&module, &request, &outcome, &words);
                    let mut all = with_more(all, apart.as_ref(), &words);
                    if let Some(trial) = trial {
                        let first = all.first().map(|table| table.title.clone()).unwrap_or_default();
                        all.insert(0, marked(&trial, first));
                    }
                    let following = match &apart {
                        Some(apart) => {
                            Some(Following::new(apart, &outcome, BufReader::new(unpacked()?), &words))
                        }
                        None => None,
                    };
                    xlsx(&all, following)?
                }
                Form::Pdf => {
                    let data = Some(data.as_str()).filter(|data| !data.is_empty()).or(name.as_deref());
                    let data = trial.as_deref().or(data);
                    let (owner, digest) = (owner.as_deref(), digest.as_str());
                    let told = Told {
                        module: &module,
                        request: &request,
                        outcome: &outcome,
                        apart: apart.as_ref(),
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
    Table::new(trial, vec![trial.to_owned()], vec![vec![Cell::Text(first)]])
}

/// What a report tells, with all the lines of the list that stands apart in the place of the first.
fn whole_json(told: &Value, apart: &Apart, mut lines: impl io::Read) -> io::Result<Vec<u8>> {
    let mut json = Vec::new();
    with_member(told, "result", &mut json, |result, json| {
        with_member(result, &apart.member, json, |_, json| io::copy(&mut lines, json).map(drop))
    })?;
    Ok(json)
}

/// Writes an object, one of its members by other means.
fn with_member(
    object: &Value,
    member: &str,
    json: &mut Vec<u8>,
    other: impl FnOnce(&Value, &mut Vec<u8>) -> io::Result<()>,
) -> io::Result<()> {
    let (mut other, mut before) = (Some(other), b'{');
    for (name, value) in object.as_object().into_iter().flatten() {
        json.push(before);
        before = b',';
        serde_json::to_writer(&mut *json, name)?;
        json.push(b':');
        match other.take_if(|_| name == member) {
            Some(other) => other(value, json)?,
            None => serde_json::to_writer(&mut *json, value)?,
        }
    }
    json.push(b'}');
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn all_lines_of_a_list_apart_stand_in_the_place_of_the_first() {
        let told = json!({ "made": "x", "result": { "dbo": 1.5, "employees": [{ "id": 1 }], "z": [] }, "test": true });
        let apart = Apart { member: "employees".into(), count: 2, spread: BTreeMap::new() };
        let lines = &b"[\n{\"id\":1},\n{\"id\":2}\n]"[..];
        let whole = whole_json(&told, &apart, lines).unwrap();
        let mut expected = told.clone();
        expected["result"]["employees"] = json!([{ "id": 1 }, { "id": 2 }]);
        assert_eq!(serde_json::from_slice::<Value>(&whole).unwrap(), expected);
    }
}
