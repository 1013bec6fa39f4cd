//! Typed reading of a JSON object whose fields are declared: every fault is gathered with its pointer, none stops the
//! reading. Not the meaning of the values, which modules check.

use std::sync::LazyLock;

use jiff::civil::Date;
use serde_json::{Map, Value};

use crate::call::Call;
use crate::field::{Default, Field, Kind};
use crate::quantity::OutOfRange;

/// One object of a request, with its place and the call all faults go to.
#[derive(Clone)]
pub(crate) struct Reader<'a> {
    map: &'a Map<String, Value>,
    pointer: String,
    fields: &'static [Field],
    call: &'a Call<'a>,
}

impl<'a> Reader<'a> {
    /// Reads `value` as an object that knows `fields` only; `None` when it is no object.
    pub(crate) fn new(
        value: &'a Value,
        pointer: &str,
        fields: &'static [Field],
        call: &'a Call<'a>,
    ) -> Option<Self> {
        Self::with(value, pointer, fields, &[], call)
    }

    /// As [`Self::new`], for an object where `common` fields, read elsewhere, may stand too.
    pub(crate) fn with(
        value: &'a Value,
        pointer: &str,
        fields: &'static [Field],
        common: &[Field],
        call: &'a Call<'a>,
    ) -> Option<Self> {
        let Some(map) = value.as_object() else {
            wrong_type(call, pointer, "an object", value);
            return None;
        };
        let known = |found: &str| fields.iter().chain(common).any(|field| field.name == found);
        for found in map.keys().filter(|found| !known(found)) {
            let names: Vec<&str> = fields.iter().chain(common).map(|field| field.name).collect();
            unknown(call, &join(pointer, found), found, &names, ("unknown_key", "unknown_key_near"));
        }
        Some(Self { map, pointer: pointer.to_owned(), fields, call })
    }

    pub(crate) fn call(&self) -> &'a Call<'a> {
        self.call
    }

    /// Pointer of a key of this object.
    pub(crate) fn place(&self, name: &str) -> String {
        join(&self.pointer, name)
    }

    /// Records a fault at a key of this object.
    pub(crate) fn fault(&self, name: &str, code: &'static str, parameters: &[(&'static str, String)]) {
        self.call.faults().push(&self.place(name), code, parameters);
    }

    /// Records that a key has no meaning beside what `context` tells, where it is given.
    pub(crate) fn refuse(&self, name: &str, context: &str) {
        if self.value(name).is_some() {
            self.fault(name, "not_applicable", &[("name", name.into()), ("context", context.into())]);
        }
    }

    /// Records that two keys are given together, where they are.
    pub(crate) fn exclude(&self, name: &str, other: &str) {
        if self.value(name).is_some() && self.value(other).is_some() {
            self.fault(other, "conflict", &[("name", name.into()), ("other", other.into())]);
        }
    }

    /// The value of a key as it stands; `null` counts as absent.
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

    /// The value of a key, told when absent though required.
    fn declared(&self, name: &str) -> Option<&'a Value> {
        if self.field(name)?.required { self.required(name) } else { self.value(name) }
    }

    fn field(&self, name: &str) -> Option<&'static Field> {
        let field = self.fields.iter().find(|field| field.name == name);
        debug_assert!(field.is_some(), "{name} is not declared");
        field
    }

    /// The first of the field's shapes that `pick` takes.
    fn shape<T>(&self, name: &str, pick: impl Fn(&'static Kind) -> Option<T>) -> Option<T> {
        let picked = self.field(name)?.kind.shapes().iter().find_map(pick);
        debug_assert!(picked.is_some(), "{name} is declared as something else");
        picked
    }

    /// A number, or the field's default.
    pub(crate) fn number(&self, name: &str) -> Option<f64> {
        let Some(value) = self.declared(name) else {
            return match self.field(name)?.default {
                Some(Default::Number(number)) => Some(number),
                _ => None,
            };
        };
        let (minimum, maximum) = self.shape(name, |kind| match *kind {
            Kind::Number { minimum, maximum } => Some((minimum, maximum)),
            Kind::Integer { minimum, maximum } => Some((minimum as f64, maximum as f64)),
            _ => None,
        })?;
        number(value, &self.place(name), minimum, maximum, self.call)
    }

    /// A number as the quantity that it is, or the field's default; its bounds are those of the field or wider.
    pub(crate) fn quantity<Q: TryFrom<f64, Error = OutOfRange>>(&self, name: &str) -> Option<Q> {
        let found = Q::try_from(self.number(name)?);
        let told = |OutOfRange { found, minimum, maximum }| {
            let [found, minimum, maximum] = [found, minimum, maximum].map(|number| number.to_string());
            let parameters = [("found", found), ("minimum", minimum), ("maximum", maximum)];
            self.fault(name, "out_of_range", &parameters);
        };
        found.map_err(told).ok()
    }

    /// A whole number, or the field's default.
    pub(crate) fn integer(&self, name: &str) -> Option<i64> {
        let number = self.number(name)?;
        if number.fract() == 0.0 {
            return Some(number as i64);
        }
        self.fault(name, "not_integer", &[("found", number.to_string())]);
        None
    }

    /// A whole number that is not negative, or the field's default.
    pub(crate) fn count(&self, name: &str) -> Option<usize> {
        usize::try_from(self.integer(name)?).ok()
    }

    /// `true` or `false`, or the field's default.
    pub(crate) fn flag(&self, name: &str) -> bool {
        let default = matches!(self.field(name).and_then(|field| field.default), Some(Default::Flag(true)));
        let Some(value) = self.declared(name) else { return default };
        if value.as_bool().is_none() {
            wrong_type(self.call, &self.place(name), "true or false", value);
        }
        value.as_bool().unwrap_or(default)
    }

    /// A text.
    pub(crate) fn text(&self, name: &str) -> Option<&'a str> {
        let value = self.declared(name)?;
        if value.as_str().is_none() {
            wrong_type(self.call, &self.place(name), "a text", value);
        }
        value.as_str()
    }

    /// The meaning of one of the field's names, or of its default.
    pub(crate) fn choice<T: Copy>(&self, name: &str, meanings: &[(&'static str, T)]) -> Option<T> {
        let meaning =
            |found: &str| meanings.iter().find(|(known, _)| *known == found).map(|(_, meaning)| *meaning);
        if self.value(name).is_none()
            && let Some(Default::Text(default)) = self.field(name)?.default
        {
            return meaning(default);
        }
        let found = self.text(name)?;
        let chosen = meaning(found);
        if chosen.is_none() {
            let names = self.shape(name, |kind| match kind {
                Kind::Choice(names) => Some(*names),
                _ => None,
            })?;
            unknown(self.call, &self.place(name), found, names, ("unknown_value", "unknown_value_near"));
        }
        chosen
    }

    /// A day written YYYY-MM-DD.
    pub(crate) fn date(&self, name: &str) -> Option<Date> {
        let text = self.text(name)?;
        let date = date(text);
        if date.is_none() {
            self.fault(name, "not_a_date", &[("found", shorten(text))]);
        }
        date
    }

    /// An object inside this one.
    pub(crate) fn object(&self, name: &str) -> Option<Reader<'a>> {
        let value = self.declared(name)?;
        let fields = self.shape(name, |kind| match kind {
            Kind::Object(fields) => Some(*fields),
            _ => None,
        })?;
        Reader::new(value, &self.place(name), fields, self.call)
    }

    /// As [`Self::object`], an absent one counting for an empty one.
    pub(crate) fn section(&self, name: &str) -> Option<Reader<'a>> {
        static EMPTY: LazyLock<Value> = LazyLock::new(|| Value::Object(Map::new()));
        if self.value(name).is_some() {
            return self.object(name);
        }
        let fields = self.shape(name, |kind| match kind {
            Kind::Object(fields) => Some(*fields),
            _ => None,
        })?;
        Reader::new(&EMPTY, &self.place(name), fields, self.call)
    }

    /// A list as it stands, its length checked.
    pub(crate) fn list(&self, name: &str) -> Option<&'a [Value]> {
        let value = self.declared(name)?;
        let (_, minimum, maximum) = self.shape(name, listed)?;
        list(value, &self.place(name), minimum, maximum, self.call)
    }

    /// The objects of a list, told and left out where an element is none; `None` when it is no list of a right length.
    pub(crate) fn objects(&self, name: &str) -> Option<Vec<Option<Reader<'a>>>> {
        let list = self.list(name)?;
        let (of, ..) = self.shape(name, listed)?;
        let fields = of.shapes().iter().find_map(|kind| match kind {
            Kind::Object(fields) => Some(*fields),
            _ => None,
        })?;
        let place = self.place(name);
        let reader = |(index, value)| Reader::new(value, &format!("{place}/{index}"), fields, self.call);
        Some(list.iter().enumerate().map(reader).collect())
    }

    /// The numbers of a list; `None` when one is none.
    pub(crate) fn numbers(&self, name: &str) -> Option<Vec<f64>> {
        let list = self.list(name)?;
        let (of, ..) = self.shape(name, listed)?;
        let (minimum, maximum) = of.shapes().iter().find_map(|kind| match *kind {
            Kind::Number { minimum, maximum } => Some((minimum, maximum)),
            _ => None,
        })?;
        let place = self.place(name);
        let read: Vec<Option<f64>> = (list.iter().enumerate())
            .map(|(index, value)| number(value, &format!("{place}/{index}"), minimum, maximum, self.call))
            .collect();
        read.into_iter().collect()
    }

    /// The members of an object whose keys the client chose.
    pub(crate) fn members(&self, name: &str) -> Option<&'a Map<String, Value>> {
        let value = self.declared(name)?;
        if value.as_object().is_none() {
            wrong_type(self.call, &self.place(name), "an object", value);
        }
        value.as_object()
    }
}

fn listed(kind: &'static Kind) -> Option<(&'static Kind, usize, usize)> {
    match kind {
        Kind::List { of, minimum, maximum } => Some((of, *minimum, *maximum)),
        _ => None,
    }
}

/// A day from 1850 to 2200.
pub(crate) fn date(text: &str) -> Option<Date> {
    text.parse::<Date>().ok().filter(|date| text.len() == 10 && (1850..=2200).contains(&date.year()))
}

/// Reads `value` as a number from `minimum` to `maximum`.
pub(crate) fn number(
    value: &Value,
    pointer: &str,
    minimum: f64,
    maximum: f64,
    call: &Call<'_>,
) -> Option<f64> {
    let Some(number) = value.as_f64().filter(|number| number.is_finite()) else {
        wrong_type(call, pointer, "a number", value);
        return None;
    };
    if (minimum..=maximum).contains(&number) {
        return Some(number);
    }
    let bounds =
        [("found", number.to_string()), ("minimum", minimum.to_string()), ("maximum", maximum.to_string())];
    call.faults().push(pointer, "out_of_range", &bounds);
    None
}

/// Reads `value` as a list of `minimum` to `maximum` elements.
pub(crate) fn list<'a>(
    value: &'a Value,
    pointer: &str,
    minimum: usize,
    maximum: usize,
    call: &Call<'_>,
) -> Option<&'a [Value]> {
    let Some(list) = value.as_array() else {
        wrong_type(call, pointer, "a list", value);
        return None;
    };
    let found = ("found", list.len().to_string());
    if list.len() > maximum {
        call.faults().push(pointer, "too_many", &[found, ("maximum", maximum.to_string())]);
        return None;
    }
    if list.len() < minimum {
        call.faults().push(pointer, "too_few", &[found, ("minimum", minimum.to_string())]);
        return None;
    }
    Some(list)
}

/// Records a name that is not in a list, with the nearest one when near enough.
pub(crate) fn unknown(
    call: &Call<'_>,
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
    call.faults().push(pointer, code, &[("found", short), parameter]);
}

/// Pointer of a key or index inside another.
pub(crate) fn join(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", shorten(name).replace('~', "~0").replace('/', "~1"))
}

pub(crate) fn wrong_type(call: &Call<'_>, pointer: &str, expected: &str, value: &Value) {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    let parameters = [("expected", expected.to_owned()), ("found", found.to_owned())];
    call.faults().push(pointer, "wrong_type", &parameters);
}

/// Keeps a message readable whatever was sent.
pub(crate) fn shorten(text: &str) -> String {
    text.chars().take(60).collect()
}
