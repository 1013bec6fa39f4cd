use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use axum::body::Body;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, Method, StatusCode, header};
use jiff::SignedDuration;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::AT_MOST;
use crate::accounts::{self, Account, sessions};
use crate::app::{App, SharedApp};
use crate::email::Email;
use crate::testing;

const PAGE: &str = "/espace-client/cles-acces";
const SIGN_IN: &str = "/compte/cle-acces";

/// An authenticator in software, which tests can have lie (Web Authentication, level 3, § 6).
struct Authenticator {
    key: EcdsaKeyPair,
    id: Vec<u8>,
    handle: Vec<u8>,
    /// None counts nothing, as those do that are kept on several devices.
    counter: Option<u32>,
    origin: &'static str,
    site: &'static str,
    verifies: bool,
}

impl Authenticator {
    fn new() -> Self {
        Self {
            key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap(),
            id: crate::accounts::random::bytes::<32>().unwrap().to_vec(),
            handle: Vec::new(),
            counter: Some(1),
            origin: "https://localhost:8443",
            site: "localhost",
            verifies: true,
        }
    }

    /// Makes a credential.
    fn made(&mut self, options: &Value) -> Value {
        self.handle = URL_SAFE_NO_PAD.decode(options["user"]["id"].as_str().unwrap()).unwrap();
        let public = self.key.public_key().as_ref();
        let length = u8::try_from(self.id.len()).unwrap();
        // COSE (RFC 9053 § 7.1): an EC2 key on P-256 for ES256.
        let cose = [
            &b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20"[..],
            &public[1..33],
            b"\x22\x58\x20",
            &public[33..],
        ];
        let attested = [&[0; 16][..], &[0, length], &self.id, &cose.concat()].concat();
        let data = [self.data(0x40), attested].concat();
        let size = u16::try_from(data.len()).unwrap().to_be_bytes();
        let object =
            [b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59".as_slice(), &size, &data].concat();
        let client = self.client("webauthn.create", options);
        json!({
            "id": URL_SAFE_NO_PAD.encode(&self.id), "rawId": URL_SAFE_NO_PAD.encode(&self.id), "type": "public-key",
            "response": {
                "attestationObject": URL_SAFE_NO_PAD.encode(object),
                "clientDataJSON": URL_SAFE_NO_PAD.encode(client),
                "transports": ["internal"],
            },
            "clientExtensionResults": { "credProps": { "rk": true } },
        })
    }

    /// Signs with it.
    fn given(&mut self, options: &Value) -> Value {
        self.counter = self.counter.map(|counter| counter + 1);
        let data = self.data(0);
        let client = self.client("webauthn.get", options);
        let signed = [data.as_slice(), &Sha256::digest(&client)].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).unwrap();
        json!({
            "id": URL_SAFE_NO_PAD.encode(&self.id), "rawId": URL_SAFE_NO_PAD.encode(&self.id), "type": "public-key",
            "response": {
                "authenticatorData": URL_SAFE_NO_PAD.encode(data),
                "clientDataJSON": URL_SAFE_NO_PAD.encode(client),
                "signature": URL_SAFE_NO_PAD.encode(signature.as_ref()),
                "userHandle": URL_SAFE_NO_PAD.encode(&self.handle),
            },
            "clientExtensionResults": {},
        })
    }

    fn data(&self, flags: u8) -> Vec<u8> {
        let verified = if self.verifies { 0x04 } else { 0 };
        [&Sha256::digest(self.site)[..], &[0x01 | verified | flags], &self.counter.unwrap_or(0).to_be_bytes()]
            .concat()
    }

    fn client(&self, kind: &str, options: &Value) -> Vec<u8> {
        let said = json!({
            "type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": false,
        });
        said.to_string().into_bytes()
    }
}

/// What a page asks: the token and the options.
async fn asked(app: &SharedApp, path: &str, headers: &HeaderMap) -> (String, Value) {
    let page = testing::text(testing::ask(app, Method::GET, path, headers, Body::empty()).await).await;
    let value = |name: &str| page.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
    let token = value("token=").unwrap_or_else(|| panic!("{path} asks for no passkey: {page}"));
    (token, serde_json::from_str(&value("options=").unwrap()).unwrap())
}

async fn answer(
    app: &SharedApp,
    path: &str,
    headers: &HeaderMap,
    token: &str,
    answer: &Value,
    more: &[(&str, &str)],
) -> Response {
    let text = answer.to_string();
    let fields = [&[("jeton", token), ("reponse", &text)][..], more].concat();
    testing::post(app, path, headers, &serde_urlencoded::to_string(fields).unwrap()).await
}

/// An account with a passkey.
async fn enrolled(app: &SharedApp, email: &str) -> (Account, Authenticator) {
    let account = testing::account(app, email).await;
    let session = testing::signed_in(app, &account).await;
    let mut authenticator = Authenticator::new();
    let (token, options) = asked(app, PAGE, &session).await;
    let made = authenticator.made(&options);
    let added = answer(app, PAGE, &session, &token, &made, &[("nom_cle", "Mon téléphone")]).await;
    let done = format!("{PAGE}?fait=ajoutee");
    assert_eq!((added.status(), testing::location(&added)), (StatusCode::SEE_OTHER, done.as_str()));
    (stored(app, email).await, authenticator)
}

async fn stored(app: &App, email: &str) -> Account {
    accounts::find(app, &Email::parse(email).unwrap()).await.unwrap().unwrap()
}

async fn tries(app: &SharedApp, authenticator: &mut Authenticator) -> Response {
    tries_for(app, authenticator, "/espace-client/journal").await
}

async fn tries_for(app: &SharedApp, authenticator: &mut Authenticator, suite: &str) -> Response {
    let (token, options) = asked(app, "/compte/connexion", &HeaderMap::new()).await;
    let given = authenticator.given(&options);
    answer(app, SIGN_IN, &HeaderMap::new(), &token, &given, &[("suite", suite)]).await
}

/// The letters about passkeys that wait.
async fn told(app: &App) -> Vec<String> {
    let letters = testing::letters(app).await;
    let about = letters.iter().filter(|mail| mail.template == "cle_acces");
    about.map(|mail| mail.context["what"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_passkey_signs_in_without_a_password_and_its_holder_is_told_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (account, mut authenticator) = enrolled(&app, "a@example.com").await;
    assert_eq!(account.passkeys[0].name, "Mon téléphone");
    assert_eq!(told(&app).await, ["added"]);
    for (suite, expected) in
        [("/espace-client/journal", "/espace-client/journal"), ("//evil.example", "/espace-client/")]
    {
        let opened = tries_for(&app, &mut authenticator, suite).await;
        assert_eq!(opened.status(), StatusCode::SEE_OTHER);
        assert_eq!(testing::location(&opened), expected);
        let session = testing::sent_back(&opened);
        assert!(accounts::require_proof(&app, &session, "/").await.is_ok(), "a passkey is a proof");
    }
    let account = stored(&app, "a@example.com").await;
    assert!(account.passkeys[0].used.is_some() && account.seen.is_some());
    let kept = serde_json::to_value(&account.passkeys[0].credential).unwrap();
    assert_eq!(kept["cred"]["counter"], 3);
}

#[tokio::test]
async fn the_page_asks_for_a_key_that_keeps_the_account_and_verifies_its_holder_and_none_that_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (account, authenticator) = enrolled(&app, "a@example.com").await;
    let session = testing::signed_in(&app, &account).await;
    let (_, options) = asked(&app, PAGE, &session).await;
    assert_eq!(options["authenticatorSelection"]["residentKey"], "required");
    assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
    assert_eq!(options["attestation"], "none");
    assert_eq!(options["excludeCredentials"][0]["id"], URL_SAFE_NO_PAD.encode(&authenticator.id));
    let (_, options) = asked(&app, "/compte/connexion", &HeaderMap::new()).await;
    assert_eq!((&options["rpId"], &options["userVerification"]), (&json!("localhost"), &json!("required")));
    assert!(options["allowCredentials"].as_array().is_none_or(Vec::is_empty), "{options}");
}

#[tokio::test]
async fn authenticators_know_the_platform_by_its_own_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut app = testing::app(folder.path(), SignedDuration::ZERO).await;
    app.settings.platform_url = "https://actuarem.example".into();
    let app = std::sync::Arc::new(app);
    let (_, options) = asked(&app, "/compte/connexion", &HeaderMap::new()).await;
    assert_eq!(options["rpId"], "actuarem.example");
}

#[tokio::test]
async fn what_an_authenticator_answered_once_opens_nothing_a_second_time() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (_, mut authenticator) = enrolled(&app, "a@example.com").await;
    let (token, options) = asked(&app, "/compte/connexion", &HeaderMap::new()).await;
    let given = authenticator.given(&options);
    let nobody = HeaderMap::new();
    let post = || answer(&app, SIGN_IN, &nobody, &token, &given, &[]);
    let (a, b, c) = tokio::join!(post(), post(), post());
    let opened = [a, b, c].iter().filter(|answer| answer.status() == StatusCode::SEE_OTHER).count();
    assert_eq!(opened, 1, "of three at once");
    let again = post().await;
    assert_eq!(again.status(), StatusCode::UNAUTHORIZED);
    assert!(!again.headers().contains_key(header::SET_COOKIE));
    let (fresh, _) = asked(&app, "/compte/connexion", &nobody).await;
    let other = answer(&app, SIGN_IN, &nobody, &fresh, &given, &[]).await;
    assert_eq!(other.status(), StatusCode::UNAUTHORIZED, "an answer to another question");
}

#[tokio::test]
async fn an_answer_that_was_taken_is_refused_although_its_key_counts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let account = testing::account(&app, "a@example.com").await;
    let session = testing::signed_in(&app, &account).await;
    let mut authenticator = Authenticator { counter: None, ..Authenticator::new() };
    let (token, options) = asked(&app, PAGE, &session).await;
    let made = authenticator.made(&options);
    assert_eq!(answer(&app, PAGE, &session, &token, &made, &[]).await.status(), StatusCode::SEE_OTHER);
    let (token, options) = asked(&app, "/compte/connexion", &HeaderMap::new()).await;
    let given = authenticator.given(&options);
    let mut statuses = Vec::new();
    for _ in 0..2 {
        statuses.push(answer(&app, SIGN_IN, &HeaderMap::new(), &token, &given, &[]).await.status().as_u16());
    }
    assert_eq!(statuses, [303, 401]);
}

#[tokio::test]
async fn of_another_origin_another_site_or_without_its_holder_s_verification_a_passkey_opens_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (_, mut authenticator) = enrolled(&app, "a@example.com").await;
    let (own, theirs) = (authenticator.handle.clone(), vec![7; 16]);
    type Lie = fn(&mut Authenticator);
    let lies: [(&str, Lie); 6] = [
        ("an origin of somebody else", |one| one.origin = "https://evil.example"),
        ("a name below ours", |one| one.origin = "https://localhost.evil.example:8443"),
        ("no encryption", |one| one.origin = "http://localhost:8443"),
        ("another site", |one| one.site = "evil.example"),
        ("nobody verified", |one| one.verifies = false),
        ("another's key", |one| one.key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap()),
    ];
    let key = authenticator.key.to_pkcs8v1().unwrap();
    authenticator.handle = theirs;
    assert_eq!(tries(&app, &mut authenticator).await.status(), StatusCode::UNAUTHORIZED, "another account");
    authenticator.handle = own;
    for (what, lie) in lies {
        lie(&mut authenticator);
        let refused = tries(&app, &mut authenticator).await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED, "{what}");
        assert!(!refused.headers().contains_key(header::SET_COOKIE), "{what}");
        authenticator = Authenticator {
            key: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key.as_ref()).unwrap(),
            origin: "https://localhost:8443",
            site: "localhost",
            verifies: true,
            ..authenticator
        };
    }
    assert_eq!(tries(&app, &mut authenticator).await.status(), StatusCode::SEE_OTHER, "and truly it does");
}

#[tokio::test]
async fn a_passkey_whose_counter_goes_back_is_refused_and_its_holder_told() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (account, mut authenticator) = enrolled(&app, "a@example.com").await;
    authenticator.counter = Some(40);
    assert_eq!(tries(&app, &mut authenticator).await.status(), StatusCode::SEE_OTHER);
    for back in [40, 7] {
        authenticator.counter = Some(back);
        assert_eq!(tries(&app, &mut authenticator).await.status(), StatusCode::UNAUTHORIZED);
        authenticator.counter = Some(40);
    }
    assert!(told(&app).await.contains(&"refused".to_owned()));
    crate::audit::settle(&app).await.unwrap();
    let part = crate::audit::part(&app, &account.organisation, None).await.unwrap();
    assert!(part.events.iter().any(|event| event.action == "passkey refused"));
}

#[tokio::test]
async fn a_passkey_stands_for_the_code_of_the_second_step_and_for_the_password_of_a_confirmation() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (mut account, mut mine) = enrolled(&app, "a@example.com").await;
    let (_, mut theirs) = enrolled(&app, "b@example.com").await;
    accounts::second_factor::tests::add_to(&app, &mut account).await;
    let form = "email=a%40example.com&mot_de_passe=Vr7!kd0%23QzpL";
    let step = testing::post(&app, "/compte/connexion", &HeaderMap::new(), form).await;
    let (path, step) = ("/compte/double-authentification", testing::sent_back(&step));
    let (token, options) = asked(&app, path, &step).await;
    let id = URL_SAFE_NO_PAD.encode(&mine.id);
    assert_eq!(options["allowCredentials"], json!([{ "type": "public-key", "id": id }]));
    let refused = answer(&app, path, &step, &token, &theirs.given(&options), &[]).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY, "somebody else's");
    let opened = answer(&app, path, &step, &token, &mine.given(&options), &[]).await;
    assert_eq!(opened.status(), StatusCode::SEE_OTHER);
    assert!(sessions::current(&app, &testing::sent_back(&opened)).await.unwrap().is_some());
    drop(app);
    let app = std::sync::Arc::new(testing::app(folder.path(), SignedDuration::from_mins(20)).await);
    let session = testing::sent_back(&opened);
    let path = "/compte/confirmation?suite=/espace-client/cles-acces";
    let (token, options) = asked(&app, path, &session).await;
    let (anybody, _) = asked(&app, "/compte/connexion", &HeaderMap::new()).await;
    for (token, given) in [(&token, theirs.given(&options)), (&anybody, mine.given(&options))] {
        let refused = answer(&app, "/compte/confirmation", &session, token, &given, &[]).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    }
    let given = mine.given(&options);
    let proved = answer(&app, "/compte/confirmation", &session, &token, &given, &[("suite", PAGE)]).await;
    assert_eq!((proved.status(), testing::location(&proved)), (StatusCode::SEE_OTHER, PAGE));
    assert!(accounts::require_proof(&app, &testing::sent_back(&proved), PAGE).await.is_ok());
}

#[tokio::test]
async fn passkeys_are_named_and_removed_by_their_holder_alone_and_one_that_is_gone_opens_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (account, mut authenticator) = enrolled(&app, "a@example.com").await;
    let (other, _) = enrolled(&app, "b@example.com").await;
    let (mine, theirs) = (&account.passkeys[0].id, &other.passkeys[0].id);
    let session = testing::signed_in(&app, &account).await;
    let post = async |path: &str, form: String| testing::post(&app, path, &session, &form).await.status();
    let [name, remove] = ["nom", "retrait"].map(|what| format!("{PAGE}/{what}"));
    assert_eq!(post(&name, format!("cle={theirs}&nom_cle=x")).await, StatusCode::NOT_FOUND);
    assert_eq!(post(&remove, format!("cle={theirs}")).await, StatusCode::NOT_FOUND);
    assert_eq!(post(&name, format!("cle={mine}&nom_cle=")).await, StatusCode::UNPROCESSABLE_ENTITY);
    let breaks = format!("cle={mine}&nom_cle=a%0D%0ABcc:%20x");
    assert_eq!(post(&name, breaks).await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(post(&name, format!("cle={mine}&nom_cle=Bureau")).await, StatusCode::SEE_OTHER);
    assert_eq!(stored(&app, "a@example.com").await.passkeys[0].name, "Bureau");
    assert_eq!(post(&remove, format!("cle={mine}&role=owner")).await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(post(&remove, format!("cle={mine}")).await, StatusCode::SEE_OTHER);
    assert_eq!(tries(&app, &mut authenticator).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(told(&app).await, ["added", "added", "removed"]);
    assert_eq!(stored(&app, "b@example.com").await.passkeys.len(), 1);
}

#[tokio::test]
async fn an_answer_to_another_s_question_a_late_one_and_a_known_key_are_not_added() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (_, mut authenticator) = enrolled(&app, "a@example.com").await;
    let other = testing::account(&app, "b@example.com").await;
    let (mine, theirs) = (stored(&app, "a@example.com").await, other);
    let (own, foreign) = (testing::signed_in(&app, &mine).await, testing::signed_in(&app, &theirs).await);
    let (token, options) = asked(&app, PAGE, &foreign).await;
    let made = authenticator.made(&options);
    let crossed = answer(&app, PAGE, &own, &token, &made, &[]).await;
    assert_eq!(
        crossed.status(),
        StatusCode::UNPROCESSABLE_ENTITY,
        "a question that was put to somebody else"
    );
    let known = answer(&app, PAGE, &foreign, &token, &made, &[]).await;
    assert_eq!(known.status(), StatusCode::UNPROCESSABLE_ENTITY, "a key of another account");
    assert!(stored(&app, "b@example.com").await.passkeys.is_empty());
    let mut unverified = Authenticator { verifies: false, ..Authenticator::new() };
    let (token, options) = asked(&app, PAGE, &own).await;
    let refused = answer(&app, PAGE, &own, &token, &unverified.made(&options), &[]).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let mut fresh = Authenticator::new();
    let (token, options) = asked(&app, PAGE, &own).await;
    let made = fresh.made(&options);
    for (token, made) in [("", &made), ("nonsense", &made), (token.as_str(), &json!({ "id": 1 }))] {
        let refused = answer(&app, PAGE, &own, token, made, &[]).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    }
    drop(app);
    let app = std::sync::Arc::new(testing::app(folder.path(), SignedDuration::from_mins(31)).await);
    let session = testing::signed_in(&app, &mine).await;
    let late = answer(&app, PAGE, &session, &token, &made, &[]).await;
    assert_eq!(late.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(stored(&app, "a@example.com").await.passkeys.len(), 1);
    assert!(stored(&app, "a@example.com").await.passkeys.len() < AT_MOST);
}
