//! A subscription as we keep it, rebuilt whole from the processor's object each time: pure rules, no store and no HTTP.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::order::{Counted, Order, Plan, PlanSource};
use crate::config::{Offer, Period};
use crate::payments::{Books, InvoiceState, Standing, Subscription as Object};

/// Access goes on for so long past the day when a renewal was due.
pub(super) const GRACE: SignedDuration = SignedDuration::from_hours(14 * 24);
/// Before the end of that, a last reminder.
const REMINDER: SignedDuration = SignedDuration::from_hours(7 * 24);
/// A renewal by the year is announced so long before: between three months and one (Code de la consommation, art.
/// L. 215-1, which holds for consumers; everybody is told).
const NOTICE: SignedDuration = SignedDuration::from_hours(60 * 24);
/// A subscription that ends is offered again so long before.
const OFFERED_AGAIN: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A subscription, in its organisation's partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// `sub_…`.
    pub id: String,
    /// `cus_…`.
    pub customer: String,
    /// `si_…`: its one line.
    pub item: String,
    /// The order that began it.
    pub order: String,
    /// Who ordered, and is written to.
    pub account: String,
    /// The offer's id, today.
    pub offer: String,
    /// The module that it opens.
    pub module: String,
    /// How often it is charged.
    pub period: Period,
    /// Where it stands.
    pub standing: Standing,
    /// Seats.
    pub quantity: u32,
    /// The price of one seat for a period, without tax, in hundredths of the currency.
    pub unit_cents: i64,
    /// ISO 4217, in lower case.
    pub currency: String,
    /// The beginning of the period.
    pub period_start: Timestamp,
    /// Its end.
    pub period_end: Timestamp,
    /// Whether it ends with the period.
    pub cancel_at_period_end: bool,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Whether the period has not been paid for.
    pub unpaid: bool,
    /// When what was paid for the period was seen to have been given back.
    pub refunded: Option<Timestamp>,
    /// Whether its seats are named.
    pub seated: bool,
    /// The letters that were written about it.
    pub told: BTreeSet<String>,
    /// When it was last rebuilt.
    pub synced: Timestamp,
}

/// A letter that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// What keeps it from being written twice.
    pub name: String,
    /// `NAME` of `mail/NAME.md`.
    pub template: &'static str,
    /// The day that it tells.
    pub day: Timestamp,
}

impl Subscription {
    /// The subscription as the processor tells it now, with what we knew of it.
    pub fn rebuilt(
        object: &Object,
        books: &Books,
        order: &Order,
        offers: &[Offer],
        before: Option<&Self>,
        now: Timestamp,
    ) -> Self {
        let named = object.offer.as_ref().and_then(|id| offers.iter().find(|offer| offer.id == *id));
        // The invoice of the period is the last one that is not a draft.
        let mut issued = books.invoices.iter().filter(|invoice| {
            invoice.subscription.as_ref() == Some(&object.id) && invoice.state != InvoiceState::Draft
        });
        let last = issued.clone().max_by_key(|invoice| invoice.issued);
        let unpaid = last
            .is_some_and(|invoice| matches!(invoice.state, InvoiceState::Open | InvoiceState::Uncollectible));
        let given_back = issued.any(|invoice| {
            let paid_for = books.payments.iter().find(|payment| {
                invoice.payment.as_ref() == Some(&payment.id) || payment.invoice.as_ref() == Some(&invoice.id)
            });
            invoice.issued >= object.period_start
                && paid_for
                    .is_some_and(|paid| paid.amount_cents > 0 && paid.refunded_cents >= paid.amount_cents)
        });
        let known = before.and_then(|before| before.refunded);
        let told = before.map(|before| before.told.clone()).unwrap_or_default();
        Self {
            id: object.id.clone(),
            customer: object.customer.clone(),
            item: object.item.clone(),
            order: order.id.clone(),
            account: order.account.clone(),
            offer: named.map_or_else(|| order.offer.clone(), |offer| offer.id.clone()),
            module: named.map_or_else(|| order.module.clone(), |offer| offer.module.clone()),
            period: order.period,
            standing: object.standing,
            quantity: object.quantity,
            unit_cents: object.unit_cents,
            currency: object.currency.clone(),
            period_start: object.period_start,
            period_end: object.period_end,
            cancel_at_period_end: object.cancel_at_period_end,
            ended: object.ended,
            unpaid,
            refunded: given_back.then(|| known.unwrap_or(now)),
            seated: named.is_some_and(|offer| offer.seats.is_some()),
            told,
            synced: now,
        }
    }

    /// Until when it gives access.
    pub fn access_until(&self) -> Timestamp {
        let paid_for = match self.standing {
            Standing::Active | Standing::Trialing if self.cancel_at_period_end => self.period_end,
            // Should we not hear of a renewal in time, nobody is shut out for it.
            Standing::Active | Standing::Trialing => later(self.period_end, GRACE),
            Standing::PastDue => later(self.period_start, GRACE),
            Standing::Canceled => {
                let ended = self.ended.unwrap_or(self.period_end);
                if self.unpaid { ended.min(later(self.period_start, GRACE)) } else { ended }
            }
            Standing::Unpaid => later(self.period_start, GRACE),
            Standing::Incomplete | Standing::IncompleteExpired | Standing::Paused => self.period_start,
        };
        self.refunded.map_or(paid_for, |refunded| refunded.min(paid_for))
    }

    /// Whether it goes on and may be changed.
    pub fn is_alive(&self) -> bool {
        matches!(
            self.standing,
            Standing::Active | Standing::Trialing | Standing::PastDue | Standing::Unpaid | Standing::Paused
        )
    }

    /// The plan that it gives.
    pub fn plan(&self, from: Timestamp, offer: Option<&Offer>) -> Plan {
        let metered = offer.and_then(|offer| offer.metered);
        Plan {
            offer: self.offer.clone(),
            module: self.module.clone(),
            from,
            until: Some(self.access_until()),
            source: PlanSource::Order,
            seats: self.seated.then_some(self.quantity),
            counted: metered.map(|metered| Counted {
                counter: self.counter(),
                included: metered.included.saturating_mul(self.quantity),
                beyond: metered.price_cents.is_some(),
            }),
        }
    }

    /// The name of the counter of this period.
    pub fn counter(&self) -> String {
        format!("{}-{:012}", self.id, self.period_start.as_second())
    }

    /// The letters that are due by now and were not written.
    pub fn letters(&self, now: Timestamp) -> Vec<Letter> {
        let mut due = Vec::new();
        let mut letter = |about: &str, of: Timestamp, template, day| {
            due.push(Letter { name: format!("{about}-{}", of.as_second()), template, day });
        };
        let (start, end) = (self.period_start, self.period_end);
        if let Some(refunded) = self.refunded {
            letter("refunded", start, "abonnement_rembourse", refunded);
        } else if self.standing == Standing::PastDue {
            let until = self.access_until();
            // Of what was missed, the last word is enough.
            match now {
                _ if now >= until => letter("suspended", start, "abonnement_suspendu", until),
                _ if now >= earlier(until, REMINDER) => {
                    letter("reminder", start, "abonnement_relance", until)
                }
                _ => letter("overdue", start, "abonnement_impaye", until),
            }
        } else if matches!(self.standing, Standing::Canceled | Standing::Unpaid) && self.unpaid {
            letter("suspended", start, "abonnement_suspendu", self.access_until());
        } else if self.is_alive() && self.cancel_at_period_end {
            letter("cancelled", end, "abonnement_resilie", end);
            // A month's subscription ends too soon for two letters.
            if self.period == Period::Year && now >= earlier(end, OFFERED_AGAIN) {
                letter("again", end, "abonnement_reprise", end);
            }
        } else if self.standing == Standing::Active
            && self.period == Period::Year
            && now >= earlier(end, NOTICE)
        {
            letter("notice", end, "abonnement_echeance", end);
        }
        due.retain(|letter| !self.told.contains(&letter.name));
        due
    }

    /// Notes letters as written, and forgets what may be told anew: a cancellation that was taken back.
    pub fn wrote(&mut self, letters: &[Letter]) {
        self.told.extend(letters.iter().map(|letter| letter.name.clone()));
        if !self.cancel_at_period_end && self.standing == Standing::Active {
            self.told.retain(|name| !name.starts_with("cancelled-"));
        }
    }
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

fn earlier(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_sub(by).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    pub(crate) fn subscription() -> Subscription {
        Subscription {
            id: "sub_1".into(),
            customer: "cus_1".into(),
            item: "si_1".into(),
            order: "ord_1".into(),
            account: "acc_1".into(),
            offer: "rente".into(),
            module: "rente".into(),
            period: Period::Year,
            standing: Standing::Active,
            quantity: 1,
            unit_cents: 49_000,
            currency: "eur".into(),
            period_start: at("2027-01-01T00:00:00Z"),
            period_end: at("2028-01-01T00:00:00Z"),
            cancel_at_period_end: false,
            ended: None,
            unpaid: false,
            refunded: None,
            seated: false,
            told: BTreeSet::new(),
            synced: at("2027-01-01T00:00:00Z"),
        }
    }

    #[test]
    fn access_lasts_as_long_as_it_is_paid_for_and_a_fortnight_past_what_is_due() {
        let in_order = subscription();
        let ended = Some(at("2027-06-01T00:00:00Z"));
        let cases = [
            (in_order.clone(), "2028-01-15T00:00:00Z"),
            (Subscription { cancel_at_period_end: true, ..in_order.clone() }, "2028-01-01T00:00:00Z"),
            (Subscription { standing: Standing::PastDue, ..in_order.clone() }, "2027-01-15T00:00:00Z"),
            (
                Subscription { standing: Standing::Canceled, ended, ..in_order.clone() },
                "2027-06-01T00:00:00Z",
            ),
            (
                Subscription { standing: Standing::Canceled, ended, unpaid: true, ..in_order.clone() },
                "2027-01-15T00:00:00Z",
            ),
            (Subscription { standing: Standing::Incomplete, ..in_order.clone() }, "2027-01-01T00:00:00Z"),
            (
                Subscription { refunded: Some(at("2027-03-01T00:00:00Z")), ..in_order.clone() },
                "2027-03-01T00:00:00Z",
            ),
        ];
        for (subscription, until) in cases {
            assert_eq!(subscription.access_until(), at(until), "{subscription:?}");
        }
    }

    #[test]
    fn each_letter_is_due_on_its_day_and_once() {
        let told = |subscription: &mut Subscription, day: &str| {
            let letters = subscription.letters(at(day));
            subscription.wrote(&letters);
            letters.iter().map(|letter| letter.template).collect::<Vec<_>>()
        };
        let mut yearly = subscription();
        assert_eq!(told(&mut yearly, "2027-11-01T00:00:00Z"), [""; 0]);
        assert_eq!(told(&mut yearly, "2027-11-02T00:00:00Z"), ["abonnement_echeance"]);
        assert_eq!(told(&mut yearly, "2027-11-03T00:00:00Z"), [""; 0]);
        let mut overdue = Subscription { standing: Standing::PastDue, unpaid: true, ..subscription() };
        assert_eq!(told(&mut overdue, "2027-01-01T01:00:00Z"), ["abonnement_impaye"]);
        assert_eq!(told(&mut overdue, "2027-01-07T00:00:00Z"), [""; 0]);
        assert_eq!(told(&mut overdue, "2027-01-08T00:00:00Z"), ["abonnement_relance"]);
        assert_eq!(told(&mut overdue, "2027-01-15T00:00:00Z"), ["abonnement_suspendu"]);
        overdue.standing = Standing::Canceled;
        assert_eq!(told(&mut overdue, "2027-01-16T00:00:00Z"), [""; 0]);
        let mut ending = Subscription { cancel_at_period_end: true, ..subscription() };
        assert_eq!(told(&mut ending, "2027-02-01T00:00:00Z"), ["abonnement_resilie"]);
        assert_eq!(told(&mut ending, "2027-12-02T00:00:00Z"), ["abonnement_reprise"]);
        ending.cancel_at_period_end = false;
        assert_eq!(told(&mut ending, "2027-12-02T00:00:01Z"), ["abonnement_echeance"]);
        ending.cancel_at_period_end = true;
        assert_eq!(told(&mut ending, "2027-12-02T00:00:02Z"), ["abonnement_resilie"]);
        let mut monthly = Subscription { period: Period::Month, ..subscription() };
        assert_eq!(told(&mut monthly, "2027-12-31T00:00:00Z"), [""; 0]);
    }
}
