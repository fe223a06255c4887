//! The HTTP listener, and the limits on its clients' time, connections and memory, whatever it serves.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::EXPECT;
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::connections::{Connection, Connections, Phase};

/// The longest that requests under way may take to end once the service is to stop.
const LAST_ANSWERS: Duration = Duration::from_secs(10);
/// The most bytes that a connection reads ahead.
const READ_AHEAD: usize = 64 * 1024;

/// The limits on a listener's clients.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The most open connections. With that of the embedded DynamoDB, and its clients, they fit into the 1024 files
    /// that a process may usually open.
    pub connections: usize,
    /// The most bytes that the requests under way hold at once: their bodies, and room for the largest answer of each.
    pub bytes: usize,
    /// The longest that a client may take to send the head of a request, and may send none on an open connection.
    pub head: Duration,
    /// The longest that a client may take to send a body.
    pub body: Duration,
    /// The longest that a client may take to read an answer.
    pub answer: Duration,
    /// The longest that a request waits for its bytes before it is refused for want of them.
    pub wait: Duration,
    /// The longest that a client may keep the service waiting before another may take its place, if all are taken.
    pub patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            bytes: 128 * 1024 * 1024,
            head: Duration::from_secs(30),
            body: Duration::from_secs(30),
            answer: Duration::from_secs(30),
            wait: Duration::from_secs(10),
            patience: Duration::from_secs(1),
        }
    }
}

/// The service behind a listener.
pub(crate) trait Site: Send + Sync + 'static {
    /// What is known of a request once its head is read.
    type Admitted: Send;
    /// The largest body, in bytes.
    const LARGEST_BODY: usize;
    /// The largest answer, in bytes.
    const LARGEST_ANSWER: usize;

    /// Admits a request by its head, or answers it: the body of a request that is not admitted is dropped.
    fn admit(&self, parts: &Parts) -> Result<Self::Admitted, Box<Response<Bytes>>>;

    /// Answers an admitted request.
    fn answer(
        &self,
        admitted: Self::Admitted,
        parts: Parts,
        body: Bytes,
    ) -> impl Future<Output = Response<Bytes>> + Send;

    /// The answer to a request that cannot be read, or for which there is no room.
    fn refusal(&self, status: StatusCode) -> Response<Bytes>;

    /// Adds what all answers to a request of `parts` have.
    fn finish(&self, parts: &Parts, response: &mut Response<Bytes>);
}

/// Serves connections until `stop` changes, then lets the requests under way end.
pub(crate) async fn serve<S: Site>(listener: TcpListener, site: S, limits: Limits, mut stop: watch::Receiver<bool>) {
    let graceful = GracefulShutdown::new();
    let site = Arc::new(site);
    let connections = Connections::new(limits);
    loop {
        let accepted = tokio::select! {
            accepted = async { connections.room().await; listener.accept().await } => accepted,
            _ = stop.changed() => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, or a client that left already: neither ends the service.
                tracing::warn!(cause = %error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let place = connections.open();
        let (site, connection) = (Arc::clone(&site), place.connection());
        let head = connection.limits().head;
        let answer = service_fn(move |request| answer(Arc::clone(&site), Arc::clone(&connection), request));
        let served = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(head)
            .max_buf_size(READ_AHEAD)
            .serve_connection(TokioIo::new(stream), answer);
        let served = graceful.watch(served);
        tokio::spawn(async move {
            tokio::select! {
                ended = served => {
                    if let Err(error) = ended {
                        tracing::debug!(cause = %error, "a connection ended early");
                    }
                }
                () = place.to_be_closed() => tracing::debug!("a client kept the service waiting"),
            }
        });
    }
    let _ = tokio::time::timeout(LAST_ANSWERS, graceful.shutdown()).await;
}

async fn answer<S: Site>(
    site: Arc<S>,
    connection: Arc<Connection>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let asked = parts.clone();
    connection.begins();
    let mut response = match site.admit(&parts) {
        Ok(admitted) => match read(&connection, &parts, body, S::LARGEST_BODY, S::LARGEST_ANSWER).await {
            Ok(body) => {
                connection.enters(Phase::Answering);
                site.answer(admitted, parts, body).await
            }
            Err(status) => site.refusal(status),
        },
        Err(response) => {
            discard(&connection, &parts, body, S::LARGEST_BODY);
            *response
        }
    };
    site.finish(&asked, &mut response);
    Ok(response.map(|bytes| Full::new(connection.sends(bytes))))
}

/// The body of a request, if it arrives in time, complete and no larger than `most`, and if there is room for it and
/// its answer.
async fn read(
    connection: &Arc<Connection>,
    parts: &Parts,
    body: Incoming,
    most: usize,
    answer: usize,
) -> Result<Bytes, StatusCode> {
    let length = body.size_hint().upper().map_or(most, |length| usize::try_from(length).unwrap_or(usize::MAX));
    if length > most {
        discard(connection, parts, body, most);
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    if !connection.reserves(length + answer).await {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    match tokio::time::timeout(connection.limits().body, Limited::new(body, most).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Ok(Err(_)) => Err(StatusCode::BAD_REQUEST),
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}

/// Reads and drops a body that nobody wants, while its request is answered: a client may only read after it has
/// written. A client that asked whether to send it learns that from the answer.
fn discard(connection: &Arc<Connection>, parts: &Parts, mut body: Incoming, most: usize) {
    if body.is_end_stream() || parts.headers.contains_key(EXPECT) {
        return;
    }
    let within = connection.limits().body;
    tokio::spawn(tokio::time::timeout(within, async move {
        let mut read = 0;
        while let Some(Ok(frame)) = body.frame().await {
            read += frame.data_ref().map_or(0, Bytes::len);
            if read > most {
                break;
            }
        }
    }));
}
