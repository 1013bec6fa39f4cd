//! The shape of documents over time: a type says which version of itself it writes, and how the one before becomes it.
//!
//! Version 0 stands as its JSON alone, as everything did before there were versions; a later one has its number before
//! the JSON. An older document is upgraded whenever it is read, step by step, and stands anew once something is written
//! to it; a newer one, left by a later program, is an error and stays as it is.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::RecordError;

/// What stands before the number of a version: no JSON and nothing sealed begins with it.
const MARK: u8 = 2;
const HEAD: usize = 3;

/// A type that is kept.
pub trait Document: Serialize + DeserializeOwned {
    /// The version that is written. It grows when an older program would misread what is kept, or a newer one what was.
    const SCHEMA: u16 = 0;

    /// An older document as this one: read as the version before ([`Older::read`]), which does the same.
    ///
    /// # Errors
    /// [`RecordError`]: it is not what its version says.
    fn upgraded(older: Older<'_>) -> Result<Self, RecordError> {
        Err(older.wrong(&format!("nothing is known of version {}", older.schema)))
    }
}

impl Document for () {}
impl Document for u32 {}

/// A document of an earlier version than the one that is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Older<'a> {
    at: &'a str,
    schema: u16,
    json: &'a [u8],
}

impl Older<'_> {
    /// It as a type of its own version or of a later one.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn read<T: Document>(self) -> Result<T, RecordError> {
        let Self { at, schema, json } = self;
        if schema > T::SCHEMA {
            return Err(RecordError::Newer { at: at.to_owned(), schema, known: T::SCHEMA });
        }
        if schema < T::SCHEMA {
            return T::upgraded(self);
        }
        serde_json::from_slice(json).map_err(|error| self.wrong(&error.to_string()))
    }

    fn wrong(self, why: &str) -> RecordError {
        RecordError::Shape { at: self.at.to_owned(), why: why.to_owned() }
    }
}

/// How the documents of a collection are read.
pub struct Shape {
    pub(super) collection: &'static str,
    pub(super) sealed: bool,
    pub(super) read: fn(&str, &[u8]) -> Result<(), RecordError>,
}

impl Shape {
    /// The collection in which such documents stand.
    pub const fn collection(&self) -> &'static str {
        self.collection
    }

    /// A type that is kept sealed.
    pub const fn sealed<T: Document>(collection: &'static str) -> Self {
        Self { collection, sealed: true, read: |at, bytes| decode::<T>(at, bytes).map(drop) }
    }

    /// Pieces of contents, sealed, which are no documents by themselves.
    pub const fn bytes(collection: &'static str) -> Self {
        Self { collection, sealed: true, read: |_, _| Ok(()) }
    }

    /// A type that is kept as it is.
    pub const fn plain<T: Document>(collection: &'static str) -> Self {
        Self { collection, sealed: false, read: |at, bytes| decode::<T>(at, bytes).map(drop) }
    }
}

pub(super) fn decode<T: Document>(at: &str, bytes: &[u8]) -> Result<T, RecordError> {
    let (schema, json) = split(bytes);
    Older { at, schema, json }.read()
}

pub(super) fn encode<T: Document>(at: &str, value: &T) -> Result<Vec<u8>, RecordError> {
    let json = serde_json::to_vec(value)
        .map_err(|error| RecordError::Shape { at: at.to_owned(), why: error.to_string() })?;
    if T::SCHEMA == 0 {
        return Ok(json);
    }
    Ok([&[MARK][..], &T::SCHEMA.to_be_bytes(), &json].concat())
}

/// The version of a document, and its JSON.
pub(super) fn split(bytes: &[u8]) -> (u16, &[u8]) {
    match bytes.split_first_chunk::<HEAD>() {
        Some(([MARK, high, low], json)) => (u16::from_be_bytes([*high, *low]), json),
        _ => (0, bytes),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Serialize, Deserialize)]
    struct First {
        name: String,
    }
    impl Document for First {}

    #[derive(Serialize, Deserialize)]
    struct Second {
        given: String,
        family: String,
    }
    impl Document for Second {
        const SCHEMA: u16 = 1;

        fn upgraded(older: Older<'_>) -> Result<Self, RecordError> {
            let First { name } = older.read()?;
            let (given, family) = name.split_once(' ').ok_or_else(|| older.wrong("a name has two parts"))?;
            Ok(Self { given: given.into(), family: family.into() })
        }
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Third {
        initials: String,
        family: String,
    }
    impl Document for Third {
        const SCHEMA: u16 = 2;

        fn upgraded(older: Older<'_>) -> Result<Self, RecordError> {
            let Second { given, family } = older.read()?;
            Ok(Self { initials: given.chars().take(1).collect(), family })
        }
    }

    #[test]
    fn every_earlier_version_is_read_as_the_last_one() {
        let last = Third { initials: "C".into(), family: "Durand".into() };
        let written = [
            encode("a", &First { name: "Claire Durand".into() }).unwrap(),
            encode("a", &Second { given: "Claire".into(), family: "Durand".into() }).unwrap(),
            encode("a", &last).unwrap(),
        ];
        assert_eq!(written[0], br#"{"name":"Claire Durand"}"#, "as before there were versions");
        assert_eq!(written[2], [b"\x02\x00\x02", &br#"{"initials":"C","family":"Durand"}"#[..]].concat());
        for bytes in written {
            assert_eq!(decode::<Third>("a", &bytes).unwrap(), last);
        }
    }

    #[test]
    fn a_later_version_and_a_wrong_earlier_one_are_told_as_such() {
        let later = encode("a/b/c", &Third { initials: "C".into(), family: "Durand".into() }).unwrap();
        let error = decode::<Second>("a/b/c", &later).map(drop).unwrap_err();
        assert!(matches!(&error, RecordError::Newer { at, schema: 2, known: 1 } if at == "a/b/c"), "{error}");
        for wrong in [&br#"{"name":"Durand"}"#[..], b"{", b"\x02\x00\x01{}", b"\x02\x00", b""] {
            assert!(matches!(decode::<Third>("a", wrong), Err(RecordError::Shape { .. })), "{wrong:?}");
        }
    }
}
