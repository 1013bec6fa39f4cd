//! Letters to whoever ordered, put into the batch of what they tell of.

use serde_json::{Map, Value};

use super::order::Order;
use crate::app::App;
use crate::outbox::{self, Mail, Purpose};
use crate::records::RecordError;
use crate::store::Batch;
use crate::{accounts, records};

/// Writes to whoever ordered; an account that is gone gets none. The offer's name is told in the order's language.
pub(super) async fn write(
    app: &App,
    batch: &mut Batch,
    order: &Order,
    template: &str,
    context: Value,
) -> Result<(), RecordError> {
    let Some(account) = accounts::read(app, &order.organisation, &order.account).await? else {
        return Ok(());
    };
    let key = records::subject_key(app, &order.organisation, &account.id, batch).await?;
    let mut told = Map::from_iter([
        ("order".to_owned(), order.id.clone().into()),
        ("link".to_owned(), format!("{}/espace-client/abonnements", app.settings.platform_url).into()),
    ]);
    if let Value::Object(context) = context {
        told.extend(context);
    }
    let offer = told.get("offer").and_then(Value::as_str).unwrap_or(&order.offer);
    let named = app.settings.offers.iter().find(|one| one.id == offer);
    let name = named.map_or(offer, |offer| offer.name_in(order.language.tag())).to_owned();
    told.insert("offer".into(), name.into());
    let mail = Mail {
        to: account.email.clone(),
        template: template.to_owned(),
        language: order.language,
        purpose: Purpose::Contract,
        reply_to: None,
        context: Value::Object(told),
        unsubscribe: None,
        subject: account.id,
    };
    outbox::enqueue(app, batch, &key, &mail)
}
