//! What the CNIL's form for breaches asks (notifications.cnil.fr), filled in from the register as far as it is known;
//! the rest is for the officer to write. It is sent by hand: there is no interface for programs.

use serde_json::{Value, json};

use super::register::Breach;
use crate::app::App;

/// The form's fields, in its order.
pub(super) fn filled(app: &App, breach: &Breach) -> Value {
    let facts = &breach.facts;
    let company = |name: &str| app.settings.company.get(name).cloned().unwrap_or_default();
    let late = app.clock.now() > breach.deadline();
    json!({
        "organisme": {
            "nom": company("name"),
            "adresse": format!("{}, {} {}", company("street"), company("postcode"), company("city")),
            "immatriculation": company("rcs"),
            "delegue": company("dpo_email"),
        },
        "notification": if breach.filed.is_some() { "complementaire" } else { "initiale" },
        "debut": facts.began,
        "constat": facts.known,
        "echeance": breach.deadline(),
        "motif_du_retard": late.then_some("a completer"),
        "nature": {
            "confidentialite": facts.how.disclosed,
            "integrite": facts.how.altered,
            "disponibilite": facts.how.lost,
            "acte_malveillant": facts.how.malicious,
        },
        "circonstances": facts.what,
        "donnees": facts.data,
        "donnees_inintelligibles": facts.how.sealed,
        "personnes": { "nombre": breach.persons, "clients": breach.clients },
        "consequences": facts.consequences,
        "gravite": breach.level,
        "mesures": facts.measures,
        "personnes_informees": breach.level.concerns_persons() && !breach.rehearsal,
        "courriels": breach.letters,
    })
}
