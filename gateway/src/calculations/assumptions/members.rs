//! What of a request is an assumption, and what belongs to one case: lines of data, a day, one person's age or pay. The one
//! list; what it does not name is neither saved nor remembered.

use serde_json::{Map, Value};

/// Members that are assumptions, by module.
const MEMBERS: [(&str, &[&str]); 9] = [
    (
        "rente",
        &[
            "benefit",
            "curve",
            "deferral",
            "expected_payments",
            "fraction",
            "frequency",
            "growth",
            "guarantee",
            "premium",
            "rate",
            "reversion",
            "status",
            "term",
            "timing",
        ],
    ),
    ("ifc", &["assumptions", "detail", "presentation", "scale", "sensitivities"]),
    ("medailles", &["assumptions", "awards", "scale", "sensitivities"]),
    (
        "prevoyance",
        &[
            "curve",
            "details",
            "end_age",
            "expenses",
            "frequency",
            "maintenance",
            "moment_of_death",
            "paid",
            "rate",
            "revaluation",
            "term",
            "work",
        ],
    ),
    ("sante", &["deviance_table", "model", "tariff", "work"]),
    (
        "retraite",
        &[
            "contribution_growth",
            "conversion",
            "fees",
            "retirement_age",
            "salary_growth",
            "simulation",
            "taxes",
            "yield",
        ],
    ),
    ("provisionnement", &["basis", "join_periods", "method", "options"]),
    ("mortalite", &["by_year", "confidence", "projection", "reference", "smoothing", "work"]),
    (
        "courbe",
        &[
            "alpha",
            "compounding",
            "convergence_point",
            "frequency",
            "instrument",
            "maturities",
            "method",
            "minimum_alpha",
            "shocks",
            "tolerance",
            "ufr",
        ],
    ),
];
/// Data that stand among options.
const DATA: [(&str, &[&str]); 1] = [("options", &["exclude", "exposure", "incurred"])];

/// The assumptions of a request.
pub(super) fn of(module: &str, request: &Map<String, Value>) -> Map<String, Value> {
    let names =
        MEMBERS.iter().find(|(known, _)| *known == module).map_or(&[] as &[&str], |(_, names)| *names);
    let kept = |(name, value): (&String, &Value)| {
        let mut value = value.clone();
        if let (Some((_, data)), Some(members)) =
            (DATA.iter().find(|(known, _)| known == name), value.as_object_mut())
        {
            members.retain(|member, _| !data.contains(&member.as_str()));
        }
        (name.clone(), value)
    };
    request
        .iter()
        .filter(|(name, value)| names.contains(&name.as_str()) && !value.is_null())
        .map(kept)
        .collect()
}

/// Whether a field is one, by the names on its way.
pub(in crate::calculations) fn is_assumption(module: &str, path: &str) -> bool {
    let (top, rest) = path.split_once('.').unwrap_or((path, ""));
    let data = DATA.iter().any(|(known, data)| *known == top && data.contains(&rest));
    !data && MEMBERS.iter().any(|(known, names)| *known == module && names.contains(&top))
}

/// What of a request is no assumption, by name.
pub(super) fn others<'a>(module: &str, request: &'a Map<String, Value>) -> Vec<&'a str> {
    let kept = of(module, request);
    request.keys().map(String::as_str).filter(|name| !kept.contains_key(*name)).collect()
}

/// Puts what is asked over assumptions, as a JSON merge patch does (RFC 7396): members of objects one by one, `null` takes
/// away.
pub(in crate::calculations) fn merge(under: &mut Map<String, Value>, over: Map<String, Value>) {
    for (name, value) in over {
        match (under.get_mut(&name), value) {
            (_, Value::Null) => drop(under.remove(&name)),
            (Some(Value::Object(before)), Value::Object(members)) => merge(before, members),
            (_, Value::Object(members)) => {
                let mut fresh = Map::new();
                merge(&mut fresh, members);
                under.insert(name, Value::Object(fresh));
            }
            (_, value) => drop(under.insert(name, value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn p_delete_6_months_no_line_of_data_is_an_assumption() {
        for module in aops_engine::MODULES {
            let (_, names) = MEMBERS.iter().find(|(known, _)| known == module).unwrap();
            let schema = aops_engine::schema(module).unwrap();
            for name in *names {
                assert!(schema["properties"][*name].is_object(), "{module}: {name}");
            }
            let lines = aops_engine::lines(module).map(|lines| lines.member);
            assert!(lines.is_none_or(|member| !names.contains(&member)), "{module}");
        }
        let kept = of("ifc", &map(aops_engine::example("ifc").unwrap()));
        assert_eq!(kept.keys().collect::<Vec<_>>(), ["assumptions", "scale"]);
        let options =
            json!({ "options": { "exposure": [1], "sigma": "mack" }, "triangle": [[1]], "method": "mack" });
        let kept = of("provisionnement", &map(options));
        assert_eq!(Value::Object(kept), json!({ "method": "mack", "options": { "sigma": "mack" } }));
    }

    #[test]
    fn what_is_asked_comes_over_assumptions_member_by_member() {
        let mut under =
            map(json!({ "assumptions": { "rate": 1, "mortality": { "M": "a", "F": "b" } }, "scale": "x" }));
        let over =
            json!({ "assumptions": { "mortality": { "M": "c" }, "turnover": [] }, "scale": null, "day": 1 });
        merge(&mut under, map(over));
        let expected = json!({ "assumptions": { "rate": 1, "mortality": { "M": "c", "F": "b" }, "turnover": [] }, "day": 1 });
        assert_eq!(Value::Object(under), expected);
    }
}
