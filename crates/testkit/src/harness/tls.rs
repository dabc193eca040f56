//! A certificate authority of the test's own, with a server and a client certificate.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

/// PEM files for mutual TLS between a client and a server on 127.0.0.1.
#[derive(Debug, Clone)]
pub struct TlsMaterial {
    /// The authority's certificate, which both sides trust.
    pub ca: String,
    /// The server's certificate, valid for 127.0.0.1 and localhost.
    pub server_cert: String,
    /// The server's key.
    pub server_key: String,
    /// The client's certificate.
    pub client_cert: String,
    /// The client's key.
    pub client_key: String,
}

impl TlsMaterial {
    /// Makes a new authority and both certificates; nobody else's are accepted by a server that uses them.
    pub fn generate() -> anyhow::Result<Self> {
        let mut params = named("Runner Pilot test authority", Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;

        let mut server = named(
            "Docker engine",
            vec!["127.0.0.1".to_owned(), "localhost".to_owned()],
        )?;
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let server_key = KeyPair::generate()?;

        let mut client = named("Runner Pilot", Vec::new())?;
        client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let client_key = KeyPair::generate()?;

        Ok(Self {
            ca: authority.pem(),
            server_cert: server.signed_by(&server_key, &authority)?.pem(),
            server_key: server_key.serialize_pem(),
            client_cert: client.signed_by(&client_key, &authority)?.pem(),
            client_key: client_key.serialize_pem(),
        })
    }

    /// Writes the five files into `directory` under Docker's names and returns where they are.
    pub fn write_to(&self, directory: &Path) -> anyhow::Result<TlsFiles> {
        let write = |name: &str, content: &str| {
            let path = directory.join(name);
            std::fs::write(&path, content).with_context(|| format!("writing {}", path.display()))?;
            anyhow::Ok(path)
        };
        Ok(TlsFiles {
            ca: write("ca.pem", &self.ca)?,
            server_cert: write("server-cert.pem", &self.server_cert)?,
            server_key: write("server-key.pem", &self.server_key)?,
            client_cert: write("cert.pem", &self.client_cert)?,
            client_key: write("key.pem", &self.client_key)?,
        })
    }
}

/// Where [`TlsMaterial::write_to`] put the files.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The authority's certificate.
    pub ca: PathBuf,
    /// The server's certificate.
    pub server_cert: PathBuf,
    /// The server's key.
    pub server_key: PathBuf,
    /// The client's certificate.
    pub client_cert: PathBuf,
    /// The client's key.
    pub client_key: PathBuf,
}

fn named(name: &str, addresses: Vec<String>) -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::new(addresses)?;
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params)
}
