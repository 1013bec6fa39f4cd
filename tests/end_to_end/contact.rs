//! A visitor writes, well and badly.

use crate::support::{Gateway, link, run_with};

const GOOD: [(&str, &str); 6] = [
    ("nom", "Lemoine"),
    ("prenom", "Anaïs"),
    ("email", "anais@example.org"),
    ("raison_sociale", "Société d’essai"),
    ("adresse", "1 place du Marché, 75001 Paris"),
    ("message", "Bonjour,\nnous cherchons une évaluation <b>IFC</b>."),
];

#[tokio::test]
async fn a_message_is_kept_acknowledged_and_told_to_the_firm() {
    let gateway = Gateway::start().await;
    let answer = gateway.post("/contact", &GOOD).await;
    assert_eq!(answer.status(), 303);
    let thanks = answer.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(gateway.get(&thanks).await.status(), 200);
    let listed = gateway.admin(&["messages", "list"]);
    for (name, value) in GOOD {
        assert_eq!(listed[0][name], value, "{name}");
    }
    assert!(listed[0]["created"].is_string());
    gateway.mail_with(&["To: ", "anais@example.org", "dpo@aops.fr"]).await;
    gateway.mail_with(&["contact@aops.fr", "évaluation"]).await;
}

#[tokio::test]
async fn what_is_wrong_is_told_beside_the_field_and_what_was_typed_is_kept() {
    let gateway = Gateway::start().await;
    let with = |name: &str, value: &str| -> Vec<(String, String)> {
        let mut fields: Vec<_> =
            GOOD.iter().filter(|(n, _)| *n != name).map(|(n, v)| ((*n).into(), (*v).into())).collect();
        fields.push((name.to_owned(), value.to_owned()));
        fields
    };
    let long = "a".repeat(101);
    let cases = [
        ("nom", ""),
        ("nom", &long),
        ("prenom", "A\u{0}"),
        ("email", "pas une adresse"),
        ("email", "a@b\r\nBcc: x@y.fr"),
        ("telephone", "appelez-moi"),
        ("role", "admin"),
    ];
    for (name, value) in cases {
        let fields = with(name, value);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let answer = gateway.post("/contact", &fields).await;
        assert_eq!(answer.status(), 422, "{name}={value:?}");
        let page = answer.text().await.unwrap();
        assert!(page.contains("Société d’essai"), "what was typed is kept");
        assert!(!page.contains("<b>IFC</b>"), "what was typed is text");
    }
    assert_eq!(gateway.admin(&["messages", "list"]), serde_json::json!([]));
}

#[tokio::test]
async fn what_visitors_typed_is_text_in_the_list_and_in_the_mails() {
    let gateway = Gateway::start().await;
    let typed = "<script>x</script> \u{202e}👩‍🔬 שלום";
    let fields: Vec<(&str, &str)> =
        GOOD.iter().map(|(n, v)| (*n, if *n == "email" { *v } else { typed })).collect();
    assert_eq!(gateway.post("/contact", &fields).await.status(), 303);
    assert_eq!(gateway.post("/contact", &fields).await.status(), 303, "posted twice");
    let kept = gateway.admin(&["messages", "list"]);
    assert_eq!((kept.as_array().unwrap().len(), kept[0]["nom"].as_str()), (1, Some(typed)));
    let listed = run_with(gateway.command(&["admin", "messages", "list"]), "");
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains("<script>x</script> \\u{202e}👩‍🔬 שלום"), "{listed}");
    let notice = gateway.mail_with(&["contact@aops.fr", "שלום"]).await;
    assert!(notice.contains("&lt;script&gt;") && !notice.contains('\u{202e}'), "{notice}");
}

#[tokio::test]
async fn a_doubtful_message_is_shown_again_and_kept_once_confirmed() {
    let gateway = Gateway::start_with(&[]).await;
    let message = |number: u32| format!("Message {number}");
    let post = async |number: u32, more: &[(&str, &str)]| {
        let text = message(number);
        let mut fields: Vec<(&str, &str)> =
            GOOD.iter().map(|(n, v)| (*n, if *n == "message" { text.as_str() } else { *v })).collect();
        fields.extend(more);
        gateway.post("/contact", &fields).await
    };
    // A proof that is none is doubted at once, as the thirty-first post of an hour would be.
    let answer = post(1, &[("altcha", "AAAA")]).await;
    assert_eq!(answer.status(), 422);
    let page = answer.text().await.unwrap();
    assert!(page.contains("Message 1") && page.contains("<title>À confirmer"), "{page}");
    let token = page.split("name=\"confirmation\" value=\"").nth(1).unwrap();
    let token = token.split('"').next().unwrap().to_owned();
    let confirmed = [("altcha", "AAAA"), ("confirmation", token.as_str())];
    assert_eq!(post(1, &confirmed).await.status(), 422, "too soon");
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    assert_eq!(post(1, &confirmed).await.status(), 303);
    assert_eq!(post(2, &confirmed).await.status(), 422, "a confirmation serves once");
    assert_eq!(post(3, &[]).await.status(), 303, "no proof is asked of anybody");
    assert_eq!(gateway.admin(&["messages", "list"]).as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn malformed_oversized_and_foreign_bodies_are_refused() {
    let gateway = Gateway::start().await;
    let post = |kind: &'static str, body: Vec<u8>| {
        gateway.client().post(gateway.url("/contact")).header("content-type", kind).body(body).send()
    };
    let form = "application/x-www-form-urlencoded";
    assert_eq!(post("text/plain", b"nom=a".to_vec()).await.unwrap().status(), 415);
    assert_eq!(post(form, b"nom=%zz".to_vec()).await.unwrap().status(), 400);
    assert_eq!(post(form, b"nom=%ff".to_vec()).await.unwrap().status(), 400);
    assert_eq!(post(form, b"nom=a&nom=b".to_vec()).await.unwrap().status(), 400);
    assert_eq!(post("application/json", b"{\"nom\": ".to_vec()).await.unwrap().status(), 400);
    // The refusal may come while the rest is still being sent, which ends the connection.
    if let Ok(answer) = post(form, vec![b'a'; 10 << 20]).await {
        assert_eq!(answer.status(), 413);
    }
    assert_eq!(gateway.get("/").await.status(), 200);
}

#[tokio::test]
async fn staff_answer_a_message_close_it_and_hear_whether_the_answer_was_good() {
    let gateway = Gateway::start().await;
    gateway.post("/contact", &GOOD).await;
    let listed = gateway.admin(&["messages", "list"]);
    let id = listed[0]["id"].as_str().unwrap();
    assert_eq!((&listed[0]["state"], &listed[0]["spam"]["score"]), (&"open".into(), &1.into()));
    assert!(listed[0]["spam"]["reasons"][0].as_str().unwrap().contains("proof of work"));
    let answer = "Bonjour,\nnous pouvons vous aider : *oui*.";
    gateway.admin_with(&["messages", "answer", id, "--text-stdin"], answer);
    let letter = gateway.mail_with(&["anais@example.org", "nous pouvons vous aider : *oui*.", id]).await;
    assert!(letter.contains("Reply-To: contact@aops.fr"), "{letter}");
    gateway.admin(&["messages", "close", id]);
    let letter = gateway.mail_with(&["anais@example.org", "/contact/satisfaction?jeton="]).await;
    let survey = link(&letter, "/contact/satisfaction?jeton=");
    assert_eq!(gateway.get(&survey).await.status(), 200);
    assert_eq!(gateway.post(&survey, &[("note", "6")]).await.status(), 422);
    let note = [("note", "4"), ("commentaire", "Rapide et clair.")];
    assert_eq!(gateway.post(&survey, &note).await.status(), 200);
    gateway.post(&survey, &[("note", "1")]).await;
    let shown = gateway.admin(&["messages", "show", id]);
    assert_eq!(shown["satisfaction"], serde_json::json!([4, "Rapide et clair."]), "asked once");
    assert_eq!((&shown["state"], &shown["answers"][0]["text"]), (&"closed".into(), &answer.into()));
    assert_eq!(gateway.get("/contact/satisfaction?jeton=x").await.status(), 400);
}

#[tokio::test]
async fn a_complaint_is_acknowledged_with_the_day_of_its_answer_and_attachments_are_refused() {
    let gateway = Gateway::start().await;
    assert_eq!(gateway.get("/reclamation/").await.status(), 200);
    assert_eq!(gateway.post("/reclamation", &GOOD).await.status(), 303);
    let listed = gateway.admin(&["messages", "list"]);
    assert_eq!(listed[0]["kind"], "reclamation");
    assert!(listed[0]["answer_by"].is_string());
    gateway.mail_with(&["To: anais@example.org", "au plus tard le", listed[0]["id"].as_str().unwrap()]).await;
    gateway.mail_with(&["To: contact@aops.fr", "réclamation est arrivée"]).await;
    let body =
        "--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.pdf\"\r\n\r\n%PDF\r\n--x--\r\n";
    let posted = gateway.client().post(gateway.url("/contact"));
    let answer =
        posted.header("content-type", "multipart/form-data; boundary=x").body(body).send().await.unwrap();
    assert_eq!(answer.status(), 415);
    assert!(answer.text().await.unwrap().contains("pièce jointe"));
}
