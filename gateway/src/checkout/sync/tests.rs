//! Whole lives of subscriptions, with the embedded side and a clock that moves.

use std::path::Path;
use std::sync::Arc;

use http::HeaderMap;
use jiff::SignedDuration;

use super::*;
use crate::accounts::Account;
use crate::checkout::{self, PlanSource, invoices, reconcile, subscriptions_of};
use crate::payments::{Card, Outcome};
use crate::testing;

struct House {
    app: SharedApp,
    account: Account,
    browser: HeaderMap,
}

/// The application as it is so many days later; it is brought up to date first.
async fn later(folder: &Path, days: i64) -> SharedApp {
    let app = Arc::new(testing::app(folder, SignedDuration::from_hours(24 * days)).await);
    look(&app).await.unwrap();
    round(&app).await;
    app
}

async fn ordered(folder: &Path, form: &str, card: Card) -> House {
    let app = later(folder, 0).await;
    let account = testing::account(&app, "a@example.com").await;
    let browser = testing::signed_in(&app, &account).await;
    let house = House { app, account, browser };
    house.order(form, card).await;
    house
}

impl House {
    async fn order(&self, form: &str, card: Card) {
        let placed = testing::post(&self.app, "/commande", &self.browser, form).await;
        let page = testing::location(&placed).rsplit_once('/').unwrap().1.to_owned();
        let side = self.app.payments.embedded().unwrap();
        side.settle(&page, Outcome::Pay(card)).unwrap().unwrap();
        round(&self.app).await;
    }

    async fn opens(&self, app: &App) -> bool {
        checkout::may(app, &self.account.organisation, "rente").await.unwrap()
    }

    async fn held(&self, app: &App) -> Subscription {
        subscriptions_of(app, &self.account.organisation).await.unwrap().remove(0)
    }
}

async fn letters(app: &App) -> Vec<String> {
    testing::letters(app).await.into_iter().map(|letter| letter.template).collect()
}

const YEAR: &str = "offre=rente&cgv=accepte";

#[tokio::test]
async fn a_renewal_that_the_clock_moves_over_keeps_access_and_is_filed_once() {
    let folder = tempfile::tempdir().unwrap();
    let House { app, account, browser } = ordered(folder.path(), YEAR, Card::Pays).await;
    drop((app, browser));
    let app = later(folder.path(), 310).await;
    assert_eq!(letters(&app).await, ["commande_confirmee", "facture", "abonnement_echeance"]);
    drop(app);
    let app = later(folder.path(), 366).await;
    assert!(checkout::may(&app, &account.organisation, "rente").await.unwrap());
    let filed = invoices::of(&app, &account.organisation).await.unwrap();
    assert_eq!(
        filed.iter().map(|one| one.number.as_str()).collect::<Vec<_>>(),
        ["TEST-000002", "TEST-000001"]
    );
    round(&app).await;
    let told = letters(&app).await;
    assert_eq!(told.iter().filter(|template| *template == "facture").count(), 2);
    assert_eq!(reconcile(&app, false).await.unwrap(), []);
}

#[tokio::test]
async fn a_card_that_refuses_is_told_of_three_times_and_access_ends_after_a_fortnight() {
    let folder = tempfile::tempdir().unwrap();
    let house = ordered(folder.path(), YEAR, Card::Refuses).await;
    let account = house.account.clone();
    drop(house);
    for (days, opens, letter) in [
        (366, true, "abonnement_impaye"),
        (373, true, "abonnement_relance"),
        (378, true, "abonnement_relance"),
        (380, false, "abonnement_suspendu"),
        (400, false, "abonnement_suspendu"),
    ] {
        let app = later(folder.path(), days).await;
        assert_eq!(checkout::may(&app, &account.organisation, "rente").await.unwrap(), opens, "{days}");
        assert_eq!(letters(&app).await.last().unwrap(), letter, "{days}");
    }
    let app = later(folder.path(), 401).await;
    let told = letters(&app).await;
    for template in ["abonnement_impaye", "abonnement_relance", "abonnement_suspendu"] {
        assert_eq!(told.iter().filter(|told| *told == template).count(), 1, "{template}");
    }
    assert_eq!(subscriptions_of(&app, &account.organisation).await.unwrap()[0].standing, Standing::Canceled);
}

#[tokio::test]
async fn three_clicks_end_a_subscription_with_its_period_and_one_takes_it_back() {
    let folder = tempfile::tempdir().unwrap();
    let house = ordered(folder.path(), YEAR, Card::Pays).await;
    let id = house.held(&house.app).await.id;
    let act = async |what: &str| {
        let path = format!("/espace-client/abonnements/{id}/{what}");
        testing::post(&house.app, &path, &house.browser, "").await.status().as_u16()
    };
    assert_eq!(act("resilier").await, 303);
    assert!(house.held(&house.app).await.cancel_at_period_end);
    assert_eq!(act("reprendre").await, 303);
    assert!(!house.held(&house.app).await.cancel_at_period_end);
    assert_eq!(act("resilier").await, 303);
    assert_eq!(letters(&house.app).await.iter().filter(|one| *one == "abonnement_resilie").count(), 2);
    let account = house.account.clone();
    drop(house);
    for (days, opens) in [(364, true), (366, false)] {
        let app = later(folder.path(), days).await;
        assert_eq!(checkout::may(&app, &account.organisation, "rente").await.unwrap(), opens, "{days}");
    }
}

#[tokio::test]
async fn a_refund_after_use_ends_access_and_the_subscription() {
    let folder = tempfile::tempdir().unwrap();
    let house = ordered(folder.path(), YEAR, Card::Pays).await;
    assert!(house.opens(&house.app).await);
    let customer = house.held(&house.app).await.customer;
    let books = house.app.payments.books(&customer).await.unwrap();
    house.app.payments.refund(&books.payments[0].id, "by staff").await.unwrap();
    for _ in 0..3 {
        round(&house.app).await;
    }
    assert!(!house.opens(&house.app).await);
    assert_eq!(house.held(&house.app).await.standing, Standing::Canceled);
    assert_eq!(checkout::orders(&house.app).await.unwrap()[0].state, OrderState::Refunded);
    assert_eq!(letters(&house.app).await.last().unwrap(), "abonnement_rembourse");
    let filed = invoices::of(&house.app, &house.account.organisation).await.unwrap();
    assert_eq!(
        (filed.len(), filed[0].total_cents, filed[0].corrects.as_deref()),
        (2, -49_000, Some("TEST-000001"))
    );
}

#[tokio::test]
async fn a_consumer_goes_back_on_an_order_within_a_fortnight_and_a_business_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let house = ordered(folder.path(), YEAR, Card::Pays).await;
    let order = checkout::orders(&house.app).await.unwrap().remove(0);
    let withdraw = async |order: &str| {
        let path = format!("/espace-client/retractation/{order}");
        testing::post(&house.app, &path, &house.browser, "").await.status().as_u16()
    };
    assert_eq!(withdraw(&order.id).await, 404);
    let consumer = format!("{YEAR}&qualite=consommateur");
    let refused = testing::post(&house.app, "/commande", &house.browser, &consumer).await;
    assert_eq!(refused.status().as_u16(), 422, "the service begins at once, which is asked for");
    house.order(&format!("{consumer}&retractation=accepte"), Card::Pays).await;
    let orders = checkout::orders(&house.app).await.unwrap();
    let bought = orders.iter().find(|one| one.consumer).unwrap();
    assert_eq!(withdraw(&bought.id).await, 303);
    round(&house.app).await;
    let orders = checkout::orders(&house.app).await.unwrap();
    assert_eq!(orders.iter().find(|one| one.consumer).unwrap().state, OrderState::Refunded);
    assert_eq!(withdraw(&bought.id).await, 404, "once");
    assert!(house.opens(&house.app).await, "the other order stands");
}

#[tokio::test]
async fn events_in_any_order_lead_to_the_same_state() {
    let mut ends = Vec::new();
    for rotation in 0..3 {
        let folder = tempfile::tempdir().unwrap();
        let app = later(folder.path(), 0).await;
        let account = testing::account(&app, "a@example.com").await;
        let browser = testing::signed_in(&app, &account).await;
        let placed = testing::post(&app, "/commande", &browser, YEAR).await;
        let page = testing::location(&placed).rsplit_once('/').unwrap().1.to_owned();
        let side = app.payments.embedded().unwrap();
        side.settle(&page, Outcome::Pay(Card::Pays)).unwrap().unwrap();
        let mut told = side.due().unwrap();
        told.rotate_left(rotation);
        // Each twice, and the first once more at the end.
        let again = told.first().cloned();
        for one in told.into_iter().flat_map(|one| [one.clone(), one]).chain(again) {
            let signed = app.payments.secrets().sign(&one.body, app.clock.now()).unwrap();
            let name = http::HeaderName::from_static(crate::payments::SIGNATURE_HEADER);
            let headers = HeaderMap::from_iter([(name, http::HeaderValue::from_str(&signed).unwrap())]);
            webhook::receive(&app, &headers, one.body.as_bytes()).await.unwrap();
            side.taken(&one.id).unwrap();
            round(&app).await;
        }
        let held = subscriptions_of(&app, &account.organisation).await.unwrap();
        let plans = checkout::plans(&app, &account.organisation).await.unwrap();
        ends.push((
            held.len(),
            held[0].standing,
            plans
                .iter()
                .map(|plan| (plan.offer.clone(), plan.source == PlanSource::Order))
                .collect::<Vec<_>>(),
            letters(&app).await,
        ));
    }
    assert_eq!(
        ends[0],
        (
            1,
            Standing::Active,
            vec![("rente".into(), true)],
            vec!["commande_confirmee".into(), "facture".into()]
        )
    );
    assert!(ends.iter().all(|end| *end == ends[0]), "{ends:?}");
}

#[tokio::test]
async fn a_customer_of_another_organisation_opens_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let house = ordered(folder.path(), YEAR, Card::Pays).await;
    let customer = house.held(&house.app).await.customer;
    let other = testing::account(&house.app, "b@example.com").await;
    let browser = testing::signed_in(&house.app, &other).await;
    let placed = testing::post(&house.app, "/commande", &browser, YEAR).await;
    let page = testing::location(&placed).rsplit_once('/').unwrap().1.to_owned();
    let (mut order, version) = checkout::order_of_session(&house.app, &page).await.unwrap().unwrap();
    order.state = OrderState::Pending;
    let paid = crate::payments::PaidObject {
        payment_status: Some("paid".into()),
        amount_total: Some(49_000),
        customer: Some(customer),
        ..Default::default()
    };
    let mut batch = Batch::new(&other.organisation);
    let state = order.settled_by(&paid).unwrap();
    webhook::carry_out(&house.app, &mut batch, order, version, state, &paid).await.unwrap();
    house.app.store.commit(batch).await.unwrap();
    let orders = checkout::orders_of(&house.app, &other.organisation).await.unwrap();
    assert_eq!(orders[0].state, OrderState::Mismatch);
    assert!(!checkout::may(&house.app, &other.organisation, "rente").await.unwrap());
}

#[tokio::test]
async fn what_belongs_to_somebody_else_is_not_found() {
    let folder = tempfile::tempdir().unwrap();
    let house = ordered(folder.path(), YEAR, Card::Pays).await;
    let other = testing::account(&house.app, "b@example.com").await;
    let browser = testing::signed_in(&house.app, &other).await;
    let id = house.held(&house.app).await.id;
    let order = checkout::orders(&house.app).await.unwrap().remove(0).id;
    let invoice = invoices::of(&house.app, &house.account.organisation).await.unwrap().remove(0).id;
    for path in ["resilier", "reprendre", "paiement", "changer"] {
        let path = format!("/espace-client/abonnements/{id}/{path}");
        let answer = testing::post(&house.app, &path, &browser, "").await;
        assert_eq!(answer.status().as_u16(), 404, "{path}");
    }
    for path in [format!("/espace-client/retractation/{order}"), format!("/espace-client/sieges/{order}")] {
        let answer = testing::post(&house.app, &path, &browser, "compte=x&action=liberer").await;
        assert_eq!(answer.status().as_u16(), 404, "{path}");
    }
    for path in [
        format!("/espace-client/abonnements/{id}/resilier"),
        format!("/espace-client/abonnements/{id}/changer"),
        format!("/espace-client/factures/{invoice}/pdf"),
    ] {
        let answer =
            testing::ask(&house.app, http::Method::GET, &path, &browser, axum::body::Body::empty()).await;
        assert_eq!(answer.status().as_u16(), 404, "{path}");
        let ours =
            testing::ask(&house.app, http::Method::GET, &path, &house.browser, axum::body::Body::empty())
                .await;
        assert_eq!(ours.status().as_u16(), 200, "{path}");
    }
}

#[tokio::test]
async fn an_upgrade_is_previewed_and_done_for_the_sum_that_was_shown() {
    let folder = tempfile::tempdir().unwrap();
    let house = ordered(folder.path(), YEAR, Card::Pays).await;
    let path = format!("/espace-client/abonnements/{}/changer", house.held(&house.app).await.id);
    let change = async |form: &str| testing::post(&house.app, &path, &house.browser, form).await;
    let shown = change("offre=ifc").await;
    assert_eq!(shown.status().as_u16(), 200);
    let shown = testing::text(shown).await;
    let main = shown.split("<main>").nth(1).unwrap().split("</main>").next().unwrap();
    let (total, at) = main.split_once(' ').unwrap();
    let (total, at): (i64, i64) = (total.parse().unwrap(), at.parse().unwrap());
    assert_eq!(total, 80_000, "the whole year is left");
    let cheaper = change(&format!("offre=ifc&total=1&instant={at}")).await;
    assert_eq!((cheaper.status().as_u16(), house.held(&house.app).await.offer.as_str()), (200, "rente"));
    for _ in 0..2 {
        change(&format!("offre=ifc&total={total}&instant={at}")).await;
    }
    let held = house.held(&house.app).await;
    assert_eq!((held.offer.as_str(), held.unit_cents), ("ifc", 129_000));
    assert!(!house.opens(&house.app).await, "another module now");
    assert!(checkout::may(&house.app, &house.account.organisation, "ifc").await.unwrap());
    let filed = invoices::of(&house.app, &house.account.organisation).await.unwrap();
    assert_eq!(filed.len(), 2, "charged once");
    for bad in ["offre=inconnue", "offre=ifc", "offre=rente&sieges=2", "offre=rente&sieges=x"] {
        assert_eq!(change(bad).await.status().as_u16(), 422, "{bad}");
    }
}

#[tokio::test]
async fn what_is_lost_here_is_found_and_mended_from_the_processor() {
    let folder = tempfile::tempdir().unwrap();
    let app = later(folder.path(), 0).await;
    let account = testing::account(&app, "a@example.com").await;
    let browser = testing::signed_in(&app, &account).await;
    let placed = testing::post(&app, "/commande", &browser, YEAR).await;
    let page = testing::location(&placed).rsplit_once('/').unwrap().1.to_owned();
    let side = app.payments.embedded().unwrap();
    side.settle(&page, Outcome::Pay(Card::Pays)).unwrap().unwrap();
    // Every event is lost.
    for one in side.due().unwrap() {
        side.taken(&one.id).unwrap();
    }
    let told = reconcile(&app, false).await.unwrap();
    assert_eq!((told.len(), told[0].mended), (1, false), "{told:?}");
    assert!(!checkout::may(&app, &account.organisation, "rente").await.unwrap());
    let mended = reconcile(&app, true).await.unwrap();
    assert!(!mended.is_empty() && mended.iter().all(|one| one.mended), "{mended:?}");
    assert!(checkout::may(&app, &account.organisation, "rente").await.unwrap());
    assert_eq!(reconcile(&app, false).await.unwrap(), []);
}

#[tokio::test]
async fn who_closes_their_account_is_charged_for_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let house = ordered(folder.path(), YEAR, Card::Pays).await;
    let customer = house.held(&house.app).await.customer;
    let batch = Batch::new(&house.account.organisation);
    house.app.store.commit(checkout::end_plans(&house.app, batch).await.unwrap()).await.unwrap();
    look(&house.app).await.unwrap();
    for _ in 0..2 {
        round(&house.app).await;
    }
    let books = house.app.payments.books(&customer).await.unwrap();
    assert_eq!(books.subscriptions[0].standing, Standing::Canceled);
    assert_eq!(checkout::plans(&house.app, &house.account.organisation).await.unwrap(), []);
    assert_eq!(house.held(&house.app).await.standing, Standing::Canceled);
    assert!(!house.opens(&house.app).await);
    drop(house);
    let app = later(folder.path(), 400).await;
    assert_eq!(app.payments.books(&customer).await.unwrap().invoices.len(), 1);
}
