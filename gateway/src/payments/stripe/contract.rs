//! The members that we read beside async-stripe's types, which are generated from Stripe's published OpenAPI
//! description of the version that we ask for: one that goes or changes its kind no longer compiles here.

use stripe_shared::{
    Charge, Coupon, CreditNote, Invoice, InvoicePayment, InvoiceStatus, PromotionCode, Subscription,
    SubscriptionItem, SubscriptionStatus,
};
use stripe_types::{Expandable, Timestamp};

use crate::payments::{InvoiceState, Standing};

/// What `objects.rs` reads, kind by kind.
#[expect(dead_code, reason = "it is compiled, not run")]
fn subscriptions(subscription: &Subscription, item: &SubscriptionItem) {
    let _: (&Expandable<_>, &SubscriptionStatus, &Vec<SubscriptionItem>) =
        (&subscription.customer, &subscription.status, &subscription.items.data);
    let _: (&Option<Timestamp>, &Option<Timestamp>, bool, &Option<String>) = (
        &subscription.cancel_at,
        &subscription.ended_at,
        subscription.cancel_at_period_end,
        &subscription.metadata.get("order").cloned(),
    );
    let _: (Timestamp, Timestamp, &Option<u64>, &Option<i64>) =
        (item.current_period_start, item.current_period_end, &item.quantity, &item.price.unit_amount);
}

#[expect(dead_code, reason = "it is compiled, not run")]
fn papers(invoice: &Invoice, paid_by: &InvoicePayment, note: &CreditNote) {
    let _: (&Option<InvoiceStatus>, &Option<String>, i64, &Option<i64>, &Option<String>) =
        (&invoice.status, &invoice.number, invoice.total, &invoice.total_excluding_tax, &invoice.invoice_pdf);
    let _: Option<&Expandable<Subscription>> = invoice
        .parent
        .as_ref()
        .and_then(|parent| parent.subscription_details.as_ref())
        .map(|details| &details.subscription);
    let _: (Option<&Vec<InvoicePayment>>, &Option<Timestamp>) =
        (invoice.payments.as_ref().map(|list| &list.data), &invoice.status_transitions.finalized_at);
    let _: (&Option<Expandable<_>>, &Option<Expandable<Charge>>) =
        (&paid_by.payment.payment_intent, &paid_by.payment.charge);
    let _: (&String, i64, &Option<i64>, &String, &Expandable<Invoice>) =
        (&note.number, note.total, &note.total_excluding_tax, &note.pdf, &note.invoice);
}

#[expect(dead_code, reason = "it is compiled, not run")]
fn money(charge: &Charge, code: &PromotionCode, coupon: &Coupon) {
    let _: (i64, i64, &Option<Expandable<_>>) =
        (charge.amount, charge.amount_refunded, &charge.payment_intent);
    let _: (bool, &String, &Option<Expandable<Coupon>>) = (code.active, &code.code, &code.promotion.coupon);
    let _: (bool, &Option<f64>, &Option<i64>) = (coupon.valid, &coupon.percent_off, &coupon.amount_off);
}

#[test]
fn every_state_that_stripe_knows_is_known_here() {
    use SubscriptionStatus as S;
    for status in [
        S::Active,
        S::Canceled,
        S::Incomplete,
        S::IncompleteExpired,
        S::PastDue,
        S::Paused,
        S::Trialing,
        S::Unpaid,
    ] {
        let read: Result<Standing, _> = serde_json::from_value(status.as_str().into());
        assert!(read.is_ok(), "{status:?}");
    }
    use InvoiceStatus as I;
    for status in [I::Draft, I::Open, I::Paid, I::Uncollectible, I::Void] {
        let read: Result<InvoiceState, _> = serde_json::from_value(status.as_str().into());
        assert!(read.is_ok(), "{status:?}");
    }
}
