//! Tables that a request brings itself: survivors or probabilities of death, for all or by birth year. Not files.

use serde_json::Value;

use super::{Survivors, Table, from_deaths};
use crate::call::Call;
use crate::field::{Field, Kind};
use crate::quantity::Probability;
use crate::reader::{Reader, join};

/// `tables`, common to all modules: tables by name.
pub(crate) const TABLES_FIELD: Field = Field::new("tables", Kind::Map(&Kind::Object(TABLE))).bulk();

const PROBABILITY: Kind = Kind::Number { minimum: Probability::MINIMUM, maximum: Probability::MAXIMUM };
const SURVIVORS: Kind = Kind::Number { minimum: 0.0, maximum: 1e12 };
const COLUMN: &[Field] = &[
    Field::integer("first_age", 0, 120).or(0.0).unit("year"),
    Field::list("lx", &SURVIVORS, 2, 200),
    Field::list("qx", &PROBABILITY, 1, 200),
];
const TABLE: &[Field] = &[
    Field::integer("first_age", 0, 120).or(0.0).unit("year"),
    Field::list("lx", &SURVIVORS, 2, 200),
    Field::list("qx", &PROBABILITY, 1, 200),
    Field::integer("first_year", 1800, 2200).unit("year"),
    Field::list("columns", &Kind::Object(COLUMN), 1, 300),
];
/// Most tables of one request.
const MOST: usize = 50;

/// Reads the tables of a request; their faults go to `call`.
pub(crate) fn read(value: &Value, call: &Call<'_>) -> Vec<(String, Table)> {
    let Some(members) = value.as_object() else {
        crate::reader::wrong_type(call, "/tables", "an object", value);
        return Vec::new();
    };
    if members.len() > MOST {
        let parameters = [("found", members.len().to_string()), ("maximum", MOST.to_string())];
        call.faults().push("/tables", "too_many", &parameters);
        return Vec::new();
    }
    let tables = members.iter().filter_map(|(name, value)| {
        let reader = Reader::new(value, &join("/tables", name), TABLE, call)?;
        Some((name.clone(), table(name, &reader)?))
    });
    tables.collect()
}

fn table(name: &str, reader: &Reader<'_>) -> Option<Table> {
    if reader.value("columns").is_none() {
        reader.refuse("first_year", "columns");
        return column(name, reader).map(Table::Period);
    }
    for other in ["lx", "qx", "first_age"] {
        reader.exclude("columns", other);
    }
    reader.required("first_year");
    let first_year = reader.integer("first_year");
    let columns: Vec<Option<Survivors>> =
        reader.objects("columns")?.iter().map(|one| column(name, one.as_ref()?)).collect();
    Some(Table::Generational {
        first_year: i32::try_from(first_year?).ok()?,
        columns: columns.into_iter().collect::<Option<_>>()?,
    })
}

fn column(name: &str, reader: &Reader<'_>) -> Option<Survivors> {
    reader.exclude("lx", "qx");
    let first_age = u32::try_from(reader.integer("first_age")?).ok()?;
    if reader.value("qx").is_some() {
        return Some(Survivors::new(
            first_age,
            from_deaths(reader.numbers("qx")?.into_iter().map(Probability::nearest)),
        ));
    }
    reader.required("lx");
    let lx = reader.numbers("lx")?;
    let rise = lx.windows(2).position(|pair| pair[1] > pair[0]).map(|index| index + 1);
    if let Some(index) = rise.or((lx.first() == Some(&0.0)).then_some(0)) {
        let age = (u64::from(first_age) + index as u64).to_string();
        reader.fault("lx", "table_values", &[("table", name.chars().take(60).collect()), ("found", age)]);
        return None;
    }
    Some(Survivors::new(first_age, lx.into_iter()))
}
