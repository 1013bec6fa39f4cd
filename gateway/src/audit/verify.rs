//! Reading the chain through: whether each entry follows from the one before, and whether it ends where it should.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::chain::{self, PAGE, digest, read};
use crate::app::App;
use crate::records::RecordError;

/// Where the log stood once, as a letter or a line of the log of the process told it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// The last entry then.
    pub number: u64,
    /// Its digest.
    pub digest: String,
}

/// What was typed is no anchor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no anchor: NUMBER:DIGEST as the letters tell it, the digest in 64 hexadecimal digits")]
pub struct NoAnchor(String);

impl FromStr for Anchor {
    type Err = NoAnchor;

    fn from_str(text: &str) -> Result<Self, NoAnchor> {
        let parsed = text.split_once(':').and_then(|(number, digest)| {
            let whole = digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
            Some(Self { number: number.parse().ok().filter(|_| whole)?, digest: digest.to_lowercase() })
        });
        parsed.ok_or_else(|| NoAnchor(text.to_owned()))
    }
}

/// What a reading found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Entries that stand.
    pub entries: u64,
    /// The first of them.
    pub first: u64,
    /// The last of them.
    pub last: u64,
    /// Its digest, for whoever keeps anchors.
    pub digest: String,
    /// What is wrong, each with the number of its entry.
    pub damaged: Vec<Value>,
}

/// Reads the whole chain and compares it with what was told of it before.
///
/// # Errors
/// [`RecordError`], when the store cannot be read.
pub async fn verify(app: &App, anchors: &[Anchor]) -> Result<Verified, RecordError> {
    chain::settle(app).await?;
    let (head, _) = chain::head(app).await?;
    let mut damaged = Vec::new();
    let mut tell = |entry: u64, why: String| damaged.push(json!({ "entry": entry, "why": why }));
    if head.last > 0 && !head.is_ours(app) {
        tell(head.last, "the head of the log was not written by a gateway".into());
    }
    let (mut last, mut before) = (head.removed, head.removed_digest.clone());
    let mut entries = 0;
    loop {
        let piece = read(app, last, PAGE).await?;
        if piece.is_empty() {
            break;
        }
        for (number, entry) in piece {
            match number - last - 1 {
                0 if entry.digest != digest(&before, number, &entry.event) => {
                    tell(number, "it does not follow from the entry before".into());
                }
                0 => {}
                1 => tell(last + 1, "it is missing".into()),
                _ => tell(last + 1, format!("the entries up to {} are missing", number - 1)),
            }
            for anchor in anchors.iter().filter(|anchor| anchor.number == number) {
                if anchor.digest != entry.digest {
                    tell(number, "it is not the one that the anchor tells".into());
                }
            }
            entries += 1;
            // From here on by what stands there: one fault is told once.
            (last, before) = (number, entry.digest);
        }
    }
    if last < head.last {
        tell(last + 1, format!("the entries up to {} are missing: the tail is cut off", head.last));
    } else if last > head.last || before != head.digest {
        tell(last, "the head of the log knows another end".into());
    }
    for anchor in anchors.iter().filter(|anchor| anchor.number > last) {
        tell(anchor.number, "an anchor tells of it, and the log ends before it".into());
    }
    Ok(Verified { entries, first: head.removed + 1, last, digest: before, damaged })
}
