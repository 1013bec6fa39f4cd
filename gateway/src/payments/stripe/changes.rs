//! Changes of a subscription at Stripe: its end, another offer or number of seats, what was used.

use serde_json::Value;

use super::calls::Call;
use super::{Stripe, segment};
use crate::config::Period;
use crate::payments::{Change, End, InvoiceLine, PaymentsError, Preview, Usage};
use crate::tax::Tax;

impl Stripe {
    pub(super) async fn end_subscription(&self, id: &str, end: End) -> Result<(), PaymentsError> {
        let path = format!("/subscriptions/{}", segment(id));
        let call = match end {
            End::Now => Call::delete(path),
            End::WithPeriod => Call::post(path).with("cancel_at_period_end", "true"),
            End::Never => Call::post(path).with("cancel_at_period_end", "false"),
        };
        self.send(call).await.map(drop)
    }

    pub(super) async fn preview_change(&self, change: &Change) -> Result<Preview, PaymentsError> {
        let product = self.product(change).await?;
        let call = Call::post("/invoices/create_preview")
            .with("subscription", &change.subscription)
            .with("subscription_details[proration_date]", change.at.as_second())
            .with("subscription_details[proration_behavior]", "always_invoice");
        let preview = self.send(priced(call, "subscription_details[items][0]", change, &product)).await?;
        let read = || {
            let total_cents = preview.get("total")?.as_i64()?;
            let net_cents = preview.get("total_excluding_tax").and_then(Value::as_i64).unwrap_or(total_cents);
            let line = |line: &Value| {
                Some(InvoiceLine {
                    text: line.get("description").and_then(Value::as_str).unwrap_or_default().to_owned(),
                    quantity: line.get("quantity").and_then(Value::as_u64).unwrap_or(1).try_into().ok()?,
                    net_cents: line.get("amount")?.as_i64()?,
                })
            };
            let lines = preview.pointer("/lines/data")?.as_array()?;
            let lines = lines.iter().map(line).collect::<Option<_>>()?;
            Some(Preview { lines, net_cents, tax_cents: total_cents - net_cents, total_cents })
        };
        read().ok_or_else(|| PaymentsError::Answer("the preview lacks a member that we need".into()))
    }

    pub(super) async fn carry_out_change(&self, change: &Change, key: &str) -> Result<(), PaymentsError> {
        let product = self.product(change).await?;
        let call = Call::post(format!("/subscriptions/{}", segment(&change.subscription)))
            .with("proration_date", change.at.as_second())
            .with("proration_behavior", "always_invoice")
            // A card that refuses is a 402, and nothing has changed.
            .with("payment_behavior", "error_if_incomplete")
            .with("metadata[offer]", &change.offer)
            .once(key);
        self.send(priced(call, "items[0]", change, &product)).await.map(drop)
    }

    pub(super) async fn bill_usage(&self, usage: &Usage, key: &str) -> Result<(), PaymentsError> {
        let amount = i64::from(usage.unit_cents) * i64::from(usage.quantity);
        let item = Call::post("/invoiceitems")
            .with("customer", &usage.customer)
            .with("amount", amount)
            .with("currency", usage.currency.to_ascii_lowercase())
            .with("description", &usage.text)
            .once(key);
        if !usage.over {
            return self.send(item.with("subscription", &usage.subscription)).await.map(drop);
        }
        self.send(self.taxed(item, "tax_rates[0]", usage)).await?;
        let bill = Call::post("/invoices")
            .with("customer", &usage.customer)
            .with("auto_advance", "true")
            .with("pending_invoice_items_behavior", "include")
            .once(&format!("{key}-bill"));
        self.send(bill).await.map(drop)
    }

    /// With our rate, where it applies.
    fn taxed(&self, call: Call, field: &str, usage: &Usage) -> Call {
        match (&self.rate, usage.tax) {
            (Some(rate), Tax::At(_)) => call.with(field, rate),
            _ => call,
        }
    }

    /// The product of an offer, made by the offer's name: prices that are told in a call need one.
    async fn product(&self, change: &Change) -> Result<String, PaymentsError> {
        let id = format!("aops_{}", change.offer);
        if self.known(Call::get(format!("/products/{}", segment(&id)))).await?.is_some() {
            return Ok(id);
        }
        let made = self.send(Call::post("/products").with("id", &id).with("name", &change.name)).await;
        match made {
            Ok(_) => Ok(id),
            // Somebody else has made it meanwhile.
            Err(PaymentsError::Refused { status: 400, message }) if message.contains("already exists") => {
                Ok(id)
            }
            Err(error) => Err(error),
        }
    }
}

fn priced(call: Call, item: &str, change: &Change, product: &str) -> Call {
    let interval = match change.period {
        Period::Month => "month",
        Period::Once | Period::Year => "year",
    };
    call.with(&format!("{item}[id]"), &change.item)
        .with(&format!("{item}[quantity]"), change.quantity)
        .with(&format!("{item}[price_data][product]"), product)
        .with(&format!("{item}[price_data][currency]"), change.currency.to_ascii_lowercase())
        .with(&format!("{item}[price_data][unit_amount]"), change.unit_cents)
        .with(&format!("{item}[price_data][recurring][interval]"), interval)
}
