//! What strangers send to the forms of accounts, on the wire.

use reqwest::Method;

use crate::support::Gateway;

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
