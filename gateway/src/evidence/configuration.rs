//! What the gateway was told, with secrets as present or absent alone.

use serde_json::{Map, Value, json};

use crate::config::{Environment, GatewayConfig, Sandbox, Secrets, Settings};

/// The configuration, without a secret and without anybody's name.
pub(super) fn told(settings: &Settings) -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "environment": match settings.environment {
            Environment::Development => "development",
            Environment::Production => "production",
        },
        "site": settings.base_url,
        "platform": settings.platform_url,
        "gateway": gateway(&settings.gateway),
        "store": match &settings.store {
            None => json!("embedded"),
            Some(store) => json!({ "server": store.urls.len(), "replicas": store.replicas }),
        },
        "shared_limits": settings.valkey.is_some(),
        "traces": settings.traces.is_some(),
        "mail": {
            "from": settings.mail.from,
            "by": settings.mail.smtp.as_ref().map_or("SendGrid", |_| "smtp"),
            "readers_per_second": settings.mail.readers_per_second,
        },
        "offers": settings.offers.iter().map(|offer| offer.id.as_str()).collect::<Vec<_>>(),
        "tax": settings.tax.is_some(),
        "processors": settings.processors.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(),
        "limits_factor": settings.limits_factor,
        "secrets": secrets(&settings.secrets),
    })
}

fn gateway(gateway: &GatewayConfig) -> Value {
    let limits = &gateway.limits;
    let rates = [
        ("pages", limits.pages),
        ("forms", limits.forms),
        ("sign_in", limits.sign_in),
        ("checkout", limits.checkout),
        ("calculators", limits.calculators),
        ("api", limits.api),
        ("api_key", limits.api_key),
        ("api_account", limits.api_account),
        ("webhooks", limits.webhooks),
    ];
    let rate = |(name, rate): (&str, crate::config::Rate)| {
        (name.to_owned(), json!({ "per_minute": rate.per_minute, "burst": rate.burst }))
    };
    json!({
        "hosts": gateway.hosts,
        "http3": gateway.http3.is_some(),
        "certificate": match (&gateway.tls, gateway.acme()) {
            (_, Some(acme)) => format!("ACME ({})", acme.directory),
            (Some(_), None) => "files".into(),
            (None, None) => "local authority".into(),
        },
        "staff_certificates": gateway.staff_is_certified(),
        "blocklist": gateway.blocklist.is_some(),
        "allowlist": gateway.allowlist.is_some(),
        "feeds": gateway.feeds.iter().map(|feed| feed.name.as_str()).collect::<Vec<_>>(),
        "countries": gateway.countries.is_some(),
        "connections": {
            "total": gateway.connections.total,
            "per_prefix": gateway.connections.per_prefix,
            "per_network": gateway.connections.per_network,
            "handshakes": gateway.connections.handshakes,
        },
        "limits": rates.into_iter().map(rate).collect::<Map<String, Value>>(),
        "drain_seconds": gateway.drain_seconds,
        "sandbox": match gateway.sandbox {
            Sandbox::Enforce => "enforce",
            Sandbox::BestEffort => "best-effort",
            Sandbox::Off => "off",
        },
    })
}

fn secrets(secrets: &Secrets) -> Value {
    let one = |secret: &Option<String>| if secret.is_some() { "present" } else { "absent" };
    let several = |secrets: &[String]| if secrets.is_empty() { "absent" } else { "present" };
    json!({
        "AOPS_MASTER_KEY": one(&secrets.master_key),
        "STRIPE_SECRET_KEY": one(&secrets.stripe_key),
        "STRIPE_WEBHOOK_SECRET": several(&secrets.stripe_webhook_secrets),
        "SENDGRID_API_KEY": one(&secrets.sendgrid_key),
        "SENDGRID_WEBHOOK_KEY": several(&secrets.sendgrid_webhook_keys),
        "AOPS_SMTP_PASSWORD": one(&secrets.smtp_password),
        "AOPS_VALKEY_PASSWORD": one(&secrets.valkey_password),
        "AOPS_STORE_PASSWORD": one(&secrets.store_password),
        "AOPS_BLOBS_SECRET": one(&secrets.blobs_secret),
        "AOPS_OTLP_AUTHORIZATION": one(&secrets.otlp_authorization),
    })
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::testing;

    #[test]
    fn p_confidentiality_a_secret_is_told_as_present_and_never_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = testing::settings(folder.path(), SignedDuration::ZERO);
        let secret = || Some("tres-secret".to_owned());
        settings.secrets = Secrets {
            master_key: secret(),
            stripe_key: secret(),
            stripe_webhook_secrets: vec!["tres-secret".into()],
            stripe_base: None,
            sendgrid_key: secret(),
            sendgrid_base: None,
            sendgrid_webhook_keys: vec!["tres-secret".into()],
            smtp_password: secret(),
            valkey_password: secret(),
            store_password: secret(),
            blobs_secret: secret(),
            otlp_authorization: secret(),
        };
        let told = told(&settings).to_string();
        assert!(!told.contains("tres-secret"), "{told}");
        assert_eq!(told.matches("\"present\"").count(), 10);
    }
}
