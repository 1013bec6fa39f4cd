//! Subscriptions from the client's side, on the embedded payments side and with a clock that moves; and what Stripe
//! may do to us.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::checkout::{deliver, event, now, session, session_paid, signature, status, with_stripe};
use crate::support::{Gateway, eventually};

const SECRET: &str = "whsec_test_secret";
const DAY: i64 = 86_400;
/// VAT, a monthly offer whose calculations are counted, and one that is sold by the person.
const MORE: &str = r#"
[tax]
rules = "french"
number = "FR83404833048"

[[offers]]
id = "mesure"
module = "rente"
price_cents = 9000
currency = "EUR"
period = "month"
metered = { included = 2, price_cents = 150 }
name = { fr = "Rentes au calcul", en = "Annuities by the calculation" }
summary = { fr = "Essai.", en = "Trial." }

[[offers]]
id = "places"
module = "provisionnement"
price_cents = 10000
currency = "EUR"
period = "year"
seats = { most = 5 }
name = { fr = "Provisionnement par personne", en = "Reserving by the person" }
summary = { fr = "Essai.", en = "Trial." }
"#;

/// A client in a browser without scripts.
struct Client {
    cookie: String,
    key: String,
}

async fn client(gateway: &Gateway, email: &str) -> Client {
    let (password, key) = gateway.client_account(email, None);
    Client { cookie: gateway.sign_in(email, &password).await, key }
}

/// A gateway that sells more than the site does.
async fn selling() -> Gateway {
    let mut gateway = Gateway::prepare(&[("AOPS_LIMITS_FACTOR", "1000")]);
    let file = gateway.root().join("site.toml");
    let site = fs::read_to_string(&file).unwrap();
    let table = site.find("\n[[offers]]").unwrap();
    // A table after an array of tables would be part of it: ours come first.
    fs::write(&file, format!("{}{MORE}{}", &site[..table], &site[table..])).unwrap();
    gateway.launch().await;
    gateway
}

impl Client {
    async fn page(&self, gateway: &Gateway, path: &str) -> String {
        let get = gateway.client().get(gateway.url(path)).header("cookie", &self.cookie);
        let answer = get.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.text().await.unwrap()
    }

    async fn post(&self, gateway: &Gateway, path: &str, fields: &[(&str, &str)]) -> String {
        let answer = gateway.post_as(path, fields, Some(&self.cookie)).await;
        assert_eq!(answer.status(), 303, "{path} {fields:?}");
        answer.headers()["location"].to_str().unwrap().replace(&gateway.url(""), "")
    }

    /// Orders, and pays on the test page as `issue` says.
    async fn buy(&self, gateway: &Gateway, fields: &[(&str, &str)], issue: &str) {
        let mut fields = fields.to_vec();
        fields.push(("cgv", "accepte"));
        let page = self.post(gateway, "/commande", &fields).await;
        assert!(page.starts_with("/paiement-test/"), "{page}");
        self.post(gateway, &page, &[("issue", issue)]).await;
    }

    /// The first path of the subscriptions' page that ends so.
    async fn way(&self, gateway: &Gateway, end: &str) -> String {
        let page = self.page(gateway, "/espace-client/abonnements").await;
        let at = page.find(end).unwrap_or_else(|| panic!("{end} in {page}"));
        let begin = page[..at].rfind('"').unwrap() + 1;
        page[begin..at + end.len()].to_owned()
    }
}

/// The same gateway, so many days later.
async fn days_later(gateway: &mut Gateway, days: i64) {
    gateway.kill();
    gateway.set("AOPS_NOW_OFFSET", &(days * DAY).to_string());
    gateway.launch().await;
}

#[tokio::test]
async fn a_basket_survives_signing_in_and_shows_vat_before_it_is_ordered() {
    let gateway = selling().await;
    let away = gateway.post("/commande", &[("offre", "places"), ("sieges", "3"), ("cgv", "accepte")]).await;
    assert_eq!(away.headers()["location"], "/compte/connexion?suite=/commande");
    let basket = away.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let someone = client(&gateway, "client@example.org").await;
    let both = Client { cookie: format!("{}; {basket}", someone.cookie), key: String::new() };
    let page = both.page(&gateway, "/commande").await;
    for shown in
        ["Provisionnement par personne", "× 3", "300,00", "60,00", "360,00", "avec obligation de paiement"]
    {
        assert!(page.contains(shown), "{shown} in {page}");
    }
    let german = [
        ("offre", "places"),
        ("sieges", "3"),
        ("pays", "DE"),
        ("tva", "DE 136695976"),
        ("action", "recapituler"),
    ];
    let answer = gateway.post_as("/commande", &german, Some(&someone.cookie)).await;
    assert_eq!(answer.status(), 200);
    let page = answer.text().await.unwrap();
    assert!(page.contains("autoliquidation") && !page.contains("360,00"), "{page}");
    for (fields, why) in [
        ([("pays", "DE"), ("tva", "DE136695977")], "une de ses clés est fausse"),
        ([("pays", "FR"), ("tva", "DE136695976")], "pas celui du pays"),
        ([("pays", "FR"), ("code_promo", "INCONNU")], "Ce code n’existe pas"),
        ([("pays", "FR"), ("sieges", "6")], "nombre de places"),
        ([("pays", "FR"), ("prix", "1")], "Ce champ n’existe pas"),
    ] {
        let mut form = vec![("offre", "places"), ("cgv", "accepte")];
        form.extend(fields);
        let answer = gateway.post_as("/commande", &form, Some(&someone.cookie)).await;
        assert_eq!(answer.status(), 422, "{fields:?}");
        let page = answer.text().await.unwrap();
        assert!(page.contains(why), "{why} in {page}");
    }
    assert_eq!(gateway.admin(&["orders", "list"]), json!([]));
}

#[tokio::test]
async fn p_legal_archive_a_subscription_is_bought_renewed_changed_and_ended_without_a_script() {
    let mut gateway = selling().await;
    let someone = client(&gateway, "client@example.org").await;
    someone.buy(&gateway, &[("offre", "rente"), ("code_promo", "ESSAI10")], "payer").await;
    assert_eq!(status(&gateway, &someone.key, "rente").await, 200);
    let order = &gateway.admin(&["orders", "list"])[0];
    assert_eq!((&order["state"], &order["amount_cents"]), (&json!("paid"), &json!(52_920)));
    let page = someone.page(&gateway, "/espace-client/factures").await;
    assert!(page.contains("TEST-000001") && page.contains("529,20") && page.contains("payée"), "{page}");
    let at = page.find("/pdf\"").unwrap();
    let pdf = &page[page[..at].rfind('"').unwrap() + 1..at + 4];
    let bytes =
        gateway.client().get(gateway.url(pdf)).header("cookie", &someone.cookie).send().await.unwrap();
    assert_eq!(bytes.headers()["content-type"], "application/pdf");
    assert!(bytes.bytes().await.unwrap().starts_with(b"%PDF-1.7"));

    // A year later it is renewed, and the client is still signed in by a new session.
    days_later(&mut gateway, 366).await;
    let cookie = gateway.sign_in("client@example.org", "Cheval-correct-agrafe-9").await;
    let someone = Client { cookie, ..someone };
    eventually("the renewal", || {
        gateway.mails().iter().any(|mail| mail.contains("TEST-000002")).then_some(())
    })
    .await;
    assert_eq!(status(&gateway, &someone.key, "rente").await, 200);

    let change = someone.way(&gateway, "/changer").await;
    let answer = gateway.post_as(&change, &[("offre", "provisionnement")], Some(&someone.cookie)).await;
    let preview = answer.text().await.unwrap();
    let hidden = |name: &str| {
        let at = preview.find(&format!("name=\"{name}\" value=\"")).unwrap() + name.len() + 15;
        preview[at..].split('"').next().unwrap().to_owned()
    };
    let agreed = [("offre", "provisionnement"), ("total", &hidden("total")), ("instant", &hidden("instant"))];
    assert_eq!(someone.post(&gateway, &change, &agreed).await, "/espace-client/abonnements?fait=change");
    assert_eq!(status(&gateway, &someone.key, "provisionnement").await, 200);
    assert_eq!(status(&gateway, &someone.key, "rente").await, 402);

    let end = someone.way(&gateway, "/resilier").await;
    assert!(someone.page(&gateway, &end).await.contains("Notifier la résiliation"));
    someone.post(&gateway, &end, &[]).await;
    assert!(someone.page(&gateway, "/espace-client/abonnements").await.contains("Résilié"));
    gateway.mail_with(&["client@example.org", "Nous avons reçu votre résiliation"]).await;
    days_later(&mut gateway, 740).await;
    assert_eq!(status(&gateway, &someone.key, "provisionnement").await, 402);
    assert_eq!(gateway.admin(&["orders", "reconcile"]), json!([]));
}

#[tokio::test]
async fn calculations_are_counted_those_past_the_price_are_billed_and_seats_are_few() {
    let mut gateway = selling().await;
    let someone = client(&gateway, "client@example.org").await;
    someone.buy(&gateway, &[("offre", "mesure")], "payer").await;
    for _ in 0..5 {
        assert_eq!(status(&gateway, &someone.key, "rente").await, 200);
    }
    let page = someone.page(&gateway, "/espace-client/abonnements").await;
    assert!(page.contains("5 calculs faits sur 2"), "{page}");
    someone.buy(&gateway, &[("offre", "places"), ("sieges", "1")], "payer").await;
    assert_eq!(
        status(&gateway, &someone.key, "provisionnement").await,
        200,
        "whoever orders has the first seat"
    );
    let page = someone.page(&gateway, "/espace-client/abonnements").await;
    assert!(page.contains("Places attribuées : 1 sur 1"), "{page}");
    client(&gateway, "autre@example.org").await;
    let seats = someone.way(&gateway, "/sieges/").await;
    let page = someone.page(&gateway, "/espace-client/abonnements").await;
    let at = page.find(&seats).unwrap();
    let seats = page[at..].split(['"', '?']).next().unwrap();
    let stranger =
        someone.post(&gateway, seats, &[("email", "autre@example.org"), ("action", "asseoir")]).await;
    let nobody =
        someone.post(&gateway, seats, &[("email", "personne@example.org"), ("action", "asseoir")]).await;
    assert_eq!(stranger, nobody, "whether somebody elsewhere has the address is not told");

    days_later(&mut gateway, 32).await;
    eventually("the bill of the month", || {
        gateway.mails().iter().any(|mail| mail.contains("TEST-000003")).then_some(())
    })
    .await;
    days_later(&mut gateway, 63).await;
    // 3 calculations past the price at 1.50, with the month's 90 and VAT: they were used in the first month, told at
    // the beginning of the second, and stand on the next invoice.
    eventually("what was used", || gateway.mails().iter().any(|mail| mail.contains("113,40")).then_some(()))
        .await;
}

#[tokio::test]
async fn a_card_that_refuses_is_told_of_and_another_one_opens_access_again() {
    let mut gateway = selling().await;
    let someone = client(&gateway, "client@example.org").await;
    someone.buy(&gateway, &[("offre", "rente")], "payer-puis-refus").await;
    days_later(&mut gateway, 366).await;
    gateway.mail_with(&["client@example.org", "pas pu être prélevé"]).await;
    assert_eq!(status(&gateway, &someone.key, "rente").await, 200, "a fortnight of grace");
    days_later(&mut gateway, 375).await;
    gateway.mail_with(&["client@example.org", "est toujours refusé"]).await;
    let cookie = gateway.sign_in("client@example.org", "Cheval-correct-agrafe-9").await;
    let someone = Client { cookie, ..someone };
    let pay = someone.way(&gateway, "/paiement").await;
    let portal = someone.post(&gateway, &pay, &[]).await;
    assert!(portal.starts_with("/paiement-test/clients/cus_"), "{portal}");
    someone.post(&gateway, &portal, &[("issue", "carte-valide")]).await;
    assert!(!someone.page(&gateway, "/espace-client/abonnements").await.contains("a été refusé"));
    days_later(&mut gateway, 400).await;
    assert_eq!(status(&gateway, &someone.key, "rente").await, 200);
}

#[tokio::test]
async fn a_kill_after_each_step_loses_nothing_and_does_nothing_twice() {
    let mut gateway = selling().await;
    let someone = client(&gateway, "client@example.org").await;
    let order = [("offre", "rente"), ("cgv", "accepte")];
    let page = someone.post(&gateway, "/commande", &order).await;
    gateway.kill();
    gateway.launch().await;
    let pay = gateway
        .client()
        .post(gateway.url(&page))
        .header("origin", gateway.url(""))
        .header("content-type", "application/x-www-form-urlencoded")
        .body("issue=payer")
        .send();
    // Killed while it is paid, at whatever point that is.
    let _ = tokio::time::timeout(Duration::from_millis(15), pay).await;
    gateway.kill();
    gateway.launch().await;
    someone.post(&gateway, &page, &[("issue", "payer")]).await;
    eventually("a paid order", || (gateway.admin(&["orders", "list"])[0]["state"] == "paid").then_some(()))
        .await;
    assert_eq!(status(&gateway, &someone.key, "rente").await, 200);
    gateway.mail_with(&["client@example.org", "TEST-000001"]).await;
    gateway.kill();
    gateway.launch().await;
    assert_eq!(gateway.admin(&["orders", "reconcile"]), json!([]));
    let confirmations = gateway
        .mails()
        .iter()
        .filter(|mail| mail.contains("Le paiement de votre commande est confirmé"))
        .count();
    assert_eq!(confirmations, 1);
    let page = someone.page(&gateway, "/espace-client/factures").await;
    assert!(page.contains("TEST-000001") && !page.contains("TEST-000002"), "{page}");
}

#[tokio::test]
async fn whatever_stripe_answers_nobody_is_charged_twice_and_the_page_says_so() {
    for (status, body, expected) in [
        (429, json!({ "error": { "type": "rate_limit_error" } }), 503),
        (409, json!({ "error": { "type": "idempotency_error" } }), 503),
        (400, json!({ "error": { "type": "idempotency_error", "message": "other parameters" } }), 503),
        (401, json!({ "error": { "type": "authentication_error" } }), 503),
        (200, json!({ "id": "", "url": "https://checkout.stripe.com/x" }), 503),
        (200, json!({ "id": "cs_1", "url": "javascript:alert(1)" }), 503),
        (200, json!("nonsense"), 503),
    ] {
        let stripe = MockServer::start().await;
        let answer = ResponseTemplate::new(status).set_body_json(body);
        // One call for one order: what may have been done is not done again.
        Mock::given(path("/v1/checkout/sessions")).respond_with(answer).expect(1).mount(&stripe).await;
        let gateway = with_stripe(&stripe).await;
        let someone = client(&gateway, "client@example.org").await;
        let order = [("offre", "rente"), ("cgv", "accepte")];
        let refused = gateway.post_as("/commande", &order, Some(&someone.cookie)).await;
        assert_eq!(refused.status(), expected, "{status}");
        assert_eq!(gateway.admin(&["orders", "list"])[0]["state"], "failed");
    }
}

#[tokio::test]
async fn a_subscription_at_stripe_is_fetched_after_its_event_and_its_state_is_stripe_s() {
    let stripe = MockServer::start().await;
    let opened = ResponseTemplate::new(200).set_body_json(session("cs_test_1", 49_000));
    Mock::given(method("POST")).and(path("/v1/checkout/sessions")).respond_with(opened).mount(&stripe).await;
    let gateway = with_stripe(&stripe).await;
    let someone = client(&gateway, "client@example.org").await;
    someone.post(&gateway, "/commande", &[("offre", "rente"), ("cgv", "accepte")]).await;
    let id = gateway.admin(&["orders", "list"])[0]["id"].as_str().unwrap().to_owned();
    let list = |data: Value| {
        ResponseTemplate::new(200).set_body_json(json!({ "object": "list", "data": data, "has_more": false }))
    };
    for empty in ["/v1/invoices", "/v1/credit_notes", "/v1/charges"] {
        Mock::given(path(empty)).respond_with(list(json!([]))).mount(&stripe).await;
    }
    let subscription = |standing: &str, start: i64| {
        json!([{
            "id": "sub_1", "customer": "cus_1", "status": standing, "created": start, "cancel_at_period_end": false,
            "metadata": { "order": id, "offer": "rente" },
            "items": { "data": [{
                "id": "si_1", "quantity": 1, "price": { "unit_amount": 49_000, "currency": "eur" },
                "current_period_start": start, "current_period_end": start + 365 * DAY,
            }] },
        }])
    };
    // Down first: the event is taken all the same, and Stripe is asked again.
    Mock::given(path("/v1/subscriptions"))
        .respond_with(ResponseTemplate::new(500))
        .up_to_n_times(2)
        .mount(&stripe)
        .await;
    Mock::given(path("/v1/subscriptions"))
        .respond_with(list(subscription("past_due", now() - 20 * DAY)))
        .up_to_n_times(1)
        .mount(&stripe)
        .await;
    Mock::given(path("/v1/subscriptions"))
        .respond_with(list(subscription("active", now())))
        .mount(&stripe)
        .await;
    let mut page = session_paid("cs_test_1", 49_000);
    page["customer"] = json!("cus_1");
    page["subscription"] = json!("sub_1");
    let paid = event("evt_1", page).to_string();
    assert_eq!(deliver(&gateway, &paid, &signature(&paid, now(), SECRET)).await, 200);
    assert_eq!(status(&gateway, &someone.key, "rente").await, 200, "at once");
    // Fetched: overdue for longer than the grace.
    eventually("Stripe's word", || {
        gateway.mails().iter().any(|mail| mail.contains("est fermé depuis")).then_some(())
    })
    .await;
    assert_eq!(status(&gateway, &someone.key, "rente").await, 402);
    // An event that says nothing but whose it is has it fetched again.
    let told = json!({
        "id": "evt_2", "object": "event", "type": "a.kind.of.2031", "created": now(),
        "data": { "object": { "id": "x_1", "object": "x", "customer": "cus_1" } },
    });
    let told = told.to_string();
    assert_eq!(deliver(&gateway, &told, &signature(&told, now(), SECRET)).await, 200);
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while status(&gateway, &someone.key, "rente").await != 200 {
        assert!(std::time::Instant::now() < deadline, "access does not come back");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn reconciling_tells_by_its_exit_code_and_mends_what_it_may() {
    let stripe = MockServer::start().await;
    let opened = ResponseTemplate::new(200).set_body_json(session("cs_test_1", 49_000));
    Mock::given(method("POST")).and(path("/v1/checkout/sessions")).respond_with(opened).mount(&stripe).await;
    let gateway = with_stripe(&stripe).await;
    let someone = client(&gateway, "client@example.org").await;
    someone.post(&gateway, "/commande", &[("offre", "rente"), ("cgv", "accepte")]).await;
    let known = ResponseTemplate::new(200).set_body_json(session_paid("cs_test_1", 49_000));
    Mock::given(method("GET"))
        .and(path("/v1/checkout/sessions/cs_test_1"))
        .respond_with(known)
        .mount(&stripe)
        .await;
    let code = |arguments: &[&str]| gateway.command(arguments).output().unwrap().status.code();
    assert_eq!(code(&["admin", "orders", "reconcile"]), Some(1), "its event was lost");
    assert_eq!(status(&gateway, &someone.key, "rente").await, 402);
    assert_eq!(code(&["admin", "orders", "reconcile", "--mend"]), Some(0));
    assert_eq!(status(&gateway, &someone.key, "rente").await, 200);
    assert_eq!(gateway.admin(&["orders", "reconcile"]), json!([]));
    stripe.reset().await;
    Mock::given(method("GET")).respond_with(ResponseTemplate::new(500)).mount(&stripe).await;
    assert_ne!(code(&["admin", "orders", "reconcile"]), Some(0), "Stripe is away");
}
