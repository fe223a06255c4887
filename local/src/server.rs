//! The HTTP listener.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::docs;
use crate::gateway::{Gateway, MAX_PAYLOAD_BYTES};

/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long requests under way may take to end once the service is asked to.
const LAST_ANSWERS: Duration = Duration::from_secs(10);

/// Serves connections until `stop` changes, then lets the requests under way end.
pub(crate) async fn serve(listener: TcpListener, gateway: Arc<Gateway>, mut stop: watch::Receiver<bool>) {
    let connections = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.changed() => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, or a client that left already: neither ends the service.
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let gateway = Arc::clone(&gateway);
        let answer = service_fn(move |request| answer(Arc::clone(&gateway), request));
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .serve_connection(TokioIo::new(stream), answer);
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    let _ = tokio::time::timeout(LAST_ANSWERS, connections.shutdown()).await;
}

async fn answer(gateway: Arc<Gateway>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    if let Some(response) = docs::answer(request.method(), request.uri().path()) {
        return Ok(response.map(Full::new));
    }
    let (parts, body) = request.into_parts();
    // The head is answered for before the body, but a client may only read after it has written.
    let body = Limited::new(body, MAX_PAYLOAD_BYTES).collect().await.ok().map(|body| body.to_bytes());
    let response = gateway.answer(Request::from_parts(parts, body)).await;
    Ok(response.map(|text| Full::new(Bytes::from(text))))
}
