//! Contents in a bucket: the whole way of data and results, faults of the server, and what a kill leaves behind.

use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::bucket::{Bucket, Fault};
use crate::calculations::{ALL, ask, over};
use crate::support::{Gateway, run_with};

const HEAD: &str = "id,sex,birth_date,hire_date,annual_salary\n";

fn people(count: usize) -> String {
    let line = |index: usize| format!("planted-{index:05},F,1970-05-12,1998-09-01,{}\n", 30_000 + index);
    HEAD.to_owned() + &(0..count).map(line).collect::<String>()
}

async fn sent(gateway: &Gateway, key: &str, body: String) -> Response {
    let path = "/api/v1/datasets?module=ifc&warranty=accepted&name=paie.csv";
    let post = gateway.client().post(gateway.url(path)).bearer_auth(key);
    post.header("content-type", "text/csv").body(body).send().await.unwrap()
}

pub(crate) async fn loaded(gateway: &Gateway, key: &str, count: usize) -> String {
    let answer = sent(gateway, key, people(count)).await;
    assert_eq!(answer.status(), 201);
    answer.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned()
}

/// What asks for a calculation of data that were loaded.
pub(crate) fn computed(dataset: &str) -> Value {
    json!({ "module": "ifc", "dataset": dataset, "parameters": parameters() })
}

async fn computing(gateway: &Gateway, key: &str, dataset: &str) -> String {
    crate::calculations::asked(gateway, key, &computed(dataset)).await
}

/// Those of the example, without its people.
fn parameters() -> Value {
    let mut parameters = crate::calculations::example("ifc")["parameters"].take();
    parameters.as_object_mut().unwrap().remove("employees");
    parameters
}

async fn prepared(bucket: &Bucket) -> (Gateway, String) {
    let mut gateway = Gateway::prepare(&[("AOPS_LIMITS_FACTOR", "1000")]);
    bucket.used_by(&mut gateway);
    gateway.launch().await;
    let (_, key) = gateway.client_account("client@example.org", Some("illimite"));
    (gateway, key)
}

/// What a run of retention does, as of so many days from now.
fn retention(gateway: &Gateway, days: i64) -> Value {
    let day = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days);
    let day = day.to_zoned_datetime(jiff::tz::TimeZone::UTC).date().to_string();
    gateway.admin(&["retention", "run", "--now", &day])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p_delete_6_months_data_and_results_go_through_a_bucket_sealed_and_leave_it_when_they_are_deleted_or_at_their_term()
 {
    let bucket = Bucket::start().await;
    let (gateway, key) = prepared(&bucket).await;
    let dataset = loaded(&gateway, &key, 500).await;
    assert_eq!(bucket.objects().await.len(), 2, "lines, and what was found in them");
    let id = computing(&gateway, &key, &dataset).await;
    assert_eq!(over(&gateway, &key, &id).await["state"], "done");
    let objects = bucket.objects().await;
    assert_eq!(objects.len(), 3);
    for name in &objects {
        let bytes = bucket.object(name).await;
        assert!(bytes.len() > 100 && !bytes.windows(7).any(|part| part == b"planted"), "{name}");
    }
    for form in ["json", "xlsx", "pdf"] {
        let report = ask(&gateway, &key, Method::GET, &format!("{ALL}/{id}/report.{form}"), None).await;
        assert_eq!(report.status(), 200, "{form}");
        assert!(report.bytes().await.unwrap().len() > 1_000);
    }

    // A backup is whole by itself.
    let file = gateway.root().join("a.backup");
    let written = gateway.admin(&["backup", file.to_str().unwrap()]);
    assert_eq!((&written["contents"], &written["lost"]), (&json!(3), &json!(0)));
    assert_eq!(gateway.admin(&["store", "verify"])["damaged"], json!([]));

    // At will, at once.
    let path = format!("{ALL}/{id}");
    assert_eq!(ask(&gateway, &key, Method::DELETE, &path, None).await.status(), 204);
    assert_eq!(bucket.holds(2).await.iter().filter(|name| name.contains("/calc_")).count(), 0);

    // At the term, with the key, the proof and the object; orphans too, and nothing of anybody else's.
    let before: Vec<String> = bucket.objects().await;
    let folder = before[0].split('/').next().unwrap();
    let orphan = format!("{folder}/org_x/ds_x/lines/00000/00000000001{}", "a".repeat(16));
    bucket.put(&orphan, b"left by a kill").await;
    bucket.put("notes/of/somebody/else", b"kept").await;
    let done = retention(&gateway, 10);
    assert_eq!(done, json!([{ "what": "orphaned_content", "then": "delete", "count": 1 }]));
    assert_eq!(bucket.objects().await.len(), 3);
    let done = retention(&gateway, 190);
    assert!(done.to_string().contains("calculation_data"), "{done}");
    assert_eq!(bucket.objects().await, ["notes/of/somebody/else"]);
    let gone = ask(&gateway, &key, Method::GET, &format!("/api/v1/datasets/{dataset}"), None).await;
    assert_eq!(gone.status(), 404);
    let log = gateway.log();
    assert!(!log.contains("planted") && !log.contains("secret-of-the-bucket"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_is_busy_slow_or_lies_is_asked_again_and_told_and_jobs_wait_for_it() {
    let mut bucket = Bucket::start().await;
    let (gateway, key) = prepared(&bucket).await;

    // A few refusals, or a slow answer, are no fault.
    bucket.fail(Fault::Busy, "PUT", 2);
    let dataset = loaded(&gateway, &key, 50).await;
    let path = format!("/api/v1/datasets/{dataset}");
    bucket.fail(Fault::Slow(Duration::from_millis(700)), "GET", 1);
    assert_eq!(ask(&gateway, &key, Method::GET, &path, None).await.status(), 200);
    // A byte that was altered on the way is asked for again; twice is a fault, and never bytes.
    bucket.fail(Fault::Altered, "GET", 1);
    assert_eq!(ask(&gateway, &key, Method::GET, &path, None).await.status(), 200);
    bucket.fail(Fault::Altered, "GET", 2);
    let altered = ask(&gateway, &key, Method::GET, &path, None).await;
    assert_eq!(altered.status(), 500);
    assert_eq!(altered.headers()["content-type"], "application/problem+json");
    assert!(gateway.log().contains("its checksum is wrong"));

    // Away, or silent: 503 with when to come again, within its patience.
    for fault in [Fault::Busy, Fault::Silent, Fault::Forbidden] {
        bucket.fail(fault, "PUT", usize::MAX);
        let begun = std::time::Instant::now();
        let refused = sent(&gateway, &key, people(50)).await;
        assert_eq!(refused.status(), 503, "{fault:?}");
        assert_eq!(refused.headers()["retry-after"], "10");
        assert!(begun.elapsed() < Duration::from_secs(20), "{fault:?}: {:?}", begun.elapsed());
    }
    bucket.mend();
    let all = ask(&gateway, &key, Method::GET, "/api/v1/datasets", None).await.json::<Value>().await.unwrap();
    assert_eq!(all["datasets"].as_array().unwrap().len(), 1, "what was refused is not recorded");

    // A calculation whose data cannot be read waits, whose outcome cannot be written too: neither fails, nor is begun
    // over and over.
    bucket.kill();
    let id = computing(&gateway, &key, &dataset).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    bucket.fail(Fault::Busy, "PUT", usize::MAX);
    bucket.launch().await;
    tokio::time::sleep(Duration::from_secs(12)).await;
    let told = ask(&gateway, &key, Method::GET, &format!("{ALL}/{id}"), None).await;
    assert!(["queued", "running"].contains(&told.json::<Value>().await.unwrap()["state"].as_str().unwrap()));
    bucket.mend();
    assert_eq!(over(&gateway, &key, &id).await["state"], "done");
    bucket.fail(Fault::Busy, "GET", usize::MAX);
    let report = ask(&gateway, &key, Method::GET, &format!("{ALL}/{id}/report.json"), None).await;
    assert_eq!(report.status(), 503);
    bucket.mend();

    // What is deleted while the server is away leaves the store at once, and the bucket once it is back.
    bucket.kill();
    assert_eq!(ask(&gateway, &key, Method::DELETE, &format!("{ALL}/{id}"), None).await.status(), 204);
    assert_eq!(ask(&gateway, &key, Method::GET, &format!("{ALL}/{id}"), None).await.status(), 404);
    bucket.launch().await;
    assert_eq!(retention(&gateway, 0), json!([]));
    assert!(!bucket.objects().await.iter().any(|name| name.contains("/calc_")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_tells_what_is_wrong_with_a_bucket_and_a_start_what_is_missing() {
    let bucket = Bucket::start().await;
    let mut gateway = Gateway::prepare(&[]);
    bucket.used_by(&mut gateway);
    let doctor = |gateway: &Gateway| {
        let output = run_with(gateway.command(&["doctor"]), "");
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    };
    assert!(!doctor(&gateway).contains("blobs"), "{}", doctor(&gateway));
    assert_eq!(bucket.objects().await, Vec::<String>::new(), "it leaves nothing");
    bucket.fail(Fault::Forbidden, "PUT", usize::MAX);
    assert!(doctor(&gateway).contains("look at [blobs] and AOPS_BLOBS_SECRET"));
    bucket.fail(Fault::Forbidden, "DELETE", usize::MAX);
    assert!(doctor(&gateway).contains("refuses us"));
    bucket.mend();
    let config = gateway.root().join("site.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("bucket = \"contents\"", "bucket = \"elsewhere\"")).unwrap();
    assert!(doctor(&gateway).contains("NoSuchBucket"), "{}", doctor(&gateway));
    gateway.set("AOPS_BLOBS_SECRET", "");
    let refused = run_with(gateway.command(&["serve"]), "");
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("AOPS_BLOBS_SECRET is missing"));
}
