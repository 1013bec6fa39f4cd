//! What an article states by hand: amounts and rates that are not assumptions. It computes nothing.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

#[derive(Deserialize)]
struct FrontMatter {
    #[serde(default)]
    extra: Extra,
}

#[derive(Default, Deserialize)]
struct Extra {
    /// The amounts and rates that the prose may write out: `["2 %", "1 000 €"]`.
    #[serde(default)]
    assumptions: Vec<String>,
}

/// One sentence for each amount or rate of the page that is typed and not declared, or declared and not typed.
///
/// # Errors
/// A page that cannot be read, or whose front matter is no TOML.
pub(super) fn typed_figures(page: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(page).with_context(|| page.display().to_string())?;
    let wrong = faults(&text).with_context(|| page.display().to_string())?;
    Ok(wrong.into_iter().map(|fault| format!("{}: {fault}", page.display())).collect())
}

fn faults(text: &str) -> Result<Vec<String>> {
    let mut parts = text.splitn(3, "+++");
    let (_, matter, body) = (parts.next(), parts.next(), parts.next());
    let matter: FrontMatter = toml::from_str(matter.context("no front matter")?)?;
    let declared: BTreeSet<String> = matter.extra.assumptions.iter().map(|text| plain(text)).collect();
    let typed = amounts(&without_shortcodes(&plain(body.unwrap_or_default())));
    let mut faults: Vec<String> = typed
        .difference(&declared)
        .map(|amount| format!("`{amount}` is typed: let the engine state it, or declare the assumption"))
        .collect();
    faults.extend(
        declared.difference(&typed).map(|amount| format!("the assumption `{amount}` stands nowhere")),
    );
    Ok(faults)
}

/// Each kind of space as the plain one.
fn plain(text: &str) -> String {
    text.replace(['\u{a0}', '\u{202f}'], " ")
}

fn without_shortcodes(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some(start) = [rest.find("{{"), rest.find("{%")].into_iter().flatten().min() {
        let close = if rest[start..].starts_with("{{") { "}}" } else { "%}" };
        kept.push_str(&rest[..start]);
        rest = rest[start..].find(close).map_or("", |end| &rest[start + end + close.len()..]);
    }
    kept + rest
}

/// Numbers followed by `€` or `%`, with at most one space between.
fn amounts(text: &str) -> BTreeSet<String> {
    let found = text.match_indices(['€', '%']).filter_map(|(at, unit)| {
        let before = text[..at].strip_suffix(' ').unwrap_or(&text[..at]);
        let digits = |character: char| character.is_ascii_digit() || matches!(character, ' ' | ',' | '.');
        let number = before.trim_end_matches(digits);
        let number = before[number.len()..].trim_start_matches(|character: char| !character.is_ascii_digit());
        (before.ends_with(|last: char| last.is_ascii_digit())).then(|| format!("{number} {unit}"))
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(assumptions: &str, body: &str) -> String {
        format!("+++\ntitle = \"x\"\n[extra]\nassumptions = {assumptions}\n+++\n{body}")
    }

    #[test]
    fn a_typed_amount_that_is_no_assumption_is_told() {
        let told = faults(&page("[]", "La dette est de 48\u{202f}615\u{a0}€.")).unwrap();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("48 615 €"));
    }

    #[test]
    fn declared_assumptions_computed_figures_and_years_are_let_through() {
        let body =
            "En 2026, à 3,5 % : {{ figure_value(data=\"f\", key=\"a 5 %\") }} {% callout(kind=\"9 %\") %}.";
        assert!(faults(&page("[\"3,5 %\"]", body)).unwrap().is_empty());
    }

    #[test]
    fn an_assumption_that_the_page_no_longer_states_is_told() {
        assert_eq!(faults(&page("[\"2 %\"]", "Rien.")).unwrap().len(), 1);
    }
}
