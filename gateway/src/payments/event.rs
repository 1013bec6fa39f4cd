//! What we read of a payment event: ids, states and amounts; never names, addresses or payment means, which
//! stay at the processor.

use serde::{Deserialize, Serialize};

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
        let object = &sent.data.object;
        let text = |name: &str| object.get(name).and_then(|value| value.as_str()).map(str::to_owned);
        Ok(Self {
            id: sent.id,
            kind: sent.kind,
            created: sent.created,
            api_version: sent.api_version,
            livemode: sent.livemode,
            object: PaidObject {
                id: text("id"),
                payment_status: text("payment_status"),
                amount_total: object.get("amount_total").and_then(serde_json::Value::as_i64),
                currency: text("currency"),
                client_reference_id: text("client_reference_id"),
                payment_intent: text("payment_intent"),
            },
        })
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

    #[test]
    fn only_ids_states_and_amounts_are_kept_of_an_event() {
        let body = r#"{"id":"evt_1","type":"checkout.session.completed","created":5,"livemode":true,
            "data":{"object":{"id":"cs_1","payment_status":"paid","amount_total":49000,"currency":"eur",
            "payment_intent":{"id":"expanded"},"customer_details":{"email":"a@b.fr","name":"A"}}}}"#;
        let event = Event::parse(body).unwrap();
        assert_eq!(event.object.id.as_deref(), Some("cs_1"));
        assert_eq!(event.object.amount_total, Some(49_000));
        assert_eq!(event.object.payment_intent, None);
        assert!(!serde_json::to_string(&event).unwrap().contains("a@b.fr"));
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
