//! Identifiers of employees, end to end in one text: a million of them are one allocation. Not employees.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use rayon::prelude::*;

/// A hasher without keys of the system's: the engine asks it for nothing.
type Keyless = BuildHasherDefault<DefaultHasher>;

/// Identifiers in the order of the employees.
#[derive(Debug, Clone, Default)]
pub(super) struct Ids {
    text: String,
    ends: Vec<usize>,
}

impl Ids {
    pub(super) fn push(&mut self, id: &str) {
        self.text.push_str(id);
        self.ends.push(self.text.len());
    }

    /// Adds those of another list after these.
    pub(super) fn append(&mut self, other: &Self) {
        let before = self.text.len();
        self.text.push_str(&other.text);
        self.ends.extend(other.ends.iter().map(|end| before + end));
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The identifier at an index below [`Self::len`].
    pub(super) fn at(&self, index: usize) -> &str {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.text[start..self.ends[index]]
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.len()).map(|index| self.at(index))
    }

    /// Indices, increasing, of the identifiers that an earlier one equals.
    pub(super) fn repeated(&self) -> Vec<usize> {
        let hashed = |index: usize| (Keyless::default().hash_one(self.at(index)), index as u32);
        let mut keys: Vec<(u64, u32)> = (0..self.len()).into_par_iter().map(hashed).collect();
        keys.par_sort_unstable();
        let mut repeated = Vec::new();
        for same in keys.chunk_by(|one, two| one.0 == two.0).filter(|same| same.len() > 1) {
            // Another text may have the same hash: it is compared in full.
            let mut texts: Vec<&str> = Vec::new();
            for (_, index) in same {
                let text = self.at(*index as usize);
                if texts.contains(&text) {
                    repeated.push(*index as usize);
                } else {
                    texts.push(text);
                }
            }
        }
        repeated.sort_unstable();
        repeated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_given_again_is_found_and_others_are_kept_apart() {
        let mut ids = Ids::default();
        ["a", "bc", "", "b", "a", "bc", "a"].iter().for_each(|id| ids.push(id));
        let mut twice = ids.clone();
        assert_eq!(ids.repeated(), [4, 5, 6]);
        assert_eq!((ids.at(1), ids.at(2), ids.at(3)), ("bc", "", "b"));
        twice.append(&ids);
        assert_eq!((twice.len(), twice.at(7), twice.at(8)), (14, "a", "bc"));
        assert_eq!(twice.repeated().len(), 10);
    }
}
