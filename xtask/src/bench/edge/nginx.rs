//! nginx as it is measured beside the gateway.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Result;

use crate::bench::Running;

/// Where it listens.
pub(super) const PORT: u16 = 18444;

/// nginx with the same files, certificate, protocols and fields, and a limiter as ours has one.
pub(super) fn start(tls: &Path, root: &Path) -> Result<Running> {
    let fields = [
        ("strict-transport-security", "max-age=63072000; includeSubDomains"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        (
            "content-security-policy",
            "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'",
        ),
        ("cache-control", "public, no-cache"),
    ];
    let fields: String =
        fields.iter().map(|(name, value)| format!("add_header {name} \"{value}\" always;\n")).collect();
    // Debian's libnginx-mod-http-brotli-static; without it nginx answers the brotli row in gzip or plain.
    let module = Path::new("/usr/lib/nginx/modules/ngx_http_brotli_static_module.so");
    let (brotli, stored) = match module.exists() {
        true => (format!("load_module {};", module.display()), "brotli_static on;"),
        false => (String::new(), ""),
    };
    let config = format!(
        "{brotli}
         user root; worker_processes 1; daemon off; pid nginx.pid; error_log error.log;
         events {{ worker_connections 20000; }}
         http {{
           include /etc/nginx/mime.types; access_log access.log; sendfile on; tcp_nopush on;
           open_file_cache max=1000 inactive=60s; keepalive_requests 1000000000; gzip_static on; {stored}
           limit_req_zone $binary_remote_addr zone=a:10m rate=1000000r/s;
           server {{
             listen 127.0.0.1:{PORT} ssl http2 backlog=4096; server_name localhost; root {};
             ssl_certificate localhost.pem; ssl_certificate_key localhost.key;
             ssl_protocols TLSv1.2 TLSv1.3; limit_req zone=a burst=1000 nodelay;
             {fields}
           }}
         }}",
        root.display()
    );
    let path = tls.join("nginx.conf");
    std::fs::write(&path, config)?;
    let mut nginx = Command::new("taskset");
    nginx.args(["-c", "0", "nginx", "-p"]).arg(tls).arg("-c").arg(&path);
    Running::start(nginx.stdout(Stdio::null()).stderr(Stdio::null()))
}
