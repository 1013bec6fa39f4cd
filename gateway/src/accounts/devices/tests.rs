use axum::body::Body;
use http::{Method, StatusCode, header};

use super::*;
use crate::testing;

const FORM: &str = "email=a%40example.com&mot_de_passe=Vr7!kd0%23QzpL";
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// Signs in with what a browser has kept; what it keeps then.
async fn sign_in(app: &SharedApp, kept: &HeaderMap) -> HeaderMap {
    let mut headers = kept.clone();
    headers.insert(header::USER_AGENT, FIREFOX.parse().unwrap());
    let answer = testing::post(app, "/compte/connexion", &headers, FORM).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    testing::sent_back(&answer)
}

/// The letters about new devices that wait.
async fn told(app: &App) -> Vec<Value> {
    let letters = testing::letters(app).await;
    letters.into_iter().filter(|mail| mail.template == "nouvel_appareil").map(|mail| mail.context).collect()
}

/// The lines of the page: name, browser, system, whether it is this one.
async fn listed(app: &SharedApp, headers: &HeaderMap) -> Vec<[String; 4]> {
    let shown = testing::ask(app, Method::GET, page::PAGE, headers, Body::empty()).await;
    assert_eq!(shown.status(), StatusCode::OK);
    let page = testing::text(shown).await;
    let words = |line: &str| -> Option<[String; 4]> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        words.try_into().ok().filter(|[name, ..]: &[String; 4]| name.len() == 64)
    };
    page.lines().map(|line| line.split("</main>").next().unwrap_or_default()).filter_map(words).collect()
}

#[tokio::test]
async fn a_sign_in_from_a_new_device_is_told_by_letter_and_one_from_a_known_device_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    testing::account(&app, "a@example.com").await;
    testing::account(&app, "b@example.com").await;
    let mine = sign_in(&app, &HeaderMap::new()).await;
    sign_in(&app, &mine).await;
    assert_eq!(told(&app).await, Vec::<Value>::new(), "nor is the first of all");
    let other = sign_in(&app, &HeaderMap::new()).await;
    let letters = told(&app).await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0]["agent"], json!({ "browser": "firefox", "system": "linux" }));
    assert!(letters[0]["link"].as_str().unwrap().ends_with("/espace-client/appareils"));
    sign_in(&app, &other).await;
    let planted = format!("{COOKIE}=planted; {COOKIE}=twice");
    sign_in(&app, &HeaderMap::from_iter([(header::COOKIE, planted.parse().unwrap())])).await;
    assert_eq!(told(&app).await.len(), 2, "a cookie that is none of ours names no device");
    drop(app);
    let later = SignedDuration::from_hours(24 * 367);
    let app = std::sync::Arc::new(testing::app(folder.path(), later).await);
    sign_in(&app, &mine).await;
    assert_eq!(told(&app).await.len(), 3, "after a year it is forgotten");
}

/// Proves p-necessary-only-own.
#[tokio::test]
async fn the_cookie_of_a_device_is_bound_to_the_host_and_stored_only_as_a_hash_of_each_account() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let account = testing::account(&app, "a@example.com").await;
    let other = testing::account(&app, "b@example.com").await;
    let answer = testing::post(&app, "/compte/connexion", &HeaderMap::new(), FORM).await;
    let set = answer.headers().get_all(header::SET_COOKIE).iter().map(|value| value.to_str().unwrap());
    let device = set.into_iter().find(|cookie| cookie.starts_with(COOKIE)).unwrap();
    assert!(device.ends_with("; Path=/; Max-Age=31536000; Secure; HttpOnly; SameSite=Lax"), "{device}");
    let token = device.split(['=', ';']).nth(1).unwrap();
    let (devices, _) = read(&app, &account).await.unwrap();
    assert_eq!(devices.known[0].mark, marked(&app, &account, token));
    assert_ne!(devices.known[0].mark, marked(&app, &other, token));
    assert!(!serde_json::to_string(&devices).unwrap().contains(token));
}

#[tokio::test]
async fn p_access_control_sessions_are_listed_and_one_or_all_others_are_ended_by_their_holder_alone() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    testing::account(&app, "a@example.com").await;
    let stranger = testing::account(&app, "b@example.com").await;
    let foreign = testing::signed_in(&app, &stranger).await;
    let mine = sign_in(&app, &HeaderMap::new()).await;
    let [second, third] = [sign_in(&app, &HeaderMap::new()).await, sign_in(&app, &HeaderMap::new()).await];
    let rows = listed(&app, &mine).await;
    let own: Vec<&str> = rows.iter().map(|row| row[3].as_str()).collect();
    assert_eq!(own, ["false", "false", "true"], "the newest first: {rows:?}");
    assert!(rows.iter().all(|row| (row[1].as_str(), row[2].as_str()) == ("firefox", "linux")));
    let end = async |headers: &HeaderMap, which: &str| {
        testing::post(&app, page::PAGE, headers, &format!("session={which}")).await
    };
    for nothing in ["", "x", rows[2][0].to_uppercase().as_str()] {
        assert_eq!(end(&mine, nothing).await.status(), StatusCode::NOT_FOUND);
    }
    assert_eq!(end(&foreign, &rows[0][0]).await.status(), StatusCode::NOT_FOUND, "another account's");
    assert_eq!(end(&mine, &rows[0][0]).await.status(), StatusCode::SEE_OTHER);
    assert!(sessions::current(&app, &third).await.unwrap().is_none());
    assert_eq!(listed(&app, &mine).await.len(), 2);
    let kept = end(&mine, "autres").await;
    assert_eq!(kept.status(), StatusCode::SEE_OTHER);
    for ended in [&mine, &second] {
        assert!(sessions::current(&app, ended).await.unwrap().is_none());
    }
    let kept = testing::sent_back(&kept);
    assert_eq!(listed(&app, &kept).await.len(), 1);
    assert!(sessions::current(&app, &foreign).await.unwrap().is_some());
    let nobody = end(&HeaderMap::new(), "autres").await;
    assert_eq!(testing::location(&nobody), "/compte/connexion?suite=/espace-client/appareils");
}

#[tokio::test]
async fn an_account_has_so_many_sessions_and_devices_at_most_and_the_oldest_go() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let account = testing::account(&app, "a@example.com").await;
    let first = testing::signed_in(&app, &account).await;
    for _ in 0..OPEN {
        testing::signed_in(&app, &account).await;
    }
    assert!(sessions::current(&app, &first).await.unwrap().is_none());
    let (devices, _) = read(&app, &account).await.unwrap();
    assert_eq!((devices.open.len(), devices.known.len()), (OPEN, AT_MOST));
}
