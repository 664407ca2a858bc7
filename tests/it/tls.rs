//! HTTPS with the operator's certificate, which is reloaded at SIGHUP.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::host::{eventually, program};
use crate::plugins::{build_cache, repository};

/// A host that serves HTTPS, in its own folder.
struct TlsHost {
    child: Child,
    folder: tempfile::TempDir,
    address: SocketAddr,
}

fn certificate(name: &str) -> PathBuf {
    repository().join(format!("tests/support/tls/{name}.pem"))
}

/// Copies a certificate and its key to the paths that the host of that folder reads.
fn put(folder: &Path, name: &str, mode: u32) {
    std::fs::copy(certificate(name), folder.join("cert.pem")).unwrap();
    // Removed first, so that the mode of the previous file is not kept.
    let _ = std::fs::remove_file(folder.join("key.pem"));
    std::fs::copy(certificate(name).with_extension("key"), folder.join("key.pem")).unwrap();
    std::fs::set_permissions(folder.join("key.pem"), std::fs::Permissions::from_mode(mode)).unwrap();
}

fn serve(folder: &Path) -> std::process::Command {
    std::fs::write(folder.join("host.toml"), "tls_cert = \"cert.pem\"\ntls_key = \"key.pem\"\nport = 0\n").unwrap();
    let mut command = program();
    command.arg("serve").arg("--cache-dir").arg(build_cache()).current_dir(folder);
    command
}

impl TlsHost {
    fn start(name: &str) -> TlsHost {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), name, 0o600);
        let mut child = serve(folder.path()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.find_map(|line| line.ok().filter(|line| line.starts_with("listening on "))).unwrap();
        let address = line.trim_start_matches("listening on https://").parse().unwrap();
        std::thread::spawn(move || lines.for_each(drop));
        TlsHost { child, folder, address }
    }

    /// Runs a command of the program in the folder of the host.
    async fn command(&self, words: &[&str]) -> Output {
        let mut command = program();
        command.args(words).current_dir(self.folder.path());
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    /// Connects if the host presents the certificate with this name.
    async fn connect(&self, name: &str, protocols: &[&[u8]]) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(certificate(name)).unwrap()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        let stream = TcpStream::connect(self.address).await?;
        let connector = TlsConnector::from(Arc::new(config));
        connector.connect(ServerName::try_from("localhost").unwrap(), stream).await
    }

    /// Requests `/health/live` if the host presents the certificate with this name.
    async fn ask(&self, name: &str) -> std::io::Result<String> {
        let mut stream = self.connect(name, &[b"http/1.1"]).await?;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        stream.write_all(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await?;
        let mut said = String::new();
        stream.read_to_string(&mut said).await?;
        Ok(said)
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap(), signal).unwrap();
    }
}

impl Drop for TlsHost {
    fn drop(&mut self) {
        self.signal(Signal::TERM);
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn the_host_serves_https_only() {
    let host = TlsHost::start("first");
    assert!(host.ask("first").await.unwrap().starts_with("HTTP/1.1 200 OK"));
    assert!(host.ask("second").await.is_err(), "a certificate of nobody's was trusted");

    let mut plain = TcpStream::connect(host.address).await.unwrap();
    plain.write_all(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut said = String::new();
    plain.read_to_string(&mut said).await.unwrap();
    assert!(said.starts_with("HTTP/1.1 400 ") && said.contains("HTTPS"), "{said}");
    let mut nonsense = TcpStream::connect(host.address).await.unwrap();
    nonsense.write_all(&[0, 1, 2, 3]).await.unwrap();
    let mut said = vec![];
    let _ = nonsense.read_to_end(&mut said).await;
    assert_eq!(said, b"");
    assert!(host.ask("first").await.is_ok());
}

#[tokio::test]
async fn the_version_of_http_is_negotiated_in_the_handshake() {
    let host = TlsHost::start("first");
    for (offered, chosen) in [
        (&[b"h2".as_slice(), b"http/1.1"][..], Some(&b"h2"[..])),
        (&[b"http/1.1", b"h2"], Some(b"h2")),
        (&[b"http/1.1"], Some(b"http/1.1")),
        (&[], None),
    ] {
        let stream = host.connect("first", offered).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), chosen, "{offered:?}");
    }
    let stream = host.connect("first", &[b"h2"]).await.unwrap();
    let (mut client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::get("https://localhost/health/live").body(()).unwrap();
    let (response, _) = client.send_request(request, true).unwrap();
    assert_eq!(response.await.unwrap().status(), 200);
    // Without the negotiation, the preface is not accepted.
    let mut stream = host.connect("first", &[b"http/1.1"]).await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    let mut said = String::new();
    let _ = stream.read_to_string(&mut said).await;
    assert!(!said.contains("200"), "{said}");
}

#[tokio::test]
async fn the_command_line_connects_over_https() {
    let host = TlsHost::start("first");
    let url = format!("https://{}", host.address);
    let ca = certificate("first");
    let with_ca = ["ping", "--url", &url, "--ca", ca.to_str().unwrap()];
    eventually("it is ready", || async { host.command(&with_ca).await.status.code() == Some(0) }).await;
    // The host on this machine is verified by its own certificate file.
    let output = host.command(&["list", "--url", &url]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let other = certificate("second");
    for words in [
        vec!["list", "--url", &url, "--ca", other.to_str().unwrap()],
        vec!["ping", "--live", "--url", "https://127.0.0.1:1"],
    ] {
        let output = host.command(&words).await;
        assert_eq!(output.status.code(), Some(3), "{output:?}");
    }
    for file in ["host.toml", "key.pem", "."] {
        let output = host.command(&["ping", "--url", &url, "--ca", file]).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(said.contains(file) && said.contains("fix: set --ca or PLUGIN_HOST_CA to a PEM file"), "{said}");
    }
}

#[tokio::test]
async fn the_local_host_is_verified_by_its_certificate_whatever_its_names() {
    let host = TlsHost::start("named");
    let url = format!("https://{}", host.address);
    eventually("it is ready", || async { host.command(&["ping", "--url", &url]).await.status.code() == Some(0) }).await;
    let output = host.command(&["list", "--url", &url]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    put(host.folder.path(), "second", 0o600);
    let output = host.command(&["list", "--url", &url]).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code() == Some(3) && said.contains("differs from the certificate in `tls_cert`"),
        "{output:?}"
    );
    assert!(said.contains("fix: send SIGHUP to the host"), "{said}");
    std::fs::write(host.folder.path().join("cert.pem"), "").unwrap();
    let output = host.command(&["list", "--url", &url]).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && said.contains("fix: set `tls_cert` to the certificate"), "{output:?}");
}

#[tokio::test]
async fn a_valid_new_certificate_is_loaded_at_sighup() {
    let host = TlsHost::start("first");
    host.ask("first").await.unwrap();
    put(host.folder.path(), "second", 0o640);
    host.signal(Signal::HUP);
    eventually("the other certificate is shown", || async { host.ask("second").await.is_ok() }).await;
    assert!(host.ask("first").await.is_err());
    // The key does not belong to the certificate.
    std::fs::copy(certificate("first"), host.folder.path().join("cert.pem")).unwrap();
    host.signal(Signal::HUP);
    let ca = certificate("second");
    let url = format!("https://{}", host.address);
    let events = ["events", "--kind", "host.reconfiguration_refused", "--url", &url, "--ca", ca.to_str().unwrap()];
    eventually("the refusal is told", || async {
        let output = host.command(&events).await;
        String::from_utf8_lossy(&output.stdout).contains("the host keeps the previous one")
    })
    .await;
    assert!(host.ask("second").await.is_ok());
}

#[test]
fn a_key_that_others_can_read_is_rejected() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "first", 0o644);
    let output = serve(folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("0644") && said.contains("chmod"), "{said}");
}

#[test]
fn certificate_and_key_files_that_cannot_be_used_are_refused_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let der = CertificateDer::from_pem_file(certificate("first")).unwrap();
    let private = std::fs::read(certificate("first").with_extension("key")).unwrap();
    let public = std::fs::read(certificate("first")).unwrap();
    let encrypted = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n".as_slice();
    let older = b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    for (file, content, evidence) in [
        (&cert, &b"nothing"[..], ["does not contain a certificate", "fix: set `tls_cert` to a PEM file"]),
        (&cert, &der[..], ["does not contain a certificate", "fix: convert it with `openssl x509 -inform der "]),
        (&cert, &private, ["does not contain a certificate", "fix: it contains a private key; set `tls_cert`"]),
        (&key, b"", ["does not contain a private key", "fix: set `tls_key` to a PEM file"]),
        (&key, &der, ["does not contain a private key", "fix: convert it with `openssl pkey -inform der "]),
        (&key, &public, ["does not contain a private key", "fix: it contains a certificate; set `tls_cert`"]),
        (&key, encrypted, ["does not contain a private key", "fix: it is encrypted; remove the passphrase"]),
        (&key, older, ["does not contain a private key", "fix: it is encrypted; remove the passphrase"]),
        (
            &key,
            &std::fs::read(certificate("second").with_extension("key")).unwrap(),
            ["do not match", "fix: the public"],
        ),
    ] {
        put(folder.path(), "first", 0o600);
        std::fs::write(file, content).unwrap();
        is_refused_with(folder.path(), evidence);
    }
    for (file, setting) in [(&cert, "tls_cert"), (&key, "tls_key")] {
        put(folder.path(), "first", 0o600);
        std::fs::remove_file(file).unwrap();
        let fix = format!("fix: set `{setting}` to a PEM file that this user can read");
        is_refused_with(folder.path(), ["No such file", &fix]);
        std::fs::create_dir(file).unwrap();
        is_refused_with(folder.path(), ["it is a folder; it must be a regular file", &fix]);
        std::fs::remove_dir(file).unwrap();
    }
}

/// Asserts that a host with the TLS files of a folder does not start, and says why.
fn is_refused_with(folder: &Path, evidence: [&str; 2]) {
    let output = serve(folder).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(evidence.iter().all(|part| said.contains(part)), "{evidence:?}: {said}");
    assert!(output.stdout.is_empty(), "{output:?}");
}
