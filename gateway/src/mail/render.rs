//! From a template of the theme to the parts of a letter: one Markdown source gives both.

use aops_manifest::Language;
use serde_json::{Map, Value, json};

use super::markdown::{forms, line};
use crate::config::Settings;
use crate::texts::Texts;

/// What a mail template says.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered {
    /// One line.
    pub subject: String,
    /// The plain text, in lines of at most 76 columns.
    pub text: String,
    /// The HTML.
    pub html: String,
}

/// The theme's template does not give a letter.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the template mail/{template}: {why}")]
pub struct RenderError {
    template: String,
    why: String,
}

/// Renders `mail/NAME.md`, then its foot `mail/foot.md`; the HTML stands inside `mail/base.html`.
///
/// A source begins with three lines, `Subject: …`, `Preheader: …` (what a list of letters shows beside the subject)
/// and `Reason: …` (why its reader gets it), then an empty one.
///
/// # Errors
/// [`RenderError`] when a template is missing, faulty, or begins otherwise.
pub fn render(
    texts: &Texts,
    settings: &Settings,
    template: &str,
    language: Language,
    context: &Value,
    unsubscribe: Option<&str>,
) -> Result<Rendered, RenderError> {
    let fault = |why: String| RenderError { template: template.to_owned(), why };
    let mut given = Map::new();
    given.extend(context.as_object().cloned().unwrap_or_default());
    given.insert("lang".into(), language.tag().into());
    given.insert("company".into(), json!(settings.company));
    given.insert("base_url".into(), settings.base_url.as_str().into());
    given.insert("unsubscribe_link".into(), unsubscribe.unwrap_or_default().into());
    // Both pages take the same word of the reader.
    let preferences = unsubscribe.unwrap_or_default().replace("/desinscription?", "/preferences?");
    given.insert("preferences_link".into(), preferences.into());
    let filled = |name: &str, given: Map<String, Value>| {
        texts.render(name, &Value::Object(given)).map_err(|error| fault(format!("{name}: {error}")))
    };
    let source = filled(&format!("mail/{template}.md"), given.clone())?;
    let mut rest = source.as_str();
    for (name, key) in [("Subject:", "subject"), ("Preheader:", "preheader"), ("Reason:", "reason")] {
        let (first, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let value = first.strip_prefix(name).map(line).filter(|value| !value.is_empty());
        let value = value.ok_or_else(|| {
            fault(format!(
                "it does not begin with `Subject: …`, `Preheader: …`, `Reason: …`: {name} is missing"
            ))
        })?;
        given.insert(key.into(), value.into());
        rest = after;
    }
    let body = forms(rest);
    let foot = forms(&filled("mail/foot.md", given.clone())?);
    given.insert("body".into(), body.html.into());
    given.insert("foot".into(), foot.html.into());
    let subject = given.get("subject").and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(Rendered {
        subject,
        // What mail readers take for the signature and fold away (RFC 3676 § 4.3).
        text: format!("{}\n\n-- \n{}\n", body.text, foot.text),
        html: filled("mail/base.html", given)?,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::PathBuf;

    use aops_manifest::Manifest;
    use jiff::SignedDuration;

    use super::*;

    fn repository() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    fn flat(prefix: &str, table: &toml::Table, strings: &mut BTreeMap<String, String>) {
        for (key, value) in table {
            match value {
                toml::Value::Table(table) => flat(&format!("{prefix}{key}."), table, strings),
                toml::Value::String(text) => drop(strings.insert(format!("{prefix}{key}"), text.clone())),
                other => panic!("{prefix}{key}: {other}"),
            }
        }
    }

    /// The theme of this repository.
    fn theme() -> Texts {
        let theme = repository().join("themes/aops");
        let mut manifest = Manifest::default();
        for file in fs::read_dir(theme.join("mail")).unwrap() {
            let file = file.unwrap();
            let name = format!("mail/{}", file.file_name().to_str().unwrap());
            manifest.templates.insert(name, fs::read_to_string(file.path()).unwrap());
        }
        for language in [Language::Fr, Language::En] {
            let file = theme.join(format!("i18n/{}.toml", language.tag()));
            let strings = manifest.strings.entry(language).or_default();
            flat("", &fs::read_to_string(file).unwrap().parse().unwrap(), strings);
        }
        Texts::new(&manifest).unwrap()
    }

    fn settings() -> Settings {
        let site: toml::Table = fs::read_to_string(repository().join("site.toml")).unwrap().parse().unwrap();
        let company = site["company"].clone().try_into().unwrap();
        let base_url = "https://aops.fr".into();
        Settings { company, base_url, ..crate::testing::settings(&PathBuf::new(), SignedDuration::ZERO) }
    }

    /// Mails that no journey of tests/browser/mails.test.mjs sets off: it reads their snapshots instead.
    const UNSENT: [&str; 28] = [
        "adresse_changee",
        "adresse_confirmation",
        "adresse_demandee",
        "cle_acces",
        "compte_ferme",
        "nouvel_appareil",
        "compte_bienvenue",
        "compte_echeance",
        "compte_existant",
        "contact_echeance",
        "mot_de_passe",
        "mot_de_passe_change",
        "newsletter_numero",
        "newsletter_rappel",
        "reclamation_accuse",
        "contact_reponse",
        "contact_satisfaction",
        "audit_acces",
        "audit_demande",
        "audit_reponse",
        "equipe_echeance",
        "prestataires",
        "droits_client",
        "droits_confirmation",
        "droits_delegue",
        "droits_reponse",
        "violation",
        "violation_delegue",
    ];

    /// Every mail of the theme, with what it may be given.
    fn mails() -> Vec<(&'static str, Value, Option<&'static str>)> {
        let leave = Some("https://aops.fr/newsletter/desinscription?jeton=abc&lang=fr");
        let issue = json!({
            "title": "Rente viagère : ce que l’âge change",
            "lead": "Le même capital ne vaut pas la même rente à 60 et à 70 ans.",
            "link": "https://aops.fr/newsletter/archives/2/",
            "text": "## Deux âges\n\n**[La rente](https://aops.fr/offres/)** à 60 et à 70 ans.\n\n- une table\n- un taux",
        });
        let message = "Bonjour,\n\nNous cherchons un actuaire.\nCordialement";
        let bought = json!({
            "day": "2027-11-24T10:00:00Z", "offer": "Rentes viagères", "order": "ord_0123", "amount_cents": 49_000,
            "link": "https://actuarem.com/espace-client/abonnements",
        });
        vec![
            (
                "newsletter_confirmation",
                json!({ "link": "https://aops.fr/newsletter/confirmation?jeton=abc" }),
                None,
            ),
            ("newsletter_bienvenue", json!({}), leave),
            ("newsletter_numero", issue, leave),
            (
                "newsletter_rappel",
                json!({ "link": "https://aops.fr/newsletter/preferences?jeton=abc", "until": "2029-11-24T10:00:00Z" }),
                leave,
            ),
            (
                "compte_echeance",
                json!({ "link": "https://aops.fr/compte/connexion", "until": "2029-11-24T10:00:00Z" }),
                None,
            ),
            (
                "contact_echeance",
                json!({ "link": "https://aops.fr/contact/", "until": "2029-11-24T10:00:00Z" }),
                None,
            ),
            ("contact_accuse", json!({ "message": message, "reference": "msg_0123" }), None),
            (
                "reclamation_accuse",
                json!({ "message": message, "reference": "msg_0123", "answer_by": "2027-01-24T10:00:00Z" }),
                None,
            ),
            (
                "contact_reponse",
                json!({ "text": "Bonjour,\n\nNous pouvons vous aider.", "message": message, "reference": "msg_0123" }),
                None,
            ),
            (
                "contact_satisfaction",
                json!({ "link": "https://aops.fr/contact/satisfaction?jeton=abc" }),
                None,
            ),
            (
                "contact_equipe",
                json!({
                    "nom": "Lemoine", "prenom": "Anaïs", "email": "anais@example.org", "telephone": "01 02 03 04 05",
                    "raison_sociale": "Essai & fils", "adresse": "1 place du Marché", "message": message,
                    "reference": "msg_0123",
                }),
                None,
            ),
            ("compte_verification", json!({ "link": "https://aops.fr/compte/verification?jeton=abc" }), None),
            ("abonnement_echeance", bought.clone(), None),
            ("abonnement_impaye", bought.clone(), None),
            ("abonnement_relance", bought.clone(), None),
            ("abonnement_rembourse", bought.clone(), None),
            ("abonnement_reprise", bought.clone(), None),
            ("abonnement_resilie", bought.clone(), None),
            ("abonnement_suspendu", bought.clone(), None),
            ("commande_remboursee", bought, None),
            (
                "facture",
                json!({
                    "number": "2026-000012", "offer": "Rentes viagères", "amount_cents": 58_800,
                    "link": "https://actuarem.com/espace-client/factures",
                }),
                None,
            ),
            ("audit_ancre", json!({ "anchor": format!("1234:{}", "0123456789abcdef".repeat(4)) }), None),
            ("second_facteur", json!({ "what": "added" }), None),
            (
                "adresse_demandee",
                json!({ "new": "claire@example.org", "forgotten": "https://aops.fr/compte/mot-de-passe-oublie" }),
                None,
            ),
            (
                "adresse_confirmation",
                json!({ "link": "https://aops.fr/compte/adresse?jeton=abc", "hours": 24 }),
                None,
            ),
            (
                "adresse_changee",
                json!({
                    "new": "claire@example.org", "link": "https://aops.fr/compte/adresse/retour?jeton=abc", "days": 7,
                }),
                None,
            ),
            ("compte_ferme", json!({}), None),
            (
                "invitation",
                json!({
                    "link": "https://actuarem.com/invitation?jeton=abc", "organisation": "Mutuelle & fils",
                    "by": "anais@example.org", "role": "member", "days": 7,
                }),
                None,
            ),
            (
                "personne_role",
                json!({
                    "link": "https://actuarem.com/espace-client/personnes", "organisation": "Mutuelle & fils",
                    "role": "manager",
                }),
                None,
            ),
            (
                "cle_api",
                json!({
                    "beginning": "aops_0123456789ab", "by": "anais@example.org", "scopes": ["compute", "datasets:read"],
                    "link": "https://actuarem.com/espace-client/cles",
                }),
                None,
            ),
            ("personne_retiree", json!({ "organisation": "Mutuelle & fils", "role": "member" }), None),
            (
                "droits_confirmation",
                json!({ "right": "acces", "link": "https://aops.fr/donnees-personnelles/confirmation?jeton=abc" }),
                None,
            ),
            (
                "droits_reponse",
                json!({
                    "state": "refused", "right": "effacement", "reference": "dem_0123", "due": "2027-01-24T10:00:00Z",
                    "why": "La loi nous oblige à garder ces factures.", "link": "",
                    "cnil": "https://www.cnil.fr/fr/plaintes",
                }),
                None,
            ),
            (
                "droits_delegue",
                json!({
                    "state": "reminder", "right": "rectification", "reference": "dem_0123",
                    "email": "anais@example.org", "client": "Mutuelle A", "due": "2027-01-24T10:00:00Z",
                    "said": "Mon nom s’écrit avec un tréma.",
                }),
                None,
            ),
            (
                "droits_client",
                json!({
                    "right": "acces", "reference": "dem_0123", "email": "anais@example.org",
                    "received": "2026-12-24T10:00:00Z", "forwarded": "2026-12-24T10:00:00Z",
                    "due": "2027-01-24T10:00:00Z", "said": message, "price_cents": 15_000,
                }),
                None,
            ),
            (
                "violation",
                json!({
                    "rehearsal": true, "client": true, "what": "Une copie de sauvegarde est partie.",
                    "began": "2026-12-24T08:00:00Z", "known": "2026-12-24T10:00:00Z",
                    "data": ["accounts", "calculations"], "consequences": "Hameçonnage.",
                    "measures": "L’accès est fermé.", "sealed": true, "reference": "vio_0123",
                }),
                None,
            ),
            (
                "violation_delegue",
                json!({
                    "state": "new", "rehearsal": false, "what": "Une copie de sauvegarde est partie.",
                    "deadline": "2026-12-27T10:00:00Z", "level": "significant", "clients": 2, "persons": 12,
                    "authority": true, "reference": "vio_0123",
                }),
                None,
            ),
            (
                "equipe_echeance",
                json!({ "state": "reminder", "duty": "training", "email": "support@example.org", "end": "2027-11-27" }),
                None,
            ),
            (
                "prestataires",
                json!({
                    "applies": "2027-01-15", "removed": [],
                    "added": [{ "name": "Autre", "role": "sauvegarde", "country": "France", "safeguard": "aucun transfert" }],
                    "changed": [{ "name": "Stripe", "role": "paiement", "country": "Irlande", "safeguard": "aucun transfert" }],
                    "link": "https://actuarem.com/espace-client/confidentialite#prestataires",
                }),
                None,
            ),
            (
                "audit_demande",
                json!({
                    "client": "Mutuelle & fils", "first": "2027-03-04", "last": "2027-03-05", "auditor": "Inès Roux",
                    "firm": "Contrôle & fils", "scope": "Chiffrement et accès.", "reference": "aud_0123",
                }),
                None,
            ),
            (
                "audit_reponse",
                json!({
                    "state": "refused", "first": "2027-03-04", "last": "2027-03-04", "auditor": "Inès Roux",
                    "firm": "Contrôle & fils", "why": "Ce cabinet travaille pour un concurrent.",
                    "reference": "aud_0123",
                }),
                None,
            ),
            (
                "audit_acces",
                json!({
                    "client": "Mutuelle & fils", "first": "2027-03-04", "last": "2027-03-05",
                    "link": "https://actuarem.com/audit?jeton=abc", "reference": "aud_0123",
                }),
                None,
            ),
            ("cle_acces", json!({ "what": "added" }), None),
            (
                "nouvel_appareil",
                json!({
                    "agent": { "browser": "firefox", "system": "linux" }, "at": "2026-11-24T10:00:00Z",
                    "link": "https://aops.fr/espace-client/appareils",
                    "forgotten": "https://aops.fr/compte/mot-de-passe-oublie",
                }),
                None,
            ),
            (
                "calcul_termine",
                json!({ "module": "ifc", "state": "done", "link": "https://actuarem.com/espace-client/calculs/calc_1" }),
                None,
            ),
            (
                "webhook_arrete",
                json!({ "host": "client.example", "why": "failing", "link": "https://actuarem.com/espace-client/webhooks/wh_1" }),
                None,
            ),
            ("compte_bienvenue", json!({ "link": "https://aops.fr/espace-client/" }), None),
            (
                "compte_existant",
                json!({
                    "link": "https://aops.fr/compte/connexion",
                    "forgotten": "https://aops.fr/compte/mot-de-passe-oublie",
                }),
                None,
            ),
            ("mot_de_passe_change", json!({ "link": "https://aops.fr/compte/mot-de-passe-oublie" }), None),
            (
                "mot_de_passe",
                json!({ "link": "https://aops.fr/compte/reinitialisation?jeton=abc", "minutes": 60 }),
                None,
            ),
            (
                "commande_confirmee",
                json!({
                    "offer": "Rentes viagères", "order": "ord_1", "amount_cents": 129_000, "currency": "eur",
                    "cgv_version": "2026-11-01", "link": "https://aops.fr/espace-client/",
                }),
                None,
            ),
        ]
    }

    #[test]
    fn no_mail_of_the_theme_goes_untested() {
        let mut tested: Vec<_> = mails().iter().map(|(name, ..)| format!("{name}.md")).collect();
        tested.extend(["base.html".to_owned(), "foot.md".to_owned()]);
        tested.sort();
        let mut there: Vec<_> = fs::read_dir(repository().join("themes/aops/mail"))
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        there.sort();
        assert_eq!(there, tested);
    }

    // p-identity, p-dpo
    /// Proves p-dpo, p-identity.
    #[test]
    fn every_mail_says_the_same_in_both_parts_and_who_writes_and_why() {
        let (texts, settings) = (theme(), settings());
        for (name, context, leave) in mails() {
            for language in [Language::Fr, Language::En] {
                let mail = render(&texts, &settings, name, language, &context, leave).unwrap();
                let tag = language.tag();
                insta::assert_snapshot!(
                    format!("{name}.{tag}"),
                    format!("{}\n\n{}", mail.subject, mail.text)
                );
                if UNSENT.contains(&name) {
                    insta::assert_snapshot!(format!("{name}.{tag}.html"), mail.html);
                }
                assert!(!mail.subject.contains(char::is_control), "{name}");
                for line in mail.text.lines() {
                    assert!(line.chars().count() <= 76, "{name} {tag}: {line}");
                }
                for part in [&mail.text, &mail.html] {
                    for said in
                        ["AOPS Conseil", "3 rue de l’Arc de Triomphe", "75017 Paris", "RCS Paris 807.648.282"]
                    {
                        assert!(part.contains(said), "{name} {tag}: {said}");
                    }
                    assert!(part.contains("dpo@aops.fr"), "{name} {tag}");
                    assert_eq!(
                        part.contains("/newsletter/desinscription?jeton="),
                        leave.is_some(),
                        "{name} {tag}"
                    );
                    let missing = part.contains(" mail.") || part.contains("{{") || part.contains("field.");
                    assert!(!missing, "{name} {tag}: {part}");
                }
                assert!(mail.html.contains(&format!("<html lang=\"{tag}\">")));
                for remote in ["<img", "src=", "url(", "<link", "@import", "<script"] {
                    assert!(!mail.html.contains(remote), "{name} asks nothing of a server: {remote}");
                }
            }
        }
    }

    #[test]
    fn what_people_typed_is_words_in_both_parts() {
        let typed = "[x](http://evil) <script>alert(1)</script> *a* 👩🏽‍💻 שלום\r\n\r\n# b\r\n> c\r\n- d";
        let mut context = json!({
            "nom": typed, "prenom": typed, "email": "a@example.org", "telephone": typed, "raison_sociale": typed,
            "adresse": typed, "message": typed, "title": typed, "lead": typed, "link": "https://aops.fr/", "offer": typed,
            "order": typed, "minutes": 30, "text": typed, "reference": typed, "until": "2029-11-24", "answer_by": "2029-11-24", "anchor": typed, "what": "added",
            "agent": { "browser": "firefox", "system": "linux" }, "at": "2029-11-24T10:00:00Z", "forgotten": "https://aops.fr/", "new": typed, "hours": 24, "days": 7,
            "day": "2029-11-24T10:00:00Z", "amount_cents": 100, "number": typed, "organisation": typed, "by": typed,
            "role": "member", "module": "ifc", "host": typed, "beginning": typed, "scopes": ["compute"],
        });
        let more = json!({
            "state": "new", "right": "acces", "due": "2029-11-24", "why": typed, "said": typed, "client": typed,
            "received": "2029-11-24", "cnil": "https://www.cnil.fr/", "began": "2029-11-24T10:00:00Z",
            "known": "2029-11-24T10:00:00Z", "data": ["orders"], "consequences": typed, "measures": typed,
            "deadline": "2029-11-24T10:00:00Z", "level": "limited", "persons": 1, "clients": 1,
            "applies": "2029-11-24", "added": [{ "name": typed, "role": typed, "country": typed, "safeguard": typed }],
            "removed": [], "changed": [], "first": "2029-11-24", "last": "2029-11-25", "auditor": typed,
            "firm": typed, "scope": typed, "duty": "training", "email": typed, "end": "2029-11-24",
        });
        context.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (texts, settings) = (theme(), settings());
        // What an editor published is Markdown, and no visitor's words.
        for (name, ..) in mails().into_iter().filter(|(name, ..)| *name != "newsletter_numero") {
            let mail = render(&texts, &settings, name, Language::Fr, &context, None).unwrap();
            let all = format!("{}\n{}", mail.subject, mail.text);
            assert!(
                !mail.html.contains("<script") && !mail.html.contains("href=\"http://evil"),
                "{}",
                mail.html
            );
            assert!(!mail.subject.contains(char::is_control), "{:?}", mail.subject);
            if ["contact_accuse", "contact_equipe", "contact_reponse", "reclamation_accuse"].contains(&name) {
                for part in ["[x](http://evil)", "<script>alert(1)</script>", "*a*", "👩🏽‍💻", "שלום", "# b"]
                {
                    assert!(all.contains(part), "{name}: {part} in {all}");
                }
                assert!(mail.html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{}", mail.html);
                assert_eq!(mail.html.matches("<blockquote").count(), 1);
            }
        }
    }

    #[test]
    fn a_context_cannot_speak_for_the_firm() {
        let context = json!({ "message": "m", "company": { "name": "Autre" }, "base_url": "https://evil", "lang": "en" });
        let mail = render(&theme(), &settings(), "contact_accuse", Language::Fr, &context, None).unwrap();
        assert!(!mail.html.contains("Autre") && !mail.html.contains("https://evil"));
        assert!(mail.html.contains("<html lang=\"fr\">"));
    }

    #[test]
    fn a_source_without_its_three_lines_tells_which_is_missing() {
        let templates =
            [("mail/a.md", "Subject: A\n\nBonjour"), ("mail/base.html", ""), ("mail/foot.md", "")];
        let templates = templates.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        let texts = Texts::new(&Manifest { templates, ..Manifest::default() }).unwrap();
        let why = |name: &str| match render(&texts, &settings(), name, Language::Fr, &json!({}), None) {
            Ok(_) => panic!("{name} is a letter"),
            Err(error) => error.to_string(),
        };
        assert!(why("a").contains("Preheader: is missing"), "{}", why("a"));
        assert!(why("b").contains("mail/b.md"), "{}", why("b"));
    }
}
