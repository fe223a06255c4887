//! The connection to DynamoDB, made once at the start of a function.
//!
//! Lambda says everything about it in environment variables, so only they are read. The chain of
//! `aws_config::defaults`, which also looks into profiles, asks metadata services and assumes roles, would add a sixth
//! to the size (docs/performance.md).

use std::time::Duration;

use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_config::meta::region::ProvideRegion;
use aws_sdk_dynamodb::config::BehaviorVersion;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::{Client, Config};
use aws_smithy_http_client::tls::TrustStore;
use aws_smithy_runtime_api::client::http::http_client_fn;
use coaching_store::Store;

use crate::environment::{StartError, required, variable};
use crate::https::{CONNECT_TIMEOUT, amazons_authorities, connector};

/// How long a start waits for DynamoDB's first answer. Without it, the function starts all the same.
const PATIENCE: Duration = Duration::from_secs(1);

/// The table `name`, with an open connection if DynamoDB answers.
///
/// Reading every authority that the system trusts takes longer than the rest of a start. They are read only if
/// `SSL_CERT_FILE` or `SSL_CERT_DIR` names them, or if no connection succeeds with Amazon's own: if DynamoDB's
/// certificates are by now another authority's, or the endpoint is not AWS's.
///
/// # Errors
/// One line that names the variable that is absent or unusable.
pub(crate) async fn open_table(name: &str) -> Result<Store, StartError> {
    let named = variable("SSL_CERT_FILE")?.or(variable("SSL_CERT_DIR")?).is_some();
    let config = config_from_environment().await?;
    let table = |trusted| {
        let connector = connector(trusted)?;
        // The SDK's own client would set up TLS twice: once to see whether that works.
        let config = config.clone().http_client(http_client_fn(move |_, _| connector.clone()));
        Ok(Store::new(Client::from_conf(config.build()), name))
    };
    if !named {
        let store = table(amazons_authorities())?;
        if open(&store).await.unwrap_or(true) {
            return Ok(store);
        }
    }
    let store = table(TrustStore::default())?;
    open(&store).await;
    Ok(store)
}

/// Opens the connection to DynamoDB; returns whether that succeeded, or `None` if it is not known in time.
async fn open(store: &Store) -> Option<bool> {
    tokio::time::timeout(PATIENCE, store.reach()).await.ok()
}

async fn config_from_environment() -> Result<aws_sdk_dynamodb::config::Builder, StartError> {
    let region = EnvironmentVariableRegionProvider::new().region().await;
    let region = region.ok_or_else(|| StartError("no AWS region is configured; set AWS_REGION".to_owned()))?;
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        required(name)?;
    }
    let mut config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(region)
        .credentials_provider(EnvironmentVariableCredentialsProvider::new())
        .timeout_config(timeouts())
        .retry_config(RetryConfig::standard());
    config.set_endpoint_url(variable("AWS_ENDPOINT_URL_DYNAMODB")?.or(variable("AWS_ENDPOINT_URL")?));
    config.set_use_fips(flag("AWS_USE_FIPS_ENDPOINT")?);
    config.set_use_dual_stack(flag("AWS_USE_DUALSTACK_ENDPOINT")?);
    Ok(config)
}

/// The environment variable `name` as a boolean, if it is set.
fn flag(name: &str) -> Result<Option<bool>, StartError> {
    let flag = variable(name)?.map(|text| text.to_lowercase().parse());
    flag.transpose().map_err(|_| StartError(format!("{name} must be true or false")))
}

/// Nested timeouts, each shorter than the next: connection, attempt, call of DynamoDB with its retries; and the
/// function's timeout less [`TIME_TO_REFUSE`](crate::TIME_TO_REFUSE).
pub fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(Duration::from_secs(2))
        .operation_timeout(Duration::from_secs(5))
        .build()
}
