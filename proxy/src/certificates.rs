//! Certificates by server name, read again when their files change.
//!
//! A handshake looks names up in a table that is replaced whole. Files that cannot be read, or
//! whose key does not fit, leave the table as it is: a broken renewal never takes a name down.

use crate::settings::CertificateFiles;
use arc_swap::ArcSwap;
use pingora::listeners::tls::Acceptor;
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// Why a certificate cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("an https address needs at least one certificate")]
    None,
    #[error("{path} cannot be read: {source}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path} holds no usable PEM: {reason}")]
    Pem { path: PathBuf, reason: String },
    #[error("key {key} cannot serve certificate {chain}: {reason}")]
    Mismatch { chain: PathBuf, key: PathBuf, reason: String },
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
}

#[derive(Debug, Default)]
struct Table {
    exact: HashMap<String, Arc<CertifiedKey>>,
    /// Without the leading `*.`; good for one label, as browsers take it.
    wildcards: HashMap<String, Arc<CertifiedKey>>,
    fallback: Option<Arc<CertifiedKey>>,
}

/// The bytes a table was made of.
type Contents = Vec<(Vec<u8>, Vec<u8>)>;

/// What handshakes use, and where it came from.
pub struct Certificates {
    files: Vec<CertificateFiles>,
    names: Arc<Names>,
    acceptor: Acceptor,
    loaded: Mutex<Contents>,
}

#[derive(Debug, Default)]
struct Names(ArcSwap<Table>);

impl Certificates {
    /// Reads every file. Errors: none given, or the first that cannot serve.
    pub fn load(files: Vec<CertificateFiles>) -> Result<Self, CertificateError> {
        let contents = read(&files)?;
        let table = table(&files, &contents)?;
        let names = Arc::new(Names(ArcSwap::from_pointee(table)));
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS12, &rustls::version::TLS13])?
            .with_no_client_auth()
            .with_cert_resolver(names.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = Acceptor::from_server_config(Arc::new(config));
        Ok(Self { files, names, acceptor, loaded: Mutex::new(contents) })
    }

    pub fn acceptor(&self) -> &Acceptor {
        &self.acceptor
    }

    /// Takes over changed files; true if there were any. On an error the old certificates stay.
    pub fn reload(&self) -> Result<bool, CertificateError> {
        let contents = read(&self.files)?;
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if *loaded == contents {
            return Ok(false);
        }
        self.names.0.store(Arc::new(table(&self.files, &contents)?));
        *loaded = contents;
        Ok(true)
    }
}

impl ResolvesServerCert for Names {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let table = self.0.load();
        let named = hello.server_name().and_then(|name| {
            let name = name.to_ascii_lowercase();
            let wildcard = || table.wildcards.get(name.split_once('.')?.1);
            table.exact.get(&name).or_else(wildcard)
        });
        named.or(table.fallback.as_ref()).cloned()
    }
}

fn read(files: &[CertificateFiles]) -> Result<Contents, CertificateError> {
    let read =
        |path: &PathBuf| std::fs::read(path).map_err(|source| CertificateError::Read { path: path.clone(), source });
    files.iter().map(|files| Ok((read(&files.chain)?, read(&files.key)?))).collect()
}

fn table(files: &[CertificateFiles], contents: &Contents) -> Result<Table, CertificateError> {
    let mut table = Table::default();
    for (files, (chain, key)) in files.iter().zip(contents) {
        let certified = Arc::new(certified(files, chain, key)?);
        let leaf = certified.cert.first().ok_or(CertificateError::None)?;
        for name in names(files, leaf)? {
            // The first certificate of a name keeps it.
            match name.strip_prefix("*.") {
                Some(suffix) => table.wildcards.entry(suffix.to_owned()).or_insert(certified.clone()),
                None => table.exact.entry(name).or_insert(certified.clone()),
            };
        }
        table.fallback.get_or_insert(certified);
    }
    if table.fallback.is_none() {
        return Err(CertificateError::None);
    }
    Ok(table)
}

fn certified(files: &CertificateFiles, chain: &[u8], key: &[u8]) -> Result<CertifiedKey, CertificateError> {
    let pem = |path: &PathBuf, reason: String| CertificateError::Pem { path: path.clone(), reason };
    let chain = CertificateDer::pem_slice_iter(chain)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| pem(&files.chain, error.to_string()))?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| pem(&files.key, error.to_string()))?;
    if chain.is_empty() {
        return Err(pem(&files.chain, "there is no certificate in it".into()));
    }
    CertifiedKey::from_der(chain, key, &default_provider()).map_err(|error| CertificateError::Mismatch {
        chain: files.chain.clone(),
        key: files.key.clone(),
        reason: error.to_string(),
    })
}

/// The names in the certificate's subject alternative name; the common name has not counted since
/// RFC 6125.
fn names(files: &CertificateFiles, leaf: &CertificateDer<'_>) -> Result<Vec<String>, CertificateError> {
    let pem = |reason: String| CertificateError::Pem { path: files.chain.clone(), reason };
    let (_, parsed) = X509Certificate::from_der(leaf).map_err(|error| pem(error.to_string()))?;
    let alternative = parsed.subject_alternative_name().map_err(|error| pem(error.to_string()))?;
    let all = alternative.iter().flat_map(|extension| &extension.value.general_names);
    let dns = all.filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    });
    Ok(dns.collect())
}
