//! The Stripe side against `localstripe` (PyPI): a stateful server that plays Stripe and that we did not write, through
//! async-stripe's client; its own signed webhooks come back by our door. It plays customers, products, plans, payment
//! methods, subscriptions, invoices and refunds; it has no Checkout, no promotion codes and no credit notes. It speaks an
//! earlier API, whose invoices name their payment without being asked to: what it lacks is answered in front of it.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::order::{Order, OrderState, Paid, tests::order};
use super::{ORDERS, customers, invoices, subscriptions_of, sync, webhook};
use crate::app::App;
use crate::payments::{End, InvoiceState, Payments, Standing, Stripe, WebhookSecrets};
use crate::records;
use crate::store::{Batch, Expect};
use crate::testing;

const SECRET: &str = "whsec_localstripe";
const KEY: &str = "sk_test_localstripe";

/// The server, which goes with this value.
struct Played {
    process: Child,
    base: String,
    _folder: tempfile::TempDir,
}

impl Played {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        // It keeps what it has in the folder of temporary files.
        let process = Command::new("localstripe")
            .args(["--from-scratch", "--port", &port.to_string()])
            .env("TMPDIR", folder.path())
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("localstripe is not on the path: `cargo xtask test` installs it");
        let base = format!("http://{}", in_front(port).await);
        let played = Self { process, base, _folder: folder };
        let deadline = Instant::now() + Duration::from_secs(30);
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            assert!(Instant::now() < deadline, "localstripe does not listen");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        played
    }

    fn side(&self) -> Stripe {
        Stripe::new(KEY, Some(&self.base), WebhookSecrets::new(&[SECRET.into()])).unwrap()
    }

    /// Has its webhooks sent to an address.
    async fn tell(&self, to: std::net::SocketAddr) {
        let body = json!({ "url": format!("http://{to}/webhooks/stripe"), "secret": SECRET });
        let client = reqwest::Client::new();
        // By the door in front, like everything else.
        let asked = client.post(format!("{}/_config/webhooks/ours", self.base)).json(&body).send().await;
        assert!(asked.unwrap().status().is_success());
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Answers for what localstripe lacks and hands on the rest, a connection for each request as async-stripe makes them.
async fn in_front(port: u16) -> std::net::SocketAddr {
    const NONE: &[u8] = br#"{"object":"list","data":[],"has_more":false}"#;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = vec![0; 64 * 1024];
                let count = stream.read(&mut head).await.unwrap();
                let asked = String::from_utf8(head[..count].to_vec()).unwrap();
                if asked.starts_with("GET /v1/credit_notes") {
                    let fields = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", NONE.len());
                    stream.write_all(&[fields.as_bytes(), NONE].concat()).await.unwrap();
                    return;
                }
                let mut played = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let handed = asked.replacen("expand%5B%5D=data.payments&", "", 1);
                played.write_all(handed.as_bytes()).await.unwrap();
                // Either side may go first.
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut played).await;
            });
        }
    });
    address
}

/// One request: its signature and its body, answered with 200.
async fn heard(listener: &TcpListener) -> (String, Vec<u8>) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut bytes = Vec::new();
    let mut piece = [0; 16 * 1024];
    loop {
        let count = stream.read(&mut piece).await.unwrap();
        assert!(count > 0, "the request ends early");
        bytes.extend_from_slice(&piece[..count]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let field = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.split_once(": "));
            lines.find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
        };
        let length: usize = field("content-length").unwrap().parse().unwrap();
        if bytes.len() >= end + 4 + length {
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            stream.write_all(answer).await.unwrap();
            return (field("stripe-signature").unwrap(), bytes[end + 4..end + 4 + length].to_vec());
        }
    }
}

/// A paid order of somebody whom localstripe knows.
async fn bought(app: &App, customer: &str) -> Order {
    let account = testing::account(app, "a@example.com").await;
    let paid = Paid { at: Some(app.clock.now()), customer: Some(customer.into()), ..Paid::default() };
    let now = app.clock.now();
    let order = Order {
        account: account.id,
        organisation: account.organisation,
        state: OrderState::Paid,
        paid,
        created: now,
        updated: now,
        ..order()
    };
    let mut batch = Batch::new(&order.organisation);
    records::put_plain(&mut batch, ORDERS, &order.id, Expect::Absent, &order, None).unwrap();
    app.store.commit(batch).await.unwrap();
    assert!(customers::claim(app, customer, &order.organisation).await.unwrap());
    order
}

#[tokio::test]
async fn a_subscription_of_a_stand_in_that_we_did_not_write_is_read_ended_and_refunded() {
    let played = Played::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    played.tell(listener.local_addr().unwrap()).await;
    let side = played.side();
    let made = async |path: &str, fields: &[(&str, &str)]| {
        let made = side.make(path, fields).await.unwrap_or_else(|error| panic!("{path}: {error}"));
        made["id"].as_str().unwrap().to_owned()
    };
    let customer = made("/customers", &[("email", "a@example.com"), ("name", "A")]).await;
    let card = [
        ("type", "card"),
        ("card[number]", "4242424242424242"),
        ("card[exp_month]", "12"),
        ("card[exp_year]", "2040"),
        ("card[cvc]", "123"),
    ];
    let method = made("/payment_methods", &card).await;
    made(&format!("/payment_methods/{method}/attach"), &[("customer", &customer)]).await;
    let default = [("invoice_settings[default_payment_method]", method.as_str())];
    made(&format!("/customers/{customer}"), &default).await;
    let product = made("/products", &[("name", "Rentes"), ("type", "service")]).await;
    let plan =
        [("product", product.as_str()), ("amount", "49000"), ("currency", "eur"), ("interval", "year")];
    let plan = made("/plans", &plan).await;

    let folder = tempfile::tempdir().unwrap();
    let mut app = testing::app(folder.path(), jiff::SignedDuration::ZERO).await;
    app.payments = Box::new(played.side());
    let app = Arc::new(app);
    let order = bought(&app, &customer).await;
    let began = [
        ("customer", customer.as_str()),
        ("items[0][plan]", &plan),
        ("items[0][quantity]", "2"),
        ("metadata[order]", &order.id),
        ("metadata[offer]", "rente"),
    ];
    let subscription = made("/subscriptions", &began).await;

    // Its own events, by the door through which Stripe's come, until one has this client fetched.
    let mut kinds = Vec::new();
    for _ in 0..40 {
        let (signature, body) =
            tokio::time::timeout(Duration::from_secs(20), heard(&listener)).await.unwrap();
        let name = HeaderName::from_static(crate::payments::SIGNATURE_HEADER);
        let headers = HeaderMap::from_iter([(name, HeaderValue::from_str(&signature).unwrap())]);
        let mut forged = body.clone();
        let last = forged.len() - 2;
        forged[last] ^= 1;
        assert!(webhook::receive(&app, &headers, &forged).await.is_err());
        webhook::receive(&app, &headers, &body).await.unwrap();
        let event: serde_json::Value = serde_json::from_slice(&body).unwrap();
        kinds.push(event["type"].as_str().unwrap().to_owned());
        if kinds.last().unwrap() == "customer.subscription.created" {
            break;
        }
    }
    assert_eq!(kinds.last().unwrap(), "customer.subscription.created", "{kinds:?}");
    sync::round(&app).await;
    let held = subscriptions_of(&app, &order.organisation).await.unwrap();
    assert_eq!(held.len(), 1, "{held:?}");
    assert_eq!((held[0].id.as_str(), held[0].standing), (subscription.as_str(), Standing::Active));
    assert_eq!((held[0].quantity, held[0].unit_cents, held[0].unpaid), (2, 49_000, false));
    assert!(super::may(&app, &order.organisation, "rente").await.unwrap());
    let books = side.books(&customer).await.unwrap();
    assert_eq!((books.invoices[0].state, books.invoices[0].total_cents), (InvoiceState::Paid, 98_000));
    assert_eq!(books.invoices[0].subscription.as_deref(), Some(subscription.as_str()));
    // Its invoices have no numbers: they are none for the archive.
    assert_eq!(invoices::of(&app, &order.organisation).await.unwrap(), []);

    side.end(&subscription, End::WithPeriod).await.unwrap();
    sync::sync(&app, &order.organisation, &customer).await.unwrap();
    assert!(subscriptions_of(&app, &order.organisation).await.unwrap()[0].cancel_at_period_end);
    side.end(&subscription, End::Never).await.unwrap();
    sync::sync(&app, &order.organisation, &customer).await.unwrap();
    assert!(!subscriptions_of(&app, &order.organisation).await.unwrap()[0].cancel_at_period_end);

    let books = side.books(&customer).await.unwrap();
    let payment = books.payments.iter().find(|payment| payment.amount_cents == 98_000).unwrap();
    side.refund(&payment.id, "refund-1").await.unwrap();
    sync::sync(&app, &order.organisation, &customer).await.unwrap();
    assert!(!super::may(&app, &order.organisation, "rente").await.unwrap(), "given back");
    sync::sync(&app, &order.organisation, &customer).await.unwrap();
    let ended = subscriptions_of(&app, &order.organisation).await.unwrap();
    assert_eq!(ended[0].standing, Standing::Canceled, "and ended at the processor");
}
