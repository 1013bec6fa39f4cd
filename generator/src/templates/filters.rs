//! The filters of templates: `date`, `money`, `number`, `typography`, `markdown`.

use std::sync::Arc;

use jiff::civil::Date;
use tera::{Error, Kwargs, State, Tera, TeraResult, Value};

use super::functions::language;
use super::world::Shared;
use crate::markdown::{self, typography::typeset};
use crate::{locale, messages};

pub(super) fn register(tera: &mut Tera, shared: &Arc<Shared>) {
    tera.register_filter("date", |value: &str, _: Kwargs, state: &State| -> TeraResult<String> {
        let date = value.get(..10).and_then(|date| date.parse::<Date>().ok());
        let date =
            date.ok_or_else(|| Error::message(messages::message("date-unwritable", &[("value", value)])))?;
        Ok(locale::long_date(date, language(state)?))
    });
    tera.register_filter("money", |cents: i64, _: Kwargs, state: &State| -> TeraResult<String> {
        Ok(locale::money(cents, language(state)?))
    });
    tera.register_filter("number", |value: Value, arguments: Kwargs, state: &State| -> TeraResult<String> {
        let decimals = arguments.get::<usize>("decimals")?.unwrap_or(0).min(12);
        Ok(locale::number(figure(&value)?, decimals, language(state)?))
    });
    tera.register_filter("typography", |text: &str, _: Kwargs, state: &State| -> TeraResult<String> {
        Ok(typeset(text, language(state)?).into_owned())
    });
    let own = Arc::clone(shared);
    tera.register_filter("markdown", move |text: &str, _: Kwargs, state: &State| -> TeraResult<String> {
        markdown::inline(text, language(state)?, &own.world().library)
            .map_err(|fault| Error::message(fault.message))
    });
}

/// A number, or a text that writes one.
fn figure(value: &Value) -> TeraResult<f64> {
    let number = value
        .as_f64()
        .or_else(|| value.as_i64().map(|n| n as f64))
        .or_else(|| value.as_str()?.trim().parse().ok());
    number.ok_or_else(|| {
        Error::message(messages::message("number-unwritable", &[("value", &value.to_string())]))
    })
}
