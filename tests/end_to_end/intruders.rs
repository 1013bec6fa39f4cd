//! What one client tries on another, on the wire: every route with every name of what is not its own, and fields that
//! nobody asked for.

use std::collections::BTreeSet;
use std::fs;

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::support::{Gateway, REPOSITORY, link};

/// What only the victim's pages and files may show.
const PLANTED: &str = "Planted-7c41";
/// Routes whose last part is no name of a record but of what everybody has: templates to fill in, modules, sheets.
const NO_RECORD: [&str; 3] = [
    "/espace-client/donnees/modele/{file}",
    "/api/v1/compute/{module}",
    "/espace-client/confidentialite/{sheet}",
];
/// What some forms must say before they are looked at.
const SAID: [(&str, &str); 2] = [("/role", "role=member"), ("/sieges/", "action=liberer&compte=x")];

/// A route of `docs/access.md`, which a test holds to the router, with a part that names something.
struct Route {
    method: Method,
    path: String,
}

fn routes() -> Vec<Route> {
    let page = fs::read_to_string(format!("{REPOSITORY}/docs/access.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`')?.0.split_once(' '));
    rows.filter(|(_, path)| path.contains('{') && !NO_RECORD.contains(path))
        .map(|(method, path)| Route { method: method.parse().unwrap(), path: path.to_owned() })
        .collect()
}

/// What stands in the place of the first `{…}` of a route, if the path is one of it.
fn named<'a>(route: &str, path: &'a str) -> Option<&'a str> {
    let (wanted, given): (Vec<_>, Vec<_>) = (route.split('/').collect(), path.split('/').collect());
    let alike = wanted.iter().zip(&given).all(|(wanted, given)| wanted.starts_with('{') || wanted == given);
    let at = wanted.iter().position(|part| part.starts_with('{'))?;
    (alike && wanted.len() == given.len()).then(|| given[at])
}

/// What the names of a route are names of: what stands before them, the same by page and by program.
fn of_what(route: &str) -> String {
    let before = route.split('{').next().unwrap_or(route);
    before
        .replace("/api/v1/calculations", "/espace-client/calculs")
        .replace("/api/v1/datasets", "/espace-client/donnees")
}

struct Client {
    cookie: String,
    key: String,
}

impl Client {
    async fn new(gateway: &Gateway, email: &str) -> Self {
        let (password, key) = gateway.client_account(email, Some("illimite"));
        Self { cookie: gateway.sign_in(email, &password).await, key }
    }

    /// A request as a browser or a program of this client makes it.
    async fn ask(&self, gateway: &Gateway, method: Method, path: &str) -> Response {
        let request = gateway.client().request(method.clone(), gateway.url(path));
        let request = if path.starts_with("/api/") {
            request.bearer_auth(&self.key)
        } else {
            request.header("cookie", &self.cookie).header("origin", gateway.url(""))
        };
        let form = "application/x-www-form-urlencoded";
        let said = SAID.iter().find(|(part, _)| path.contains(part)).map_or("", |(_, said)| said);
        let request = match method {
            Method::POST => request.header("content-type", form).body(said),
            Method::PATCH => request.json(&json!({ "active": false })),
            _ => request,
        };
        request.send().await.unwrap()
    }

    async fn page(&self, gateway: &Gateway, path: &str) -> String {
        let answer = self.ask(gateway, Method::GET, path).await;
        assert_eq!(answer.status(), 200, "{path}");
        answer.text().await.unwrap()
    }

    /// The paths of the area that its pages lead to, from the first one on.
    async fn ways(&self, gateway: &Gateway) -> BTreeSet<String> {
        let (mut found, mut left) = (BTreeSet::new(), vec!["/espace-client/".to_owned()]);
        while let Some(path) = left.pop() {
            let answer = self.ask(gateway, Method::GET, &path).await;
            let kind = answer.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
            if !answer.status().is_success() || !kind.is_some_and(|kind| kind.starts_with("text/html")) {
                continue;
            }
            let page = answer.text().await.unwrap();
            let links = page.split(['"', '\'']).filter(|text| text.starts_with("/espace-client/"));
            let links = links.map(|path| path.split(['?', '#']).next().unwrap().to_owned());
            // What is posted is known by its address; asking for it says 405 and leads nowhere.
            left.extend(links.filter(|path| found.insert(path.clone())));
        }
        found
    }
}

/// A client with one of everything that has a name of its own.
async fn victim(gateway: &Gateway) -> Client {
    let victim = Client::new(gateway, "victim@example.org").await;
    let form = async |path: &str, fields: &[(&str, &str)]| {
        let answer = gateway.post_as(path, fields, Some(&victim.cookie)).await;
        assert_eq!(answer.status(), 303, "{path}");
        answer.headers()["location"].to_str().unwrap().replace(&gateway.url(""), "")
    };
    form("/espace-client/personnes", &[("email", "waiting@example.org"), ("role", "member")]).await;
    form("/espace-client/personnes", &[("email", "joined@example.org"), ("role", "member")]).await;
    let letter = gateway.mail_with(&["joined@example.org", "/invitation?jeton="]).await;
    let token = link(&letter, "/invitation?jeton=").split("jeton=").nth(1).unwrap().to_owned();
    let answer = gateway.post("/invitation", &taken(&token)).await;
    assert_eq!(answer.status(), 303, "an invitation is taken");
    let pay = form("/commande", &[("offre", "rente"), ("cgv", "accepte")]).await;
    form(&pay, &[("issue", "payer")]).await;
    for (name, lines) in [
        ("sound", "id,sex,birth_date,hire_date,annual_salary\n1,M,1970-05-12,1998-09-01,45000\n"),
        ("faulty", "id,sex,birth_date,hire_date,annual_salary\n1,X,1970-05-12,1998-09-01,45000\n"),
    ] {
        let mut body = String::new();
        for (field, value) in [("module", "ifc"), ("garantie", "accepte")] {
            body += &format!("--x\r\ncontent-disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n");
        }
        body += "--x\r\ncontent-disposition: form-data; name=\"fichier\"; ";
        body += &format!("filename=\"{PLANTED}-{name}.csv\"\r\n\r\n{lines}\r\n--x--\r\n");
        let post = gateway.client().post(gateway.url("/espace-client/donnees"));
        let post = post.header("cookie", &victim.cookie).header("origin", gateway.url(""));
        let answer = post.header("content-type", "multipart/form-data; boundary=x").body(body).send().await;
        let status = answer.unwrap().status().as_u16();
        assert!(matches!(status, 303 | 422), "{name}: {status}");
    }
    let example = fs::read_to_string(format!("{REPOSITORY}/engine/data/examples/rente.json")).unwrap();
    let parameters: Value = serde_json::from_str(&example).unwrap();
    let asked = json!({ "module": "rente", "parameters": parameters, "name": PLANTED });
    let post = gateway.client().post(gateway.url("/api/v1/calculations")).bearer_auth(&victim.key);
    assert_eq!(post.json(&asked).send().await.unwrap().status(), 202);
    victim
}

/// The form by which an invitation is taken.
pub(crate) fn taken(token: &str) -> Vec<(&str, &str)> {
    vec![
        ("jeton", token),
        ("nom", "Petit"),
        ("prenom", "Luc"),
        ("profession", "Actuaire"),
        ("telephone", ""),
        ("date_naissance", ""),
        ("mot_de_passe", "Cheval-correct-agrafe-9"),
        ("cgu", "accepte"),
    ]
}

#[tokio::test]
async fn p_access_control_no_name_of_another_organisation_opens_any_route() {
    let gateway = Gateway::start_with(&[("AOPS_LIMITS_FACTOR", "1000")]).await;
    let victim = victim(&gateway).await;
    let intruder = Client::new(&gateway, "intruder@example.org").await;
    let ways = victim.ways(&gateway).await;
    let routes = routes();
    let mut names = BTreeSet::new();
    let mut known = BTreeSet::new();
    for (way, route) in ways.iter().flat_map(|way| routes.iter().map(move |route| (way, route))) {
        // Names are long; the short last parts of paths are pages.
        if let Some(name) = named(&route.path, way).filter(|name| name.len() >= 12) {
            names.insert(name);
            known.insert(of_what(&route.path));
        }
    }
    // A route whose own kind of name was not found would be asked with names of other kinds alone.
    assert!(known.len() >= 7, "{known:?} of {ways:?}");
    let before = victim.page(&gateway, "/api/v1/calculations").await;
    let (mut asked, mut let_in) = (0, Vec::new());
    for route in &routes {
        for name in &names {
            let part = |part: &str| match part {
                "{report}" => "report.json".to_owned(),
                part if part.starts_with('{') => (*name).to_owned(),
                part => part.to_owned(),
            };
            let path = route.path.split('/').map(part).collect::<Vec<_>>().join("/");
            let answer = intruder.ask(&gateway, route.method.clone(), &path).await;
            let status = answer.status();
            let text = answer.text().await.unwrap();
            assert!(!text.contains(PLANTED), "{path}");
            if status != 404 {
                let_in.push(format!("{} {path}: {status}", route.method));
            }
            asked += 1;
        }
    }
    assert!(let_in.is_empty(), "{let_in:#?}");
    assert!(asked >= 2 * routes.len(), "{asked}");
    assert_eq!(victim.ways(&gateway).await, ways, "all stands as it stood");
    assert_eq!(victim.page(&gateway, "/api/v1/calculations").await, before);
}
