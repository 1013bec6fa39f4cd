//! The fields of requests, each declared once: reading checks them and the JSON Schema is made from them. Not reading.

use crate::quantity::{AnnualRate, Probability};

/// One member of an object of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) required: bool,
    pub(crate) default: Option<Default>,
    /// A key of `data/words/units.json`; empty where a unit has no meaning.
    pub(crate) unit: &'static str,
    /// Lines of data, left out of the assumptions that an outcome repeats.
    pub(crate) bulk: bool,
}

/// What a value may be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Number {
        minimum: f64,
        maximum: f64,
    },
    Integer {
        minimum: i64,
        maximum: i64,
    },
    Flag,
    Text,
    /// A day written YYYY-MM-DD.
    Date,
    /// One of these names.
    Choice(&'static [&'static str]),
    /// The name of a mortality table, embedded or of the request.
    Table,
    /// A number, or null for what is not known yet.
    Cell {
        minimum: f64,
        maximum: f64,
    },
    Object(&'static [Field]),
    List {
        of: &'static Kind,
        minimum: usize,
        maximum: usize,
    },
    /// An object whose keys the client chooses.
    Map(&'static Kind),
    /// One of several shapes.
    Either(&'static [Kind]),
}

/// What an absent field counts for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Default {
    Number(f64),
    Flag(bool),
    Text(&'static str),
}

impl Field {
    pub(crate) const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, required: false, default: None, unit: "", bulk: false }
    }

    pub(crate) const fn number(name: &'static str, minimum: f64, maximum: f64) -> Self {
        Self::new(name, Kind::Number { minimum, maximum })
    }

    /// A probability or a part of a whole.
    pub(crate) const fn probability(name: &'static str) -> Self {
        Self::number(name, Probability::MINIMUM, Probability::MAXIMUM)
    }

    /// An annual effective rate.
    pub(crate) const fn rate(name: &'static str) -> Self {
        Self::number(name, AnnualRate::MINIMUM, AnnualRate::MAXIMUM).unit("per_year")
    }

    pub(crate) const fn integer(name: &'static str, minimum: i64, maximum: i64) -> Self {
        Self::new(name, Kind::Integer { minimum, maximum })
    }

    pub(crate) const fn flag(name: &'static str, default: bool) -> Self {
        Self { default: Some(Default::Flag(default)), ..Self::new(name, Kind::Flag) }
    }

    pub(crate) const fn text(name: &'static str) -> Self {
        Self::new(name, Kind::Text)
    }

    pub(crate) const fn date(name: &'static str) -> Self {
        Self::new(name, Kind::Date)
    }

    pub(crate) const fn choice(name: &'static str, names: &'static [&'static str]) -> Self {
        Self::new(name, Kind::Choice(names))
    }

    pub(crate) const fn object(name: &'static str, fields: &'static [Field]) -> Self {
        Self::new(name, Kind::Object(fields))
    }

    pub(crate) const fn list(name: &'static str, of: &'static Kind, minimum: usize, maximum: usize) -> Self {
        Self::new(name, Kind::List { of, minimum, maximum })
    }

    /// The value must be given.
    pub(crate) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// What absence means, for a number.
    pub(crate) const fn or(mut self, number: f64) -> Self {
        self.default = Some(Default::Number(number));
        self
    }

    /// What absence means, for a choice.
    pub(crate) const fn or_name(mut self, name: &'static str) -> Self {
        self.default = Some(Default::Text(name));
        self
    }

    pub(crate) const fn unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    pub(crate) const fn bulk(mut self) -> Self {
        self.bulk = true;
        self
    }
}

impl Kind {
    /// The kind itself, or the shapes it may have.
    pub(crate) fn shapes(&self) -> &[Kind] {
        match self {
            Self::Either(kinds) => kinds,
            one => std::slice::from_ref(one),
        }
    }
}

/// The names of pairs of a name and a meaning, for [`Kind::Choice`].
pub(crate) const fn names<T: Copy, const N: usize>(pairs: &[(&'static str, T); N]) -> [&'static str; N] {
    let mut names = [""; N];
    let mut index = 0;
    while index < N {
        names[index] = pairs[index].0;
        index += 1;
    }
    names
}
