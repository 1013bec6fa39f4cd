//! The words of reports, by dotted key, from the theme's `reports/*.toml`.

use std::collections::BTreeMap;

/// Words by key: `sheet.summary`, `field.dbo`.
#[derive(Debug, Clone, Default)]
pub struct Words(BTreeMap<String, String>);

/// The file of words cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the words of reports: {0}")]
pub struct WordsError(#[from] toml::de::Error);

impl Words {
    /// The theme's own, in French.
    ///
    /// # Errors
    /// [`WordsError`].
    pub fn french() -> Result<Self, WordsError> {
        Self::parse(include_str!("../../themes/aops/reports/fr.toml"))?
            .with_faults(include_str!("../../themes/aops/i18n/faults.fr.toml"))
    }

    /// Reads a file of words.
    ///
    /// # Errors
    /// [`WordsError`].
    pub fn parse(source: &str) -> Result<Self, WordsError> {
        let mut words = BTreeMap::new();
        for (group, table) in toml::from_str::<toml::Table>(source)? {
            for (name, word) in table.as_table().into_iter().flatten() {
                if let Some(word) = word.as_str() {
                    words.insert(format!("{group}.{name}"), word.to_owned());
                }
            }
        }
        Ok(Self(words))
    }

    /// The word of a key; the key's last part when there is none.
    pub fn of<'a>(&'a self, group: &str, name: &'a str) -> &'a str {
        self.0.get(&format!("{group}.{name}")).map_or(name, String::as_str)
    }

    /// The word of a key, if there is one.
    pub(crate) fn find(&self, group: &str, name: &str) -> Option<&str> {
        self.0.get(&format!("{group}.{name}")).map(String::as_str)
    }

    /// The sentences of what is wrong or worth a warning, by code: the theme's `faults.*.toml`.
    ///
    /// # Errors
    /// [`WordsError`].
    pub fn with_faults(mut self, source: &str) -> Result<Self, WordsError> {
        for (code, sentence) in toml::from_str::<toml::Table>(source)? {
            if let Some(sentence) = sentence.as_str() {
                self.0.insert(format!("fault.{code}"), sentence.to_owned());
            }
        }
        Ok(self)
    }

    /// The word of one of the engine's own values of a field (`value.reason`, `first_recognition`); any other text as it is.
    pub(crate) fn value<'a>(&'a self, field: &str, text: &'a str) -> &'a str {
        self.of(&format!("value.{field}"), text)
    }
}
