//! The review of access: what each role may do, and AOPS's own people by their accounts, without their names.

use super::EvidenceError;
use crate::accounts::{self, Role};
use crate::app::App;
use crate::leaflet::Section;
use crate::register::Writing;

/// The parts of the page.
pub(super) async fn sections(app: &App, writing: &Writing<'_>) -> Result<Vec<Section>, EvidenceError> {
    let word = |key: &str| writing.word(key);
    let head = [
        "audit_acces.account",
        "field.role",
        "audit_acces.trained",
        "audit_acces.secrecy",
        "audit_acces.access",
    ];
    let day = |day: Option<jiff::civil::Date>| day.map_or_else(|| "–".to_owned(), |day| day.to_string());
    let staff = accounts::review(app).await?.into_iter().map(|one| {
        let access = if one.access { "audit_acces.open" } else { "audit_acces.shut" };
        let role = word(&format!("role.{}", one.role.name()));
        vec![one.id, role, day(one.trained), day(one.secrecy), word(access)]
    });
    let staff = Section::table(word("audit_acces.staff"), head.map(word).to_vec(), staff.collect());
    let roles = Role::ALL.iter().map(|role| {
        let actions: Vec<String> = role.actions().iter().map(|action| format!("{action:?}")).collect();
        vec![word(&format!("role.{}", role.name())), actions.join(", ")]
    });
    let head = vec![word("field.role"), word("dossier.actions")];
    Ok(vec![staff, Section::table(word("dossier.roles"), head, roles.collect())])
}
