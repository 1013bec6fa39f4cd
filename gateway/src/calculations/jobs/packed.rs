//! The outcome of a calculation as it is kept: what it tells, which pages and programs look at, and apart from it the
//! lines of a long list, which only whole reports want. Not the reports.

use std::io::Read as _;

use aops_engine::{Apart, LongList};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use rayon::prelude::*;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::records::{Job, OUTCOMES, Outcome, lines_of, outcome_of};
use crate::app::App;
use crate::blobs::{self, Blob};
use crate::records::{self, RecordError};
use crate::sealing::SubjectKey;
use crate::store::{Address, Batch};
use crate::web::WebError;

/// Level of compression: the fast one, as JSON loses nine tenths by any.
const LEVEL: i32 = 3;
/// That of lines, which are digits for the most part: more makes them no smaller.
const LEVEL_OF_LINES: i32 = 1;
/// The largest outcome, in bytes of JSON.
pub(super) const LARGEST: u64 = 1 << 30;
/// Lists of lines of data, which an outcome is kept without: the data have them.
const LINES: [&str; 2] = ["employees", "heads"];

/// An outcome as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packed {
    /// What it tells, with what was asked: JSON, compressed, in base64.
    pub(super) told: String,
    /// The text of a list that stands apart, compressed block by block; empty where none does.
    pub(super) lines: Vec<u8>,
}

/// An outcome with what was asked.
#[derive(Debug, Clone)]
pub(in crate::calculations) struct Computed {
    /// What was asked, without lines of data.
    pub(in crate::calculations) request: Value,
    /// What the engine answered.
    pub(in crate::calculations) outcome: Value,
    /// Of a list of which the outcome has the first lines alone.
    pub(in crate::calculations) apart: Option<Apart>,
    pub(super) digest: String,
    pub(super) data: String,
    /// Where the lines of that list are.
    lines: Vec<Blob>,
}

/// An outcome as it is kept; a reason where it cannot be.
pub(super) fn pack(
    request: &Value,
    outcome: Value,
    list: Option<LongList>,
    digest: &str,
    data: &str,
) -> Result<Packed, String> {
    let mut asked = request.clone();
    if let Some(members) = asked.as_object_mut() {
        LINES.iter().for_each(|name| drop(members.remove(*name)));
    }
    let mut whole = json!({ "request": asked, "outcome": outcome, "digest": digest, "data": data });
    let mut lines = Vec::new();
    if let Some(LongList { apart, text }) = list {
        whole["apart"] = json!(apart);
        let blocks = text.par_iter().map(|block| zstd::bulk::compress(block, LEVEL_OF_LINES));
        lines = blocks.collect::<Result<Vec<_>, _>>().map_err(|error| error.to_string())?.concat();
    }
    let bytes = serde_json::to_vec(&whole).map_err(|error| error.to_string())?;
    let packed = zstd::encode_all(bytes.as_slice(), LEVEL).map_err(|error| error.to_string())?;
    Ok(Packed { told: STANDARD.encode(packed), lines })
}

fn unpack(packed: &[u8], lines: Vec<Blob>) -> Result<Computed, String> {
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
        apart: serde_json::from_value(member("apart")).map_err(|error| error.to_string())?,
        digest: text(member("digest")),
        data: text(member("data")),
        lines,
    })
}

/// Puts an outcome into the batch that ends its calculation.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn keep(
    app: &App,
    batch: &mut Batch,
    key: &SubjectKey,
    id: &str,
    packed: &Packed,
    gone: Option<Timestamp>,
) -> Result<Outcome, RecordError> {
    let told = blobs::put(app, batch, key, &outcome_of(id), packed.told.as_bytes(), gone).await?;
    if packed.lines.is_empty() {
        return Ok(Outcome::Content(told));
    }
    let mut lines = Vec::new();
    for (number, part) in packed.lines.chunks(blobs::MOST).enumerate() {
        lines.push(blobs::put(app, batch, key, &lines_of(id, number), part, gone).await?);
    }
    Ok(Outcome::Apart { told, lines })
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
    let (content, lines) = match outcome {
        Outcome::Here(packed) => return unpacked(job, Zeroizing::new(packed.into_bytes()), Vec::new()).await,
        Outcome::Content(told) => (told, Vec::new()),
        Outcome::Apart { told, lines } => (told, lines),
    };
    let name = outcome_of(&job.id);
    let Some(packed) = blobs::read(app, organisation, &job.id, &name, content).await? else {
        return Ok(None);
    };
    unpacked(job, packed, lines).await
}

async fn unpacked(
    job: &Job,
    packed: Zeroizing<Vec<u8>>,
    lines: Vec<Blob>,
) -> Result<Option<Computed>, WebError> {
    let read = tokio::task::spawn_blocking(move || unpack(&packed, lines)).await;
    let read = read.map_err(|error| WebError::Internal(error.to_string()))?;
    read.map(Some).map_err(|why| WebError::Internal(format!("the outcome of {}: {why}", job.id)))
}

/// The lines of the list that stands apart, as they were packed; nothing where the outcome has all, and none once they
/// are gone.
///
/// # Errors
/// [`WebError`].
pub(super) async fn lines(
    app: &App,
    organisation: &str,
    job: &Job,
    computed: &Computed,
) -> Result<Option<Zeroizing<Vec<u8>>>, WebError> {
    let mut packed = Zeroizing::new(Vec::new());
    for (number, blob) in computed.lines.iter().enumerate() {
        let name = lines_of(&job.id, number);
        let Some(part) = blobs::read(app, organisation, &job.id, &name, *blob).await? else {
            return Ok(None);
        };
        if number == 0 {
            packed = part;
        } else {
            packed.extend_from_slice(&part);
        }
    }
    Ok(Some(packed))
}

#[cfg(test)]
mod tests {
    use aops_engine::{BLOCK, Watch, calculate_apart};

    use super::*;

    #[test]
    fn an_outcome_is_kept_small_and_without_the_lines_that_the_data_have() {
        let request = json!({ "employees": [{ "id": "A" }], "scale": "x" });
        let outcome = json!({ "dbo": 1.5, "employees": vec![json!({ "id": "A", "dbo": 1.5 }); 1_000] });
        let packed = pack(&request, outcome.clone(), None, "d1", "Personnel").unwrap();
        assert!(packed.told.len() < 2_000 && packed.lines.is_empty(), "{}", packed.told.len());
        let computed = unpack(packed.told.as_bytes(), Vec::new()).unwrap();
        assert_eq!((computed.outcome, computed.request), (outcome, json!({ "scale": "x" })));
        assert_eq!((computed.digest.as_str(), computed.data.as_str()), ("d1", "Personnel"));
        assert_eq!(computed.apart, None);
        for wrong in ["", "€", "AAAA"] {
            assert!(unpack(wrong.as_bytes(), Vec::new()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_lines_of_a_long_list_are_kept_apart_and_come_back_as_they_were() {
        let mut request = aops_engine::example("ifc").unwrap();
        request.as_object_mut().unwrap().remove("employees");
        let mut data = String::from("id;sex;birth_date;hire_date;annual_salary\n");
        for n in 0..=BLOCK {
            data += &format!("{n};F;{}-05-12;2010-09-01;30000\n", 1963 + n % 37);
        }
        let computed = calculate_apart("ifc", &request, data, &[], &Watch::default());
        let (outcome, list) = computed.unwrap();
        let text = list.as_ref().unwrap().text.concat();
        let packed = pack(&request, outcome.into_json(), list, "d1", "").unwrap();
        assert!(packed.told.len() < 20_000, "{}", packed.told.len());
        assert!(zstd::decode_all(packed.lines.as_slice()).unwrap() == text, "other lines");
        let told = unpack(packed.told.as_bytes(), Vec::new()).unwrap();
        let apart = told.apart.unwrap();
        assert_eq!((apart.member.as_str(), apart.count), ("employees", BLOCK + 1));
        assert_eq!(told.outcome["employees"].as_array().unwrap().len(), aops_engine::FIRST);
    }
}
