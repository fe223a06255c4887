//! DynamoDB behind TLS, as on AWS.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use uuid::Uuid;

/// An endpoint with a certificate of its own authority, in front of a DynamoDB without one.
#[derive(Debug)]
pub struct TlsEndpoint {
    address: SocketAddr,
    authority: String,
    file: PathBuf,
    opened: Arc<AtomicU64>,
    to_refuse: Arc<AtomicU64>,
}

impl TlsEndpoint {
    /// An endpoint in front of `url`.
    pub async fn start(url: &str) -> Self {
        let behind: SocketAddr = url.strip_prefix("http://").unwrap().parse().unwrap();
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let server = ServerConfig::builder().with_no_client_auth();
        let server = server.with_single_cert(vec![cert.der().clone()], key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(server));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let authority = cert.pem();
        let file = std::env::temp_dir().join(format!("authority-{}.pem", Uuid::new_v4()));
        std::fs::write(&file, &authority).unwrap();
        let (opened, to_refuse) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let (counted, refusing) = (Arc::clone(&opened), Arc::clone(&to_refuse));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let refuse = |left: u64| left.checked_sub(1);
                if refusing.fetch_update(Ordering::Relaxed, Ordering::Relaxed, refuse).is_ok() {
                    continue;
                }
                stream.set_nodelay(true).unwrap();
                let (acceptor, counted) = (acceptor.clone(), Arc::clone(&counted));
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    counted.fetch_add(1, Ordering::Relaxed);
                    let mut passed_on = TcpStream::connect(behind).await.unwrap();
                    passed_on.set_nodelay(true).unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut stream, &mut passed_on).await;
                });
            }
        });
        Self { address, authority, file, opened, to_refuse }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// A file with the certificate of its authority.
    pub fn authority_file(&self) -> &str {
        self.file.to_str().unwrap()
    }

    /// The certificate of its authority.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The number of connections opened so far.
    pub fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    /// Cuts the next `connections` connections before they are open.
    pub fn refuse(&self, connections: u64) {
        self.to_refuse.store(connections, Ordering::Relaxed);
    }
}

impl Drop for TlsEndpoint {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}
