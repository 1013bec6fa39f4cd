//! Which of the two names a path belongs to: accounts, the client area, orders and the API to the platform's, pages to
//! the site's, and what both need to neither.

/// One of the two names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The marketing site.
    Site,
    /// The platform of clients.
    Platform,
}

/// What stands under these belongs to the platform.
const PLATFORM: [&str; 10] = [
    "/.well-known/change-password",
    "/api",
    "/audit",
    "/commande",
    "/compte",
    "/equipe",
    "/espace-client",
    "/invitation",
    "/paiement-test",
    "/webhooks/stripe",
];

/// What stands under these is answered at either name: the question about cookies, what keeps robots out of forms, what
/// programs ask of any name.
const BOTH: [&str; 7] =
    ["/-", "/.well-known", "/altcha", "/consentement", "/developpement", "/integration", "/webhooks"];

/// Features of the site itself.
const SITE: [&str; 5] = ["/calculateurs", "/contact", "/donnees-personnelles", "/newsletter", "/reclamation"];

impl Place {
    /// Where a decoded path belongs, and where it is a file that a page of either needs.
    pub fn of(path: &str) -> Option<Self> {
        if PLATFORM.iter().any(|folder| under(folder, path)) {
            return Some(Self::Platform);
        }
        let file = path.rsplit_once('.').is_some_and(|(_, end)| !end.contains('/') && end != "html");
        (!file && !BOTH.iter().any(|folder| under(folder, path))).then_some(Self::Site)
    }
}

/// Whether a feature may answer what the built site does not know: a route in a folder that stands in none of these
/// lists is not found.
pub fn may_be_a_feature(path: &str) -> bool {
    PLATFORM.iter().chain(&BOTH).chain(&SITE).any(|folder| under(folder, path))
}

fn under(folder: &str, path: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorisation::routes;

    #[test]
    fn each_path_belongs_to_one_name_or_to_both() {
        for path in
            ["/", "/services/", "/en/", "/newsletter", "/contact/merci", "/api-et-donnees/", "/v1.0/x"]
        {
            assert_eq!(Place::of(path), Some(Place::Site), "{path}");
        }
        for path in
            ["/compte/connexion", "/espace-client", "/commande", "/api/openapi.json", "/webhooks/stripe"]
        {
            assert_eq!(Place::of(path), Some(Place::Platform), "{path}");
        }
        for path in [
            "/robots.txt",
            "/site.0a1b.css",
            "/consentement",
            "/.well-known/security.txt",
            "/webhooks/sendgrid",
        ] {
            assert_eq!(Place::of(path), None, "{path}");
        }
    }

    #[test]
    fn every_route_stands_in_a_folder_that_features_answer() {
        let lost: Vec<&str> =
            routes::rows().map(|row| row.path).filter(|path| !may_be_a_feature(path)).collect();
        assert_eq!(lost, Vec::<&str>::new(), "a GET of these is not found: name their folder here");
    }
}
