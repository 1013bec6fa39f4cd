//! The index and its JSON; it neither chooses the words nor looks any up.

use serde::{Deserialize, Serialize};

/// The version of the JSON that this crate writes and reads.
const VERSION: u8 = 1;

/// A site's search index in one language.
///
/// Its JSON is `{version, pages: [[path, title, summary]…], stop: "word word…", stems: "0abat 3ir…",
/// postings: [[n…]…]}`. Pages stand in the order of their paths. Stems are sorted; of each, the first
/// character says in base 36 how many characters it shares with the one before. Each stem's postings are, by
/// growing page number, `10 × (page − page before) + weight`, the first page being counted from 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Wire", try_from = "Wire")]
pub struct Index {
    pub(crate) pages: Vec<Page>,
    pub(crate) stop: Vec<String>,
    /// Sorted, each once.
    pub(crate) stems: Vec<String>,
    /// By stem; pages grow.
    pub(crate) postings: Vec<Vec<Posting>>,
}

/// What is shown of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) path: String,
    pub(crate) title: String,
    pub(crate) summary: String,
}

/// That a stem stands in a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Posting {
    pub(crate) page: u32,
    /// From 1 to 9.
    pub(crate) weight: u32,
}

/// Why a text is no index.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// It is no JSON of the right shape.
    #[error("the search index cannot be read: {0}; build the site again")]
    Json(#[from] serde_json::Error),
}

impl Index {
    /// The compact JSON.
    ///
    /// # Errors
    /// [`IndexError::Json`], which plain data never gives.
    pub fn to_json(&self) -> Result<String, IndexError> {
        Ok(serde_json::to_string(self)?)
    }

    /// The index that [`Self::to_json`] wrote.
    ///
    /// # Errors
    /// [`IndexError::Json`] with what is wrong.
    pub fn from_json(json: &[u8]) -> Result<Self, IndexError> {
        Ok(serde_json::from_slice(json)?)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    version: u8,
    pages: Vec<(String, String, String)>,
    stop: String,
    stems: String,
    postings: Vec<Vec<u32>>,
}

impl From<Index> for Wire {
    fn from(index: Index) -> Self {
        let pages = index.pages.into_iter().map(|page| (page.path, page.title, page.summary)).collect();
        let postings = index.postings.iter().map(|list| deltas(list)).collect();
        let stop = index.stop.join(" ");
        Self { version: VERSION, pages, stop, stems: front_coded(&index.stems), postings }
    }
}

impl TryFrom<Wire> for Index {
    type Error = String;

    fn try_from(wire: Wire) -> Result<Self, String> {
        if wire.version != VERSION {
            return Err(format!("version {} where {VERSION} is known", wire.version));
        }
        let stems = front_decoded(&wire.stems)?;
        if stems.len() != wire.postings.len() {
            return Err(format!("{} stems but {} lists of postings", stems.len(), wire.postings.len()));
        }
        if !stems.is_sorted() {
            return Err("the stems are not sorted".into());
        }
        let count = wire.pages.len() as u64;
        let postings = wire.postings.iter().map(|list| pages(list, count)).collect::<Result<_, _>>()?;
        let page = |(path, title, summary)| Page { path, title, summary };
        let stop = wire.stop.split(' ').map(str::to_owned).collect();
        Ok(Self { pages: wire.pages.into_iter().map(page).collect(), stop, stems, postings })
    }
}

fn deltas(list: &[Posting]) -> Vec<u32> {
    let mut before = 0;
    let delta = |posting: &Posting| {
        let number = (posting.page - before) * 10 + posting.weight;
        before = posting.page;
        number
    };
    list.iter().map(delta).collect()
}

fn pages(list: &[u32], count: u64) -> Result<Vec<Posting>, String> {
    let mut page = 0_u64;
    let posting = |number: &u32| {
        page += u64::from(number / 10);
        if page >= count {
            return Err(format!("page {page} of {count}"));
        }
        Ok(Posting { page: page as u32, weight: number % 10 })
    };
    list.iter().map(posting).collect()
}

/// A shared beginning ends before a character that JavaScript counts as two.
fn front_coded(stems: &[String]) -> String {
    let mut coded = String::new();
    let mut before = "";
    for stem in stems {
        let same =
            before.chars().zip(stem.chars()).take(35).take_while(|(a, b)| a == b && a.len_utf16() == 1);
        let shared = same.count();
        if !coded.is_empty() {
            coded.push(' ');
        }
        coded.extend(char::from_digit(shared as u32, 36));
        coded.extend(stem.chars().skip(shared));
        before = stem;
    }
    coded
}

fn front_decoded(coded: &str) -> Result<Vec<String>, String> {
    let mut stems: Vec<String> = Vec::new();
    for item in coded.split_whitespace() {
        let mut rest = item.chars();
        let shared = rest.next().and_then(|digit| digit.to_digit(36)).ok_or("a stem without its number")?;
        let before = stems.last().map_or("", String::as_str);
        stems.push(before.chars().take(shared as usize).chain(rest).collect());
    }
    Ok(stems)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stems_and_postings_come_back_as_they_were() {
        let stems = ["abat", "abatt", "age", "zoo", "𝐀a", "𝐀b"].map(str::to_owned);
        assert_eq!(front_coded(&stems), "0abat 4t 1ge 0zoo 0𝐀a 0𝐀b");
        assert_eq!(front_decoded(&front_coded(&stems)).unwrap(), stems);
        let list = [(0, 9), (1, 1), (40, 5)].map(|(page, weight)| Posting { page, weight });
        assert_eq!(deltas(&list), [9, 11, 395]);
        assert_eq!(pages(&deltas(&list), 41).unwrap(), list);
    }

    #[test]
    fn a_text_that_is_no_index_is_refused() {
        let sound = r#"{"version":1,"pages":[["/","A","B"]],"stop":"le","stems":"0abat","postings":[[5]]}"#;
        assert_eq!(Index::from_json(sound.as_bytes()).unwrap().to_json().unwrap(), sound);
        let wrong = [
            ("\"version\":1", "\"version\":2"),
            ("[[5]]", "[[15]]"),
            ("[[5]]", "[]"),
            ("0abat", "-abat"),
            ("[[5]]", "[[-1]]"),
        ];
        for (from, to) in wrong {
            assert!(Index::from_json(sound.replace(from, to).as_bytes()).is_err(), "{to}");
        }
        assert!(Index::from_json(b"[").is_err());
    }
}
