//! The certificate of what a client had loaded or computed and is no more: told by the client's own part of the audit
//! log, and looked at once more now: a record whose key is gone opens for nobody.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::sheet::client;
use crate::app::App;
use crate::audit;
use crate::leaflet::{Leaflet, Section};
use crate::records::{KEYS, RecordError};
use crate::register::Writing;
use crate::retention::Retention;
use crate::store::Address;
use crate::web::WebError;
use crate::{calculations, datasets};

/// What came in and what was deleted, by the words of the log.
const KINDS: [(&str, &str, &str, &Retention); 2] = [
    ("dataset", "dataset recorded", "dataset deleted", &datasets::KEPT),
    ("calculation", "calculation asked for", "calculation deleted", &calculations::CALCULATION),
];

/// A record that is no more.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Gone {
    kind: &'static str,
    id: String,
    recorded: Option<Timestamp>,
    /// When somebody deleted it; by its term, when nobody did.
    deleted: Option<Timestamp>,
    /// By when its term ended it at the latest.
    by: Option<Timestamp>,
}

/// The certificate.
pub(super) async fn leaflet(writing: &Writing<'_>, organisation: &str) -> Result<Leaflet, WebError> {
    let word = |key: &str| writing.word(&format!("sheet.{key}"));
    let told = |at: Option<Timestamp>| at.map_or_else(|| "–".to_owned(), |at| at.to_string());
    let rows = gone(writing.app, organisation).await?.into_iter().map(|gone| {
        let how = match gone.deleted {
            Some(at) => writing.told("sheet.by_client", &[("at", &at.to_string())]),
            None => writing.told("sheet.by_term", &[("at", &told(gone.by))]),
        };
        vec![gone.id, word(gone.kind), told(gone.recorded), how]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    let section = if rows.is_empty() {
        Section::words(word("deleted"), vec![word("none_deleted")])
    } else {
        let head = ["reference", "kind", "recorded", "how"].map(word);
        Section::table(word("deleted"), head.to_vec(), rows)
    };
    let about = vec![
        (word("controller"), client(writing.app, organisation).await?),
        (word("made"), writing.app.clock.now().to_string()),
    ];
    Ok(Leaflet {
        title: word("certificate"),
        lead: word("certificate_lead"),
        sections: vec![Section::lines(word("about"), about), section],
        beside: Vec::new(),
    })
}

/// Everything that the log knows of and whose key is gone, the newest first.
async fn gone(app: &App, organisation: &str) -> Result<Vec<Gone>, RecordError> {
    audit::settle(app).await?;
    let mut found: BTreeMap<String, Gone> = BTreeMap::new();
    let mut older = None;
    loop {
        let part = audit::part(app, organisation, older.as_deref()).await?;
        for event in part.events {
            for (kind, came, went, term) in KINDS {
                if event.action != came && event.action != went {
                    continue;
                }
                let empty =
                    || Gone { kind, id: event.object.clone(), recorded: None, deleted: None, by: None };
                let gone = found.entry(event.object.clone()).or_insert_with(empty);
                if event.action == came {
                    gone.recorded = Some(event.at);
                    gone.by = Some(app.settings.retention.end(term, event.at));
                } else {
                    gone.deleted = Some(event.at);
                }
            }
        }
        older = part.older;
        if older.is_none() {
            break;
        }
    }
    let mut certified = Vec::new();
    for gone in found.into_values() {
        if app.store.read(&Address::new(KEYS, organisation, &gone.id)).await?.is_none() {
            certified.push(gone);
        }
    }
    certified.sort_by_key(|gone| std::cmp::Reverse(gone.deleted.or(gone.recorded)));
    Ok(certified)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Event;
    use crate::records;
    use crate::store::Batch;
    use crate::testing;

    /// Proves p-instructions.
    #[tokio::test]
    async fn p_delete_6_months_what_is_certified_as_deleted_has_no_key_and_what_has_one_is_not_certified() {
        let folder = tempfile::tempdir().unwrap();
        let app = testing::shared(folder.path()).await;
        let client = testing::account(&app, "client@example.com").await;
        let organisation = client.organisation.as_str();
        for (action, id) in [
            ("dataset recorded", "ds_kept"),
            ("dataset recorded", "ds_lapsed"),
            ("dataset recorded", "ds_deleted"),
            ("dataset deleted", "ds_deleted"),
            ("calculation asked for", "cal_lapsed"),
            ("signed in", "acc_1"),
        ] {
            audit::record(&app, &Event::new(&app, action, id).concerning(organisation)).await.unwrap();
        }
        let mut batch = Batch::new(organisation);
        records::subject_key(&app, organisation, "ds_kept", &mut batch).await.unwrap();
        app.store.commit(batch).await.unwrap();
        let mut told: Vec<(String, bool)> = gone(&app, organisation)
            .await
            .unwrap()
            .into_iter()
            .map(|gone| (gone.id, gone.deleted.is_some()))
            .collect();
        told.sort();
        let expected = [("cal_lapsed", false), ("ds_deleted", true), ("ds_lapsed", false)];
        assert_eq!(told, expected.map(|(id, deleted)| (id.to_owned(), deleted)));
        let other = testing::account(&app, "other@example.com").await;
        assert_eq!(gone(&app, &other.organisation).await.unwrap(), []);
    }
}
