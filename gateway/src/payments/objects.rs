//! What the payment processor keeps of a client, as far as we read it: subscriptions, invoices, credit notes and
//! payments; never names, addresses or means of payment.
//!
//! The readers take both homes of a member that moved between API versions (Stripe's changelog, 2025-03-31.basil:
//! periods went to the items, an invoice's subscription to its parent), so that a pinned version may be raised.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::tax::part;

/// Where a subscription stands (Stripe's `status`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Its first payment has not succeeded yet.
    Incomplete,
    /// Its first payment never succeeded.
    IncompleteExpired,
    /// Not charged for yet.
    Trialing,
    /// In order.
    Active,
    /// A renewal could not be charged; it is tried again.
    PastDue,
    /// Charging is given up, and the subscription lives on.
    Unpaid,
    /// Suspended by staff.
    Paused,
    /// Over.
    Canceled,
}

/// A subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// `sub_…`.
    pub id: String,
    /// `cus_…`.
    pub customer: String,
    /// The order that began it, as we named it.
    pub order: Option<String>,
    /// The offer that it is for now, as we named it.
    pub offer: Option<String>,
    /// Where it stands.
    pub standing: Standing,
    /// `si_…`: its one line.
    pub item: String,
    /// The price of one seat for a period, without tax, in hundredths of the currency.
    pub unit_cents: i64,
    /// Seats.
    pub quantity: u32,
    /// ISO 4217, in lower case.
    pub currency: String,
    /// The beginning of the period that is paid for, or due.
    pub period_start: Timestamp,
    /// Its end.
    pub period_end: Timestamp,
    /// Whether it ends with the period.
    pub cancel_at_period_end: bool,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// When it was made.
    pub created: Timestamp,
}

/// Where an invoice stands (Stripe's `status`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InvoiceState {
    /// Not issued.
    Draft,
    /// Issued and due.
    Open,
    /// Paid.
    Paid,
    /// Given up.
    Uncollectible,
    /// Issued by mistake; its number stays taken.
    Void,
}

/// An invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoice {
    /// `in_…`.
    pub id: String,
    /// Its number, once issued.
    pub number: Option<String>,
    /// `cus_…`.
    pub customer: String,
    /// The subscription that it is for.
    pub subscription: Option<String>,
    /// Where it stands.
    pub state: InvoiceState,
    /// Without tax, rebates taken off.
    pub net_cents: i64,
    /// The tax.
    pub tax_cents: i64,
    /// What is due in all.
    pub total_cents: i64,
    /// ISO 4217, in lower case.
    pub currency: String,
    /// When it was issued.
    pub issued: Timestamp,
    /// What it is for.
    pub lines: Vec<InvoiceLine>,
    /// The processor's own PDF.
    pub pdf: Option<String>,
    /// `pi_…` or `ch_…`: what paid it.
    pub payment: Option<String>,
}

/// A line of an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoiceLine {
    /// In words.
    pub text: String,
    /// How many.
    pub quantity: u32,
    /// Without tax; below zero for what is credited.
    pub net_cents: i64,
}

/// A credit note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditNote {
    /// `cn_…`.
    pub id: String,
    /// Its number.
    pub number: String,
    /// The invoice that it corrects.
    pub invoice: String,
    /// The tax in it.
    pub tax_cents: i64,
    /// In all.
    pub total_cents: i64,
    /// ISO 4217, in lower case.
    pub currency: String,
    /// When it was issued.
    pub issued: Timestamp,
    /// The processor's own PDF.
    pub pdf: Option<String>,
}

/// A payment and what was given back of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// `pi_…`; `ch_…` where there is no intent.
    pub id: String,
    /// The invoice that it paid, where that is told.
    pub invoice: Option<String>,
    /// What was paid.
    pub amount_cents: i64,
    /// What was given back.
    pub refunded_cents: i64,
    /// When it was made.
    pub created: Timestamp,
}

/// Everything of one customer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Books {
    /// Subscriptions, over or not.
    pub subscriptions: Vec<Subscription>,
    /// Invoices, the newest first.
    pub invoices: Vec<Invoice>,
    /// Credit notes, the newest first.
    pub credit_notes: Vec<CreditNote>,
    /// Payments that succeeded.
    pub payments: Vec<Payment>,
}

/// A promotion code that may be used now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promotion {
    /// `promo_…`.
    pub id: String,
    /// As it is typed.
    pub code: String,
    /// What it takes off.
    pub off: Off,
    /// For how much of a subscription.
    pub lasting: Lasting,
}

/// What a promotion takes off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Off {
    /// A part, in hundredths of a percent.
    BasisPoints(u32),
    /// An amount without tax, in hundredths of the currency.
    Cents(u32),
}

/// How long a promotion lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lasting {
    /// The first period.
    Once,
    /// Every period.
    Forever,
}

impl Off {
    /// What it takes off an amount, to the nearest cent, half a cent up; never more than all of it.
    pub fn of(self, net_cents: i64) -> i64 {
        match self {
            Self::BasisPoints(points) => part(net_cents, points.min(10_000)),
            Self::Cents(cents) => i64::from(cents).min(net_cents),
        }
    }
}

impl Standing {
    fn read(text: &str) -> Option<Self> {
        serde_json::from_value(Value::from(text)).ok()
    }
}

impl Subscription {
    /// Reads a subscription as the API tells it; none when a member that we need is missing.
    pub fn read(value: &Value) -> Option<Self> {
        let items = value.pointer("/items/data")?.as_array()?;
        let item = items.first()?;
        // A price, or the plan of an earlier API.
        let price = item.get("price").filter(|price| price.is_object()).or_else(|| item.get("plan"))?;
        let unit = price.get("unit_amount").or_else(|| price.get("amount"))?;
        let period = |name: &str| at(item.get(name)).or_else(|| at(value.get(name)));
        Some(Self {
            id: text(value, "id")?,
            customer: reference(value, "customer")?,
            order: value.pointer("/metadata/order").and_then(Value::as_str).map(str::to_owned),
            offer: value.pointer("/metadata/offer").and_then(Value::as_str).map(str::to_owned),
            standing: Standing::read(value.get("status")?.as_str()?)?,
            item: text(item, "id")?,
            unit_cents: unit.as_i64()?,
            quantity: item.get("quantity").and_then(Value::as_u64).map_or(Some(1), |n| n.try_into().ok())?,
            currency: text(price, "currency")?,
            period_start: period("current_period_start")?,
            period_end: period("current_period_end")?,
            cancel_at_period_end: flag(value, "cancel_at_period_end") || at(value.get("cancel_at")).is_some(),
            ended: at(value.get("ended_at")),
            created: at(value.get("created"))?,
        })
    }
}

impl Invoice {
    /// Reads an invoice as the API tells it.
    pub fn read(value: &Value) -> Option<Self> {
        let total = value.get("total")?.as_i64()?;
        // `total_excluding_tax` first; `tax` is of an earlier API.
        let told = value.get("total_excluding_tax").and_then(Value::as_i64);
        let tax = value.get("tax").and_then(Value::as_i64);
        let net = told.or_else(|| Some(total - tax?)).unwrap_or(total);
        let parent = value.pointer("/parent/subscription_details");
        let paid = value.pointer("/payments/data/0/payment");
        let lines = value.pointer("/lines/data").and_then(Value::as_array);
        let line = |line: &Value| {
            Some(InvoiceLine {
                text: text(line, "description").unwrap_or_default(),
                quantity: line.get("quantity").and_then(Value::as_u64).unwrap_or(1).try_into().ok()?,
                net_cents: line.get("amount")?.as_i64()?,
            })
        };
        Some(Self {
            id: text(value, "id")?,
            number: text(value, "number"),
            customer: reference(value, "customer")?,
            subscription: parent
                .and_then(|parent| reference(parent, "subscription"))
                .or_else(|| reference(value, "subscription")),
            state: serde_json::from_value(value.get("status")?.clone()).ok()?,
            net_cents: net,
            tax_cents: total - net,
            total_cents: total,
            currency: text(value, "currency")?,
            issued: at(value.pointer("/status_transitions/finalized_at"))
                .or_else(|| at(value.get("created")))?,
            lines: lines.map(|lines| lines.iter().filter_map(line).collect()).unwrap_or_default(),
            pdf: text(value, "invoice_pdf"),
            payment: paid
                .and_then(|paid| reference(paid, "payment_intent").or_else(|| reference(paid, "charge")))
                .or_else(|| reference(value, "payment_intent"))
                .or_else(|| reference(value, "charge")),
        })
    }
}

impl CreditNote {
    /// Reads a credit note as the API tells it.
    pub fn read(value: &Value) -> Option<Self> {
        let total = value.get("total")?.as_i64()?;
        let net = value.get("total_excluding_tax").and_then(Value::as_i64).unwrap_or(total);
        Some(Self {
            id: text(value, "id")?,
            number: text(value, "number")?,
            invoice: reference(value, "invoice")?,
            tax_cents: total - net,
            total_cents: total,
            currency: text(value, "currency")?,
            issued: at(value.get("created"))?,
            pdf: text(value, "pdf"),
        })
    }
}

impl Payment {
    /// Reads a charge as the API tells it; none unless it succeeded.
    pub fn read(value: &Value) -> Option<Self> {
        if value.get("status")?.as_str()? != "succeeded" {
            return None;
        }
        Some(Self {
            id: reference(value, "payment_intent").or_else(|| text(value, "id"))?,
            invoice: reference(value, "invoice"),
            amount_cents: value.get("amount")?.as_i64()?,
            refunded_cents: value.get("amount_refunded").and_then(Value::as_i64).unwrap_or_default(),
            created: at(value.get("created"))?,
        })
    }
}

impl Promotion {
    /// Reads a promotion code as the API tells it; none when it cannot be used any more.
    pub fn read(value: &Value) -> Option<Self> {
        let coupon = value.pointer("/promotion/coupon").filter(|coupon| coupon.is_object());
        let coupon = coupon.or_else(|| value.get("coupon"))?;
        if !flag(value, "active") || !flag(coupon, "valid") {
            return None;
        }
        let percent = coupon.get("percent_off").and_then(Value::as_f64);
        let off = match (percent, coupon.get("amount_off").and_then(Value::as_u64)) {
            (Some(percent), _) if (0.0..=100.0).contains(&percent) => {
                // Stripe gives percents of two decimals.
                Off::BasisPoints((percent * 100.0).round() as u32)
            }
            (None, Some(cents)) => Off::Cents(cents.try_into().ok()?),
            _ => return None,
        };
        let lasting = match coupon.get("duration").and_then(Value::as_str) {
            Some("forever") => Lasting::Forever,
            _ => Lasting::Once,
        };
        Some(Self { id: text(value, "id")?, code: text(value, "code")?, off, lasting })
    }
}

/// A text of an object.
pub(super) fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name)?.as_str().map(str::to_owned)
}

/// The id of what a member refers to, expanded or not.
pub(super) fn reference(value: &Value, name: &str) -> Option<String> {
    let member = value.get(name)?;
    member.as_str().map(str::to_owned).or_else(|| text(member, "id"))
}

fn flag(value: &Value, name: &str) -> bool {
    value.get(name).and_then(Value::as_bool).unwrap_or_default()
}

fn at(value: Option<&Value>) -> Option<Timestamp> {
    Timestamp::from_second(value?.as_i64()?).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_subscription_is_read_in_both_homes_of_its_period() {
        let item =
            json!({ "id": "si_1", "quantity": 3, "price": { "unit_amount": 4900, "currency": "eur" } });
        let mut value = json!({
            "id": "sub_1", "customer": { "id": "cus_1" }, "status": "past_due", "created": 1,
            "items": { "data": [item] }, "metadata": { "order": "ord_1", "offer": "ifc" },
            "current_period_start": 10, "current_period_end": 20, "cancel_at_period_end": false,
        });
        let before = Subscription::read(&value).unwrap();
        assert_eq!((before.standing, before.quantity, before.unit_cents), (Standing::PastDue, 3, 4900));
        let line = value.pointer_mut("/items/data/0").unwrap();
        line["current_period_start"] = json!(10);
        line["current_period_end"] = json!(20);
        for name in ["current_period_start", "current_period_end"] {
            value.as_object_mut().unwrap().remove(name);
        }
        assert_eq!(Subscription::read(&value).unwrap(), before);
        value["status"] = json!("a_state_of_2031");
        assert_eq!(Subscription::read(&value), None);
    }

    #[test]
    fn an_invoice_tells_its_tax_apart_in_both_versions_of_the_api() {
        let after = json!({
            "id": "in_1", "number": "A-1", "customer": "cus_1", "status": "paid", "total": 5880, "currency": "eur",
            "total_excluding_tax": 4900, "created": 5, "lines": { "data": [{ "amount": 4900, "description": "IFC" }] },
            "parent": { "subscription_details": { "subscription": "sub_1" } },
            "payments": { "data": [{ "payment": { "type": "payment_intent", "payment_intent": "pi_1" } }] },
        });
        let before = json!({
            "id": "in_1", "number": "A-1", "customer": "cus_1", "status": "paid", "total": 5880, "currency": "eur",
            "tax": 980, "created": 5, "lines": { "data": [{ "amount": 4900, "description": "IFC", "quantity": 1 }] },
            "subscription": "sub_1", "payment_intent": "pi_1",
        });
        let read = Invoice::read(&after).unwrap();
        assert_eq!((read.net_cents, read.tax_cents), (4900, 980));
        assert_eq!(Invoice::read(&before).unwrap(), read);
    }

    #[test]
    fn rebates_and_parts_are_to_the_nearest_cent() {
        for (cents, points, expected) in
            [(49_000, 2_000, 9_800), (333, 2_000, 67), (5, 1_000, 1), (4, 1_000, 0), (-333, 2_000, -67)]
        {
            assert_eq!(part(cents, points), expected, "{cents} {points}");
        }
        assert_eq!(Off::Cents(900).of(500), 500);
        assert_eq!(Off::BasisPoints(20_000).of(500), 500);
    }

    #[test]
    fn a_code_that_is_used_up_is_none() {
        let code = |active: bool, valid: bool| {
            Promotion::read(&json!({
                "id": "promo_1", "code": "A", "active": active,
                "coupon": { "valid": valid, "percent_off": 12.5, "duration": "once" },
            }))
        };
        assert_eq!(code(true, true).unwrap().off, Off::BasisPoints(1_250));
        assert_eq!((code(false, true), code(true, false)), (None, None));
    }
}
