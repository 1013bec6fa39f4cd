//! An order and its states: pure rules, no store and no HTTP.

use aops_manifest::Language;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::config::{Offer, Period};
use crate::payments::{Basket, Event, PaidObject};
use crate::tax::Tax;

/// The terms of sale that a buyer accepts today, by the date of their version.
pub const CGV_VERSION: &str = "2026-11-27";
/// A consumer may go back on an order for so long (Code de la consommation, art. L. 221-18).
const WITHDRAWAL: SignedDuration = SignedDuration::from_hours(14 * 24);

/// An order, in its organisation's partition. It holds ids and amounts, no name and no address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// `ord_…`.
    pub id: String,
    /// Who ordered.
    pub account: String,
    /// Whose it is.
    pub organisation: String,
    /// The offer's id.
    pub offer: String,
    /// The module to which it gives access.
    pub module: String,
    /// For how long.
    pub period: Period,
    /// What is due first, tax included, in hundredths of the currency.
    pub amount_cents: u32,
    /// ISO 4217.
    pub currency: String,
    /// Seats.
    #[serde(default = "one")]
    pub quantity: u32,
    /// What it is made of, unless it is the price alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sum: Option<Sum>,
    /// Whether it was ordered as a consumer, who may go back on it.
    #[serde(default)]
    pub consumer: bool,
    /// The version of the terms of sale that were accepted.
    pub cgv_version: String,
    /// The language in which it was ordered.
    pub language: Language,
    /// Where it stands.
    pub state: OrderState,
    /// The payment page, once opened.
    pub session: Option<String>,
    /// The processor's names of who paid, of the payment, and of the subscription that began.
    #[serde(default)]
    pub paid: Paid,
    /// When it was made.
    pub created: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
}

/// What an amount is made of, in hundredths of the currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// The prices, without tax.
    pub gross_cents: u32,
    /// What the promotion takes off, and its code.
    pub rebate_cents: u32,
    /// The code.
    pub code: Option<String>,
    /// What the sale is, for VAT.
    pub tax: Tax,
    /// The tax, where we tell it.
    pub tax_cents: u32,
}

/// The processor's names, once it has told them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Paid {
    /// When it was paid.
    pub at: Option<Timestamp>,
    /// `cus_…`.
    pub customer: Option<String>,
    /// `pi_…`.
    pub payment: Option<String>,
    /// `sub_…`.
    pub subscription: Option<String>,
}

fn one() -> u32 {
    1
}

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OrderState {
    /// Not paid yet.
    Pending,
    /// Paid: access is granted.
    Paid,
    /// No payment page could be opened, or the payment failed.
    Failed,
    /// The payment page was left until it closed.
    Expired,
    /// Paid, but not what was asked: nothing is granted, staff look at it.
    Mismatch,
    /// Paid, and given back: access has ended.
    Refunded,
}

/// Access to a module, in its organisation's partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The offer's id, or `illimite`.
    pub offer: String,
    /// The module, or `*` for all.
    pub module: String,
    /// From this instant.
    pub from: Timestamp,
    /// Until this one; none for good.
    pub until: Option<Timestamp>,
    /// Why it was granted.
    pub source: PlanSource,
    /// How many people it is for, who are named; none when it is for everybody of the organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seats: Option<u32>,
    /// How many calculations it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<Counted>,
}

/// Calculations that are counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// The counter of the period.
    pub counter: String,
    /// So many are paid for.
    pub included: u32,
    /// Whether more are possible, and billed.
    pub beyond: bool,
}

/// Why a plan was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlanSource {
    /// It was paid.
    Order,
    /// Staff gave it.
    Staff,
}

impl Plan {
    /// Whether it opens a module at an instant.
    pub fn opens(&self, module: &str, now: Timestamp) -> bool {
        (self.module == "*" || self.module == module)
            && self.from <= now
            && self.until.is_none_or(|until| now < until)
    }

    /// Access as an offer gives it, from an instant on.
    pub fn of(offer: &str, module: &str, period: Period, from: Timestamp, source: PlanSource) -> Self {
        let until = period.end(from);
        Self {
            offer: offer.to_owned(),
            module: module.to_owned(),
            from,
            until,
            source,
            seats: None,
            counted: None,
        }
    }
}

impl Order {
    /// A new order of an offer, as a basket sums it up.
    pub fn new(
        account: &crate::accounts::Account,
        organisation: &str,
        offer: &Offer,
        basket: &Basket,
        now: Timestamp,
    ) -> Self {
        // Prices and seats are u32, and a basket is checked to stay within.
        let cents = |cents: i64| u32::try_from(cents).unwrap_or(u32::MAX);
        let plain = basket.promotion.is_none() && basket.tax == Tax::Untold;
        let sum = Sum {
            gross_cents: cents(basket.gross_cents()),
            rebate_cents: cents(basket.rebate_cents()),
            code: basket.promotion.as_ref().map(|promotion| promotion.code.clone()),
            tax: basket.tax,
            tax_cents: cents(basket.tax_cents()),
        };
        Self {
            id: basket.order.clone(),
            account: account.id.clone(),
            organisation: organisation.to_owned(),
            offer: offer.id.clone(),
            module: offer.module.clone(),
            period: offer.period,
            amount_cents: cents(basket.total_cents()),
            currency: offer.currency.clone(),
            quantity: basket.quantity,
            sum: (!plain).then_some(sum),
            consumer: false,
            cgv_version: CGV_VERSION.to_owned(),
            language: basket.language,
            state: OrderState::Pending,
            session: None,
            paid: Paid::default(),
            created: now,
            updated: now,
        }
    }

    /// Until when its buyer may go back on it without giving a reason, if they may.
    pub fn withdrawal(&self) -> Option<Timestamp> {
        let from = self.paid.at.filter(|_| self.consumer && self.state == OrderState::Paid)?;
        from.saturating_add(WITHDRAWAL).ok()
    }

    /// The state that an event of this order's payment page leads to, if it changes anything.
    ///
    /// The order of events does not matter: paid is never undone by what was sent before or after, and only a
    /// pending order fails or expires.
    pub fn after(&self, event: &Event) -> Option<OrderState> {
        match event.kind.as_str() {
            "checkout.session.completed" | "checkout.session.async_payment_succeeded" => {
                self.settled_by(&event.object)
            }
            "checkout.session.async_payment_failed" if self.state == OrderState::Pending => {
                Some(OrderState::Failed)
            }
            "checkout.session.expired" if self.state == OrderState::Pending => Some(OrderState::Expired),
            _ => None,
        }
    }

    /// The state that a payment page of this order leads to, if it was paid and that changes anything.
    pub fn settled_by(&self, page: &PaidObject) -> Option<OrderState> {
        let paid = match page.payment_status.as_deref() {
            Some("paid") => true,
            // A rebate of the whole leaves nothing to pay.
            Some("no_payment_required") => self.amount_cents == 0,
            _ => false,
        };
        match (self.state, self.agrees_with(page)) {
            _ if !paid => None,
            (OrderState::Paid | OrderState::Refunded, _) | (OrderState::Mismatch, false) => None,
            (_, true) => Some(OrderState::Paid),
            (_, false) => Some(OrderState::Mismatch),
        }
    }

    /// Whether what a page says was paid is what was asked; a member that it leaves out says nothing.
    fn agrees_with(&self, page: &PaidObject) -> bool {
        page.amount_total.is_none_or(|total| self.amounts_to(total, page))
            && page.currency.as_ref().is_none_or(|currency| currency.eq_ignore_ascii_case(&self.currency))
            && page.client_reference_id.as_ref().is_none_or(|order| *order == self.id)
            && match (&self.paid.customer, &page.customer) {
                (Some(known), Some(told)) => known == told,
                _ => true,
            }
    }

    fn amounts_to(&self, total: i64, page: &PaidObject) -> bool {
        match &self.sum {
            // What Stripe adds is Stripe's word; what it is added to is ours.
            Some(sum) if sum.tax == Tax::ByStripe => {
                let net = i64::from(sum.gross_cents) - i64::from(sum.rebate_cents);
                page.amount_subtotal == Some(sum.gross_cents.into())
                    && page.amount_discount.unwrap_or_default() == i64::from(sum.rebate_cents)
                    && page.amount_tax.is_some_and(|tax| tax >= 0 && total == net + tax)
            }
            _ => total == i64::from(self.amount_cents),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn order() -> Order {
        Order {
            id: "ord_1".into(),
            account: "acc_1".into(),
            organisation: "org_1".into(),
            offer: "rente".into(),
            module: "rente".into(),
            period: Period::Year,
            amount_cents: 49_000,
            currency: "EUR".into(),
            quantity: 1,
            sum: None,
            consumer: false,
            cgv_version: CGV_VERSION.into(),
            language: Language::Fr,
            state: OrderState::Pending,
            session: Some("cs_1".into()),
            paid: Paid::default(),
            created: Timestamp::UNIX_EPOCH,
            updated: Timestamp::UNIX_EPOCH,
        }
    }

    fn event(kind: &str, status: &str, amount: Option<i64>, currency: Option<&str>) -> Event {
        Event {
            id: "evt_1".into(),
            kind: format!("checkout.session.{kind}"),
            created: 0,
            api_version: None,
            livemode: false,
            object: PaidObject {
                id: Some("cs_1".into()),
                payment_status: Some(status.into()),
                amount_total: amount,
                currency: currency.map(str::to_owned),
                ..PaidObject::default()
            },
        }
    }

    #[test]
    fn only_a_payment_of_what_was_asked_grants() {
        use OrderState::{Failed, Mismatch, Paid, Pending};
        let cases = [
            (Pending, event("completed", "paid", Some(49_000), Some("eur")), Some(Paid)),
            (Pending, event("completed", "paid", None, None), Some(Paid)),
            (Pending, event("completed", "unpaid", Some(49_000), Some("eur")), None),
            (Pending, event("completed", "no_payment_required", Some(49_000), Some("eur")), None),
            (Pending, event("completed", "paid", Some(1), Some("eur")), Some(Mismatch)),
            (Pending, event("completed", "paid", Some(49_000), Some("usd")), Some(Mismatch)),
            (Pending, event("async_payment_succeeded", "paid", Some(49_000), Some("eur")), Some(Paid)),
            (Failed, event("async_payment_succeeded", "paid", Some(49_000), Some("eur")), Some(Paid)),
            (Mismatch, event("completed", "paid", Some(49_000), Some("eur")), Some(Paid)),
            (Paid, event("completed", "paid", Some(1), Some("eur")), None),
        ];
        for (state, event, expected) in cases {
            let order = Order { state, ..order() };
            assert_eq!(order.after(&event), expected, "{state:?} {event:?}");
        }
        let mut other = event("completed", "paid", Some(49_000), Some("eur"));
        other.object.client_reference_id = Some("ord_2".into());
        assert_eq!(order().after(&other), Some(Mismatch));
    }

    #[test]
    fn what_is_paid_stays_paid_in_whatever_order_events_come() {
        use OrderState::{Expired, Failed, Mismatch, Paid, Pending};
        for kind in ["expired", "async_payment_failed"] {
            for state in [Paid, Mismatch, Expired, Failed] {
                let order = Order { state, ..order() };
                assert_eq!(order.after(&event(kind, "unpaid", None, None)), None, "{kind} {state:?}");
            }
        }
        let expired = Order { state: Expired, ..order() };
        assert_eq!(expired.after(&event("completed", "paid", Some(49_000), Some("eur"))), Some(Paid));
        let pending = Order { state: Pending, ..order() };
        assert_eq!(pending.after(&event("expired", "unpaid", None, None)), Some(Expired));
    }

    #[test]
    fn a_plan_opens_its_module_for_its_time_and_staff_s_plan_opens_all() {
        let from: Timestamp = "2028-02-29T10:00:00Z".parse().unwrap();
        let plan = Plan::of("rente", "rente", Period::Year, from, PlanSource::Order);
        assert_eq!(plan.until, Some("2029-02-28T10:00:00Z".parse().unwrap()));
        assert!(plan.opens("rente", from) && !plan.opens("ifc", from));
        assert!(!plan.opens("rente", plan.until.unwrap()));
        let all = Plan::of("illimite", "*", Period::Once, from, PlanSource::Staff);
        assert!(all.opens("ifc", Timestamp::MAX));
    }

    #[test]
    fn tax_by_stripe_is_stripe_s_word_on_what_we_asked_for() {
        let sum =
            Sum { gross_cents: 10_000, rebate_cents: 1_000, code: None, tax: Tax::ByStripe, tax_cents: 0 };
        let order = Order { sum: Some(sum), amount_cents: 9_000, ..order() };
        let page = |subtotal, discount, tax, total| PaidObject {
            payment_status: Some("paid".into()),
            amount_total: Some(total),
            amount_subtotal: subtotal,
            amount_discount: discount,
            amount_tax: tax,
            ..PaidObject::default()
        };
        for (page, expected) in [
            (page(Some(10_000), Some(1_000), Some(1_800), 10_800), OrderState::Paid),
            (page(Some(10_000), Some(1_000), Some(0), 9_000), OrderState::Paid),
            (page(Some(10_000), Some(5_000), Some(1_000), 6_000), OrderState::Mismatch),
            (page(Some(1), Some(0), Some(0), 1), OrderState::Mismatch),
            (page(Some(10_000), Some(1_000), Some(-8_999), 1), OrderState::Mismatch),
            (page(None, None, None, 9_000), OrderState::Mismatch),
        ] {
            assert_eq!(order.settled_by(&page), Some(expected), "{page:?}");
        }
    }

    #[test]
    fn nothing_to_pay_is_paid_only_where_nothing_was_asked() {
        let page = |total| PaidObject {
            payment_status: Some("no_payment_required".into()),
            amount_total: Some(total),
            ..PaidObject::default()
        };
        assert_eq!(order().settled_by(&page(0)), None);
        let free = Order { amount_cents: 0, ..order() };
        assert_eq!(free.settled_by(&page(0)), Some(OrderState::Paid));
        assert_eq!(free.settled_by(&page(5)), Some(OrderState::Mismatch));
    }

    #[test]
    fn a_customer_of_somebody_else_pays_for_nothing() {
        let known = Order { paid: Paid { customer: Some("cus_1".into()), ..Paid::default() }, ..order() };
        let mut told = event("completed", "paid", Some(49_000), Some("eur"));
        told.object.customer = Some("cus_2".into());
        assert_eq!(known.after(&told), Some(OrderState::Mismatch));
        told.object.customer = Some("cus_1".into());
        assert_eq!(known.after(&told), Some(OrderState::Paid));
    }

    #[test]
    fn a_consumer_alone_may_go_back_on_a_paid_order_for_fourteen_days() {
        let at = Timestamp::UNIX_EPOCH;
        let paid = Paid { at: Some(at), ..Paid::default() };
        let business = Order { state: OrderState::Paid, paid, ..order() };
        assert_eq!(business.withdrawal(), None);
        let consumer = Order { consumer: true, ..business };
        assert_eq!(consumer.withdrawal().unwrap().to_string(), "1970-01-15T00:00:00Z");
        assert_eq!(Order { state: OrderState::Refunded, ..consumer }.withdrawal(), None);
    }

    /// Proves p-terms.
    #[test]
    fn the_terms_that_are_accepted_are_those_of_the_page() {
        let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../content/fr/cgv.md"));
        assert!(page.contains(&format!("version = \"{CGV_VERSION}\"")));
    }
}
