//! What strangers send to the forms of accounts, on the wire.

use reqwest::Method;

use crate::intruders::taken;
use crate::support::{Gateway, link};

#[tokio::test]
async fn huge_passwords_and_huge_cookies_are_refused_and_the_gateway_goes_on() {
    let gateway = Gateway::start().await;
    let (password, _) = gateway.client_account("client@example.org", None);
    let megabyte = "a".repeat(1_000_000);
    for path in ["/compte/connexion", "/compte/inscription", "/compte/reinitialisation"] {
        let fields = [("email", "client@example.org"), ("mot_de_passe", megabyte.as_str()), ("jeton", "x")];
        assert_eq!(gateway.post(path, &fields).await.status(), 413, "{path}");
    }
    let json = format!("{{\"email\":\"client@example.org\",\"mot_de_passe\":\"{megabyte}\"}}");
    let request =
        gateway.client().post(gateway.url("/compte/connexion")).header("content-type", "application/json");
    assert_eq!(request.body(json).send().await.unwrap().status(), 413);
    // The largest that fits into a form is cut before it is hashed.
    let large = "é".repeat(5_000);
    let fields = [("email", "client@example.org"), ("mot_de_passe", large.as_str())];
    assert_eq!(gateway.post("/compte/connexion", &fields).await.status(), 401);
    for cookie in [
        format!("__Host-session={}", "A".repeat(4_000)),
        format!("__Host-session={}", "A".repeat(100_000)),
        "a=b; ".repeat(1_500),
        format!("__Host-session={}; __Host-session={}", "A".repeat(43), "B".repeat(43)),
        "__Host-session=%00%0d%0a; __Host-appareil=é; __Host-etape==;;=; ".to_owned(),
    ] {
        let asked =
            gateway.client().get(gateway.url("/espace-client/")).header("cookie", &cookie).send().await;
        // Past the bound of heads the connection may end as well.
        let status = asked.map_or(431, |answer| answer.status().as_u16());
        assert!(matches!(status, 303 | 400 | 431), "{} bytes of cookies: {status}", cookie.len());
    }
    let cookie = gateway.sign_in("client@example.org", &password).await;
    let area =
        gateway.client().get(gateway.url("/espace-client/")).header("cookie", &cookie).send().await.unwrap();
    assert_eq!(area.status(), 200);
}

#[tokio::test]
async fn p_relogin_a_theft_ends_with_the_password_and_what_is_delicate_asks_for_it_again() {
    let mut gateway = Gateway::start().await;
    let (password, _) = gateway.client_account("client@example.org", None);
    let thief = gateway.sign_in("client@example.org", &password).await;
    let holder = gateway.sign_in("client@example.org", &password).await;
    gateway.mail_with(&["client@example.org", "/espace-client/appareils"]).await;
    gateway.stop();
    gateway.set("AOPS_NOW_OFFSET", "1000");
    gateway.launch().await;
    let ask = async |cookie: &str, path: &str| {
        let asked = gateway.client().request(Method::GET, gateway.url(path)).header("cookie", cookie);
        let answer = asked.send().await.unwrap();
        let to = answer.headers().get("location").map(|to| to.to_str().unwrap().to_owned());
        (answer.status().as_u16(), to.unwrap_or_default())
    };
    for delicate in ["cles-acces", "adresse", "fermeture", "donnees.json"] {
        let path = format!("/espace-client/{delicate}");
        let expected = (303, format!("/compte/confirmation?suite={path}"));
        assert_eq!(ask(&thief, &path).await, expected);
    }
    let fields = [("mot_de_passe_actuel", password.as_str()), ("mot_de_passe", "Nouveau-secret-9182")];
    let changed = gateway.post_as("/espace-client/mot-de-passe", &fields, Some(&holder)).await;
    assert_eq!(changed.status(), 303);
    assert_eq!(ask(&thief, "/espace-client/").await.0, 303, "the thief's session is over");
    let new = changed.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    assert_eq!(ask(&new, "/espace-client/").await.0, 200);
    assert_eq!(
        ask(&new, "/espace-client/cles-acces").await.0,
        200,
        "who just gave the password is not asked"
    );
}

/// The forms of an owner, each of which would do something.
const FORMS: [(&str, &[(&str, &str)]); 4] = [
    ("/espace-client/personnes", &[("email", "stranger@example.org"), ("role", "member")]),
    ("/espace-client/cles", &[("nom_cle", "stranger"), ("compute", "oui"), ("duree", "90")]),
    ("/espace-client/droits", &[("droit", "rectification"), ("demande", "stranger")]),
    ("/commande", &[("offre", "rente"), ("cgv", "accepte")]),
];

/// What the pages of an owner show of what was done.
async fn shown(gateway: &Gateway, cookie: &str) -> Vec<String> {
    let mut pages = Vec::new();
    for path in ["personnes", "cles", "droits", "journal"] {
        let asked = gateway.client().get(gateway.url(&format!("/espace-client/{path}")));
        pages.push(asked.header("cookie", cookie).send().await.unwrap().text().await.unwrap());
    }
    pages
}

#[tokio::test]
async fn p_access_control_no_form_is_posted_by_another_site_or_with_fields_that_it_does_not_have() {
    let gateway = Gateway::start().await;
    let (password, key) = gateway.client_account("owner@example.org", Some("illimite"));
    let cookie = gateway.sign_in("owner@example.org", &password).await;
    let before = shown(&gateway, &cookie).await;
    let own = gateway.url("");
    let shapes: [&[(&str, &str)]; 7] = [
        &[("origin", "null")],
        &[("origin", "https://evil.example")],
        &[("origin", "https://sub.localhost")],
        &[("referer", "https://evil.example/")],
        &[("sec-fetch-site", "cross-site"), ("origin", &own)],
        &[("sec-fetch-site", "same-site"), ("origin", &own)],
        &[("sec-fetch-site", "cross-site")],
    ];
    for (path, fields) in FORMS {
        let body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        for shape in shapes {
            let mut post = gateway.client().post(gateway.url(path)).header("cookie", &cookie);
            for (name, value) in shape {
                post = post.header(*name, *value);
            }
            let post = post.header("content-type", "application/x-www-form-urlencoded").body(body.join("&"));
            assert_eq!(post.send().await.unwrap().status(), 403, "{path} {shape:?}");
        }
        let followed = gateway.client().get(gateway.url(&format!("{path}?{}", body.join("&"))));
        assert!(!followed.header("cookie", &cookie).send().await.unwrap().status().is_server_error());
        for planted in
            [("role", "owner"), ("organisation", "org_other"), ("id", "acc_other"), ("verified", "1")]
        {
            let more: Vec<(&str, &str)> = fields.iter().copied().chain([planted]).collect();
            let answer = gateway.post_as(path, &more, Some(&cookie)).await;
            assert!(answer.status().is_client_error(), "{path} {planted:?}: {}", answer.status());
        }
    }
    assert_eq!(shown(&gateway, &cookie).await, before);
    let asked =
        r#"{"module":"courbe","parameters":{},"organisation":"org_other","state":"done","counter":"x"}"#;
    let post = gateway.client().post(gateway.url("/api/v1/calculations")).bearer_auth(&key);
    let answer = post.header("content-type", "application/json").body(asked).send().await.unwrap();
    assert!(matches!(answer.status().as_u16(), 400 | 422), "{}", answer.status());
    let told = answer.text().await.unwrap();
    assert!(told.contains("unknown field"), "{told}");
    // The same forms do something when their own page posts them.
    for (path, fields) in FORMS {
        let answer = gateway.post_as(path, fields, Some(&cookie)).await;
        assert!(
            answer.status().is_success() || answer.status().is_redirection(),
            "{path}: {}",
            answer.status()
        );
    }
    let after = shown(&gateway, &cookie).await;
    assert!(after.iter().zip(&before).all(|(after, before)| after != before), "each form did something");
}

#[tokio::test]
async fn one_invitation_that_many_take_at_once_lets_one_in() {
    let gateway = Gateway::start().await;
    let (password, _) = gateway.client_account("owner@example.org", None);
    let cookie = gateway.sign_in("owner@example.org", &password).await;
    let fields = [("email", "new@example.org"), ("role", "member")];
    assert_eq!(gateway.post_as("/espace-client/personnes", &fields, Some(&cookie)).await.status(), 303);
    let letter = gateway.mail_with(&["new@example.org", "/invitation?jeton="]).await;
    let token = link(&letter, "/invitation?jeton=").split("jeton=").nth(1).unwrap().to_owned();
    let mut raised = taken(&token);
    raised.push(("role", "owner"));
    assert!(gateway.post("/invitation", &raised).await.status().is_client_error());
    let fields = taken(&token);
    let posts = (0..8).map(|_| gateway.post("/invitation", &fields));
    let answers = futures::future::join_all(posts).await;
    let let_in = answers.iter().filter(|answer| answer.headers().contains_key("set-cookie")).count();
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status().as_u16()).collect();
    assert_eq!(let_in, 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 303).count(), 1, "{statuses:?}");
    let page = gateway.client().get(gateway.url("/espace-client/personnes")).header("cookie", &cookie);
    let page = page.send().await.unwrap().text().await.unwrap();
    assert!(page.contains("new@example.org") && !page.contains("/espace-client/invitations/"), "{page}");
}
