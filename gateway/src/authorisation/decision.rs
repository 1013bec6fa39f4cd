//! The one decision: whether somebody may do something to something. It reads nothing and waits for nothing.

use super::{Action, Role, Scope};
use crate::web::WebError;

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub struct Actor<'a> {
    /// Their account, or that of whoever made the key.
    pub account: &'a str,
    /// Their organisation.
    pub organisation: &'a str,
    /// What they are.
    pub role: Role,
    /// What staff are for an hour, beside what they are.
    pub elevated: Option<Role>,
    /// What a program's key opens; a person who signed in needs none.
    pub scopes: Option<&'a [Scope]>,
}

/// What it is done to.
#[derive(Debug, Clone, Copy)]
pub enum Object<'a> {
    /// An account.
    Account(&'a str),
    /// An organisation, or what is its own.
    Organisation(&'a str),
    /// What is AOPS's own.
    House,
}

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It may be done.
    Granted,
    /// They know of it and may not: 403.
    Refused,
    /// It is not theirs to know of: 404, as of what does not exist.
    Hidden,
}

impl Decision {
    /// The refusal as an answer.
    ///
    /// # Errors
    /// [`WebError::Forbidden`], [`WebError::NotFound`].
    pub fn settled(self) -> Result<(), WebError> {
        match self {
            Self::Granted => Ok(()),
            Self::Refused => Err(WebError::Forbidden("the role does not allow it")),
            Self::Hidden => Err(WebError::NotFound),
        }
    }
}

/// Whether somebody may do something to something.
pub fn may(actor: &Actor<'_>, action: Action, object: Object<'_>) -> Decision {
    let theirs = match object {
        Object::Account(account) => account == actor.account,
        Object::Organisation(organisation) => organisation == actor.organisation,
        Object::House => actor.role.is_staff() && actor.scopes.is_none(),
    };
    if !theirs {
        return Decision::Hidden;
    }
    let elevated = actor.elevated.filter(|role| actor.role.is_staff() && role.is_staff());
    let by_role =
        [Some(actor.role), elevated].into_iter().flatten().any(|role| role.actions().contains(&action));
    let by_key = actor.scopes.is_none_or(|scopes| scopes.iter().any(|scope| scope.action() == action));
    if by_role && by_key { Decision::Granted } else { Decision::Refused }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn actor(role: Role) -> Actor<'static> {
        Actor { account: "acc_1", organisation: "org_1", role, elevated: None, scopes: None }
    }

    #[test]
    fn p_access_control_what_is_anothers_does_not_exist_whatever_the_role() {
        for role in Role::ALL {
            for action in Action::ALL {
                let other = may(&actor(role), action, Object::Organisation("org_2"));
                assert_eq!(other, Decision::Hidden, "{role:?} {action:?}");
                assert_eq!(may(&actor(role), action, Object::Account("acc_2")), Decision::Hidden);
            }
        }
        for role in Role::CLIENTS {
            assert_eq!(may(&actor(role), Action::ReadGateway, Object::House), Decision::Hidden);
        }
    }

    #[test]
    fn p_access_control_a_key_opens_its_scopes_and_never_more_than_its_maker_may() {
        let own = Object::Organisation("org_1");
        for scope in Scope::ALL {
            for role in Role::CLIENTS {
                let key = Actor { scopes: Some(&[scope]), ..actor(role) };
                for action in Action::ALL {
                    let expected = action == scope.action() && role.actions().contains(&action);
                    assert_eq!(may(&key, action, own) == Decision::Granted, expected, "{scope:?} {action:?}");
                }
            }
            assert_eq!(Scope::parse(scope.name()), Some(scope));
        }
        let none = Actor { scopes: Some(&[]), ..actor(Role::Owner) };
        assert!(Action::ALL.iter().all(|action| may(&none, *action, own) == Decision::Refused));
    }

    #[test]
    fn p_access_control_an_elevation_adds_a_role_to_staff_and_nothing_to_clients() {
        let raised = |role| Actor { elevated: Some(Role::Operator), ..actor(role) };
        assert_eq!(may(&actor(Role::Support), Action::ReadGateway, Object::House), Decision::Refused);
        assert_eq!(may(&raised(Role::Support), Action::ReadGateway, Object::House), Decision::Granted);
        assert_eq!(may(&raised(Role::Owner), Action::ReadGateway, Object::House), Decision::Hidden);
        let owner = Actor { elevated: Some(Role::Owner), ..actor(Role::Support) };
        assert_eq!(may(&owner, Action::Buy, Object::Organisation("org_1")), Decision::Refused);
    }

    #[test]
    fn a_decision_takes_a_microsecond_at_most() {
        let (asker, own) =
            (Actor { scopes: Some(&Scope::ALL), ..actor(Role::Owner) }, Object::Organisation("org_1"));
        // The best of several: other tests run beside this one.
        let batch = || {
            let since = Instant::now();
            for action in Action::ALL {
                std::hint::black_box(may(std::hint::black_box(&asker), action, own));
            }
            since.elapsed() / 23
        };
        let each = (0..2_000).map(|_| batch()).min().unwrap();
        assert!(each.as_nanos() <= 1_000, "{each:?}");
    }
}
