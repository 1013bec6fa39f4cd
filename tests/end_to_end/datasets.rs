//! Clients load data for their calculations, by the page and by a program.

use std::time::Duration;

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::support::{Gateway, REPOSITORY};

const HEAD: &str = "Matricule;Nom;Sexe;Date de naissance;Date d'entrée;Salaire annuel brut;Statut\n";

/// People of a payroll, in Windows-1252 as French spreadsheets write it.
pub(crate) fn payroll(people: usize, pay: usize) -> Vec<u8> {
    let mut text = HEAD.to_owned();
    for index in 0..people {
        let (sex, day, year) = (if index % 2 == 0 { "H" } else { "F" }, index % 28 + 1, 1962 + index % 38);
        text += &format!(
            "{index:05};Durand;{sex};{day:02}/03/{year};01/09/{};{} {:03},50;Employé\n",
            year + 22,
            pay + index % 40,
            index % 1000
        );
    }
    text.chars().map(|one| u8::try_from(u32::from(one)).unwrap()).collect()
}

async fn upload(gateway: &Gateway, key: &str, query: &str, body: Vec<u8>) -> Response {
    let post = gateway.client().post(gateway.url(&format!("/api/v1/datasets?{query}"))).bearer_auth(key);
    post.header("content-type", "text/csv").body(body).send().await.unwrap()
}

/// A form with a file, as a browser sends it.
async fn send(gateway: &Gateway, cookie: &str, fields: &[(&str, &str)], name: &str, file: &[u8]) -> Response {
    let mut body = Vec::new();
    for (name, value) in fields {
        let part = format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    let part =
        format!("--x\r\ncontent-disposition: form-data; name=\"fichier\"; filename=\"{name}\"\r\n\r\n");
    body.extend_from_slice(part.as_bytes());
    body.extend_from_slice(file);
    body.extend_from_slice(b"\r\n--x--\r\n");
    let post = gateway.client().post(gateway.url("/espace-client/donnees")).header("cookie", cookie);
    post.header("content-type", "multipart/form-data; boundary=x").body(body).send().await.unwrap()
}

async fn page(gateway: &Gateway, cookie: &str, path: &str) -> String {
    let answer = gateway.client().get(gateway.url(path)).header("cookie", cookie).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    whole(&answer.text().await.unwrap())
}

/// A page of the theme in whose text no key of a string is left.
fn whole(text: &str) -> String {
    for key in ["donnees.", "mend.", "compare.", "dataset_fault.", "fields.", "[object"] {
        assert!(!text.contains(&format!(">{key}")), "{key} stands in the page");
    }
    text.replace(['\u{a0}', '\u{202f}'], " ")
}

#[tokio::test]
async fn a_program_loads_data_and_is_told_every_fault_by_row_and_column() {
    let gateway = Gateway::start().await;
    let (_, key) = gateway.client_account("client@example.org", None);
    let accepted = "module=ifc&warranty=accepted&name=paie.csv";
    let answer = upload(&gateway, &key, accepted, payroll(2_000, 30)).await;
    assert_eq!(answer.status(), 201);
    let told: Value = answer.json().await.unwrap();
    assert_eq!((&told["rows"], &told["columns"], &told["module"]), (&json!(2_000), &json!(6), &json!("ifc")));
    assert_eq!(told["warnings"][0]["column"], "Nom");
    let faulty = "id,sex,birth_date,hire_date,annual_salary\n1,X,1970-05-12,1998-09-01,1\n1,F,31/02/1970,1998-09-01,abc\n";
    let answer = upload(&gateway, &key, accepted, faulty.into()).await;
    assert_eq!(answer.status(), 422);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let problem: Value = answer.json().await.unwrap();
    let faults: Vec<(u64, &str)> = problem["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| (fault["row"].as_u64().unwrap(), fault["column"].as_str().unwrap()))
        .collect();
    assert_eq!(faults, [(2, "sex"), (3, "birth_date"), (3, "annual_salary"), (3, "id")]);
    assert!(problem["faults"][1]["message"].as_str().unwrap().contains("calendrier"), "{problem}");
    let unwarranted = upload(&gateway, &key, "module=ifc", payroll(1, 30)).await;
    assert_eq!(unwarranted.status(), 422);
    assert!(unwarranted.text().await.unwrap().contains("warranty=accepted"));
    let huge = upload(&gateway, &key, accepted, vec![b'x'; 33 << 20]).await;
    assert_eq!(huge.status(), 413);
    assert_eq!(upload(&gateway, "aops_x", accepted, payroll(1, 30)).await.status(), 401);
}

#[tokio::test]
async fn a_client_mends_a_file_reads_its_profile_and_compares_it_with_the_year_before() {
    let gateway = Gateway::start().await;
    let (password, _) = gateway.client_account("client@example.org", None);
    let cookie = gateway.sign_in("client@example.org", &password).await;
    let empty = page(&gateway, &cookie, "/espace-client/donnees").await;
    assert!(
        empty.contains("Aucun jeu de données") && !empty.contains("checked"),
        "the warranty is not ticked"
    );
    let asked = [("module", "ifc"), ("garantie", "accepte")];
    let before = send(&gateway, &cookie, &asked, "paie 2024.csv", &payroll(3_000, 30)).await;
    assert_eq!(before.status(), 303);
    let mut file = payroll(3_000, 33);
    // A column of another name, and one wrong cell.
    let head = HEAD.replace("Matricule", "Code interne").into_bytes();
    let head: Vec<u8> = String::from_utf8(head).unwrap().chars().map(|one| one as u8).collect();
    file.splice(..HEAD.chars().count(), head);
    let faulty = send(&gateway, &cookie, &asked, "paie 2025.csv", &file).await;
    assert_eq!(faulty.status(), 422);
    let text = whole(&faulty.text().await.unwrap());
    assert!(
        text.contains("Fautes dans ce fichier : 1.") && text.contains("« Identifiant » (id) manque"),
        "{text}"
    );
    let action =
        text.split("action=\"").find(|rest| rest.starts_with("/espace-client/donnees/corriger/")).unwrap();
    let action = action.split('"').next().unwrap().to_owned();
    let fields = [
        ("colonne-0", "id"),
        ("colonne-1", ""),
        ("colonne-2", "sex"),
        ("colonne-3", "birth_date"),
        ("colonne-4", "hire_date"),
        ("colonne-5", "annual_salary"),
        ("colonne-6", "category"),
    ];
    let settled = gateway.post_as(&action, &fields, Some(&cookie)).await;
    assert_eq!(settled.status(), 303);
    let place = settled.headers()["location"].to_str().unwrap().to_owned();
    let text = page(&gateway, &cookie, &place).await;
    for expected in
        ["Les données sont chargées", "3 000 lignes", "<svg", "Salaire annuel brut", "Ne pas conserver"]
    {
        assert!(text.contains(expected), "{expected}");
    }
    let other = text.split("<option value=\"ds_").nth(1).unwrap().split('"').next().unwrap();
    let place = place.split('?').next().unwrap();
    let compared = page(&gateway, &cookie, &format!("{place}?avec=ds_{other}")).await;
    assert!(compared.contains("Entrées") && compared.contains("Rien n’a changé"), "{compared}");
    for path in [
        "/espace-client/donnees?lang=en".to_owned(),
        format!("{place}?lang=en"),
        format!("{place}?avec=ds_{other}&lang=en"),
    ] {
        page(&gateway, &cookie, &path).await;
    }
    let gone = gateway.post_as(&format!("{place}/supprimer"), &[], Some(&cookie)).await;
    assert_eq!(gone.status(), 303);
    assert!(
        page(&gateway, &cookie, "/espace-client/donnees?fait=supprime").await.contains("sont supprimées")
    );
}

/// The example of a module without its lines, which a data set brings.
fn assumptions(module: &str) -> Value {
    let path = format!("{REPOSITORY}/engine/data/examples/{module}.json");
    let mut parameters: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    parameters.as_object_mut().unwrap().remove("employees");
    parameters
}

#[tokio::test]
async fn a_calculation_takes_its_people_from_a_data_set_and_none_from_another_organisation() {
    let gateway = Gateway::start().await;
    let (_, key) = gateway.client_account("client@example.org", Some("illimite"));
    let (_, stranger) = gateway.client_account("other@example.org", Some("illimite"));
    let accepted = "module=ifc&warranty=accepted";
    let told: Value = upload(&gateway, &key, accepted, payroll(500, 30)).await.json().await.unwrap();
    let asked = json!({ "module": "ifc", "dataset": told["id"], "parameters": assumptions("ifc") });
    let ask = async |key: &str| {
        let post = gateway.client().post(gateway.url("/api/v1/calculations")).bearer_auth(key);
        post.json(&asked).send().await.unwrap()
    };
    assert_eq!(ask(&stranger).await.status(), 404);
    let answer = ask(&key).await;
    assert_eq!(answer.status(), 202);
    let place = answer.headers()["location"].to_str().unwrap().to_owned();
    for _ in 0..600 {
        let get = gateway.client().get(gateway.url(&place)).bearer_auth(&key);
        let told: Value = get.send().await.unwrap().json().await.unwrap();
        if ["queued", "running"].contains(&told["state"].as_str().unwrap()) {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        }
        assert_eq!(told["state"], "done", "{told}");
        assert!(told["result"]["dbo"].as_f64().unwrap() > 0.0, "{told}");
        return;
    }
    panic!("the calculation does not end");
}
