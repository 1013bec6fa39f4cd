//! What each route asks of who asks for it: one row a method and path, as the router has them. A route that stands
//! here not is refused, and a test tells which.

use std::collections::HashMap;
use std::sync::LazyLock;

use http::Method;

use super::Action;
use crate::records::Use;

/// Who may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Anybody.
    Open,
    /// Whoever has a link that we signed.
    Link,
    /// Another server, which signs what it sends.
    Signed,
    /// Whoever is signed in, about themselves.
    Own,
    /// Whose role allows it, in their organisation; who is not signed in is sent to do so.
    Role(Action),
    /// As [`Class::Role`]; but the handler sends who is not signed in to do so, since it has something to keep or to
    /// answer before.
    Asks(Action),
    /// A program whose key allows it, in its organisation.
    Api(Action),
    /// AOPS's own people whose role allows it; for others there is nothing.
    Staff(Action),
}

impl Class {
    /// What records are read for by a handler of such a route: staff read for our own ends, whoever a record is about
    /// for themselves, and what processors tell us of payments and letters the law has us note.
    pub(super) fn reads_for(self) -> Use {
        match self {
            Self::Staff(_) => Use::OurEnds,
            Self::Signed => Use::Law,
            Self::Open | Self::Link | Self::Own | Self::Role(_) | Self::Asks(_) | Self::Api(_) => {
                Use::TheirWish
            }
        }
    }
}

/// One route.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// `GET` (and `HEAD`), `POST`, `PATCH`, `DELETE` or `OPTIONS`.
    pub method: &'static str,
    /// As the router has it.
    pub path: &'static str,
    /// Who may come.
    pub class: Class,
    /// Whether they must have proved a moment ago who they are.
    pub proof: bool,
    /// Whether the handler asks for that proof itself: what was typed is not lost for want of it.
    pub keeps: bool,
    /// The page on which the form stands, where it is another than the path.
    pub page: &'static str,
}

impl Row {
    /// The same, of those who proved a moment ago who they are.
    const fn proved(self) -> Self {
        Self { proof: true, ..self }
    }

    /// As [`Row::proved`], asked by the handler once what was typed can be kept.
    const fn proved_within(self) -> Self {
        Self { proof: true, keeps: true, ..self }
    }

    /// Whether the guard asks for the proof.
    pub(super) fn asks_for_proof(&self) -> bool {
        self.proof && !self.keeps
    }

    /// The same, of a form that stands on another page.
    const fn on(self, page: &'static str) -> Self {
        Self { page, ..self }
    }
}

const fn get(path: &'static str, class: Class) -> Row {
    Row { method: "GET", path, class, proof: false, keeps: false, page: "" }
}

const fn post(path: &'static str, class: Class) -> Row {
    Row { method: "POST", path, class, proof: false, keeps: false, page: "" }
}

const fn patch(path: &'static str, class: Class) -> Row {
    Row { method: "PATCH", path, class, proof: false, keeps: false, page: "" }
}

const fn delete(path: &'static str, class: Class) -> Row {
    Row { method: "DELETE", path, class, proof: false, keeps: false, page: "" }
}

const fn options(path: &'static str, class: Class) -> Row {
    Row { method: "OPTIONS", path, class, proof: false, keeps: false, page: "" }
}

/// The row of a route; `HEAD` is as `GET`.
pub fn row(method: &Method, path: &str) -> Option<&'static Row> {
    let method = if method == Method::HEAD { "GET" } else { method.as_str() };
    BY_PATH.get(path)?.iter().find(|row| row.method == method).copied()
}

/// The methods of a path, as an `Allow` tells them.
pub fn methods(path: &str) -> Vec<&'static str> {
    let rows = BY_PATH.get(path).map(Vec::as_slice).unwrap_or_default();
    let named = |row: &&Row| if row.method == "GET" { vec!["GET", "HEAD"] } else { vec![row.method] };
    rows.iter().flat_map(named).collect()
}

/// Every row, part by part.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    [SITE, ACCOUNT, AREA, ORGANISATION, WORK, PURCHASE, STAFF, API].into_iter().flatten()
}

static BY_PATH: LazyLock<HashMap<&'static str, Vec<&'static Row>>> = LazyLock::new(|| {
    let mut by_path = HashMap::<_, Vec<_>>::new();
    for row in rows() {
        by_path.entry(row.path).or_default().push(row);
    }
    by_path
});

use Class::{Api, Asks, Link, Open, Own, Role, Signed, Staff};

/// What the site has beside its pages.
const SITE: &[Row] = &[
    get("/-/rechargement", Open),
    get("/-/rechargement.js", Open),
    get("/altcha/defi", Open),
    get("/audit", Link),
    get("/calculateurs/ifc/resultat", Open),
    get("/calculateurs/provisionnement/resultat", Open),
    post("/calculateurs/provisionnement/resultat", Open),
    get("/calculateurs/rente/resultat", Open),
    get("/consentement", Open),
    post("/consentement", Open),
    post("/consentement/opposition", Open),
    get("/consentement/services", Open),
    post("/contact", Open),
    get("/contact/merci", Open),
    get("/contact/satisfaction", Link),
    post("/contact/satisfaction", Link),
    get("/developpement/courrier", Open),
    get("/developpement/courrier/{id}", Open),
    get("/developpement/courrier/{id}/html", Open),
    post("/donnees-personnelles", Open),
    get("/donnees-personnelles/merci", Open),
    get("/donnees-personnelles/confirmation", Link),
    post("/donnees-personnelles/confirmation", Link),
    get("/donnees-personnelles/copie", Link),
    post("/donnees-personnelles/copie", Link),
    get("/integration", Open),
    post("/newsletter", Open),
    get("/newsletter/confirmation", Link),
    get("/newsletter/desinscription", Link),
    post("/newsletter/desinscription", Link),
    get("/newsletter/merci", Open),
    get("/newsletter/preferences", Link),
    post("/newsletter/preferences", Link),
    post("/reclamation", Open),
    post("/webhooks/sendgrid", Signed),
    post("/webhooks/stripe", Signed),
];

/// The ways to an account.
const ACCOUNT: &[Row] = &[
    get("/.well-known/change-password", Open),
    get("/compte/adresse", Link),
    post("/compte/adresse", Link),
    get("/compte/adresse/retour", Link),
    post("/compte/adresse/retour", Link),
    post("/compte/cle-acces", Open),
    get("/compte/confirmation", Asks(Action::OwnAccount)),
    post("/compte/confirmation", Asks(Action::OwnAccount)),
    get("/compte/connexion", Open),
    post("/compte/connexion", Open),
    post("/compte/deconnexion", Open),
    get("/compte/double-authentification", Open),
    post("/compte/double-authentification", Open),
    get("/compte/ferme", Open),
    get("/compte/inscription", Open),
    post("/compte/inscription", Open),
    get("/compte/inscription/merci", Open),
    get("/compte/mot-de-passe-oublie", Open),
    post("/compte/mot-de-passe-oublie", Open),
    get("/compte/mot-de-passe-oublie/envoye", Open),
    get("/compte/reinitialisation", Link),
    post("/compte/reinitialisation", Link),
    get("/compte/reinitialisation/faite", Open),
    get("/compte/verification", Link),
    post("/compte/verification", Link),
    get("/invitation", Link),
    post("/invitation", Link),
    post("/invitation/changement", Link),
];

/// The client area: what is one's own.
const AREA: &[Row] = &[
    get("/espace-client", Own),
    get("/espace-client/adresse", Own).proved(),
    post("/espace-client/adresse", Own).proved(),
    get("/espace-client/appareils", Own),
    post("/espace-client/appareils", Own),
    get("/espace-client/cles-acces", Own).proved(),
    post("/espace-client/cles-acces", Own).proved(),
    post("/espace-client/cles-acces/nom", Own).proved().on("/espace-client/cles-acces"),
    post("/espace-client/cles-acces/retrait", Own).proved().on("/espace-client/cles-acces"),
    get("/espace-client/donnees.json", Own).proved(),
    get("/espace-client/double-authentification", Own),
    post("/espace-client/double-authentification", Own),
    post("/espace-client/double-authentification/codes", Own).on("/espace-client/double-authentification"),
    post("/espace-client/double-authentification/retrait", Own).on("/espace-client/double-authentification"),
    get("/espace-client/droits", Own),
    post("/espace-client/droits", Own),
    get("/espace-client/droits/copie.zip", Own),
    get("/espace-client/fermeture", Own).proved(),
    post("/espace-client/fermeture", Own).proved(),
    get("/espace-client/mot-de-passe", Own),
    post("/espace-client/mot-de-passe", Own),
];

/// The client area: what is the organisation's.
const ORGANISATION: &[Row] = &[
    get("/espace-client/", Role(Action::ReadOrganisation)),
    get("/espace-client/audit", Role(Action::ReadJournal)),
    post("/espace-client/audit", Role(Action::AskAudit)).proved(),
    post("/espace-client/audit/{id}/retrait", Role(Action::AskAudit)).proved().on("/espace-client/audit"),
    get("/espace-client/confidentialite", Role(Action::ReadOrganisation)),
    get("/espace-client/confidentialite/{sheet}", Role(Action::ReadOrganisation)),
    get("/espace-client/journal", Role(Action::ReadJournal)),
    get("/espace-client/personnes", Role(Action::ReadPeople)),
    post("/espace-client/personnes", Role(Action::ManagePeople)).proved(),
    post("/espace-client/personnes/{id}/role", Role(Action::ManagePeople)).proved().on(PEOPLE),
    post("/espace-client/personnes/{id}/retrait", Role(Action::ManagePeople)).proved().on(PEOPLE),
    post("/espace-client/personnes/{id}/propriete", Role(Action::HandOver)).proved().on(PEOPLE),
    get("/espace-client/cles", Role(Action::ReadKeys)),
    post("/espace-client/cles", Role(Action::ManageKeys)).proved(),
    post("/espace-client/cles/{id}/remplacement", Role(Action::ManageKeys))
        .proved()
        .on("/espace-client/cles"),
    post("/espace-client/cles/{id}/retrait", Role(Action::ManageKeys)).proved().on("/espace-client/cles"),
    post("/espace-client/invitations/{id}/retrait", Role(Action::ManagePeople)).proved().on(PEOPLE),
    get("/espace-client/webhooks", Role(Action::ReadWebhooks)),
    post("/espace-client/webhooks", Role(Action::ManageWebhooks)).proved(),
    get("/espace-client/webhooks/{id}", Role(Action::ReadWebhooks)),
    post("/espace-client/webhooks/{id}", Role(Action::ManageWebhooks)).proved().on(WEBHOOKS),
    post("/espace-client/webhooks/{id}/essai", Role(Action::ManageWebhooks)).on(WEBHOOKS),
    post("/espace-client/webhooks/{id}/envois/{delivery}", Role(Action::ManageWebhooks)).on(WEBHOOKS),
    post("/espace-client/webhooks/{id}/secret", Role(Action::ManageWebhooks)).proved().on(WEBHOOKS),
    post("/espace-client/webhooks/{id}/suppression", Role(Action::ManageWebhooks)).proved().on(WEBHOOKS),
];

const WEBHOOKS: &str = "/espace-client/webhooks";

const PEOPLE: &str = "/espace-client/personnes";

/// The client area: datasets and calculations.
const WORK: &[Row] = &[
    get("/espace-client/calculs", Role(Action::ReadCalculations)),
    post("/espace-client/calculs", Role(Action::Calculate)),
    get("/espace-client/calculs/comparaison", Role(Action::ReadCalculations)),
    get("/espace-client/calculs/nouveau", Role(Action::Calculate)),
    get("/espace-client/calculs/{id}", Role(Action::ReadCalculations)),
    post("/espace-client/calculs/{id}/annulation", Role(Action::Calculate)).on(CALCULATIONS),
    get("/espace-client/calculs/{id}/evenements", Role(Action::ReadCalculations)),
    post("/espace-client/calculs/{id}/suppression", Role(Action::Calculate)).on(CALCULATIONS),
    get("/espace-client/calculs/{id}/{report}", Role(Action::ReadCalculations)),
    get("/espace-client/donnees", Role(Action::ReadData)),
    post("/espace-client/donnees", Role(Action::WriteData)),
    get("/espace-client/donnees/corriger/{id}", Role(Action::WriteData)),
    post("/espace-client/donnees/corriger/{id}", Role(Action::WriteData)),
    get("/espace-client/donnees/corriger/{id}/a-corriger.xlsx", Role(Action::WriteData)),
    post("/espace-client/donnees/corriger/{id}/supprimer", Role(Action::WriteData)).on(DATASETS),
    get("/espace-client/donnees/modele/{file}", Role(Action::ReadData)),
    get("/espace-client/donnees/{id}", Role(Action::ReadData)),
    get("/espace-client/donnees/{id}/lignes.csv", Role(Action::ReadData)),
    post("/espace-client/donnees/{id}/supprimer", Role(Action::WriteData)).on(DATASETS),
    get("/espace-client/hypotheses", Role(Action::ReadCalculations)),
    post("/espace-client/hypotheses", Role(Action::Calculate)),
    get("/espace-client/hypotheses/{id}", Role(Action::ReadCalculations)),
    post("/espace-client/hypotheses/{id}", Role(Action::Calculate)).on(ASSUMPTIONS),
    post("/espace-client/hypotheses/{id}/suppression", Role(Action::Calculate)).on(ASSUMPTIONS),
];

const CALCULATIONS: &str = "/espace-client/calculs";
const ASSUMPTIONS: &str = "/espace-client/hypotheses";
const DATASETS: &str = "/espace-client/donnees";

/// Orders, subscriptions, invoices.
const PURCHASE: &[Row] = &[
    get("/commande", Open),
    post("/commande", Asks(Action::Buy)),
    get("/commande/annulee", Open),
    get("/commande/merci", Open),
    get("/espace-client/abonnements", Role(Action::ReadSubscriptions)),
    get("/espace-client/abonnements/{id}/changer", Role(Action::Buy)),
    post("/espace-client/abonnements/{id}/changer", Role(Action::Buy)).on(SUBSCRIPTIONS),
    post("/espace-client/abonnements/{id}/paiement", Role(Action::Buy)).proved().on(SUBSCRIPTIONS),
    post("/espace-client/abonnements/{id}/reprendre", Role(Action::Buy)).on(SUBSCRIPTIONS),
    get("/espace-client/abonnements/{id}/resilier", Role(Action::Buy)),
    post("/espace-client/abonnements/{id}/resilier", Role(Action::Buy)).on(SUBSCRIPTIONS),
    get("/espace-client/factures", Role(Action::ReadInvoices)),
    get("/espace-client/factures/{id}/pdf", Role(Action::ReadInvoices)),
    post("/espace-client/retractation/{order}", Role(Action::Buy)).on(SUBSCRIPTIONS),
    post("/espace-client/sieges/{order}", Role(Action::AssignSeats)).on(SUBSCRIPTIONS),
    get("/paiement-test/clients/{customer}", Open),
    post("/paiement-test/clients/{customer}", Open),
    get("/paiement-test/{session}", Open),
    post("/paiement-test/{session}", Open),
];

const SUBSCRIPTIONS: &str = "/espace-client/abonnements";

/// AOPS's own people.
const STAFF: &[Row] = &[
    get("/equipe/audience", Staff(Action::ReadAudience)),
    get("/equipe/audience.csv", Staff(Action::ReadAudience)),
    get("/equipe/audits", Staff(Action::ReadPolicy)),
    post("/equipe/audits/{id}/acceptation", Staff(Action::KeepPolicy)).proved().on("/equipe/audits"),
    post("/equipe/audits/{id}/refus", Staff(Action::KeepPolicy)).proved().on("/equipe/audits"),
    post("/equipe/audits/{id}/fin", Staff(Action::KeepPolicy)).proved().on("/equipe/audits"),
    get("/equipe/courrier", Staff(Action::ReadDesk)),
    get("/equipe/passerelle", Staff(Action::ReadGateway)),
    get("/equipe/prestataires", Staff(Action::ReadPolicy)),
    post("/equipe/prestataires", Staff(Action::KeepPolicy)).proved(),
    get("/equipe/violations", Staff(Action::ReadPolicy)),
    get("/equipe/violations/declaration", Staff(Action::KeepPolicy)),
    post("/equipe/violations/declaration", Staff(Action::KeepPolicy)).proved_within(),
    post("/equipe/violations/{id}/notification", Staff(Action::KeepPolicy)).proved().on("/equipe/violations"),
    post("/equipe/violations/{id}/reprise", Staff(Action::KeepPolicy)).proved().on("/equipe/violations"),
];

/// Programs.
const API: &[Row] = &[
    get("/api/openapi.json", Open),
    get("/api/reference", Open),
    get("/api/v1/account", Api(Action::ReadOrganisation)),
    get("/api/v1/assumptions", Api(Action::ReadCalculations)),
    post("/api/v1/assumptions", Api(Action::Calculate)),
    get("/api/v1/assumptions/{id}", Api(Action::ReadCalculations)),
    patch("/api/v1/assumptions/{id}", Api(Action::Calculate)),
    delete("/api/v1/assumptions/{id}", Api(Action::Calculate)),
    get("/api/v1/calculations", Api(Action::ReadCalculations)),
    post("/api/v1/calculations", Api(Action::Calculate)),
    post("/api/v1/calculations/estimate", Api(Action::Calculate)),
    get("/api/v1/calculations/{id}", Api(Action::ReadCalculations)),
    delete("/api/v1/calculations/{id}", Api(Action::Calculate)),
    get("/api/v1/calculations/{id}/events", Api(Action::ReadCalculations)),
    get("/api/v1/calculations/{id}/{report}", Api(Action::ReadCalculations)),
    post("/api/v1/compute/{module}", Api(Action::Compute)),
    get("/api/v1/datasets", Api(Action::ReadData)),
    post("/api/v1/datasets", Api(Action::WriteData)),
    get("/api/v1/datasets/{id}", Api(Action::ReadData)),
    delete("/api/v1/datasets/{id}", Api(Action::WriteData)),
    get("/api/v1/uploads", Api(Action::WriteData)),
    post("/api/v1/uploads", Api(Action::WriteData)),
    options("/api/v1/uploads", Api(Action::WriteData)),
    get("/api/v1/uploads/{id}", Api(Action::WriteData)),
    patch("/api/v1/uploads/{id}", Api(Action::WriteData)),
    delete("/api/v1/uploads/{id}", Api(Action::WriteData)),
    get("/api/v1/usage", Api(Action::ReadOrganisation)),
    get("/api/v1/webhooks", Api(Action::ReadWebhooks)),
    post("/api/v1/webhooks", Api(Action::ManageWebhooks)),
    get("/api/v1/webhooks/{id}", Api(Action::ReadWebhooks)),
    patch("/api/v1/webhooks/{id}", Api(Action::ManageWebhooks)),
    delete("/api/v1/webhooks/{id}", Api(Action::ManageWebhooks)),
    get("/api/v1/webhooks/{id}/deliveries", Api(Action::ReadWebhooks)),
    post("/api/v1/webhooks/{id}/deliveries/{delivery}/retry", Api(Action::ManageWebhooks)),
    post("/api/v1/webhooks/{id}/secret", Api(Action::ManageWebhooks)),
    post("/api/v1/webhooks/{id}/test", Api(Action::ManageWebhooks)),
];
