use axum::body::Body;
use http::{HeaderMap, Method, StatusCode, header};
use jiff::SignedDuration;

use super::*;
use crate::accounts::{self, sessions};
use crate::email::Email;
use crate::testing;

const ENROL: &str = "/espace-client/double-authentification";
const STEP_PAGE: &str = "/compte/double-authentification";
const SIGN_IN: &str = "email=a%40example.com&mot_de_passe=Vr7!kd0%23QzpL&suite=%2Fespace-client%2Fjournal";

/// The code of a secret at the application's time, so many steps on.
fn code(app: &App, secret: &str, ahead: u64) -> String {
    let now = u64::try_from(app.clock.now().as_second()).unwrap();
    totp(secret, "-").unwrap().generate(now + ahead * STEP).to_string()
}

/// Gives an account a second factor, behind everybody's back.
pub(in crate::accounts) async fn add_to(app: &App, account: &mut Account) {
    let found = accounts::versioned(app, &account.organisation, &account.id).await.unwrap();
    let (found, version) = found.unwrap();
    let factor =
        SecondFactor { secret: draw().unwrap(), since: app.clock.now(), step: 0, recovery: Vec::new() };
    *account = Account { second_factor: Some(factor), ..found };
    let mut batch = crate::store::Batch::new(&account.organisation);
    accounts::put(app, &mut batch, account, version).await.unwrap();
    app.store.commit(batch).await.unwrap();
}

async fn stored(app: &App) -> Account {
    accounts::find(app, &Email::parse("a@example.com").unwrap()).await.unwrap().unwrap()
}

/// An account with a second factor, its secret, and its codes of recovery.
async fn enrolled(app: &SharedApp) -> (Account, String, Vec<String>) {
    let account = testing::account(app, "a@example.com").await;
    let session = testing::signed_in(app, &account).await;
    let page = testing::text(testing::ask(app, Method::GET, ENROL, &session, Body::empty()).await).await;
    let [secret, token] = ["secret=", "token="].map(|name| {
        let value = page.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        value.replace(' ', "")
    });
    let form = format!("jeton={token}&mot_de_passe_actuel=Vr7!kd0%23QzpL&code={}", code(app, &secret, 0));
    let added = testing::post(app, ENROL, &session, &form).await;
    assert_eq!(added.status(), StatusCode::OK);
    let shown = testing::text(added).await;
    let codes: Vec<String> = shown.lines().filter(|line| line.len() == 11).map(str::to_owned).collect();
    assert_eq!(codes.len(), RECOVERY_CODES, "{shown}");
    (stored(app).await, secret, codes)
}

/// The cookie that an answer sets, to be sent back.
fn sent_back(response: &axum::response::Response, name: &str) -> HeaderMap {
    let mut set = response.headers().get_all(header::SET_COOKIE).iter().map(|value| value.to_str().unwrap());
    let cookie = set.find(|cookie| cookie.starts_with(name)).unwrap().split(';').next().unwrap();
    HeaderMap::from_iter([(header::COOKIE, cookie.parse().unwrap())])
}

async fn password(app: &SharedApp) -> HeaderMap {
    let answer = testing::post(app, "/compte/connexion", &HeaderMap::new(), SIGN_IN).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(testing::location(&answer), "/compte/double-authentification?suite=/espace-client/journal");
    let step = sent_back(&answer, "__Host-etape=");
    assert!(sessions::current(app, &step).await.unwrap().is_none(), "the password alone opens nothing");
    step
}

#[tokio::test]
async fn signing_in_takes_the_password_and_a_code_that_serves_once() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (_, secret, _) = enrolled(&app).await;
    let step = password(&app).await;
    let used = testing::post(&app, STEP_PAGE, &step, &format!("code={}", code(&app, &secret, 0))).await;
    assert_eq!(
        used.status(),
        StatusCode::UNPROCESSABLE_ENTITY,
        "the code of the enrolment was taken already"
    );
    let next = format!("code={}&suite=%2F%2Fevil.example", code(&app, &secret, 1));
    let opened = testing::post(&app, STEP_PAGE, &step, &next).await;
    assert_eq!((opened.status(), testing::location(&opened)), (StatusCode::SEE_OTHER, "/espace-client/"));
    let session = sent_back(&opened, "__Host-session=");
    assert!(sessions::current(&app, &session).await.unwrap().is_some());
    let again = testing::post(&app, STEP_PAGE, &step, &next).await;
    assert_eq!(again.status(), StatusCode::UNPROCESSABLE_ENTITY, "a code is good for one sign-in");
}

#[tokio::test]
async fn of_two_posts_of_one_code_at_once_one_opens() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (_, secret, _) = enrolled(&app).await;
    let step = password(&app).await;
    let form = format!("code={}", code(&app, &secret, 1));
    let post = || testing::post(&app, STEP_PAGE, &step, &form);
    let (a, b, c) = tokio::join!(post(), post(), post());
    let opened = [a, b, c].iter().filter(|answer| answer.status() == StatusCode::SEE_OTHER).count();
    assert_eq!(opened, 1);
}

#[tokio::test]
async fn a_code_of_recovery_serves_once_however_it_is_copied_and_its_holder_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (account, _, codes) = enrolled(&app).await;
    assert!(account.second_factor.as_ref().unwrap().recovery.iter().all(|hash| !codes.contains(hash)));
    let step = password(&app).await;
    let copied = format!("code={}", codes[3].to_uppercase().replace('-', "+"));
    assert_eq!(testing::post(&app, STEP_PAGE, &step, &copied).await.status(), StatusCode::SEE_OTHER);
    assert_eq!(
        testing::post(&app, STEP_PAGE, &step, &copied).await.status(),
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert_eq!(stored(&app).await.second_factor.unwrap().left(), RECOVERY_CODES - 1);
    let letters = testing::letters(&app).await;
    let about = letters.iter().filter(|mail| mail.template == "second_facteur");
    let told: Vec<String> = about.map(|mail| mail.context["what"].to_string()).collect();
    assert_eq!(told, ["\"added\"", "\"recovery\""]);
}

#[tokio::test]
async fn guessing_codes_is_slowed_down_and_the_step_ends() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (_, secret, _) = enrolled(&app).await;
    let step = password(&app).await;
    let wrong = format!("code={:06}", (code(&app, &secret, 1).parse::<u32>().unwrap() + 1) % 1_000_000);
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(testing::post(&app, STEP_PAGE, &step, &wrong).await.status().as_u16());
    }
    assert_eq!(statuses, [422, 422, 422, 422, 422, 429]);
    drop(app);
    let app = std::sync::Arc::new(testing::app(folder.path(), SignedDuration::from_mins(11)).await);
    let late = testing::post(&app, STEP_PAGE, &step, &format!("code={}", code(&app, &secret, 0))).await;
    assert_eq!(testing::location(&late), "/compte/connexion");
    let nobody = testing::ask(&app, Method::GET, STEP_PAGE, &HeaderMap::new(), Body::empty()).await;
    assert_eq!(testing::location(&nobody), "/compte/connexion");
}

#[tokio::test]
async fn a_password_changed_meanwhile_ends_the_step() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (account, secret, _) = enrolled(&app).await;
    let step = password(&app).await;
    let session = testing::signed_in(&app, &account).await;
    let form = "mot_de_passe_actuel=Vr7!kd0%23QzpL&mot_de_passe=Nouveau-secret-9182";
    assert_eq!(testing::post(&app, "/espace-client/mot-de-passe", &session, form).await.status(), 303);
    let late = testing::post(&app, STEP_PAGE, &step, &format!("code={}", code(&app, &secret, 1))).await;
    assert_eq!(testing::location(&late), "/compte/connexion");
}

#[tokio::test]
async fn p_relogin_adding_renewing_and_removing_ask_the_password_and_a_code() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (account, secret, codes) = enrolled(&app).await;
    let session = testing::signed_in(&app, &account).await;
    let [renew, remove] = ["codes", "retrait"].map(|what| format!("{ENROL}/{what}"));
    let right = "mot_de_passe_actuel=Vr7!kd0%23QzpL";
    for form in ["", right, "mot_de_passe_actuel=faux&code=000000"] {
        for path in [&renew, &remove] {
            assert_eq!(
                testing::post(&app, path, &session, form).await.status(),
                StatusCode::UNPROCESSABLE_ENTITY
            );
        }
        // Each of them counts as a guess.
        app.throttle.succeeded(&account.id, crate::edge::prefix::ClientPrefix::of(testing::PEER));
    }
    let form = format!("{right}&code={}", codes[0]);
    assert_eq!(testing::post(&app, &renew, &session, &form).await.status(), StatusCode::OK);
    assert_eq!(
        testing::post(&app, &remove, &session, &form).await.status(),
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let form = format!("{right}&code={}", code(&app, &secret, 1));
    let removed = testing::post(&app, &remove, &session, &form).await;
    assert_eq!(removed.status(), StatusCode::SEE_OTHER);
    assert!(!stored(&app).await.has_second_factor());
    let answer = testing::post(&app, "/compte/connexion", &HeaderMap::new(), SIGN_IN).await;
    assert_eq!(testing::location(&answer), "/espace-client/journal");
}

#[tokio::test]
async fn a_secret_of_another_account_or_of_nobody_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let account = testing::account(&app, "a@example.com").await;
    let session = testing::signed_in(&app, &account).await;
    let secret = draw().unwrap();
    let later = app.clock.now() + SignedDuration::from_mins(5);
    let theirs = app.tokens.sign("authenticator", &format!("acc_other/{secret}"), later);
    for token in [theirs.as_str(), "", "nonsense"] {
        let form =
            format!("jeton={token}&mot_de_passe_actuel=Vr7!kd0%23QzpL&code={}", code(&app, &secret, 0));
        assert_eq!(
            testing::post(&app, ENROL, &session, &form).await.status(),
            StatusCode::UNPROCESSABLE_ENTITY
        );
    }
    assert!(!stored(&app).await.has_second_factor());
}

#[tokio::test]
async fn staff_takes_away_a_second_factor_that_is_lost_with_a_reason_in_the_log_and_a_letter() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let (account, ..) = enrolled(&app).await;
    let session = testing::signed_in(&app, &account).await;
    let email = Email::parse("a@example.com").unwrap();
    for reason in ["", "  ", "a\nb", "x".repeat(201).as_str()] {
        let refused = take_away(&app, &email, reason).await;
        assert!(matches!(refused, Err(NotTaken::Reason)), "{reason:?}");
    }
    let nobody = Email::parse("nobody@example.com").unwrap();
    assert!(matches!(take_away(&app, &nobody, "demande 12").await, Err(NotTaken::NoAccount)));
    assert_eq!(take_away(&app, &email, "demande 12").await.unwrap(), account.id);
    assert!(matches!(take_away(&app, &email, "demande 12").await, Err(NotTaken::None)));
    assert!(sessions::current(&app, &session).await.unwrap().is_none());
    let answer = testing::post(&app, "/compte/connexion", &HeaderMap::new(), SIGN_IN).await;
    assert_eq!(testing::location(&answer), "/espace-client/journal");
    crate::audit::settle(&app).await.unwrap();
    let part = crate::audit::part(&app, &account.organisation, None).await.unwrap();
    let noted = part.events.iter().find(|event| event.action == "second factor removed").unwrap();
    assert_eq!(noted.reason.as_deref(), Some("demande 12"));
    let letters = testing::letters(&app).await;
    assert!(letters.iter().any(|mail| mail.context["what"] == "taken_away"));
}

/// RFC 6238, appendix B: the secret `12345678901234567890` by SHA-1; the last six of eight digits.
#[test]
fn codes_are_those_of_the_rfc() {
    let secret = Secret::from(b"12345678901234567890".to_vec()).to_base32();
    for (time, expected) in
        [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (20_000_000_000, "353130")]
    {
        assert_eq!(totp(&secret, "-").unwrap().generate(time).to_string(), expected);
        let now = Timestamp::from_second(i64::try_from(time).unwrap()).unwrap();
        assert_eq!(step_of(&secret, expected, now), Some(time / STEP));
        assert_eq!(step_of(&secret, expected, now + SignedDuration::from_secs(90)), None);
    }
}
