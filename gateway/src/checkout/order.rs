//! An order and its states: pure rules, no store and no HTTP.

use aops_manifest::Language;
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::config::{Offer, Period};
use crate::payments::Event;

/// The terms of sale that a buyer accepts today, by the date of their version.
pub const CGV_VERSION: &str = "2023-01-25";

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
    /// The price when it was ordered, in hundredths of the currency.
    pub amount_cents: u32,
    /// ISO 4217.
    pub currency: String,
    /// The version of the terms of sale that were accepted.
    pub cgv_version: String,
    /// The language in which it was ordered.
    pub language: Language,
    /// Where it stands.
    pub state: OrderState,
    /// The payment page, once opened.
    pub session: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it last changed.
    pub updated: Timestamp,
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
        let until = match period {
            Period::Once => None,
            Period::Year => Some(a_year_after(from)),
        };
        Self { offer: offer.to_owned(), module: module.to_owned(), from, until, source }
    }
}

impl Order {
    /// A new order of an offer, at its price of today.
    pub fn new(
        id: String,
        account: &crate::accounts::Account,
        offer: &Offer,
        language: Language,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            account: account.id.clone(),
            organisation: account.organisation.clone(),
            offer: offer.id.clone(),
            module: offer.module.clone(),
            period: offer.period,
            amount_cents: offer.price_cents,
            currency: offer.currency.clone(),
            cgv_version: CGV_VERSION.to_owned(),
            language,
            state: OrderState::Pending,
            session: None,
            created: now,
            updated: now,
        }
    }

    /// The state that an event of this order's payment page leads to, if it changes anything.
    ///
    /// The order of events does not matter: paid is never undone by what was sent before or after, and only a
    /// pending order fails or expires.
    pub fn after(&self, event: &Event) -> Option<OrderState> {
        let paid = event.object.payment_status.as_deref() == Some("paid");
        match event.kind.as_str() {
            "checkout.session.completed" | "checkout.session.async_payment_succeeded" if paid => {
                match (self.state, self.agrees_with(event)) {
                    (OrderState::Paid, _) | (OrderState::Mismatch, false) => None,
                    (_, true) => Some(OrderState::Paid),
                    (_, false) => Some(OrderState::Mismatch),
                }
            }
            "checkout.session.async_payment_failed" if self.state == OrderState::Pending => {
                Some(OrderState::Failed)
            }
            "checkout.session.expired" if self.state == OrderState::Pending => Some(OrderState::Expired),
            _ => None,
        }
    }

    /// Whether what an event says was paid is what was asked; a member that it leaves out says nothing.
    fn agrees_with(&self, event: &Event) -> bool {
        let object = &event.object;
        object.amount_total.is_none_or(|amount| amount == i64::from(self.amount_cents))
            && object.currency.as_ref().is_none_or(|currency| currency.eq_ignore_ascii_case(&self.currency))
            && object.client_reference_id.as_ref().is_none_or(|order| *order == self.id)
    }
}

/// The same date and time of the next year, in UTC; 29 February leads to 28 February.
fn a_year_after(from: Timestamp) -> Timestamp {
    let later = from.to_zoned_datetime(TimeZone::UTC).checked_add(1.year());
    later.map_or(Timestamp::MAX, |later| later.timestamp())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::payments::PaidObject;

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
            cgv_version: CGV_VERSION.into(),
            language: Language::Fr,
            state: OrderState::Pending,
            session: Some("cs_1".into()),
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
}
