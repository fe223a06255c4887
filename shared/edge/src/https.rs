//! The one HTTP client of a function: to DynamoDB, and to a collector of spans if there is one.

use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpConnector};

use crate::environment::StartError;

/// The longest that a connection may take to open.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The authorities that sign the certificates of AWS's endpoints.
pub(crate) fn amazons_authorities() -> TrustStore {
    TrustStore::empty().with_pem_certificate(&include_bytes!("amazon_roots.pem")[..])
}

/// Connections, kept open between requests, to hosts whose certificates `trusted` authorities have signed.
///
/// # Errors
/// One line, if `trusted` holds no certificates.
pub(crate) fn connector(trusted: TrustStore) -> Result<SharedHttpConnector, StartError> {
    let context = TlsContext::builder().with_trust_store(trusted).build();
    let context = context.map_err(|error| StartError(format!("TLS does not start: {error}")))?;
    let connector = Connector::builder()
        .connector_settings(HttpConnectorSettings::builder().connect_timeout(CONNECT_TIMEOUT).build())
        // aws-lc seals the page tokens too; another provider would be a second implementation of the same.
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .tls_context(context)
        .build();
    Ok(SharedHttpConnector::new(connector))
}
