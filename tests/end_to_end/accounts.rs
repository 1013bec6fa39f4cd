//! A client signs in and out.

use crate::support::Gateway;

#[tokio::test]
async fn a_client_signs_in_sees_the_area_and_signs_out() {
    let gateway = Gateway::start().await;
    let (password, _) = gateway.client_account("client@example.org", Some("illimite"));
    let away = gateway.get("/espace-client/").await;
    assert_eq!(away.status(), 303);
    let to = away.headers()["location"].to_str().unwrap().to_owned();
    assert!(to.starts_with("/compte/connexion?suite="), "{to}");
    assert_eq!(gateway.get(&to).await.status(), 200);

    let fields =
        [("email", "client@example.org"), ("mot_de_passe", password.as_str()), ("suite", "/espace-client/")];
    let answer = gateway.post("/compte/connexion", &fields).await;
    assert_eq!(answer.status(), 303);
    assert_eq!(answer.headers()["location"], "/espace-client/");
    let set = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    for wanted in ["__Host-session=", "; Secure", "; HttpOnly", "; SameSite=", "; Path=/"] {
        assert!(set.contains(wanted), "{set}");
    }
    let cookie = set.split(';').next().unwrap().to_owned();
    let area =
        gateway.client().get(gateway.url("/espace-client/")).header("cookie", &cookie).send().await.unwrap();
    assert_eq!(area.status(), 200);
    assert_eq!(area.headers()["cache-control"], "no-store");
    assert!(area.text().await.unwrap().contains("client@example.org"));

    assert_eq!(gateway.post_as("/compte/deconnexion", &[], Some(&cookie)).await.status(), 303);
    let after =
        gateway.client().get(gateway.url("/espace-client/")).header("cookie", &cookie).send().await.unwrap();
    assert_eq!(after.status(), 303, "the old cookie opens nothing");
}

#[tokio::test]
async fn a_client_signs_up_and_a_kill_after_the_answer_loses_neither_the_letter_nor_the_account() {
    let mut gateway = Gateway::start().await;
    let fields = [
        ("nom", "Durand"),
        ("prenom", "Claire"),
        ("profession", "Actuaire"),
        ("raison_sociale", "Mutuelle d’essai"),
        ("adresse", "1 rue de l’Essai"),
        ("email", "claire@example.org"),
        ("mot_de_passe", "Cheval-correct-agrafe-9"),
        ("cgu", "accepte"),
    ];
    assert_eq!(gateway.post("/compte/inscription", &fields).await.status(), 303);
    gateway.kill();
    gateway.launch().await;
    let mail = gateway.mail_with(&["claire@example.org", "/compte/verification?jeton="]).await;
    let link = mail.find("/compte/verification?jeton=").map(|at| &mail[at..]).unwrap();
    let link = link.split(|c: char| c.is_whitespace() || ">)\"<".contains(c)).next().unwrap();
    let sign_in = [("email", "claire@example.org"), ("mot_de_passe", "Cheval-correct-agrafe-9")];
    assert_eq!(gateway.post("/compte/connexion", &sign_in).await.status(), 401, "not before");
    assert_eq!(gateway.get(link).await.status(), 200);
    gateway.kill();
    gateway.launch().await;
    assert_eq!(gateway.post("/compte/connexion", &sign_in).await.status(), 303);
    gateway.mail_with(&["claire@example.org", "/espace-client/"]).await;
    let kept = std::fs::read(gateway.data().join("aops.redb")).unwrap();
    for planted in ["claire@example.org", "Durand", "Mutuelle d’essai", "Cheval-correct-agrafe-9"] {
        let found = kept.windows(planted.len()).any(|window| window == planted.as_bytes());
        assert!(!found, "{planted} stands in clear in the store");
    }
}

#[tokio::test]
async fn wrong_and_unknown_are_told_alike_and_the_password_is_not_sent_back() {
    let gateway = Gateway::start().await;
    gateway.client_account("client@example.org", None);
    let mut pages = Vec::new();
    for email in ["client@example.org", "nobody@example.org"] {
        let answer = gateway
            .post("/compte/connexion", &[("email", email), ("mot_de_passe", "Not-the-password-1")])
            .await;
        assert_eq!(answer.status(), 401);
        let page = answer.text().await.unwrap();
        assert!(!page.contains("Not-the-password-1"));
        pages.push(page.replace(email, "EMAIL"));
    }
    assert_eq!(strip_ids(&pages[0]), strip_ids(&pages[1]));
}

#[tokio::test]
async fn the_way_back_never_leads_to_another_host() {
    let gateway = Gateway::start().await;
    let (password, _) = gateway.client_account("client@example.org", None);
    for suite in [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/%0d%0aX: y",
    ] {
        let fields = [("email", "client@example.org"), ("mot_de_passe", password.as_str()), ("suite", suite)];
        let answer = gateway.post("/compte/connexion", &fields).await;
        assert_eq!(answer.status(), 303, "{suite}");
        let to = answer.headers()["location"].to_str().unwrap();
        assert!(to.starts_with('/') && !to.starts_with("//") && !to.contains(['\\', '\t']), "{suite} → {to}");
    }
}

#[tokio::test]
async fn a_session_ends_by_itself() {
    let mut gateway = Gateway::start().await;
    let (password, _) = gateway.client_account("client@example.org", None);
    let cookie = gateway.sign_in("client@example.org", &password).await;
    gateway.stop();
    gateway.set("AOPS_NOW_OFFSET", "46800");
    gateway.launch().await;
    let area =
        gateway.client().get(gateway.url("/espace-client/")).header("cookie", &cookie).send().await.unwrap();
    assert_eq!(area.status(), 303, "thirteen hours later one signs in again");
}

/// Pages differ by nothing but what is random: the incident, and what a passkey is asked.
fn strip_ids(page: &str) -> String {
    let random = ["incident", "data-options=", "name=\"jeton\""];
    page.lines().filter(|line| !random.iter().any(|mark| line.contains(mark))).collect::<Vec<_>>().join("\n")
}
