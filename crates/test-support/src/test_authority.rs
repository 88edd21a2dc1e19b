//! A certificate authority for one test, and a certificate for servers on this machine.

use std::fs;
use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use tempfile::TempDir;

/// The authority, with the files that servers need.
pub struct TestAuthority {
    folder: TempDir,
}

impl TestAuthority {
    /// A new authority, and a certificate for `localhost` and `127.0.0.1`.
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        // OpenSSL takes a certificate with its issuer's name for a self-signed one.
        params.distinguished_name.push(DnType::CommonName, "authority of a test");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, key).expect("an authority");
        let mut params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).expect("names");
        params.distinguished_name.push(DnType::CommonName, "server of a test");
        // Nodes of a cluster are clients of each other, too.
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &authority).expect("a certificate");
        let made = Self { folder: TempDir::new().expect("a folder for certificates") };
        for (name, text) in
            [("authority.pem", authority.pem()), ("server.pem", certificate.pem()), ("server.key", key.serialize_pem())]
        {
            fs::write(made.file(name), text).expect("a file for a certificate");
        }
        made
    }

    /// The certificate that clients have to trust, in PEM.
    pub fn certificate(&self) -> PathBuf {
        self.file("authority.pem")
    }

    /// The arguments of a server with TLS for clients, with a certificate of this authority.
    pub fn arguments(&self) -> Vec<String> {
        let file = |name: &str| self.file(name).to_string_lossy().into_owned();
        [
            ("--tls-cert-file", file("server.pem")),
            ("--tls-key-file", file("server.key")),
            ("--tls-ca-cert-file", file("authority.pem")),
            ("--tls-auth-clients", "no".to_owned()),
        ]
        .into_iter()
        .flat_map(|(name, value)| [name.to_owned(), value])
        .collect()
    }

    /// One of its files: `authority.pem`, `server.pem`, `server.key`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}
