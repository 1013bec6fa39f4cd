//! What we read of a payment event: ids, states and amounts; never names, addresses or payment means, which
//! stay at the processor.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::objects::{reference, text};

/// A verified event, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// `evt_…`; an event is handled once by this name.
    pub id: String,
    /// `checkout.session.completed`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// When the processor made it, in seconds since 1970.
    #[serde(default)]
    pub created: i64,
    /// The version of the shape below.
    #[serde(default)]
    pub api_version: Option<String>,
    /// Whether real money moved.
    #[serde(default)]
    pub livemode: bool,
    /// What it is about.
    pub object: PaidObject,
}

/// The fields that we keep of an event's object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PaidObject {
    /// `cs_…` for a payment page.
    pub id: Option<String>,
    /// `paid`, `unpaid`, `no_payment_required`.
    pub payment_status: Option<String>,
    /// In hundredths of the currency.
    pub amount_total: Option<i64>,
    /// ISO 4217, in lower case.
    pub currency: Option<String>,
    /// The order, as we named it.
    pub client_reference_id: Option<String>,
    /// `pi_…`: where to ask about the payment later.
    pub payment_intent: Option<String>,
    /// Before rebates and tax.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount_subtotal: Option<i64>,
    /// What was taken off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount_discount: Option<i64>,
    /// What tax was added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount_tax: Option<i64>,
    /// `cus_…`: whose it is; of a customer itself, its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// `sub_…`: the subscription that a payment page began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscription: Option<String>,
}

/// Why a signed body is no event.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the body is no event: {0}")]
pub struct EventError(String);

impl Event {
    /// Reads a verified body; fields of a kind that we do not expect count as absent.
    ///
    /// # Errors
    /// [`EventError`] when it is not JSON or has no usable id, type and object.
    pub fn parse(body: &str) -> Result<Self, EventError> {
        let sent: Sent = serde_json::from_str(body).map_err(|error| EventError(error.to_string()))?;
        let usable =
            |name: &str| (1..=255).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic());
        if !usable(&sent.id) || !usable(&sent.kind) {
            return Err(EventError("its id or its type cannot be used as a name".into()));
        }
        Ok(Self {
            id: sent.id,
            kind: sent.kind,
            created: sent.created,
            api_version: sent.api_version,
            livemode: sent.livemode,
            object: PaidObject::read(&sent.data.object.into()),
        })
    }
}

impl PaidObject {
    /// Reads what we keep of an object.
    pub fn read(object: &Value) -> Self {
        let amount = |path: &str| object.pointer(path).and_then(Value::as_i64);
        let itself = text(object, "object").is_some_and(|kind| kind == "customer");
        Self {
            id: text(object, "id"),
            payment_status: text(object, "payment_status"),
            amount_total: amount("/amount_total"),
            currency: text(object, "currency"),
            client_reference_id: text(object, "client_reference_id"),
            payment_intent: text(object, "payment_intent"),
            amount_subtotal: amount("/amount_subtotal"),
            amount_discount: amount("/total_details/amount_discount"),
            amount_tax: amount("/total_details/amount_tax"),
            customer: if itself { text(object, "id") } else { reference(object, "customer") },
            subscription: reference(object, "subscription"),
        }
    }
}

#[derive(Deserialize)]
struct Sent {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    created: i64,
    #[serde(default)]
    api_version: Option<String>,
    #[serde(default)]
    livemode: bool,
    data: SentData,
}

#[derive(Deserialize)]
struct SentData {
    object: serde_json::Map<String, serde_json::Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Proves p-stripe-cookie.
    #[test]
    fn only_ids_states_and_amounts_are_kept_of_an_event() {
        let body = r#"{"id":"evt_1","type":"checkout.session.completed","created":5,"livemode":true,
            "data":{"object":{"id":"cs_1","payment_status":"paid","amount_total":49000,"currency":"eur",
            "payment_intent":{"id":"expanded"},"customer_details":{"email":"a@b.fr","name":"A"},
            "payment_method_details":{"card":{"brand":"visa","last4":"4242"}}}}}"#;
        let event = Event::parse(body).unwrap();
        assert_eq!(event.object.id.as_deref(), Some("cs_1"));
        assert_eq!(event.object.amount_total, Some(49_000));
        assert_eq!(event.object.payment_intent, None);
        let kept = serde_json::to_string(&event).unwrap();
        assert!(!["a@b.fr", "visa", "4242"].iter().any(|theirs| kept.contains(theirs)), "{kept}");
    }

    #[test]
    fn what_has_no_name_is_no_event() {
        let cases = [
            "",
            "[]",
            r#"{"type":"a","data":{"object":{}}}"#,
            r#"{"id":"","type":"a","data":{"object":{}}}"#,
            r#"{"id":"a b","type":"a","data":{"object":{}}}"#,
            r#"{"id":"evt_1","type":"a\u0000","data":{"object":{}}}"#,
            r#"{"id":"evt_1","type":"a","data":{"object":[]}}"#,
        ];
        for body in cases {
            assert!(Event::parse(body).is_err(), "{body}");
        }
    }
}
