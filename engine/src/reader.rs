//! Typed reading of a JSON object: every fault is gathered with its pointer, none stops the reading.
//! Not the meaning of the values, which modules check.

use std::cell::RefCell;

use jiff::civil::Date;
use serde_json::{Map, Value};

use crate::fault::Faults;

/// One object of a request, with its place and the list all faults go to.
pub(crate) struct Reader<'a> {
    map: &'a Map<String, Value>,
    pointer: String,
    faults: &'a RefCell<Faults>,
}

impl<'a> Reader<'a> {
    /// Reads `value` as an object that knows `keys` only; `None` when it is no object.
    pub(crate) fn new(
        value: &'a Value,
        pointer: &str,
        keys: &[&str],
        faults: &'a RefCell<Faults>,
    ) -> Option<Self> {
        let Some(map) = value.as_object() else {
            wrong_type(faults, pointer, "an object", value);
            return None;
        };
        for found in map.keys().filter(|found| !keys.contains(&found.as_str())) {
            let place = join(pointer, found);
            unknown(faults, &place, found, keys, ("unknown_key", "unknown_key_near"));
        }
        Some(Self { map, pointer: pointer.to_owned(), faults })
    }

    /// Pointer of a key of this object.
    pub(crate) fn place(&self, name: &str) -> String {
        join(&self.pointer, name)
    }

    /// Records a fault at a key of this object.
    pub(crate) fn fault(&self, name: &str, code: &'static str, parameters: &[(&'static str, String)]) {
        self.faults.borrow_mut().push(&self.place(name), code, parameters);
    }

    /// The value of a key; `null` counts as absent.
    pub(crate) fn value(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    /// Records that a key is missing when it is absent; returns the key's value.
    pub(crate) fn required(&self, name: &str) -> Option<&'a Value> {
        let value = self.value(name);
        if value.is_none() {
            self.fault(name, "missing", &[("name", name.to_owned())]);
        }
        value
    }

    /// A number from `minimum` to `maximum`, both allowed.
    pub(crate) fn number(&self, name: &str, minimum: f64, maximum: f64) -> Option<f64> {
        number(self.value(name)?, &self.place(name), minimum, maximum, self.faults)
    }

    /// As [`Self::number`], told when absent.
    pub(crate) fn required_number(&self, name: &str, minimum: f64, maximum: f64) -> Option<f64> {
        self.required(name)?;
        self.number(name, minimum, maximum)
    }

    /// A whole number from `minimum` to `maximum`.
    pub(crate) fn integer(&self, name: &str, minimum: i32, maximum: i32) -> Option<i32> {
        let number = self.number(name, f64::from(minimum), f64::from(maximum))?;
        if number.fract() == 0.0 {
            return Some(number as i32);
        }
        self.fault(name, "not_integer", &[("found", number.to_string())]);
        None
    }

    /// `true` or `false`.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        let value = self.value(name)?;
        if value.as_bool().is_none() {
            wrong_type(self.faults, &self.place(name), "true or false", value);
        }
        value.as_bool()
    }

    /// A text.
    pub(crate) fn text(&self, name: &str) -> Option<&'a str> {
        let value = self.value(name)?;
        if value.as_str().is_none() {
            wrong_type(self.faults, &self.place(name), "a text", value);
        }
        value.as_str()
    }

    /// One of a list of names.
    pub(crate) fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Option<T> {
        let found = self.text(name)?;
        if let Some((_, chosen)) = choices.iter().find(|(known, _)| *known == found) {
            return Some(*chosen);
        }
        let names: Vec<&str> = choices.iter().map(|(known, _)| *known).collect();
        unknown(self.faults, &self.place(name), found, &names, ("unknown_value", "unknown_value_near"));
        None
    }

    /// A day written YYYY-MM-DD, told when absent.
    pub(crate) fn required_date(&self, name: &str) -> Option<Date> {
        self.required(name)?;
        let text = self.text(name)?;
        let date =
            text.parse::<Date>().ok().filter(|date| text.len() == 10 && (1850..=2200).contains(&date.year()));
        if date.is_none() {
            self.fault(name, "not_a_date", &[("found", shorten(text))]);
        }
        date
    }

    /// A list of `minimum` to `maximum` elements.
    pub(crate) fn list(&self, name: &str, minimum: usize, maximum: usize) -> Option<&'a [Value]> {
        let value = self.value(name)?;
        list(value, &self.place(name), minimum, maximum, self.faults)
    }

    /// The list of faults, for objects inside this one.
    pub(crate) fn faults(&self) -> &'a RefCell<Faults> {
        self.faults
    }
}

/// Reads `value` as a number from `minimum` to `maximum`.
pub(crate) fn number(
    value: &Value,
    pointer: &str,
    minimum: f64,
    maximum: f64,
    faults: &RefCell<Faults>,
) -> Option<f64> {
    let Some(number) = value.as_f64().filter(|number| number.is_finite()) else {
        wrong_type(faults, pointer, "a number", value);
        return None;
    };
    if (minimum..=maximum).contains(&number) {
        return Some(number);
    }
    let bounds =
        [("found", number.to_string()), ("minimum", minimum.to_string()), ("maximum", maximum.to_string())];
    faults.borrow_mut().push(pointer, "out_of_range", &bounds);
    None
}

/// Reads `value` as a list of `minimum` to `maximum` elements.
pub(crate) fn list<'a>(
    value: &'a Value,
    pointer: &str,
    minimum: usize,
    maximum: usize,
    faults: &RefCell<Faults>,
) -> Option<&'a [Value]> {
    let Some(list) = value.as_array() else {
        wrong_type(faults, pointer, "a list", value);
        return None;
    };
    let found = ("found", list.len().to_string());
    if list.len() > maximum {
        faults.borrow_mut().push(pointer, "too_many", &[found, ("maximum", maximum.to_string())]);
        return None;
    }
    if list.len() < minimum {
        faults.borrow_mut().push(pointer, "too_few", &[found, ("minimum", minimum.to_string())]);
        return None;
    }
    Some(list)
}

/// Records a name that is not in a list, with the nearest one when near enough.
pub(crate) fn unknown(
    faults: &RefCell<Faults>,
    pointer: &str,
    found: &str,
    known: &[&str],
    codes: (&'static str, &'static str),
) {
    let short = shorten(found);
    let near = known
        .iter()
        .map(|name| (strsim::jaro_winkler(&short.to_lowercase(), &name.to_lowercase()), *name))
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .filter(|(score, _)| *score > 0.8);
    let (code, parameter) = match near {
        Some((_, name)) => (codes.1, ("near", name.to_owned())),
        None => (codes.0, ("known", known.join(", "))),
    };
    faults.borrow_mut().push(pointer, code, &[("found", short), parameter]);
}

/// Pointer of a key or index inside another.
pub(crate) fn join(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", shorten(name).replace('~', "~0").replace('/', "~1"))
}

fn wrong_type(faults: &RefCell<Faults>, pointer: &str, expected: &str, value: &Value) {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    let parameters = [("expected", expected.to_owned()), ("found", found.to_owned())];
    faults.borrow_mut().push(pointer, "wrong_type", &parameters);
}

/// Keeps a message readable whatever was sent.
fn shorten(text: &str) -> String {
    text.chars().take(60).collect()
}
