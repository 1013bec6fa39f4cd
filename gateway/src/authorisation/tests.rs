use std::collections::BTreeSet;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::routes::{self, Class, Row};
use super::{Action, Actor, Decision, Object, Role, may};
use crate::accounts::{self, Account, NewAccount, api_keys};
use crate::app::SharedApp;
use crate::email::Email;
use crate::testing;
use crate::web::router::Routes;

const SIGN_IN: &str = "/compte/connexion";

/// The paths of the router, as it tells them of itself.
fn paths(app: &SharedApp) -> BTreeSet<String> {
    let told = format!("{:?}", Routes::unguarded(app));
    let paths = told.split("RouteId(").filter_map(|part| part.split_once("): \"")?.1.split('"').next());
    paths.filter(|path| *path != "/" && !path.contains("__private")).map(str::to_owned).collect()
}

/// The methods of a path, as its 405 tells them.
async fn methods(app: &SharedApp, path: &str) -> Vec<Method> {
    let strange = Method::from_bytes(b"REPORT").unwrap();
    let request = http::Request::builder().method(strange).uri(filled(path)).body(Body::empty()).unwrap();
    let answer =
        tower::ServiceExt::oneshot(Routes::unguarded(app).with_state(app.clone()), request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
    let allowed = answer.headers()[header::ALLOW].to_str().unwrap().to_owned();
    allowed
        .split(',')
        .map(|method| method.trim().parse().unwrap())
        .filter(|method| method != Method::HEAD)
        .collect()
}

/// A path with names of nothing in it.
fn filled(path: &str) -> String {
    let part = |part: &str| if part.starts_with('{') { "inconnu".to_owned() } else { part.to_owned() };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn p_access_control_every_route_of_the_router_has_its_row_and_no_row_is_of_no_route() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let paths = paths(&app);
    assert!(paths.len() > 60, "{paths:?}");
    let mut missing = Vec::new();
    let mut there = BTreeSet::new();
    for path in &paths {
        for method in methods(&app, path).await {
            there.insert((method.to_string(), path.clone()));
            if routes::row(&method, path).is_none() {
                missing.push(format!("{method} {path}"));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new(), "say in authorisation/routes.rs who may come");
    let of_route = |row: &&Row| there.contains(&(row.method.to_owned(), row.path.to_owned()));
    let idle: Vec<&str> = routes::rows().filter(|row| !of_route(row)).map(|row| row.path).collect();
    let expected = |path: &&str| EXPECTED.iter().any(|start| path.starts_with(start));
    assert!(idle.iter().all(expected), "{idle:?}");
    let mut names: Vec<_> = routes::rows().map(|row| (row.method, row.path)).collect();
    let rows = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), rows, "one row a route");
}

/// Where rows may stand whose routes are there in some configurations alone.
const EXPECTED: &[&str] = &["/-/rechargement"];

async fn account(app: &SharedApp, role: Role) -> Account {
    let email = Email::parse(&format!("{}@example.com", role.name())).unwrap();
    let new = NewAccount { email, password: String::from(testing::PASSWORD).into(), role, verified: true };
    let account = accounts::create(app, new).await.unwrap();
    let today = app.clock.now().to_zoned_datetime(jiff::tz::TimeZone::UTC).date();
    let noted = accounts::change_duties(app, &account, "staff dates noted", None, |duties| {
        duties.trained = Some(today);
        duties.secrecy = Some(today);
    });
    noted.await.unwrap();
    account
}

/// What came of a request, as far as who asks is concerned.
#[derive(Debug, PartialEq, Eq)]
enum Came {
    ToSignIn,
    Unauthorized,
    Refused,
    NotFound,
    Through,
}

fn came(answer: &Response) -> Came {
    let to = answer.headers().get(header::LOCATION).and_then(|to| to.to_str().ok()).unwrap_or_default();
    match answer.status() {
        StatusCode::UNAUTHORIZED => Came::Unauthorized,
        StatusCode::FORBIDDEN => Came::Refused,
        StatusCode::NOT_FOUND => Came::NotFound,
        status if status.is_redirection() && to.starts_with(SIGN_IN) => Came::ToSignIn,
        _ => Came::Through,
    }
}

async fn asked(app: &SharedApp, row: &Row, headers: &HeaderMap) -> Came {
    let path = filled(row.path);
    let answer = match row.method {
        "POST" => testing::post(app, &path, headers, "").await,
        method => testing::ask(app, method.parse().unwrap(), &path, headers, Body::empty()).await,
    };
    assert!(
        answer.status() != StatusCode::INTERNAL_SERVER_ERROR || !row.path.starts_with("/espace"),
        "{path}"
    );
    came(&answer)
}

/// What is to come of it: the same table, read by the one function.
fn expected(row: &Row, account: Option<&Account>) -> Came {
    let Some(account) = account else {
        return match row.class {
            Class::Api(_) => Came::Unauthorized,
            _ => Came::ToSignIn,
        };
    };
    let actor = Actor {
        account: &account.id,
        organisation: &account.organisation,
        role: account.role,
        elevated: None,
        scopes: None,
    };
    let (action, object) = match row.class {
        Class::Own => (Action::OwnAccount, Object::Account(&account.id)),
        Class::Role(action) | Class::Asks(action) | Class::Api(action) => {
            (action, Object::Organisation(&account.organisation))
        }
        Class::Staff(action) => (action, Object::House),
        Class::Open | Class::Link | Class::Signed => unreachable!("asks for nobody"),
    };
    match may(&actor, action, object) {
        Decision::Granted => Came::Through,
        Decision::Refused => Came::Refused,
        Decision::Hidden => Came::NotFound,
    }
}

/// What is granted may still name nothing.
fn as_expected(row: &Row, came: &Came, expected: &Came) -> bool {
    let names_nothing = row.path.contains('{') || row.method == "POST";
    came == expected || (*expected == Came::Through && *came == Came::NotFound && names_nothing)
}

/// The rows of this router that ask who comes.
fn asking(app: &SharedApp) -> Vec<&'static Row> {
    let paths = paths(app);
    let asks = |row: &&Row| !matches!(row.class, Class::Open | Class::Link | Class::Signed);
    routes::rows().filter(asks).filter(|row| paths.contains(row.path)).collect()
}

#[tokio::test]
async fn p_access_control_each_route_answers_each_role_as_the_table_says() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let mut wrong = Vec::new();
    let mut cells = 0;
    for role in [None].into_iter().chain(Role::ALL.map(Some)) {
        let account = match role {
            Some(role) => Some(account(&app, role).await),
            None => None,
        };
        for row in asking(&app) {
            let headers = match (&account, row.class) {
                (None, _) => HeaderMap::new(),
                (Some(account), Class::Api(_)) => bearer(&api_keys::create(&app, account).await.unwrap().key),
                (Some(account), _) => testing::signed_in(&app, account).await,
            };
            let came = asked(&app, row, &headers).await;
            let expected = expected(row, account.as_ref());
            cells += 1;
            if !as_expected(row, &came, &expected) {
                wrong.push(format!("{} {} {role:?}: {came:?} for {expected:?}", row.method, row.path));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(cells > 400, "{cells}");
}

fn bearer(key: &str) -> HeaderMap {
    HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::try_from(format!("Bearer {key}")).unwrap())])
}

#[tokio::test]
async fn p_access_control_a_route_without_a_row_is_closed_to_all() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let guard = axum::middleware::from_fn_with_state(app.clone(), super::guard);
    let undeclared =
        axum::Router::new().route("/oubliee", axum::routing::get(async || "ouverte")).route_layer(guard);
    let request = http::Request::builder().uri("/oubliee").body(Body::empty()).unwrap();
    let answer = tower::ServiceExt::oneshot(undeclared, request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let wrong =
        testing::ask(&app, Method::DELETE, "/espace-client/appareils", &HeaderMap::new(), Body::empty())
            .await;
    assert_eq!(wrong.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(wrong.headers()[header::ALLOW], "GET, HEAD, POST");
}

#[tokio::test]
async fn p_relogin_what_the_table_says_is_delicate_sends_who_signed_in_long_ago_to_prove_it() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let owner = account(&app, Role::Owner).await;
    let client = testing::signed_in(&app, &owner).await;
    let officer = testing::signed_in(&app, &account(&app, Role::Dpo).await).await;
    drop(app);
    let app = std::sync::Arc::new(testing::app(folder.path(), jiff::SignedDuration::from_mins(20)).await);
    let mut proved = 0;
    for row in asking(&app).iter().filter(|row| row.asks_for_proof()) {
        let path = filled(row.path);
        let (session, area) = match row.class {
            Class::Staff(_) => (&officer, "/equipe/"),
            _ => (&client, "/espace-client/"),
        };
        let answer = match row.method {
            "POST" => testing::post(&app, &path, session, "").await,
            _ => testing::ask(&app, Method::GET, &path, session, Body::empty()).await,
        };
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{path}");
        let to = format!("/compte/confirmation?suite={area}");
        assert!(testing::location(&answer).starts_with(&to), "{path}");
        proved += 1;
    }
    assert!(proved >= 12, "{proved}");
}

/// What a form must say for its handler to look for what it names.
fn said(path: &str) -> &'static str {
    match path {
        path if path.ends_with("/role") => "role=member",
        path if path.contains("/sieges/") => "action=liberer&compte=acc_1",
        _ => "",
    }
}

#[tokio::test]
async fn p_access_control_what_another_organisation_owns_does_not_exist_on_any_route() {
    let folder = tempfile::tempdir().unwrap();
    let app = testing::shared(folder.path()).await;
    let theirs = account(&app, Role::Owner).await;
    let key = api_keys::create(&app, &theirs).await.unwrap();
    let session = testing::signed_in(&app, &theirs).await;
    let invited =
        testing::post(&app, "/espace-client/personnes", &session, "email=b%40example.com&role=member").await;
    assert_eq!(invited.status(), StatusCode::SEE_OTHER);
    let page = testing::ask(&app, Method::GET, "/espace-client/personnes", &session, Body::empty()).await;
    let page = testing::text(page).await;
    let invitation =
        page.lines().filter_map(|line| line.split(' ').next()).find(|word| word.starts_with("inv_"));
    let invitation = invitation.unwrap().to_owned();
    let mine = testing::account(&app, "a@example.com").await;
    let session = testing::signed_in(&app, &mine).await;
    let mut asked = 0;
    let own = |row: &Row| matches!(row.class, Class::Own | Class::Role(_)) && row.path.contains('{');
    for row in asking(&app).iter().filter(|row| own(row)) {
        for id in [&theirs.id, &theirs.organisation, &key.id, &invitation] {
            let named =
                row.path.split('/').map(|part| if part.starts_with('{') { id.as_str() } else { part });
            let path = named.collect::<Vec<_>>().join("/");
            let answer = match row.method {
                "POST" => testing::post(&app, &path, &session, said(row.path)).await,
                method => testing::ask(&app, method.parse().unwrap(), &path, &session, Body::empty()).await,
            };
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{} {path}", row.method);
            asked += 1;
        }
    }
    assert!(asked >= 60, "{asked}");
    let client = api_keys::authenticate(&app, &bearer(&key.key)).await.unwrap();
    assert_eq!(client.account, theirs.id, "nothing of theirs was touched");
}
