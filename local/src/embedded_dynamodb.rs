//! An embedded DynamoDB that answers the DynamoDB protocol on a loopback port.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use dynoxide::Database;
use tokio::sync::oneshot;

/// A running embedded DynamoDB; dropping it stops it.
#[derive(Debug)]
pub struct EmbeddedDynamoDb {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl EmbeddedDynamoDb {
    /// Starts one on any free port, with its data in `file` or, without one, in memory.
    ///
    /// It has a thread of its own: it answers while holding one lock and waits for the disk, which
    /// would stall whatever else runs on the same threads.
    ///
    /// # Errors
    /// One line, if the file or a port cannot be had.
    pub fn start(file: Option<&Path>) -> Result<Self, String> {
        let database = match file {
            None => Database::memory().map_err(|error| format!("the embedded DynamoDB does not start: {error}"))?,
            Some(file) => {
                let path = file.to_str().ok_or_else(|| format!("{} is not UTF-8", file.display()))?;
                Database::new(path)
                    .map_err(|error| format!("the data in {} cannot be opened: {error}", file.display()))?
            }
        };
        let refused = |error: std::io::Error| format!("the embedded DynamoDB finds no port: {error}");
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(refused)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let serve = async move {
            match tokio::net::TcpListener::from_std(listener) {
                Ok(listener) => {
                    let asked = async {
                        let _ = stopped.await;
                    };
                    if let Err(error) = dynoxide::server::serve_with_shutdown(listener, database, asked).await {
                        tracing::error!(error, "the embedded DynamoDB ended");
                    }
                }
                Err(error) => tracing::error!(%error, "the embedded DynamoDB ended"),
            }
        };
        let thread = std::thread::Builder::new()
            .name("embedded-dynamodb".to_owned())
            .spawn(move || runtime.block_on(serve))
            .map_err(refused)?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it answers, such as `http://127.0.0.1:49152`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A client of it.
    pub fn client(&self) -> Client {
        client_at(&self.url())
    }
}

/// A client of the DynamoDB at `url`, which takes any credentials.
pub fn client_at(url: &str) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new(ACCESS_KEY, ACCESS_KEY, None, None, "local"))
        .endpoint_url(url)
        // One lock and one thread answer all callers: a busy moment is no outage. A request has longer than this.
        .timeout_config(TimeoutConfig::builder().operation_timeout(Duration::from_secs(20)).build());
    Client::from_conf(config.build())
}

/// The region that clients of the embedded DynamoDB name.
pub(crate) const REGION: &str = "us-east-1";
/// The access key, and its secret, that they name.
pub(crate) const ACCESS_KEY: &str = "local";

impl Drop for EmbeddedDynamoDb {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
