//! The letters: to clients and persons, some hundred a batch with where they stand, so that a kill misses nobody and
//! writes to nobody twice; to the officer, of the clock.

use std::ops::Bound;

use aops_manifest::Language;
use serde_json::{Value, json};

use super::concerned::{self, People};
use super::register::{self, Audience, Breach};
use crate::app::App;
use crate::audit::{self, Event};
use crate::outbox::{self, Mail, Purpose};
use crate::records::RecordError;
use crate::typed::in_order;

/// Letters a batch.
const AT_ONCE: usize = 100;

/// Puts every letter on its way that is not yet; where another task is at it, that one goes on.
pub(super) async fn tell(app: &App, id: &str) -> Result<(), RecordError> {
    while let Some((breach, _)) = register::read(app, id).await? {
        let Some(audience) = breach.to_tell.first().copied() else { return Ok(()) };
        // Looked for once an audience, not once a batch: each look reads everything that is kept of them.
        let people = concerned::people(app, &breach.facts, audience).await?;
        let mut standing = Some(breach);
        while let Some(breach) = standing.filter(|breach| breach.to_tell.first() == Some(&audience)) {
            standing = some(app, id, &breach, audience, &people).await?;
            if standing.is_none() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// The next letters to an audience, or the end of it: the entry after; none when another task was quicker.
async fn some(
    app: &App,
    id: &str,
    breach: &Breach,
    audience: Audience,
    people: &People,
) -> Result<Option<Breach>, RecordError> {
    let last = breach.told_up_to.clone();
    let after = last.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
    let next: Vec<(&String, &Language)> =
        people.range::<str, _>((after, Bound::Unbounded)).take(AT_ONCE).collect();
    let change = |before: &Breach| {
        if before.told_up_to != last || before.to_tell.first() != Some(&audience) {
            return None;
        }
        let mut after = before.clone();
        after.letters += u32::try_from(next.len()).unwrap_or(u32::MAX);
        match next.last() {
            Some((email, _)) => after.told_up_to = Some((*email).clone()),
            None => {
                after.told_up_to = None;
                after.to_tell.remove(0);
            }
        }
        Some(after)
    };
    let noted = Event::new(app, &format!("breach letters {}", next.len()), id);
    register::step(app, id, change, |batch, key, after| {
        for (email, language) in &next {
            let mail = letter(app, id, after, audience, email, **language);
            outbox::enqueue(app, batch, key, &mail)?;
        }
        if next.is_empty() { Ok(()) } else { audit::note(batch, &noted) }
    })
    .await
}

fn letter(app: &App, id: &str, breach: &Breach, audience: Audience, email: &str, language: Language) -> Mail {
    let rehearsal = breach.rehearsal;
    let facts = &breach.facts;
    let context = json!({
        "rehearsal": rehearsal,
        "client": audience == Audience::Clients,
        "what": in_order(&facts.what),
        "began": facts.began.to_string(),
        "known": facts.known.to_string(),
        "data": facts.data,
        "consequences": in_order(&facts.consequences),
        "measures": in_order(&facts.measures),
        "sealed": facts.how.sealed,
        "reference": id,
    });
    Mail {
        // Nobody outside hears of an exercise.
        to: if rehearsal { officer(app).to_owned() } else { email.to_owned() },
        reply_to: Some(officer(app).to_owned()),
        template: "violation".into(),
        language,
        purpose: Purpose::Security,
        context,
        unsubscribe: None,
        subject: id.to_owned(),
    }
}

/// To the officer: `new`, `reminder` or `late`.
pub(super) fn to_officer(app: &App, id: &str, breach: &Breach, state: &str) -> Mail {
    let context: Value = json!({
        "state": state,
        "rehearsal": breach.rehearsal,
        "what": in_order(&breach.facts.what),
        "deadline": breach.deadline().to_string(),
        "level": breach.level,
        "clients": breach.clients,
        "persons": breach.persons,
        "authority": breach.level.concerns_authority(),
        "reference": id,
    });
    Mail {
        to: officer(app).to_owned(),
        reply_to: None,
        template: "violation_delegue".into(),
        language: Language::Fr,
        purpose: Purpose::Staff,
        context,
        unsubscribe: None,
        subject: id.to_owned(),
    }
}

fn officer(app: &App) -> &str {
    app.settings.company.get("dpo_email").map_or(app.settings.mail.staff.as_str(), String::as_str)
}
