//! The proof of a choice (GDPR art. 7.1): when, what, under which versions; no address, nothing of the browser.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::consent::choice::{self, Choice};
use crate::consent::registry::Kind;
use crate::records::{self, RecordError, Shape};
use crate::sealing;
use crate::store::{Batch, Expect, Scan};

const CONSENTS: &str = "consents";
const PAGE: usize = 500;

/// What is kept of consents.
pub const SHAPES: &[Shape] = &[Shape::plain::<Proof>(CONSENTS)];

/// What is kept of a choice (`p-consent-proof`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Random; the visitor's cookie bears it, and nothing else links them.
    pub id: String,
    /// When.
    pub created: Timestamp,
    /// Whether any audience service was accepted.
    pub audience: bool,
    /// Whether any social service was accepted.
    pub social: bool,
    /// The services accepted.
    pub services: Vec<String>,
    /// The version of the privacy policy then.
    pub policy: String,
    /// The version of the question that the page showed.
    pub banner: String,
}

impl records::Document for Proof {}

/// Keeps the proof of a choice and answers the choice, ready for the cookie.
///
/// # Errors
/// [`RecordError`].
pub(super) async fn keep(
    app: &App,
    services: Vec<String>,
    banner: String,
    despite_signal: bool,
) -> Result<Choice, RecordError> {
    let id = sealing::hex(&sealing::random::<16>()?);
    let created = app.clock.now();
    let registry = &app.settings.consent;
    let any =
        |kind| registry.optional().any(|service| service.kind == kind && services.contains(&service.id));
    let proof = Proof {
        id: id.clone(),
        created,
        audience: any(Kind::Audience),
        social: any(Kind::Social),
        services: services.clone(),
        policy: registry.config.policy.clone(),
        banner: banner.clone(),
    };
    let mut batch = Batch::new(format!("consent-{}", &id[..2]));
    let ends = Some(choice::KEPT.end(created));
    records::put_plain(&mut batch, CONSENTS, &id, Expect::Absent, &proof, ends)?;
    app.store.commit(batch).await?;
    Ok(Choice { banner, proof: id, despite_signal, services })
}

/// Every proof that has not ended, oldest first.
///
/// # Errors
/// [`RecordError`].
pub async fn list(app: &App) -> Result<Vec<Proof>, RecordError> {
    let mut proofs = Vec::new();
    let mut after = None;
    loop {
        let scan = Scan { collection: CONSENTS, partition: None, prefix: String::new(), after, limit: PAGE };
        let page = app.store.scan(scan).await?;
        for (address, stored) in page.documents {
            proofs.extend(records::sound(records::decode::<Proof>(&address, &stored.body))?);
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    proofs.sort_by_key(|proof| proof.created);
    Ok(proofs)
}
