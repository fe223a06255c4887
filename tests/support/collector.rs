//! An OpenTelemetry collector, as far as a function sees one.

use std::net::SocketAddr;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// A collector that takes spans by OTLP over HTTP, as protocol buffers.
#[derive(Debug)]
pub struct Collector {
    address: SocketAddr,
    received: mpsc::UnboundedReceiver<(String, ExportTraceServiceRequest)>,
}

impl Collector {
    /// Starts one.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (receive, received) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let receive = receive.clone();
                let answer = service_fn(move |request: Request<Incoming>| {
                    let receive = receive.clone();
                    async move {
                        let path = request.uri().path().to_owned();
                        let body = request.into_body().collect().await?.to_bytes();
                        receive.send((path, ExportTraceServiceRequest::decode(body).unwrap())).unwrap();
                        Ok::<_, hyper::Error>(Response::new(Full::new(Bytes::new())))
                    }
                });
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
        Self { address, received }
    }

    /// The address that it takes telemetry at.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next request that it received: the path, and the body.
    pub fn received(&mut self) -> Option<(String, ExportTraceServiceRequest)> {
        self.received.try_recv().ok()
    }
}
