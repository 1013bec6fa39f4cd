//! An application on a folder of its own, for unit tests of the features: a real store, real keys, and a site
//! of one frame.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use aops_manifest::{FILE_NAME, Language, Manifest, Shell, VERSION};
use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method, Request, header};
use http_body_util::BodyExt;
use jiff::SignedDuration;

use crate::accounts::{self, Account, NewAccount, Role, sessions};
use crate::app::{App, SharedApp};
use crate::audience::AudienceConfig;
use crate::clock::Clock;
use crate::config::{Environment, MailConfig, Offer, Period, Secrets, Settings};
use crate::consent::{ConsentConfig, Registry};
use crate::email::Email;
use crate::processors::{self, Processor};
use crate::server;
use crate::web::Peer;
use crate::web::router::{self, Routes};

/// Settings of a development gateway that lives in `folder`, its clock ahead by so much.
pub(crate) fn settings(folder: &Path, ahead: SignedDuration) -> Settings {
    let gateway = serde_json::json!({ "hosts": ["localhost"] });
    Settings {
        environment: Environment::Development,
        base_url: "https://localhost:8443".into(),
        platform_url: "https://localhost:8443".into(),
        data: folder.join("data"),
        public: folder.join("public"),
        gateway: serde_json::from_value(gateway).unwrap(),
        valkey: None,
        store: None,
        blobs: None,
        traces: None,
        mail: MailConfig {
            from: "a@example.com".into(),
            from_name: "A".into(),
            staff: "b@example.com".into(),
            smtp: None,
            readers_per_second: 500,
        },
        company: BTreeMap::new(),
        retention: Default::default(),
        consent: consent(),
        audience: AudienceConfig::default(),
        calculations: Default::default(),
        offers: vec![offer("rente", 49_000), offer("ifc", 129_000)],
        tax: None,
        processors: processors(),
        sources: "a".repeat(64),
        secrets: Secrets { stripe_webhook_secrets: vec!["whsec_test".into()], ..Secrets::default() },
        clock: Clock::shifted(ahead),
        limits_factor: 1,
        webhooks_here: Vec::new(),
    }
}

/// An application in `folder`; the same folder may be opened again, later.
pub(crate) async fn app(folder: &Path, ahead: SignedDuration) -> App {
    let settings = settings(folder, ahead);
    std::fs::create_dir_all(&settings.public).unwrap();
    std::fs::write(settings.public.join(FILE_NAME), serde_json::to_vec(&manifest()).unwrap()).unwrap();
    server::open(settings, None).await.unwrap()
}

/// As [`app`], with webhooks that may go to this place on this machine.
pub(crate) async fn calling(folder: &Path, here: std::net::SocketAddr) -> App {
    drop(app(folder, SignedDuration::ZERO).await);
    let settings = Settings { webhooks_here: vec![here], ..settings(folder, SignedDuration::ZERO) };
    server::open(settings, None).await.unwrap()
}

/// As [`app`], with issues of the newsletter on its site.
pub(crate) async fn with_letters(
    folder: &Path,
    letters: BTreeMap<String, BTreeMap<Language, aops_manifest::Letter>>,
) -> App {
    let app = app(folder, SignedDuration::ZERO).await;
    let manifest = Manifest { letters, ..manifest() };
    let file = app.settings.public.join(FILE_NAME);
    std::fs::write(file, serde_json::to_vec(&manifest).unwrap()).unwrap();
    app.site.store(Arc::new(crate::web::Site::load(&app.settings.public, false).unwrap()));
    app
}

/// An account of this address, whose password is [`PASSWORD`].
pub(crate) async fn account(app: &App, email: &str) -> Account {
    let email = Email::parse(email).unwrap();
    let new =
        NewAccount { email, password: String::from(PASSWORD).into(), role: Role::Owner, verified: true };
    accounts::create(app, new).await.unwrap()
}

/// A password that the policy takes.
pub(crate) const PASSWORD: &str = "Vr7!kd0#QzpL";

/// Where it asks from.
pub(crate) const PEER: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

/// What a browser sends once signed in.
pub(crate) async fn signed_in(app: &App, account: &Account) -> HeaderMap {
    sessions::begin(app, &HeaderMap::new(), account).await.unwrap().sent_back()
}

/// The router's answer to a posted form.
pub(crate) async fn post(app: &SharedApp, path: &str, headers: &HeaderMap, form: &str) -> Response {
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    let mut headers = headers.clone();
    headers.insert(header::CONTENT_TYPE, kind);
    ask(app, Method::POST, path, &headers, form.to_owned().into()).await
}

/// The router's answer.
pub(crate) async fn ask(
    app: &SharedApp,
    method: Method,
    path: &str,
    headers: &HeaderMap,
    body: Body,
) -> Response {
    let mut request = Request::builder().method(method).uri(path).body(body).unwrap();
    request.headers_mut().extend(headers.clone());
    request.extensions_mut().insert(Peer(PEER));
    let decoded = path.split('?').next().unwrap();
    router::answer(app, &Routes::new(app), decoded, request).await
}

/// What a browser that got an answer's cookies sends back.
pub(crate) fn sent_back(response: &Response) -> HeaderMap {
    let set = response.headers().get_all(header::SET_COOKIE).iter().map(|value| value.to_str().unwrap());
    let pairs: Vec<&str> = set.map(|cookie| cookie.split(';').next().unwrap()).collect();
    HeaderMap::from_iter([(header::COOKIE, pairs.join("; ").parse().unwrap())])
}

/// The letters that wait, the oldest first.
pub(crate) async fn letters(app: &App) -> Vec<crate::outbox::Mail> {
    crate::outbox::waiting(app).await
}

/// Where an answer leads.
pub(crate) fn location(response: &Response) -> &str {
    response.headers()[header::LOCATION].to_str().unwrap()
}

/// The whole body.
pub(crate) async fn text(response: Response) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// As [`app`], ready for the router.
pub(crate) async fn shared(folder: &Path) -> SharedApp {
    Arc::new(app(folder, SignedDuration::ZERO).await)
}

/// What this process holds in memory, in MB.
pub(crate) fn resident() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096 / 1_000_000
}

/// The theme's own services, all of them on.
fn consent() -> Registry {
    let theme = concat!(env!("CARGO_MANIFEST_DIR"), "/../themes/aops/services.toml");
    let config = ConsentConfig {
        banner: "b1".into(),
        policy: "p1".into(),
        google_analytics: Some("G-TEST".into()),
        linkedin_insight: Some("1".into()),
        ..ConsentConfig::default()
    };
    Registry::new(toml::from_str(&std::fs::read_to_string(theme).unwrap()).unwrap(), config).unwrap()
}

/// Those of the site.
fn processors() -> Vec<Processor> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../content/fr/sous-traitants.csv");
    processors::declared(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn offer(id: &str, price_cents: u32) -> Offer {
    Offer {
        id: id.into(),
        module: id.into(),
        price_cents,
        currency: "EUR".into(),
        period: Period::Year,
        seats: None,
        metered: None,
        example: true,
        name: BTreeMap::from([("fr".into(), id.to_uppercase())]),
        summary: BTreeMap::new(),
    }
}

fn manifest() -> Manifest {
    let html = format!("<title>{}</title>{}<main>{}</main>", Shell::TITLE, Shell::HEAD, Shell::MAIN);
    let shell = Shell { html, csp: "default-src 'none'".into() };
    let page = |name: &str| {
        (
            format!("gateway/{name}.html"),
            format!("{name} {{{{ form.values | get(key=\"email\", default=\"\") }}}}"),
        )
    };
    let plain = |name: &str| (format!("gateway/{name}.html"), name.to_owned());
    let passkey = "{% if passkey %}\ntoken={{ passkey.token }}\noptions={{ passkey.options | safe }}\n{% endif %}{% for one in passkeys or [] %}key={{ one.id }} {{ one.name }}\n{% endfor %}";
    let (name, text) = page("connexion");
    let templates = [(name, format!("{text}\n{passkey}")), page("form")].into_iter().chain(
        [
            "merci",
            "compte_verification",
            "commande_annulee",
            "paiement_test",
            "resiliation",
            "paiement_test_client",
            "rente",
            "error",
        ]
        .map(plain),
    );
    let journal =
        "{% for one in events %}{{ one.action }} {{ one.who }} {{ one.object }} {{ one.from }}\n{% endfor %}";
    let area = "espace_client\n{% for one in attention %}attention={{ one.what }}\n{% endfor %}{% for one in plans %}plan={{ one.offer }}{% if one.included %} {{ one.used }}/{{ one.included }}{% endif %}\n{% endfor %}{% for one in calculations %}calculation={{ one.module }}\n{% endfor %}";
    let factor = "{% if state == \"off\" %}\nsecret={{ secret }}\ntoken={{ token }}\n{% endif %}{% if state == \"codes\" %}\n{% for code in codes %}{{ code }}\n{% endfor %}{% endif %}";
    let devices = "{% for one in sessions %}\n{{ one.id }} {{ one.agent.browser }} {{ one.agent.system }} {{ one.own }}{% endfor %}";
    let templates = templates.chain(
        [
            ("gateway/espace_client.html", area),
            ("gateway/journal.html", journal),
            ("gateway/double_authentification.html", factor),
            ("gateway/abonnements.html", "{% for one in subscriptions %}{{ one.id }} {% endfor %}"),
            ("gateway/factures.html", "{% for one in invoices %}{{ one.number }} {% endfor %}"),
            (
                "gateway/changement.html",
                "{% if preview %}{{ preview.total_cents }} {{ preview.at }}{% endif %}",
            ),
            ("gateway/seconde_etape.html", passkey),
            ("gateway/confirmation.html", passkey),
            ("gateway/cles_acces.html", passkey),
            ("gateway/appareils.html", devices),
            ("gateway/adresse.html", "{{ email }} {{ moving }}"),
            (
                "gateway/donnees.html",
                "\n{% for one in datasets %}{{ one.id }} {{ one.name }}\n{% endfor %}{{ refused }}{% for name, code in errors %}{{ name }}={{ code }} {% endfor %}",
            ),
            ("gateway/jeu_de_donnees.html", "{{ dataset.id }} {% if compared %}{{ compared.came }} {{ compared.left }}{% endif %}"),
            (
                "gateway/corriger.html",
                "\nid={{ id }}\ntotal={{ total }} {{ page }}/{{ pages }} {{ shown }}\n{% for one in faults %}{{ one.row }} {{ one.column }}\n{% endfor %}",
            ),
            ("gateway/adresse_lien.html", "{{ state }} {{ token }}"),
            ("gateway/fermeture.html", "{{ alone }} {{ bought }}"),
            (
                "gateway/personnes.html",
                "{% for one in people %}{{ one.id }} {{ one.email }} {{ one.role }}\n{% endfor %}{% for one in invitations %}{{ one.id }} {{ one.email }}\n{% endfor %}{{ form.errors | get(key=\"email\", default=\"\") }}",
            ),
            ("gateway/invitation.html", "{{ state }}"),
            (
                "gateway/webhooks.html",
                "{% for one in webhooks %}{{ one.id }} {{ one.url }} {{ one.active }}\n{% endfor %}{% for name, code in form.errors %}{{ name }}={{ code }} {% endfor %}",
            ),
            (
                "gateway/webhook.html",
                "{{ webhook.id }} {{ done }}\n{% if secret %}secret={{ secret }}\n{% endif %}{% for one in deliveries %}{{ one.id }} {{ one.type }} {{ one.state }}\n{% endfor %}",
            ),
            ("gateway/cles.html", "{% for one in keys %}{{ one.id }} {{ one.name }}\n{% endfor %}"),
            ("gateway/droits.html", "{% for one in requests %}{{ one.word }} {{ one.state }}\n{% endfor %}"),
            ("gateway/droits_lien.html", "{{ state }}"),
            (
                "gateway/feuillet.html",
                "{{ leaflet.title }}\n{% for section in leaflet.sections %}# {{ section.title }}\n{% for paragraph in section.text %}{{ paragraph }}\n{% endfor %}{% for row in section.rows %}{% for cell in row %}{{ cell }} | {% endfor %}\n{% endfor %}{% endfor %}",
            ),
            (
                "gateway/confidentialite.html",
                "{% for one in lists %}{{ one.number }} {% if one.to_come %}to come{% elif one.in_force %}in force{% else %}before{% endif %}{% for added in one.change.added %} +{{ added.name }}{% endfor %}\n{% endfor %}",
            ),
            (
                "gateway/audit.html",
                "earliest={{ earliest }}\n{% for one in requests %}{{ one.id }} {{ one.state }}\n{% endfor %}{% for name, code in form.errors %}{{ name }}={{ code }}\n{% endfor %}",
            ),
            (
                "gateway/audit_acces.html",
                "{{ state }}\n{% for one in processors or [] %}{{ one.name }}\n{% endfor %}{% for one in events or [] %}{{ one.action }} {{ one.who }}\n{% endfor %}",
            ),
            (
                "gateway/violations.html",
                "{% if done %}{{ done }}{% endif %}{% if fault %}{{ fault }}{% endif %} keeps={{ keeps }}\n{% for one in breaches %}{{ one.id }} {{ one.hours }}{% for what in one.next %} {{ what }}{% endfor %}{% if one.filed %} {{ one.filed.reference }}{% endif %}\n{% endfor %}",
            ),
            (
                "gateway/violation_declaration.html",
                "\ntyped={{ form.values | get(key=\"faits\", default=\"\") }}\n{% for one in guide.levels %}{{ one.level }} {{ one.begins }}\n{% endfor %}{% for name, code in form.errors %}{{ name }}={{ code }}\n{% endfor %}{{ unknown }}",
            ),
            (
                "gateway/violation_relecture.html",
                "\nlevel={{ assessed.level }} letters={{ assessed.letters }} proved={{ proved }} rehearsal={{ assessed.rehearsal }}\n{% for one in clients.shown %}client {{ one }}\n{% endfor %}{% for one in persons.shown %}person {{ one }}\n{% endfor %}{% for name, value in values %}{{ name }}={{ value }}\n{% endfor %}",
            ),
            (
                "gateway/audits_equipe.html",
                "{% if fault %}{{ fault }}{% endif %} keeps={{ keeps }}\n{% for one in audits %}{{ one.id }} {{ one.state }}\n{% endfor %}",
            ),
            (
                "gateway/prestataires_equipe.html",
                "{% if done %}{{ done }}{% endif %}{% if fault %}{{ fault }}{% endif %} keeps={{ keeps }} {% if unannounced %}unannounced{% for added in unannounced.added %} +{{ added.name }}{% endfor %}{% endif %}",
            ),
            ("gateway/droits_index.html", "{{ address }}{% for one in kinds %} {{ one.file }}{% endfor %}"),
            ("gateway/calculs.html", "{% for one in jobs %}{{ one.id }} {% endfor %}"),
            ("gateway/calcul_choix.html", "{% for one in modules %}{{ one.id }} {% endfor %}"),
            (
                "gateway/calcul_nouveau.html",
                "{% for one in fields %}{{ one.name }}={{ one.value }}\n{% endfor %}{% for name, code in errors %}{{ name }}:{{ code }}\n{% endfor %}quote={{ quote.case }} chosen={% if chosen %}{{ chosen.id }}{% endif %}\n",
            ),
            (
                "gateway/hypotheses.html",
                "{% for one in own %}own {{ one.id }} {{ one.name }}\n{% endfor %}{% for one in last %}last {{ one.id }}\n{% endfor %}{{ done }}",
            ),
            (
                "gateway/hypotheses_jeu.html",
                "{{ jeu.id }}\n{% for one in fields %}{{ one.name }}={{ one.value }}\n{% endfor %}{% for name, code in errors %}{{ name }}:{{ code }}\n{% endfor %}",
            ),
            ("gateway/calcul.html", "{{ job.state }} {% for one in charts or [] %}{{ one.svg | safe }}{% endfor %}"),
            ("gateway/calcul_comparaison.html", "{% for one in results %}{{ one.name }} {{ one.difference }}\n{% endfor %}"),
            ("gateway/api_reference.html", "{% for one in operations %}{{ one.method }} {{ one.path }}\n{% endfor %}"),
        ]
        .map(|(name, text)| (name.to_owned(), text.to_owned())),
    );
    let mails = [
        ("a.md", "Subject: A\nPreheader: A\nReason: A\n\nA"),
        (
            "newsletter_numero.md",
            "Subject: {{ title }}\nPreheader: {{ lead }}\nReason: A\n\n{{ text | safe }}",
        ),
        ("foot.md", "Foot"),
        ("base.html", "{{ body }}"),
    ];
    let templates = templates.chain(mails.map(|(name, text)| (format!("mail/{name}"), text.to_owned())));
    Manifest {
        version: VERSION,
        shells: Language::ALL.into_iter().map(|language| (language, shell.clone())).collect(),
        templates: templates.collect(),
        ..Manifest::default()
    }
}
