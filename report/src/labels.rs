//! The French names of what a request holds, from the titles of its module's schema. Not what it holds.

use serde_json::Value;

/// What stands between the names of a path.
const BETWEEN: &str = " › ";

/// A place in a request: its name so far, and the schema there where it is known.
#[derive(Debug, Clone)]
pub(crate) struct Place<'s> {
    pub(crate) label: String,
    schema: Option<&'s Value>,
}

impl<'s> Place<'s> {
    /// The request itself.
    pub(crate) fn root(schema: Option<&'s Value>) -> Self {
        Self { label: String::new(), schema }
    }

    /// The member of a name: under its title, or under its name where that is the client's own.
    pub(crate) fn member(&self, name: &str) -> Self {
        let schema = self.schema.and_then(|schema| property(schema, name));
        let title = schema.and_then(|schema| schema.get("title")).and_then(Value::as_str).unwrap_or(name);
        let label = if self.label.is_empty() { title.to_owned() } else { [&self.label, title].join(BETWEEN) };
        Self { label, schema }
    }

    /// The line of a list, counted from one.
    pub(crate) fn line(&self, rank: usize) -> Self {
        let schema = self.schema.and_then(|schema| among(schema, &|shape| shape.get("items")));
        Self { label: format!("{} {rank}", self.label), schema }
    }
}

fn property<'s>(schema: &'s Value, name: &str) -> Option<&'s Value> {
    among(schema, &|shape| {
        let named = shape.get("properties").and_then(|properties| properties.get(name));
        named.or_else(|| shape.get("additionalProperties").filter(|any| any.is_object()))
    })
}

/// The first shape of a schema that `pick` finds something in.
fn among<'s>(schema: &'s Value, pick: &dyn Fn(&'s Value) -> Option<&'s Value>) -> Option<&'s Value> {
    let shapes = schema.get("anyOf").and_then(Value::as_array).into_iter().flatten();
    pick(schema).or_else(|| shapes.into_iter().find_map(pick))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_bear_the_titles_of_the_schema_and_the_clients_own_names() {
        let schema = aops_engine::schema("ifc").unwrap();
        let assumptions = Place::root(Some(&schema)).member("assumptions");
        assert_eq!(assumptions.label, schema["properties"]["assumptions"]["title"]);
        let own = assumptions.member("salary_growth").member("Cadres dirigeants").label;
        assert!(own.ends_with("› Cadres dirigeants"), "{own}");
        let rate = assumptions.member("turnover").line(2).member("age_from").label;
        assert!(rate.contains(" 2 › ") && !rate.contains('_'), "{rate}");
    }
}
