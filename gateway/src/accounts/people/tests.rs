use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, Method, StatusCode};
use jiff::SignedDuration;

use super::taking::{self, Joined};
use super::{PAGE, invitation, roster};
use crate::accounts::{self, Account, Role, api_keys, sessions};
use crate::app::{App, SharedApp};
use crate::checkout;
use crate::email::Email;
use crate::testing;

const TAKEN: &str = "nom=Petit&prenom=Luc&profession=Actuaire&telephone=&date_naissance=&\
    mot_de_passe=Vr7!kd0%23QzpL&cgu=accepte";

async fn invite(app: &SharedApp, session: &HeaderMap, email: &str, role: Role) -> StatusCode {
    let form = format!("email={}&role={}", email.replace('@', "%40"), role.name());
    testing::post(app, PAGE, session, &form).await.status()
}

/// The path of the last invitation that was sent to an address.
async fn link(app: &App, email: &str) -> String {
    let letters = testing::letters(app).await;
    let letter = letters.iter().rev().find(|mail| mail.template == "invitation" && mail.to == email).unwrap();
    letter.context["link"].as_str().unwrap().replace("https://localhost:8443", "")
}

async fn take(app: &SharedApp, link: &str) -> Response {
    let token = link.split("jeton=").nth(1).unwrap();
    testing::post(app, "/invitation", &HeaderMap::new(), &format!("jeton={token}&{TAKEN}")).await
}

async fn found(app: &App, email: &str) -> Option<Account> {
    accounts::find(app, &Email::parse(email).unwrap()).await.unwrap()
}

/// Somebody who came by an invitation.
async fn joined(app: &SharedApp, owner: &Account, email: &str, role: Role) -> Account {
    let session = testing::signed_in(app, owner).await;
    assert_eq!(invite(app, &session, email, role).await, StatusCode::SEE_OTHER, "{email}");
    let taken = take(app, &link(app, email).await).await;
    assert_eq!((taken.status(), testing::location(&taken)), (StatusCode::SEE_OTHER, "/espace-client/"));
    found(app, email).await.unwrap()
}

async fn act(app: &SharedApp, by: &Account, path: &str, form: &str) -> StatusCode {
    let session = testing::signed_in(app, by).await;
    testing::post(app, path, &session, form).await.status()
}

async fn role_of(app: &App, account: &Account) -> Option<Role> {
    let (roster, _) = roster::of(app, &account.organisation).await.unwrap();
    let kept = accounts::read(app, &account.organisation, &account.id).await.unwrap();
    assert_eq!(roster.role(&account.id), kept.map(|kept| kept.role), "the roster says what the account does");
    roster.role(&account.id)
}

#[tokio::test]
async fn p_access_control_an_invitation_makes_an_account_of_the_organisation_once() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let owner = testing::account(&app, "a@example.com").await;
    let session = testing::signed_in(&app, &owner).await;
    assert_eq!(invite(&app, &session, "b@example.com", Role::Member).await, StatusCode::SEE_OTHER);
    let link = link(&app, "b@example.com").await;
    let looked = testing::ask(&app, Method::GET, &link, &HeaderMap::new(), Body::empty()).await;
    assert_eq!((looked.status(), testing::text(looked).await.contains("form")), (StatusCode::OK, true));
    assert!(found(&app, "b@example.com").await.is_none(), "looking makes nothing");
    let token = link.split("jeton=").nth(1).unwrap();
    for wrong in ["", "&role=owner", "&email=c%40example.com", "&organisation=org_1"] {
        let form = match wrong {
            "" => format!("jeton={token}"),
            more => format!("jeton={token}&{TAKEN}{more}"),
        };
        let refused = testing::post(&app, "/invitation", &HeaderMap::new(), &form).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }
    let taken = take(&app, &link).await;
    assert_eq!(testing::location(&taken), "/espace-client/");
    let member = found(&app, "b@example.com").await.unwrap();
    assert_eq!((member.role, member.verified), (Role::Member, true));
    assert_eq!(member.organisation, owner.organisation);
    assert!(sessions::current(&app, &testing::sent_back(&taken)).await.unwrap().is_some(), "signed in");
    assert_eq!(take(&app, &link).await.status(), StatusCode::GONE);
    let (roster, _) = roster::of(&app, &owner.organisation).await.unwrap();
    assert_eq!(roster.people.len(), 2);
    let page = testing::ask(&app, Method::GET, PAGE, &session, Body::empty()).await;
    assert!(testing::text(page).await.contains("b@example.com member"));
    let verified = crate::records::verify(&app, &crate::inventory::SHAPES).await.unwrap();
    assert_eq!(verified.damaged, []);
}

#[tokio::test]
async fn an_invitation_serves_a_week_and_not_once_it_is_withdrawn_or_whoever_sent_it_has_gone() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let owner = testing::account(&app, "a@example.com").await;
    let manager = joined(&app, &owner, "m@example.com", Role::Manager).await;
    let sent = testing::signed_in(&app, &manager).await;
    for email in ["b@example.com", "c@example.com", "d@example.com"] {
        assert_eq!(invite(&app, &sent, email, Role::Member).await, StatusCode::SEE_OTHER);
    }
    let [first, second, third] = [
        link(&app, "b@example.com").await,
        link(&app, "c@example.com").await,
        link(&app, "d@example.com").await,
    ];
    let waiting = invitation::waiting(&app, &owner.organisation).await.unwrap();
    let id = waiting.iter().find(|(one, _)| one.email == "b@example.com").unwrap().0.id.clone();
    let path = format!("/espace-client/invitations/{id}/retrait");
    assert_eq!(act(&app, &owner, &path, "").await, StatusCode::SEE_OTHER);
    assert_eq!(take(&app, &first).await.status(), StatusCode::GONE);
    assert_eq!(act(&app, &owner, &path, "").await, StatusCode::NOT_FOUND);
    // An address that is asked again has one link, the last.
    assert_eq!(invite(&app, &sent, "c@example.com", Role::ReadOnly).await, StatusCode::SEE_OTHER);
    let letters = testing::letters(&app).await;
    assert_eq!(
        letters.iter().filter(|mail| mail.to == "c@example.com").count(),
        1,
        "the letter went with its key"
    );
    assert_eq!(take(&app, &second).await.status(), StatusCode::GONE);
    let remove = format!("/espace-client/personnes/{}/retrait", manager.id);
    assert_eq!(act(&app, &owner, &remove, "").await, StatusCode::SEE_OTHER);
    assert_eq!(take(&app, &third).await.status(), StatusCode::GONE, "whoever invited is here no more");
    let session = testing::signed_in(&app, &owner).await;
    assert_eq!(invite(&app, &session, "e@example.com", Role::Member).await, StatusCode::SEE_OTHER);
    let late = link(&app, "e@example.com").await;
    drop(app);
    let app = Arc::new(testing::app(folder.path(), SignedDuration::from_hours(24 * 7)).await);
    assert_eq!(take(&app, &late).await.status(), StatusCode::GONE);
    let nonsense = testing::post(&app, "/invitation", &HeaderMap::new(), "jeton=x").await;
    assert_eq!(nonsense.status(), StatusCode::GONE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_who_take_an_invitation_at_once_one_joins() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let owner = testing::account(&app, "a@example.com").await;
    let session = testing::signed_in(&app, &owner).await;
    for round in 0..3 {
        let email = format!("b{round}@example.com");
        invite(&app, &session, &email, Role::Member).await;
        let waiting = invitation::waiting(&app, &owner.organisation).await.unwrap();
        let (invited, version) = waiting.into_iter().find(|(one, _)| one.email == email).unwrap();
        let tries = (0..6).map(|_| {
            let (app, invited, owner) = (Arc::clone(&app), invited.clone(), owner.clone());
            tokio::spawn(async move {
                let account = Account {
                    id: invited.account.clone(),
                    email: invited.email.clone(),
                    role: invited.role,
                    ..owner
                };
                taking::join(&app, &invited, version, &account).await.unwrap()
            })
        });
        let mut came = Vec::new();
        for tried in tries.collect::<Vec<_>>() {
            came.push(tried.await.unwrap());
        }
        assert_eq!(came.iter().filter(|one| **one == Joined::Yes).count(), 1, "{came:?}");
    }
    let (roster, _) = roster::of(&app, &owner.organisation).await.unwrap();
    assert_eq!(roster.people.len(), 4);
}

#[tokio::test]
async fn an_address_that_has_an_account_is_invited_as_any_other_and_told_by_its_letter_alone() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let owner = testing::account(&app, "a@example.com").await;
    let elsewhere = testing::account(&app, "b@example.com").await;
    let session = testing::signed_in(&app, &owner).await;
    let mut answers = Vec::new();
    for email in ["b%40example.com", "nobody%40example.com"] {
        let answer = testing::post(&app, PAGE, &session, &format!("email={email}&role=member")).await;
        answers.push((answer.status(), testing::location(&answer).to_owned()));
    }
    assert_eq!(answers[0], answers[1]);
    let link = link(&app, "b@example.com").await;
    let looked = testing::ask(&app, Method::GET, &link, &HeaderMap::new(), Body::empty()).await;
    assert!(testing::text(looked).await.contains("known"));
    assert_eq!(take(&app, &link).await.status(), StatusCode::CONFLICT);
    let kept = found(&app, "b@example.com").await.unwrap();
    assert_eq!((kept.id, kept.organisation), (elsewhere.id, elsewhere.organisation));
    let own = testing::post(&app, PAGE, &session, "email=a%40example.com&role=member").await;
    assert_eq!(own.status(), StatusCode::UNPROCESSABLE_ENTITY, "who is here already");
}

#[tokio::test]
async fn an_invitation_to_an_address_that_has_an_account_moves_its_holder_and_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let owner = testing::account(&app, "a@example.com").await;
    let mut moving = testing::account(&app, "b@example.com").await;
    accounts::second_factor::tests::add_to(&app, &mut moving).await;
    let by = testing::signed_in(&app, &owner).await;
    assert_eq!(invite(&app, &by, "b@example.com", Role::Manager).await, StatusCode::SEE_OTHER);
    let link = link(&app, "b@example.com").await;
    let token = link.split("jeton=").nth(1).unwrap();
    let form = format!("jeton={token}&depart=accepte");
    let path = "/invitation/changement";
    let shown = async |session: &HeaderMap| {
        testing::text(testing::ask(&app, Method::GET, &link, session, Body::empty()).await).await
    };
    let stranger = testing::post(&app, path, &HeaderMap::new(), &form).await;
    assert!(testing::location(&stranger).starts_with("/compte/connexion?suite="), "nobody in particular");
    assert_eq!(testing::post(&app, path, &by, &form).await.status(), StatusCode::GONE, "somebody else");
    assert!(shown(&by).await.contains("known"));
    let mine = testing::signed_in(&app, &moving).await;
    assert!(shown(&mine).await.contains("move"));
    for wrong in [format!("jeton={token}"), format!("{form}&role=owner"), format!("jeton={token}&depart=oui")]
    {
        let refused = testing::post(&app, path, &mine, &wrong).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }
    let kept = accounts::read(&app, &moving.organisation, &moving.id).await.unwrap();
    assert_eq!(kept.map(|kept| kept.organisation), Some(moving.organisation.clone()), "nothing was left");
    let moved = testing::post(&app, path, &mine, &form).await;
    assert_eq!((moved.status(), testing::location(&moved)), (StatusCode::SEE_OTHER, "/espace-client/"));
    let now = found(&app, "b@example.com").await.unwrap();
    assert_eq!((&now.organisation, now.role), (&owner.organisation, Role::Manager));
    assert_eq!(now.password, moving.password, "the password is the same");
    assert!(now.second_factor.is_some(), "nobody is less safe for it");
    assert!(accounts::read(&app, &moving.organisation, &moving.id).await.unwrap().is_none());
    assert!(sessions::current(&app, &mine).await.unwrap().is_none(), "sessions of before are over");
    assert!(sessions::current(&app, &testing::sent_back(&moved)).await.unwrap().is_some());
    assert_eq!(role_of(&app, &now).await, Some(Role::Manager));
    assert!(testing::letters(&app).await.iter().any(|mail| mail.template == "personne_role"));
    assert_eq!(take(&app, &link).await.status(), StatusCode::GONE);
    let verified = crate::records::verify(&app, &crate::inventory::SHAPES).await.unwrap();
    assert_eq!(verified.damaged, []);
}

#[tokio::test]
async fn who_alone_answers_for_others_hands_over_before_an_invitation_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let owner = testing::account(&app, "a@example.com").await;
    let bound = testing::account(&app, "b@example.com").await;
    joined(&app, &bound, "m@example.com", Role::Member).await;
    let by = testing::signed_in(&app, &owner).await;
    assert_eq!(invite(&app, &by, "b@example.com", Role::Member).await, StatusCode::SEE_OTHER);
    let link = link(&app, "b@example.com").await;
    let token = link.split("jeton=").nth(1).unwrap();
    let mine = testing::signed_in(&app, &bound).await;
    let looked = testing::ask(&app, Method::GET, &link, &mine, Body::empty()).await;
    assert!(testing::text(looked).await.contains("bound"));
    let form = format!("jeton={token}&depart=accepte");
    let refused = testing::post(&app, "/invitation/changement", &mine, &form).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let kept = found(&app, "b@example.com").await.unwrap();
    assert_eq!((kept.id, kept.organisation), (bound.id, bound.organisation));
    // Whoever invited may go meanwhile: nothing is left for an invitation that leads nowhere.
    let manager = joined(&app, &owner, "g@example.com", Role::Manager).await;
    let member = joined(&app, &owner, "e@example.com", Role::Member).await;
    let sent = testing::signed_in(&app, &manager).await;
    let elsewhere = testing::account(&app, "c@example.com").await;
    assert_eq!(invite(&app, &sent, "c@example.com", Role::Member).await, StatusCode::SEE_OTHER);
    let late = self::link(&app, "c@example.com").await;
    let remove = format!("/espace-client/personnes/{}/retrait", manager.id);
    assert_eq!(act(&app, &owner, &remove, "").await, StatusCode::SEE_OTHER);
    let form = format!("jeton={}&depart=accepte", late.split("jeton=").nth(1).unwrap());
    assert_eq!(act(&app, &elsewhere, "/invitation/changement", &form).await, StatusCode::GONE);
    assert!(accounts::read(&app, &elsewhere.organisation, &elsewhere.id).await.unwrap().is_some());
    assert_eq!(role_of(&app, &member).await, Some(Role::Member));
}

#[tokio::test]
async fn p_access_control_nobody_is_given_or_loses_more_than_whoever_acts_has() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let owner = testing::account(&app, "a@example.com").await;
    let manager = joined(&app, &owner, "m@example.com", Role::Manager).await;
    let billing = joined(&app, &owner, "f@example.com", Role::Billing).await;
    let member = joined(&app, &owner, "b@example.com", Role::Member).await;
    let path = |account: &Account, act: &str| format!("/espace-client/personnes/{}/{act}", account.id);
    for (by, target, role, expected) in [
        (&manager, &member, "owner", 403),
        (&manager, &member, "billing", 403),
        (&manager, &member, "support", 400),
        (&manager, &owner, "member", 403),
        (&manager, &billing, "member", 403),
        (&manager, &manager, "member", 403),
        (&owner, &owner, "member", 403),
        (&member, &billing, "member", 403),
        (&manager, &member, "read-only", 303),
        (&owner, &manager, "billing", 303),
    ] {
        let status = act(&app, by, &path(target, "role"), &format!("role={role}")).await;
        assert_eq!(status.as_u16(), expected, "{} {} {role}", by.email, target.email);
    }
    assert_eq!(role_of(&app, &member).await, Some(Role::ReadOnly));
    assert_eq!(role_of(&app, &manager).await, Some(Role::Billing));
    // What changed counts at the next request.
    assert_eq!(act(&app, &manager, &path(&member, "role"), "role=member").await, StatusCode::FORBIDDEN);
    let session = testing::signed_in(&app, &manager).await;
    let invited = testing::post(&app, PAGE, &session, "email=z%40example.com&role=member").await;
    assert_eq!(invited.status(), StatusCode::FORBIDDEN);
    for wrong in ["role=member&role=owner", "role=member&id=acc_1", "role=", ""] {
        assert_eq!(
            act(&app, &owner, &path(&member, "role"), wrong).await,
            StatusCode::BAD_REQUEST,
            "{wrong}"
        );
    }
    let other = testing::account(&app, "o@example.com").await;
    for act_ in ["role", "retrait", "propriete"] {
        let form = if act_ == "role" { "role=member" } else { "" };
        let status = act(&app, &other, &path(&member, act_), form).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "of another organisation: {act_}");
    }
    let letters = testing::letters(&app).await;
    assert_eq!(letters.iter().filter(|mail| mail.template == "personne_role").count(), 2);
}

#[tokio::test]
async fn p_access_control_who_is_removed_has_no_session_key_or_seat_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let owner = testing::account(&app, "a@example.com").await;
    let manager = joined(&app, &owner, "m@example.com", Role::Manager).await;
    let session = testing::signed_in(&app, &manager).await;
    let key = api_keys::create(&app, &manager).await.unwrap().key;
    let bearer =
        HeaderMap::from_iter([(http::header::AUTHORIZATION, format!("Bearer {key}").parse().unwrap())]);
    assert!(api_keys::authenticate(&app, &bearer).await.is_ok());
    let path = format!("/espace-client/personnes/{}/retrait", manager.id);
    assert_eq!(act(&app, &manager, &path, "").await, StatusCode::FORBIDDEN, "not oneself");
    assert_eq!(act(&app, &owner, &path, "").await, StatusCode::SEE_OTHER);
    assert!(sessions::current(&app, &session).await.unwrap().is_none());
    assert!(api_keys::authenticate(&app, &bearer).await.is_err());
    assert!(found(&app, "m@example.com").await.is_none());
    assert_eq!(role_of(&app, &manager).await, None);
    let letters = testing::letters(&app).await;
    assert!(letters.iter().any(|mail| mail.template == "personne_retiree" && mail.to == "m@example.com"));
    assert_eq!(act(&app, &owner, &path, "").await, StatusCode::NOT_FOUND);
    assert!(checkout::plans(&app, &owner.organisation).await.is_ok());
    let again = joined(&app, &owner, "m@example.com", Role::Member).await;
    assert_ne!(again.id, manager.id, "somebody may come back");
}

#[tokio::test]
async fn p_access_control_ownership_is_handed_over_and_the_last_owner_does_not_leave_others() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let owner = testing::account(&app, "a@example.com").await;
    let member = joined(&app, &owner, "b@example.com", Role::Member).await;
    let close = "/espace-client/fermeture";
    let refused = act(&app, &owner, close, "fermeture=accepte").await;
    assert_eq!(refused, StatusCode::UNPROCESSABLE_ENTITY);
    let path = format!("/espace-client/personnes/{}/propriete", member.id);
    assert_eq!(act(&app, &owner, &path, "role=owner").await, StatusCode::BAD_REQUEST);
    assert_eq!(act(&app, &owner, &path, "").await, StatusCode::SEE_OTHER);
    assert_eq!(role_of(&app, &member).await, Some(Role::Owner));
    assert_eq!(role_of(&app, &owner).await, Some(Role::Manager));
    assert_eq!(act(&app, &owner, &path, "").await, StatusCode::FORBIDDEN);
    assert_eq!(act(&app, &owner, close, "fermeture=accepte").await, StatusCode::SEE_OTHER);
    assert_eq!(act(&app, &member, close, "fermeture=accepte").await, StatusCode::SEE_OTHER);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_owners_who_leave_others_at_once_one_stays() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let first = testing::account(&app, "a@example.com").await;
    let second = joined(&app, &first, "b@example.com", Role::Owner).await;
    joined(&app, &first, "c@example.com", Role::Member).await;
    let leave = |account: Account| {
        let app = Arc::clone(&app);
        tokio::spawn(
            async move { act(&app, &account, "/espace-client/fermeture", "fermeture=accepte").await },
        )
    };
    let left = [leave(first.clone()), leave(second)];
    for left in left {
        left.await.unwrap();
    }
    let (roster, _) = roster::of(&app, &first.organisation).await.unwrap();
    let owners = roster.people.values().filter(|person| person.role == Role::Owner).count();
    assert_eq!((owners, roster.people.len()), (1, 2));
}

#[tokio::test]
async fn an_organisation_that_is_no_more_takes_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let owner = testing::account(&app, "a@example.com").await;
    let session = testing::signed_in(&app, &owner).await;
    invite(&app, &session, "b@example.com", Role::Owner).await;
    let link = link(&app, "b@example.com").await;
    assert_eq!(
        act(&app, &owner, "/espace-client/fermeture", "fermeture=accepte").await,
        StatusCode::SEE_OTHER
    );
    assert_eq!(take(&app, &link).await.status(), StatusCode::GONE);
    assert!(found(&app, "b@example.com").await.is_none());
}
