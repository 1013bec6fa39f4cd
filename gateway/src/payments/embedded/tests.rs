use jiff::SignedDuration;

use super::*;
use crate::config::Period;
use crate::payments::{Event, InvoiceState, Standing};
use crate::tax::Tax;

fn basket(period: Period) -> Basket {
    Basket {
        order: "ord_1".into(),
        organisation: "org_1".into(),
        offer: "rente".into(),
        name: "Rentes".into(),
        unit_cents: 49_000,
        quantity: 1,
        currency: "EUR".into(),
        period,
        tax: Tax::At(2_000),
        promotion: None,
        customer: None,
        email: "a@example.com".into(),
        language: aops_manifest::Language::Fr,
        success_url: "https://localhost:8443/commande/merci".into(),
        cancel_url: "https://localhost:8443/commande/annulee".into(),
    }
}

/// The side as it is so many days later, on the same file.
fn later(folder: &std::path::Path, days: i64) -> Embedded {
    let clock = Clock::shifted(SignedDuration::from_hours(24 * days));
    let secrets = WebhookSecrets::new(&["whsec_a".into()]);
    Embedded::open("https://localhost:8443", secrets, clock, Some(folder.join(FILE))).unwrap()
}

async fn paid(side: &Embedded, basket: &Basket, card: Card) -> PaidObject {
    let opened = side.open(basket).await.unwrap();
    side.settle(&opened.session, Outcome::Pay(card)).unwrap().unwrap()
}

fn kinds(side: &Embedded) -> Vec<String> {
    let told = side.due().unwrap();
    for one in &told {
        side.taken(&one.id).unwrap();
    }
    told.iter().map(|one| Event::parse(&one.body).unwrap().kind).collect()
}

#[tokio::test]
async fn the_played_event_has_the_shape_that_stripe_s_own_types_ask_for() {
    let folder = tempfile::tempdir().unwrap();
    let side = later(folder.path(), 0);
    paid(&side, &basket(Period::Once), Card::Pays).await;
    let told = side.due().unwrap();
    let event = stripe_webhook::Webhook::insecure(&told.last().unwrap().body).unwrap();
    let stripe_webhook::EventObject::CheckoutSessionCompleted(session) = event.data.object else {
        panic!("another object");
    };
    assert_eq!(session.amount_total, Some(58_800));
    assert_eq!(session.payment_status, stripe_checkout::CheckoutSessionPaymentStatus::Paid);
}

#[tokio::test]
async fn an_order_has_one_page_and_another_basket_under_its_name_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let side = later(folder.path(), 0);
    let first = side.open(&basket(Period::Once)).await.unwrap();
    assert_eq!(first.url, format!("https://localhost:8443/paiement-test/{}", first.session));
    assert_eq!(side.open(&basket(Period::Once)).await.unwrap(), first);
    let cheaper = Basket { unit_cents: 1, ..basket(Period::Once) };
    assert!(matches!(side.open(&cheaper).await, Err(PaymentsError::Refused { status: 400, .. })));
    let stranger = Basket { order: "ord_2".into(), customer: Some("cus_x".into()), ..basket(Period::Once) };
    assert!(matches!(side.open(&stranger).await, Err(PaymentsError::Refused { status: 404, .. })));
}

#[tokio::test]
async fn a_year_s_subscription_is_renewed_when_the_clock_moves_over_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let page = paid(&later(folder.path(), 0), &basket(Period::Year), Card::Pays).await;
    let customer = page.customer.unwrap();
    let side = later(folder.path(), 0);
    assert_eq!(kinds(&side), ["customer.subscription.created", "invoice.paid", "checkout.session.completed"]);
    assert_eq!(kinds(&later(folder.path(), 300)), [""; 0]);
    // Two renewals at once: the machine was off for long.
    let side = later(folder.path(), 800);
    let renewed = ["invoice.paid", "customer.subscription.updated"];
    assert_eq!(kinds(&side), [renewed, renewed].concat());
    let books = side.books(&customer).await.unwrap();
    let numbers: Vec<_> = books.invoices.iter().map(|one| one.number.clone().unwrap()).collect();
    assert_eq!(numbers, ["TEST-000003", "TEST-000002", "TEST-000001"]);
    assert!(books.invoices.iter().all(|one| (one.net_cents, one.total_cents) == (49_000, 58_800)));
    assert_eq!(books.subscriptions[0].standing, Standing::Active);
}

#[tokio::test]
async fn a_card_that_refuses_is_tried_three_times_again_and_then_it_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let page = paid(&later(folder.path(), 0), &basket(Period::Year), Card::Refuses).await;
    let customer = page.customer.unwrap();
    kinds(&later(folder.path(), 0));
    let side = later(folder.path(), 366);
    assert_eq!(kinds(&side), ["invoice.payment_failed", "customer.subscription.updated"]);
    assert_eq!(side.books(&customer).await.unwrap().subscriptions[0].standing, Standing::PastDue);
    assert_eq!(kinds(&later(folder.path(), 370)), ["invoice.payment_failed"]);
    let side = later(folder.path(), 400);
    assert_eq!(
        kinds(&side),
        ["invoice.payment_failed", "invoice.payment_failed", "customer.subscription.deleted"]
    );
    let books = side.books(&customer).await.unwrap();
    assert_eq!(books.subscriptions[0].standing, Standing::Canceled);
    assert_eq!(books.invoices[0].state, InvoiceState::Uncollectible);
}

#[tokio::test]
async fn another_card_pays_what_is_overdue_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let page = paid(&later(folder.path(), 0), &basket(Period::Year), Card::Refuses).await;
    let customer = page.customer.unwrap();
    let side = later(folder.path(), 367);
    kinds(&side);
    side.use_card(&customer, Card::Pays).unwrap();
    assert_eq!(kinds(&side), ["invoice.paid", "customer.subscription.updated"]);
    let books = side.books(&customer).await.unwrap();
    assert_eq!(
        (books.subscriptions[0].standing, books.invoices[0].state),
        (Standing::Active, InvoiceState::Paid)
    );
}

#[tokio::test]
async fn a_code_for_one_is_redeemed_by_one_of_two_who_have_it_in_their_basket() {
    let folder = tempfile::tempdir().unwrap();
    let side = later(folder.path(), 0);
    let mut pages = Vec::new();
    for order in ["ord_1", "ord_2"] {
        let promotion = side.promotion("unique50").await.unwrap();
        let basket = Basket { order: order.into(), promotion, ..basket(Period::Year) };
        assert_eq!((basket.net_cents(), basket.total_cents()), (24_500, 29_400));
        pages.push(side.open(&basket).await.unwrap().session);
    }
    assert!(side.settle(&pages[0], Outcome::Pay(Card::Pays)).unwrap().is_ok());
    assert_eq!(side.settle(&pages[1], Outcome::Pay(Card::Pays)).unwrap(), Err(Unsettled::CodeUsed));
    assert_eq!(side.promotion("UNIQUE50").await.unwrap(), None);
    assert_eq!(side.promotion("INCONNU").await.unwrap(), None);
}

#[tokio::test]
async fn a_change_is_counted_to_the_second_and_a_card_that_refuses_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for card in [Card::Pays, Card::Refuses] {
        let order = Basket { order: format!("{card:?}"), ..basket(Period::Year) };
        let customer = paid(&later(folder.path(), 0), &order, card).await.customer.unwrap();
        let side = later(folder.path(), 100);
        let books = side.books(&customer).await.unwrap();
        let held = &books.subscriptions[0];
        let half = held.period_end.duration_since(held.period_start) / 2;
        let change = Change {
            subscription: held.id.clone(),
            item: held.item.clone(),
            offer: "ifc".into(),
            name: "IFC".into(),
            unit_cents: 129_000,
            quantity: 1,
            currency: "EUR".into(),
            period: Period::Year,
            at: held.period_start.checked_add(half).unwrap(),
        };
        let preview = side.preview(&change).await.unwrap();
        assert_eq!((preview.net_cents, preview.total_cents), (40_000, 48_000));
        let done = side.change(&change, "key").await;
        let after = side.books(&customer).await.unwrap();
        if card == Card::Pays {
            done.unwrap();
            side.change(&change, "key").await.unwrap();
            assert_eq!(after.subscriptions[0].unit_cents, 129_000);
            assert_eq!((after.invoices.len(), after.invoices[0].total_cents), (2, 48_000));
        } else {
            // The key of the first is not that of the second: they are two houses' words.
            let done = side.change(&change, "other key").await;
            assert!(matches!(done, Err(PaymentsError::Refused { status: 402, .. })), "{done:?}");
            assert_eq!(after, books);
        }
    }
}

#[tokio::test]
async fn what_ends_with_its_period_ends_then_and_what_was_used_is_billed() {
    let folder = tempfile::tempdir().unwrap();
    let side = later(folder.path(), 0);
    let page = paid(&side, &basket(Period::Month), Card::Pays).await;
    let (customer, subscription) = (page.customer.unwrap(), page.subscription.unwrap());
    let usage = Usage {
        customer: customer.clone(),
        subscription: subscription.clone(),
        over: false,
        tax: Tax::At(2_000),
        text: "Calculs".into(),
        quantity: 7,
        unit_cents: 150,
        currency: "eur".into(),
    };
    for _ in 0..2 {
        side.bill(&usage, "usage-1").await.unwrap();
    }
    side.end(&subscription, End::WithPeriod).await.unwrap();
    let side = later(folder.path(), 40);
    let books = side.books(&customer).await.unwrap();
    assert_eq!(books.subscriptions[0].ended, Some(books.subscriptions[0].period_end));
    assert_eq!((books.invoices.len(), books.invoices[0].net_cents), (2, 1_050));
    assert!(side.end(&subscription, End::Never).await.is_err(), "it is over");
}

#[tokio::test]
async fn a_refund_comes_with_a_credit_note_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let side = later(folder.path(), 0);
    let page = paid(&side, &basket(Period::Once), Card::Pays).await;
    let (customer, payment) = (page.customer.unwrap(), page.payment_intent.unwrap());
    side.refund(&payment, "a").await.unwrap();
    side.refund(&payment, "a").await.unwrap();
    assert!(side.refund(&payment, "b").await.is_err());
    let books = side.books(&customer).await.unwrap();
    assert_eq!(books.payments[0].refunded_cents, 58_800);
    assert_eq!((books.credit_notes.len(), books.credit_notes[0].total_cents), (1, 58_800));
    assert_eq!(kinds(&side).last().unwrap(), "charge.refunded");
}
