//! Paths that no page of ours leads to and that only intruders try: what they look for is not here.

/// Beginnings of paths, in small letters.
const BEGINNINGS: [&str; 34] = [
    "/.aws/",
    "/.docker/",
    "/.env",
    "/.git/",
    "/.git-credentials",
    "/.hg/",
    "/.htaccess",
    "/.htpasswd",
    "/.npmrc",
    "/.s3cfg",
    "/.ssh/",
    "/.svn/",
    "/.vscode/",
    "/_profiler/",
    "/actuator/",
    "/adminer",
    "/autodiscover/",
    "/boaform/",
    "/cgi-bin/",
    "/geoserver/",
    "/hnap1",
    "/manager/html",
    "/owa/auth",
    "/phpinfo",
    "/phpmyadmin",
    "/pma/",
    "/server-status",
    "/solr/admin",
    "/vendor/phpunit/",
    "/wp-admin",
    "/wp-content/",
    "/wp-includes/",
    "/wp-json/",
    "/wp-login",
];
/// Ends of paths, in small letters: files of languages that nothing here speaks, and copies left lying about.
const ENDS: [&str; 12] = [
    ".asp",
    ".aspx",
    ".bak",
    ".cfm",
    ".cgi",
    ".jsp",
    ".php",
    ".sql",
    ".sql.gz",
    "/web.config",
    "/xmlrpc.php",
    "/id_rsa",
];

/// Whether only an intruder asks for this path, given that nothing is there.
pub fn is_one(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    BEGINNINGS.iter().any(|trap| path.starts_with(trap)) || ENDS.iter().any(|trap| path.ends_with(trap))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_intruders_try_is_a_trap_and_what_visitors_mistype_is_not() {
        for trap in [
            "/wp-login.php",
            "/.env",
            "/.env.production",
            "/.git/config",
            "/PhpMyAdmin/",
            "/a/b/shell.php",
            "/backup.sql",
            "/.aws/credentials",
        ] {
            assert!(is_one(trap), "{trap}");
        }
        for path in [
            "/",
            "/offres/",
            "/favicon.ico",
            "/.well-known/security.txt",
            "/articles/phpp",
            "/robots.txt",
            "/apple-touch-icon.png",
            "/en/offers/pension",
            "/environnement/",
        ] {
            assert!(!is_one(path), "{path}");
        }
    }
}
