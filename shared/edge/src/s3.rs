//! Files in a bucket of S3: put there, read, removed, and linked to. Each is one signed request, so no client of S3 is
//! needed (docs/decisions/export-files.md).

use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::config::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::{AggregatedBytes, ByteStream};
use coaching_domain::{Error, Reason, Timestamp};
use lambda_http::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use lambda_http::http::request::Builder;
use lambda_http::http::{Request, StatusCode, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::environment::{StartError, required, variable};
use crate::files::{FileStorage, Kept, NewFile, Read};
use crate::https::{amazons_authorities, connector};

/// The characters of a key that are escaped in an address.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
/// The number of times that a request is sent before it is given up.
const ATTEMPTS: u32 = 4;
/// The longest that one of them may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// The pause after the first; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// A bucket.
#[derive(Debug)]
pub(crate) struct Bucket {
    /// Its address, such as `https://exports.s3.eu-central-1.amazonaws.com`.
    url: String,
    region: String,
    identity: Identity,
    connections: SharedHttpConnector,
}

impl Bucket {
    /// The bucket that the environment names by its address, in `name`, such as `EXPORTS_URL`.
    ///
    /// # Errors
    /// One line that names the variable that is absent or unusable.
    pub(crate) fn from_environment(name: &str) -> Result<Self, StartError> {
        let url = required(name)?;
        let is_address = |url: &Uri| matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some();
        if !url.parse().is_ok_and(|url| is_address(&url)) {
            return Err(StartError(format!("{name} is '{url}'; it must be an http or https address")));
        }
        let credentials = Credentials::new(
            required("AWS_ACCESS_KEY_ID")?,
            required("AWS_SECRET_ACCESS_KEY")?,
            variable("AWS_SESSION_TOKEN")?,
            None,
            "environment",
        );
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            region: required("AWS_REGION")?,
            identity: credentials.into(),
            connections: connector(amazons_authorities())?,
        })
    }

    fn url_of(&self, key: &str) -> String {
        format!("{}/{}", self.url, utf8_percent_encode(key, ESCAPED))
    }

    /// Signs `request`, whose body is `body`, by its headers; or by its address, if a link is to be good for so long.
    fn sign<B>(
        &self,
        request: &mut Request<B>,
        body: SignableBody<'_>,
        time: SystemTime,
        link_for: Option<Duration>,
    ) -> Result<(), Error> {
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        if link_for.is_some() {
            settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
            settings.signature_location = SignatureLocation::QueryParams;
            settings.expires_in = link_for;
        }
        let params = SigningParams::builder()
            .identity(&self.identity)
            .region(&self.region)
            .name("s3")
            .time(time)
            .settings(settings)
            .build()
            .map_err(Error::internal)?;
        let url = request.uri().to_string();
        let headers = request.headers().iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let signable = SignableRequest::new(request.method().as_str(), url, headers, body).map_err(Error::internal)?;
        let signed = sign(signable, &params.into()).map_err(Error::internal)?;
        let (instructions, _) = signed.into_parts();
        instructions.apply_to_request_http1x(request);
        Ok(())
    }

    /// Sends `file`.
    async fn send_file(&self, file: &NewFile<'_>) -> Result<(), Error> {
        let request = || {
            Request::put(self.url_of(file.key))
                .header(CONTENT_TYPE, file.content_type)
                .header(CONTENT_DISPOSITION, format!("attachment; filename=\"{}\"", file.file_name))
        };
        self.send(request, &file.bytes).await.map(|_| ())
    }

    /// Sends what `request` makes with `body`, several times if need be; returns the body of the answer, or `None` if there
    /// is no such file.
    async fn send(&self, request: impl Fn() -> Builder, body: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let mut pause = FIRST_PAUSE;
        for _ in 1..ATTEMPTS {
            match self.send_once(request(), body).await {
                Err(failed) if failed.again => tokio::time::sleep(pause).await,
                sent => return sent.map_err(|failed| failed.error),
            }
            pause *= 2;
        }
        self.send_once(request(), body).await.map_err(|failed| failed.error)
    }

    async fn send_once(&self, request: Builder, body: &[u8]) -> Result<Option<Vec<u8>>, Failed> {
        let fatal = |error: Error| Failed { again: false, error };
        let mut request = request.body(SdkBody::from(body)).map_err(|error| fatal(Error::internal(error)))?;
        self.sign(&mut request, SignableBody::Bytes(body), SystemTime::now(), None).map_err(fatal)?;
        let request = request.try_into().map_err(|error| fatal(Error::internal(error)))?;
        let answer = match tokio::time::timeout(PATIENCE, self.connections.call(request)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(Failed { again: true, error: unavailable(error.to_string()) }),
            Err(_) => return Err(Failed { again: true, error: unavailable("S3 does not answer") }),
        };
        let status = StatusCode::from_u16(answer.status().as_u16()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = ByteStream::new(answer.into_body()).collect().await.map(AggregatedBytes::to_vec);
        if status.is_success() {
            let broken = |_| Failed { again: true, error: unavailable("S3 breaks off its answer") };
            return body.map(Some).map_err(broken);
        }
        if status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        // The beginning of S3's XML has its code and its message.
        let told: String = String::from_utf8_lossy(&body.unwrap_or_default()).chars().take(500).collect();
        let error = unavailable(format!("S3 answers {status}: {told}"));
        Err(Failed { again: status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS, error })
    }
}

/// An attempt that failed, and whether another may succeed.
struct Failed {
    again: bool,
    error: Error,
}

fn unavailable(cause: impl Into<String>) -> Error {
    let message = "the service cannot keep its files now; try again shortly";
    Error::new(Reason::TableUnavailable, message).because(cause.into())
}

impl FileStorage for Bucket {
    fn put<'a>(&'a self, file: NewFile<'a>) -> Kept<'a> {
        Box::pin(async move { self.send_file(&file).await })
    }

    fn get<'a>(&'a self, key: &'a str) -> Read<'a> {
        Box::pin(async move { self.send(|| Request::get(self.url_of(key)), &[]).await })
    }

    fn remove<'a>(&'a self, key: &'a str) -> Kept<'a> {
        Box::pin(async move { self.send(|| Request::delete(self.url_of(key)), &[]).await.map(|_| ()) })
    }

    /// A link is good only while the role's credentials are that signed it: so it is made when it is asked for. The name
    /// of the file was kept with it.
    fn link(&self, key: &str, _file_name: &str, now: Timestamp, until: Timestamp) -> Result<String, Error> {
        let lasts = (until.as_utc() - now.as_utc()).to_std().map_err(Error::internal)?;
        let mut request = Request::get(self.url_of(key)).body(()).map_err(Error::internal)?;
        self.sign(&mut request, SignableBody::UnsignedPayload, now.as_utc().into(), Some(lasts))?;
        Ok(request.uri().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AWS's own example of a signed address (S3 API reference, "Authenticating Requests: Using Query Parameters").
    #[test]
    fn a_link_is_signed_as_aws_shows_it() {
        let credentials =
            Credentials::new("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", None, None, "test");
        let bucket = Bucket {
            url: "https://examplebucket.s3.amazonaws.com".to_owned(),
            region: "us-east-1".to_owned(),
            identity: credentials.into(),
            connections: connector(amazons_authorities()).unwrap_or_else(|error| panic!("{error:?}")),
        };
        let now = Timestamp::parse("2013-05-24T00:00:00Z").unwrap();
        let until = Timestamp::parse("2013-05-25T00:00:00Z").unwrap();
        let link = bucket.link("test.txt", "test.txt", now, until).unwrap();
        let (path, query) = link.split_once('?').unwrap();
        assert_eq!(path, "https://examplebucket.s3.amazonaws.com/test.txt");
        for part in [
            "X-Amz-Algorithm=AWS4-HMAC-SHA256",
            "X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request",
            "X-Amz-Date=20130524T000000Z",
            "X-Amz-Expires=86400",
            "X-Amz-SignedHeaders=host",
            "X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
        ] {
            assert!(query.split('&').any(|one| one == part), "{part}: {query}");
        }
    }
}
