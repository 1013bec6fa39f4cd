//! The tables of `docs/access.md`, made from the code and held by it.

use std::fs;
use std::path::Path;

use super::routes::{self, Class, Row};
use super::{Action, Actor, Decision, Object, Role, may};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/access.md");

fn decided(role: Role, action: Action, object: Object<'_>) -> &'static str {
    let actor = Actor { account: "a", organisation: "o", role, elevated: None, scopes: None };
    match may(&actor, action, object) {
        Decision::Granted => "yes",
        Decision::Refused => "403",
        Decision::Hidden => "404",
    }
}

fn table(first: &[&str], rows: impl Iterator<Item = (Vec<String>, Action, Object<'static>)>) -> String {
    let names = Role::ALL.map(Role::name);
    let head: Vec<&str> = first.iter().copied().chain(names).collect();
    let mut text = format!("| {} |\n|{}\n", head.join(" | "), " --- |".repeat(head.len()));
    for (cells, action, object) in rows {
        let decisions = Role::ALL.map(|role| decided(role, action, object).to_owned());
        text += &format!("| {} |\n", cells.into_iter().chain(decisions).collect::<Vec<_>>().join(" | "));
    }
    text
}

fn object(action: Action) -> Object<'static> {
    match action {
        Action::OwnAccount => Object::Account("a"),
        Action::ReadGateway
        | Action::ReadDesk
        | Action::ReadAudience
        | Action::ReadPolicy
        | Action::KeepPolicy => Object::House,
        _ => Object::Organisation("o"),
    }
}

fn roles() -> String {
    table(
        &["action"],
        Action::ALL.into_iter().map(|action| (vec![format!("`{action:?}`")], action, object(action))),
    )
}

fn of_route(row: &Row) -> Option<(Vec<String>, Action, Object<'static>)> {
    let action = match row.class {
        Class::Open | Class::Link | Class::Signed => return None,
        Class::Own => Action::OwnAccount,
        Class::Role(action) | Class::Asks(action) | Class::Api(action) | Class::Staff(action) => action,
    };
    let proof = if row.proof { "yes" } else { "" };
    let path = format!("`{} {}`", row.method, row.path);
    Some((vec![path, proof.to_owned()], action, object(action)))
}

fn open() -> String {
    let named = |class: Class, what: &str| {
        let rows = routes::rows().filter(|row| row.class == class);
        let paths: Vec<String> = rows.map(|row| format!("`{} {}`", row.method, row.path)).collect();
        format!("{what}: {}.\n\n", paths.join(", "))
    };
    [
        named(Class::Open, "Open to anybody"),
        named(Class::Link, "By a link that we signed"),
        named(Class::Signed, "By a signed message"),
    ]
    .concat()
}

#[test]
fn p_access_control_the_tables_of_the_documentation_are_those_of_the_code() {
    let file = Path::new(FILE);
    let written = fs::read_to_string(file).unwrap();
    let mut made = written.clone();
    let routes = format!("{}{}", open(), table(&["route", "proof"], routes::rows().filter_map(of_route)));
    for (name, table) in [("roles", roles()), ("routes", routes)] {
        let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
        let from = made.find(&begin).unwrap() + begin.len();
        let to = made.find(&end).unwrap();
        made.replace_range(from..to, &format!("\n{table}\n"));
    }
    if std::env::var_os("AOPS_DOCUMENT").is_some() {
        return fs::write(file, &made).unwrap();
    }
    assert!(made == written, "run it with AOPS_DOCUMENT=1: docs/access.md is not what the code says");
}
