use http::header;

use super::*;

fn with_cookie(text: &str) -> HeaderMap {
    HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(text).unwrap())])
}

#[test]
fn a_session_is_named_by_one_whole_cookie_and_stored_under_its_hash() {
    let token = random::token().unwrap();
    let address = named(&with_cookie(&format!("a=b; {COOKIE}={token}; c=d"))).unwrap();
    assert!(!address.to_string().contains(&token));
    assert_eq!(address.key.len(), 64);
    for other in [
        String::new(),
        format!("{COOKIE}="),
        format!("{COOKIE}={token}x"),
        format!("session={token}"),
        format!("{COOKIE}={token}; {COOKIE}={token}"),
    ] {
        assert_eq!(named(&with_cookie(&other)), None, "{other}");
    }
}

/// Proves p-necessary-only-own.
#[test]
fn the_cookie_is_bound_to_the_host_to_tls_and_kept_from_scripts() {
    let text = cookie("t", 60).unwrap();
    assert_eq!(text, "__Host-session=t; Path=/; Max-Age=60; Secure; HttpOnly; SameSite=Lax");
}

#[test]
fn p_relogin_a_session_ends_at_the_first_of_its_two_limits() {
    let signed_in = Timestamp::UNIX_EPOCH;
    let mut session = Session {
        organisation: "org_a".into(),
        account: "acc_a".into(),
        signed_in,
        proved: None,
        touched: signed_in,
        generation: 0,
    };
    assert_eq!(end(&session), signed_in + IDLE);
    session.touched = signed_in + SignedDuration::from_hours(11);
    assert_eq!(end(&session), session.touched + IDLE);
    session.touched = signed_in + SignedDuration::from_mins(11 * 60 + 50);
    assert_eq!(end(&session), signed_in + ABSOLUTE);
}

#[tokio::test]
async fn p_relogin_a_session_lives_by_the_clock_and_is_another_after_each_sign_in() {
    let folder = tempfile::tempdir().unwrap();
    let later = |minutes| crate::testing::app(folder.path(), SignedDuration::from_mins(minutes));
    let account = Account {
        id: "acc_a".into(),
        organisation: "org_a".into(),
        email: "a@example.com".into(),
        password: String::new(),
        role: crate::accounts::Role::Owner,
        verified: true,
        created: Timestamp::UNIX_EPOCH,
        holder: None,
        accepted: Vec::new(),
        seen: None,
        language: aops_manifest::Language::Fr,
        warned: None,
        second_factor: None,
        passkeys: Vec::new(),
        moving: None,
        left: Vec::new(),
    };
    let app = later(0).await;
    let first = begin(&app, &HeaderMap::new(), &account).await.unwrap().sent_back();
    let second = begin(&app, &first, &account).await.unwrap().sent_back();
    assert_eq!(current(&app, &first).await.unwrap(), None);
    assert_eq!(current(&app, &second).await.unwrap().unwrap().account, "acc_a");
    drop(app);
    // 29 minutes at a time, it lives on; 31 minutes of rest end it.
    for minutes in [29, 58] {
        assert!(current(&later(minutes).await, &second).await.unwrap().is_some(), "{minutes}");
    }
    assert_eq!(current(&later(89).await, &second).await.unwrap(), None);
}

#[tokio::test]
async fn a_session_that_ended_by_sign_out_opens_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let app = crate::testing::app(folder.path(), SignedDuration::ZERO).await;
    let new = crate::accounts::NewAccount {
        email: crate::email::Email::parse("a@example.com").unwrap(),
        password: String::from("Vr7!kd0#QzpL").into(),
        role: crate::accounts::Role::Owner,
        verified: true,
    };
    let account = crate::accounts::create(&app, new).await.unwrap();
    let headers = begin(&app, &HeaderMap::new(), &account).await.unwrap().sent_back();
    assert!(require(&app, &headers, "/espace-client/").await.is_ok());
    let forget = end_current(&app, &headers).await.unwrap();
    assert!(forget.to_str().unwrap().starts_with("__Host-session=; Path=/; Max-Age=0;"));
    assert!(require(&app, &headers, "/espace-client/").await.is_err());
}

#[test]
fn p_relogin_the_privacy_page_and_the_list_of_cookies_tell_the_limits_that_are_kept() {
    let told = |file: &str| {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
        std::fs::read_to_string(file).unwrap()
    };
    let page = told("content/fr/confidentialite.md");
    let (idle, absolute) = (IDLE.as_mins(), ABSOLUTE.as_hours());
    for said in [
        format!("{idle} minutes sans activité, et {absolute} heures dans tous les cas"),
        format!("s’il n’a pas été donné depuis {} minutes", RECENT.as_mins()),
    ] {
        assert!(page.contains(&said), "{said}");
    }
    let cookies = told("themes/aops/services.toml");
    assert!(cookies.contains(&format!("{idle} minutes sans activité, {absolute} heures au plus")));
    assert_eq!(devices::KNOWN.term, crate::retention::Term::Months(12));
    assert!(page.contains("pendant 12 mois après") && cookies.contains("12 mois après"));
}

#[tokio::test]
async fn p_relogin_a_proof_is_recent_for_a_quarter_of_an_hour_and_a_new_one_changes_the_name_not_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let later = |minutes| crate::testing::app(folder.path(), SignedDuration::from_mins(minutes));
    let app = later(0).await;
    let account = crate::testing::account(&app, "a@example.com").await;
    let first = begin(&app, &HeaderMap::new(), &account).await.unwrap().sent_back();
    let signed_in = require_proof(&app, &first, "/a").await.unwrap().signed_in;
    drop(app);
    let app = later(14).await;
    assert!(require_proof(&app, &first, "/a").await.is_ok());
    drop(app);
    let app = later(16).await;
    let asked = require_proof(&app, &first, "/a").await.unwrap_err().into_response();
    assert_eq!(asked.headers()[header::LOCATION], "/compte/confirmation?suite=/a");
    let session = require(&app, &first, "/a").await.unwrap();
    let second = renew(&app, &first, &session, &account).await.unwrap().sent_back();
    assert_eq!(current(&app, &first).await.unwrap(), None);
    let session = require_proof(&app, &second, "/a").await.unwrap();
    assert_eq!(session.signed_in, signed_in);
}

#[test]
fn the_way_back_after_sign_in_is_told_in_the_redirect() {
    let response = SignInNeeded::To(LocalPath::parse("/espace-client/?a=1")).into_response();
    assert_eq!(response.status(), 303);
    assert_eq!(response.headers()[header::LOCATION], "/compte/connexion?suite=/espace-client/%3Fa%3D1");
}
