//! Sixth phase: which kind of route a request asks for, so that each has its own limits.

use http::{Method, StatusCode};

use crate::edge::refusal::Refusal;

/// The most that a file of data may weigh, in bytes.
pub const FILE_LIMIT: u64 = 32 << 20;
/// Where files of data are sent.
const FILES: [&str; 2] = ["/api/v1/datasets", "/espace-client/donnees"];

/// Where a file comes in parts, the whole of it in one where nothing breaks.
const PARTS: &str = "/api/v1/uploads/";

/// A kind of route. Tables by class follow the order of [`RouteClass::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteClass {
    /// Pages and files.
    Pages,
    /// Newsletter and contact.
    Forms,
    /// What tries a password or a token.
    SignIn,
    /// Orders.
    Checkout,
    /// Public calculators.
    Calculators,
    /// The API.
    Api,
    /// Signed calls of processors.
    Webhooks,
}

impl RouteClass {
    /// Every class.
    pub const ALL: [Self; 7] = [
        Self::Pages,
        Self::Forms,
        Self::SignIn,
        Self::Checkout,
        Self::Calculators,
        Self::Api,
        Self::Webhooks,
    ];

    /// The class of a request.
    pub fn of(method: &Method, path: &str) -> Self {
        let reads = matches!(*method, Method::GET | Method::HEAD);
        if path.starts_with("/api/") {
            Self::Api
        } else if path.starts_with("/webhooks/") {
            Self::Webhooks
        } else if path.starts_with("/calculateurs/") && path.ends_with("/resultat") {
            Self::Calculators
        } else if reads {
            Self::Pages
        } else if path.starts_with("/compte/") {
            Self::SignIn
        } else if path.starts_with("/commande") || path.starts_with("/paiement-test/") {
            Self::Checkout
        } else {
            Self::Forms
        }
    }

    /// Whether the staff's pages are open to who asks: where they need a certificate, to nobody without one.
    ///
    /// # Errors
    /// 403.
    pub fn opens_to(self, path: &str, certified: bool, needs_certificate: bool) -> Result<(), Refusal> {
        let staff = path == "/equipe" || path.starts_with("/equipe/");
        if staff && needs_certificate && !certified {
            return Err(Refusal::new(StatusCode::FORBIDDEN, "route_class", "certificate"));
        }
        Ok(())
    }

    /// The most that a request's body may weigh, in bytes; a larger one is refused before it is sent.
    pub fn body_limit(self, path: &str) -> u64 {
        match self {
            Self::Api if path.starts_with(PARTS) => FILE_LIMIT + (64 << 10),
            Self::Api | Self::Forms if FILES.contains(&path) => FILE_LIMIT + (64 << 10),
            Self::Pages | Self::Forms | Self::SignIn | Self::Checkout | Self::Calculators => 64 << 10,
            Self::Webhooks | Self::Api => 1 << 20,
        }
    }

    /// The label in metrics and logs.
    pub fn label(self) -> &'static str {
        match self {
            Self::Pages => "pages",
            Self::Forms => "forms",
            Self::SignIn => "sign_in",
            Self::Checkout => "checkout",
            Self::Calculators => "calculators",
            Self::Api => "api",
            Self::Webhooks => "webhooks",
        }
    }
}
