//! A visitor writes, well and badly.

use crate::support::Gateway;

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
