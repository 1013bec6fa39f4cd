//! Calls to Stripe through async-stripe's client that read JSON as it comes: its own types want every member of one
//! API version, and take minutes to compile.

use serde_json::Value;
use stripe::{IdempotencyKey, RequestStrategy, StripeRequest};
use stripe_client_core::{RequestBuilder, StripeMethod};

use super::{Stripe, status, told};
use crate::payments::PaymentsError;
use crate::trace;

/// Objects asked for in a page, and pages read at most.
const PAGE: &str = "100";
const PAGES: usize = 100;
/// A call that changes nothing twice is tried so often: while Stripe is down, asks for patience, or is at the same key.
const TRIES: u32 = 3;

/// A call.
#[derive(Debug, Clone)]
pub(super) struct Call {
    method: StripeMethod,
    path: String,
    fields: Vec<(String, String)>,
    key: Option<String>,
}

impl Call {
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self { method: StripeMethod::Get, path: path.into(), fields: Vec::new(), key: None }
    }

    pub(super) fn post(path: impl Into<String>) -> Self {
        Self { method: StripeMethod::Post, ..Self::get(path) }
    }

    pub(super) fn delete(path: impl Into<String>) -> Self {
        Self { method: StripeMethod::Delete, ..Self::get(path) }
    }

    /// With a field, named as Stripe's forms name it.
    pub(super) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.fields.push((name.to_owned(), value.to_string()));
        self
    }

    /// Done once by this key.
    pub(super) fn once(mut self, key: &str) -> Self {
        self.key = Some(key.to_owned());
        self
    }
}

impl StripeRequest for Call {
    type Output = miniserde::json::Value;

    fn build(&self) -> RequestBuilder {
        let mut request = RequestBuilder::new(self.method, &self.path);
        // Pairs of texts are always encodable.
        let encoded = serde_urlencoded::to_string(&self.fields).unwrap_or_default();
        match self.method {
            StripeMethod::Post => request.body = Some(encoded),
            StripeMethod::Get | StripeMethod::Delete => {
                request.query = Some(encoded).filter(|query| !query.is_empty());
            }
        }
        request
    }
}

impl Stripe {
    /// Makes a call.
    ///
    /// # Errors
    /// [`PaymentsError`].
    pub(super) async fn send(&self, call: Call) -> Result<Value, PaymentsError> {
        let strategy = match (&call.key, call.method) {
            (Some(key), _) => {
                let key = IdempotencyKey::new(key)
                    .map_err(|error| PaymentsError::Configuration(format!("a key of a call: {error}")))?;
                RequestStrategy::Idempotent(key)
            }
            (None, StripeMethod::Get) => RequestStrategy::ExponentialBackoff(TRIES),
            (None, _) => RequestStrategy::Once,
        };
        let traced = trace::Call::begin("stripe");
        let answer = call.customize().request_strategy(strategy).send(&self.client).await;
        traced.ended(status(&answer));
        let text = miniserde::json::to_string(&answer.map_err(told)?);
        serde_json::from_str(&text).map_err(|error| PaymentsError::Answer(error.to_string()))
    }

    /// As [`Stripe::send`]; none where there is no such object.
    ///
    /// # Errors
    /// [`PaymentsError`].
    pub(super) async fn known(&self, call: Call) -> Result<Option<Value>, PaymentsError> {
        match self.send(call).await {
            Ok(value) => Ok(Some(value)),
            Err(PaymentsError::Refused { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Every object of a list.
    ///
    /// # Errors
    /// [`PaymentsError`].
    pub(super) async fn all(&self, list: Call) -> Result<Vec<Value>, PaymentsError> {
        let mut found = Vec::new();
        let mut after: Option<String> = None;
        for _ in 0..PAGES {
            let mut call = list.clone().with("limit", PAGE);
            if let Some(after) = &after {
                call = call.with("starting_after", after);
            }
            let mut page = self.send(call).await?;
            let more = page.get("has_more").and_then(Value::as_bool).unwrap_or_default();
            let Some(Value::Array(data)) = page.get_mut("data").map(Value::take) else {
                return Err(PaymentsError::Answer("a list has no `data`".into()));
            };
            after = data.last().and_then(|last| last.get("id")).and_then(Value::as_str).map(str::to_owned);
            found.extend(data);
            if !more || after.is_none() {
                return Ok(found);
            }
        }
        Err(PaymentsError::Answer(format!("a list has more than {PAGES} pages")))
    }
}

#[cfg(test)]
impl Stripe {
    /// A call that makes what only a person makes at Stripe: for tests against a server that plays it.
    pub(crate) async fn make(&self, path: &str, fields: &[(&str, &str)]) -> Result<Value, PaymentsError> {
        let call = fields.iter().fold(Call::post(path), |call, (name, value)| call.with(name, value));
        self.send(call).await
    }
}
