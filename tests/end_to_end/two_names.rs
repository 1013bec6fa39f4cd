//! Two names, one process: pages at the site's, accounts, the client area, orders and the API at the platform's.

use std::fs;

use reqwest::Client;
use reqwest::{Certificate, Method, Response, redirect};

use crate::support::{Gateway, link};

const SITE: &str = "aops.fr";
const PLATFORM: &str = "actuarem.com";

/// A gateway that answers to both names, as production does.
async fn gateway() -> Gateway {
    let mut gateway = Gateway::prepare(&[("AOPS_LIMITS_FACTOR", "1000")]);
    let path = gateway.root().join("site.toml");
    let configured = fs::read_to_string(&path).unwrap();
    let base_url = format!("base_url = \"https://{SITE}:{}\"", gateway.https().port());
    let configured = configured.replacen("base_url = \"https://localhost:8443\"", &base_url, 1).replacen(
        "hosts = [\"localhost\"]",
        &format!("hosts = [\"{SITE}\", \"{PLATFORM}\"]"),
        1,
    );
    fs::write(&path, configured).unwrap();
    gateway.launch().await;
    gateway
}

/// A browser's view: each name by SNI, cookies kept by host, no redirect followed.
fn client(gateway: &Gateway) -> Client {
    let authority = fs::read(gateway.data().join("tls/ca.pem")).unwrap();
    let mut builder = Client::builder()
        .tls_certs_only([Certificate::from_pem(&authority).unwrap()])
        .redirect(redirect::Policy::none());
    for name in [SITE, PLATFORM] {
        builder = builder.resolve(name, gateway.https());
    }
    builder.build().unwrap()
}

fn url(gateway: &Gateway, name: &str, path: &str) -> String {
    format!("https://{name}:{}{path}", gateway.https().port())
}

async fn posted(gateway: &Gateway, from: &str, to: &str, path: &str, form: &'static str) -> Response {
    let site = if from == to { "same-origin" } else { "cross-site" };
    client(gateway)
        .post(url(gateway, to, path))
        .header("origin", url(gateway, from, ""))
        .header("sec-fetch-site", site)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .await
        .unwrap()
}

#[tokio::test]
async fn what_is_read_at_the_wrong_name_is_sent_to_the_right_one_and_nothing_else_is() {
    let gateway = gateway().await;
    let client = client(&gateway);
    for (name, path, other) in [
        (PLATFORM, "/", SITE),
        (PLATFORM, "/services/?a=1&b=%20", SITE),
        (PLATFORM, "/nulle-part", SITE),
        (SITE, "/espace-client/", PLATFORM),
        (SITE, "/compte/connexion?suite=%2Fcommande", PLATFORM),
        (SITE, "/api/openapi.json", PLATFORM),
        (SITE, "/.well-known/change-password", PLATFORM),
        // Its forms order: their session is the platform's.
        (SITE, "/offres/", PLATFORM),
    ] {
        for method in [Method::GET, Method::HEAD] {
            let answer = client.request(method, url(&gateway, name, path)).send().await.unwrap();
            assert_eq!(answer.status(), 308, "{name}{path}");
            assert_eq!(answer.headers()["location"], url(&gateway, other, path), "{name}{path}");
            assert!(!answer.headers().contains_key("set-cookie"));
        }
    }
    for (name, path) in [
        (SITE, "/"),
        (SITE, "/contact/"),
        (SITE, "/robots.txt"),
        (PLATFORM, "/robots.txt"),
        (PLATFORM, "/offres/"),
        (PLATFORM, "/compte/connexion"),
        (PLATFORM, "/.well-known/security.txt"),
    ] {
        let answer = client.get(url(&gateway, name, path)).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{name}{path}");
    }
    for (name, path) in [
        (SITE, "/compte/connexion"),
        (SITE, "/commande"),
        (SITE, "/webhooks/stripe"),
        (SITE, "/api/v1/compute/rente"),
        (PLATFORM, "/newsletter"),
        (PLATFORM, "/contact"),
    ] {
        let answer = posted(&gateway, name, name, path, "a=b").await;
        assert_eq!(answer.status(), 421, "{name}{path}");
    }
}

#[tokio::test]
async fn a_session_lives_at_the_platform_alone_and_letters_bear_the_right_name() {
    let gateway = gateway().await;
    gateway.client_account("claire@exemple.fr", None);
    let form = "email=claire%40exemple.fr&mot_de_passe=Cheval-correct-agrafe-9";
    let signed_in = posted(&gateway, PLATFORM, PLATFORM, "/compte/connexion", form).await;
    assert_eq!(signed_in.status(), 303);
    let cookie = signed_in.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(cookie.starts_with("__Host-") && !cookie.to_ascii_lowercase().contains("domain="), "{cookie}");

    // A page of the other name is a stranger, with Fetch Metadata or without.
    let crossing = posted(&gateway, SITE, PLATFORM, "/compte/connexion", form).await;
    assert_eq!(crossing.status(), 403);
    let old_browser = client(&gateway)
        .post(url(&gateway, PLATFORM, "/compte/connexion"))
        .header("origin", url(&gateway, SITE, ""))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form)
        .send()
        .await
        .unwrap();
    assert_eq!(old_browser.status(), 403);

    let forgotten = "email=claire%40exemple.fr";
    let asked = posted(&gateway, PLATFORM, PLATFORM, "/compte/mot-de-passe-oublie", forgotten).await;
    assert_eq!(asked.status(), 303);
    let letter = gateway.mail_with(&["/compte/reinitialisation"]).await;
    let at = |name| url(&gateway, name, "");
    assert!(letter.contains(&format!("{}/compte/reinitialisation", at(PLATFORM))), "{letter}");
    assert!(link(&letter, &at(SITE)).contains("/confidentialite"), "the policy is the site's:\n{letter}");
}
