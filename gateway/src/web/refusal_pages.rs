//! Pages that tell people of a refusal, written once for each status and language: whoever floods costs a copy, not
//! a template.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aops_manifest::Language;

/// Stands for the request's id while a page is written; letters and hyphens alone, so that no template changes it.
const INCIDENT: &str = "the-id-of-the-request-that-was-refused";

/// A page before and behind the request's id.
type Halves = (Box<str>, Box<str>);

/// The pages written so far; there are no more than statuses with words of their own.
#[derive(Debug, Default)]
pub(super) struct RefusalPages(Mutex<HashMap<(u16, Language), Arc<Halves>>>);

impl RefusalPages {
    /// The page of a status with this request's id; `write` makes it from an id when it is first asked.
    ///
    /// # Errors
    /// Those of `write`; the next request tries again.
    pub(super) fn page<E>(
        &self,
        of: (u16, Language),
        incident: &str,
        write: impl FnOnce(&str) -> Result<String, E>,
    ) -> Result<String, E> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&of).cloned();
        let halves = match known {
            Some(halves) => halves,
            None => {
                let halves = Arc::new(halved(&write(INCIDENT)?));
                self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(of, Arc::clone(&halves));
                halves
            }
        };
        let (before, behind) = &*halves;
        // A page that shows no id has nothing behind it.
        let incident = if behind.is_empty() { "" } else { incident };
        Ok([before, incident, behind].concat())
    }
}

fn halved(page: &str) -> Halves {
    let (before, behind) = page.split_once(INCIDENT).unwrap_or((page, ""));
    (before.into(), behind.into())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_page_is_written_once_and_bears_the_id_of_each_request() {
        let (pages, written) = (RefusalPages::default(), Cell::new(0));
        let page = |of, incident| {
            pages.page(of, incident, |incident| {
                written.set(written.get() + 1);
                Ok::<_, ()>(format!("<p>{incident}</p>"))
            })
        };
        assert_eq!(page((429, Language::Fr), "one"), Ok("<p>one</p>".into()));
        assert_eq!(page((429, Language::Fr), "two"), Ok("<p>two</p>".into()));
        assert_eq!(written.get(), 1);
        assert_eq!(page((429, Language::En), "three"), Ok("<p>three</p>".into()));
        assert_eq!(written.get(), 2);
    }

    #[test]
    fn a_page_without_the_id_is_told_as_it_is_and_a_fault_is_tried_again() {
        let pages = RefusalPages::default();
        let of = (400, Language::Fr);
        assert_eq!(pages.page(of, "one", |_| Err("no template")), Err("no template"));
        assert_eq!(pages.page(of, "one", |_| Ok::<_, ()>("<p></p>".into())), Ok("<p></p>".into()));
    }
}
