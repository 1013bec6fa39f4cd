//! How other sites are asked, on a server of this machine.

use tempfile::TempDir;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

/// Asks from a thread of its own, as `ask` blocks.
async fn asked(urls: &[String], folder: &TempDir, allow_private: bool) -> Vec<Verdict> {
    let (urls, cache) = (urls.to_vec(), folder.path().join(".cache/external.json"));
    let options = Options {
        base_url: "https://aops.example".to_owned(),
        now: "2026-11-23T12:00:00Z".parse().unwrap(),
        allow_private,
    };
    let answers = tokio::task::spawn_blocking(move || {
        let answers = ask(&urls, &cache, &options);
        assert!(answers.iter().map(|answer| &answer.url).eq(&urls));
        answers
    });
    answers.await.unwrap().into_iter().map(|answer| answer.verdict).collect()
}

/// The verdict on one path of a server.
async fn verdict(server: &MockServer, at: &str) -> Verdict {
    let folder = tempfile::tempdir().unwrap();
    asked(&[format!("{}{at}", server.uri())], &folder, true).await.remove(0)
}

async fn answers(server: &MockServer, verb: &str, at: &str, answer: ResponseTemplate, times: u64) {
    Mock::given(method(verb)).and(path(at)).respond_with(answer).expect(times).mount(server).await;
}

fn status(code: u16) -> ResponseTemplate {
    ResponseTemplate::new(code)
}

fn redirect_to(code: u16, to: &str) -> ResponseTemplate {
    status(code).insert_header("location", to)
}

#[tokio::test]
async fn a_good_page_is_asked_by_head_alone_in_the_name_of_the_site() {
    let server = MockServer::start().await;
    let named = header("user-agent", "aops-check (+https://aops.example)");
    Mock::given(method("HEAD")).and(named).respond_with(status(200)).expect(1).mount(&server).await;
    assert_eq!(verdict(&server, "/").await, Verdict::Good);
}

#[tokio::test]
async fn a_server_that_refuses_head_is_asked_by_get() {
    let server = MockServer::start().await;
    for code in [403, 404, 405, 501, 500] {
        let at = format!("/{code}");
        answers(&server, "HEAD", &at, status(code), 1).await;
        answers(&server, "GET", &at, status(200), 1).await;
        assert_eq!(verdict(&server, &at).await, Verdict::Good, "{code}");
    }
}

#[tokio::test]
async fn a_missing_page_is_gone_and_a_closed_one_cannot_be_told() {
    let server = MockServer::start().await;
    for (code, expected) in [
        (404, Verdict::Gone { status: 404 }),
        (410, Verdict::Gone { status: 410 }),
        (403, Verdict::Refused),
        (999, Verdict::Refused),
    ] {
        let at = format!("/{code}");
        Mock::given(path(at.as_str())).respond_with(status(code)).mount(&server).await;
        assert_eq!(verdict(&server, &at).await, expected);
    }
}

#[tokio::test]
async fn a_busy_server_is_asked_again_after_the_time_it_names() {
    let server = MockServer::start().await;
    let busy = status(429).insert_header("retry-after", "1");
    Mock::given(path("/")).respond_with(busy).up_to_n_times(1).expect(1).mount(&server).await;
    Mock::given(path("/")).respond_with(status(200)).with_priority(9).expect(1).mount(&server).await;
    let begin = std::time::Instant::now();
    assert_eq!(verdict(&server, "/").await, Verdict::Good);
    assert!(begin.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_server_that_stays_broken_is_unreachable_after_two_retries() {
    let server = MockServer::start().await;
    answers(&server, "HEAD", "/", status(503), 1).await;
    answers(&server, "GET", "/", status(503), 3).await;
    assert_eq!(verdict(&server, "/").await, Verdict::Unreachable { reason: "HTTP 503".to_owned() });
}

#[tokio::test]
async fn a_permanent_redirect_is_told_and_a_temporary_one_is_not() {
    let server = MockServer::start().await;
    answers(&server, "HEAD", "/old", redirect_to(301, "/new"), 1).await;
    answers(&server, "HEAD", "/new", redirect_to(302, "/today"), 2).await;
    answers(&server, "HEAD", "/today", status(200), 2).await;
    let to = format!("{}/new#part", server.uri());
    assert_eq!(verdict(&server, "/old#part").await, Verdict::Moved { to });
    assert_eq!(verdict(&server, "/new").await, Verdict::Good);
}

#[tokio::test]
async fn redirects_end() {
    let server = MockServer::start().await;
    answers(&server, "HEAD", "/", redirect_to(302, "/"), 6).await;
    let reason = "more than 5 redirects".to_owned();
    assert_eq!(verdict(&server, "/").await, Verdict::Unreachable { reason });
    answers(&server, "HEAD", "/file", redirect_to(302, "file:///etc/passwd"), 1).await;
    let reason = "file is neither http nor https".to_owned();
    assert_eq!(verdict(&server, "/file").await, Verdict::Unreachable { reason });
}

#[tokio::test]
async fn an_address_is_asked_once_whatever_its_fragments_and_runs() {
    let server = MockServer::start().await;
    answers(&server, "HEAD", "/", status(200), 1).await;
    let folder = tempfile::tempdir().unwrap();
    let urls = ["/#a", "/#b", "/"].map(|at| format!("{}{at}", server.uri()));
    for _ in 0..2 {
        assert_eq!(asked(&urls, &folder, true).await, [Verdict::Good, Verdict::Good, Verdict::Good]);
    }
}

#[tokio::test]
async fn this_machine_is_asked_when_a_link_names_it_and_never_because_another_site_does() {
    let server = MockServer::start().await;
    Mock::given(path("/")).respond_with(status(200)).mount(&server).await;
    let to = ResponseTemplate::new(302).insert_header("location", server.uri());
    Mock::given(path("/away")).respond_with(to).mount(&server).await;
    let folder = tempfile::tempdir().unwrap();
    let named = format!("http://localhost:{}/", server.address().port());
    let urls = [server.uri(), named, format!("{}/away", server.uri()), "http://10.1.2.3/".to_owned()];
    let refused = Verdict::Unreachable { reason: addresses::PRIVATE.to_owned() };
    let answers = asked(&urls, &folder, false).await;
    assert_eq!(answers, [Verdict::Good, Verdict::Good, refused.clone(), refused]);
}

#[tokio::test]
async fn a_port_that_nobody_listens_to_is_unreachable() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let verdicts = asked(&[format!("http://{closed}/")], &folder, true).await;
    assert!(matches!(&verdicts[0], Verdict::Unreachable { reason } if !reason.is_empty()), "{verdicts:?}");
}
