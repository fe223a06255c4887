//! Decides which requests of browsers to accept: any web page can send requests to this machine.

use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HOST, HeaderMap, HeaderValue,
    ORIGIN, VARY,
};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};

/// The names by which only this machine is reached.
const NAMES: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

/// Distinguishes requests meant for the listener from those that a web page sends on its own account.
#[derive(Debug)]
pub(crate) struct Door {
    /// The listener's port; `None`: any port.
    port: Option<u16>,
    /// Other origins whose pages may call.
    origins: Vec<String>,
}

impl Door {
    /// For a listener at `port`, which its own pages and those of `origins` may call.
    pub(crate) fn at(port: u16, origins: &[String]) -> Self {
        Self { port: Some(port), origins: origins.to_vec() }
    }

    /// For a listener that is also reached through other ports of this machine.
    pub(crate) fn at_any_port() -> Self {
        Self { port: None, origins: Vec::new() }
    }

    /// Why the request is refused, if it is: it names another host, as when a foreign domain points here, or it comes
    /// from a page of another origin.
    pub(crate) fn refusal(&self, parts: &Parts) -> Option<String> {
        let mut hosts = parts.headers.get_all(HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok());
        let named = parts.uri.authority().map(|authority| authority.as_str());
        let own = host.is_some_and(|host| self.is_own(host)) && named.is_none_or(|named| self.is_own(named));
        if !own || hosts.next().is_some() {
            let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
            return Some(format!("Forbidden: the host of this service is 127.0.0.1{port} or localhost{port}"));
        }
        let is_allowed = |origin: &HeaderValue| origin.to_str().is_ok_and(|origin| self.allows(origin));
        if !parts.headers.get_all(ORIGIN).iter().all(is_allowed) {
            return Some(
                "Forbidden: this service is not for pages of that origin; --cors-origin allows one".to_owned(),
            );
        }
        None
    }

    /// The answer to a browser that asks whether a page of an allowed origin may call.
    pub(crate) fn preflight<B: Default>(&self, parts: &Parts) -> Option<Response<B>> {
        let asks = parts.method == Method::OPTIONS && parts.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if !asks || self.shared_with(&parts.headers).is_none() {
            return None;
        }
        let mut response = Response::new(B::default());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET,POST,PATCH,DELETE"));
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("authorization,content-type,if-match"));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600"));
        Some(response)
    }

    /// Lets the page that sent a request with the headers `asked` read the response, if its origin is allowed.
    pub(crate) fn share<B>(&self, asked: &HeaderMap, response: &mut Response<B>) {
        if self.origins.is_empty() {
            return;
        }
        let headers = response.headers_mut();
        headers.append(VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = self.shared_with(asked) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            let readable = HeaderValue::from_static("etag,retry-after,x-request-id");
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, readable);
        }
    }

    fn shared_with<'a>(&self, asked: &'a HeaderMap) -> Option<&'a HeaderValue> {
        asked.get(ORIGIN).filter(|origin| self.origins.iter().any(|allowed| origin.as_bytes() == allowed.as_bytes()))
    }

    /// Whether a page of this listener itself sent a request with the headers `asked`: browsers say so.
    pub(crate) fn is_of_own_page(&self, asked: &HeaderMap) -> bool {
        let mut origins = asked.get_all(ORIGIN).iter();
        let is_own = |origin: &HeaderValue| origin.to_str().is_ok_and(|origin| self.is_own_origin(origin));
        origins.next().is_some_and(is_own) && origins.all(is_own)
    }

    fn is_own_origin(&self, origin: &str) -> bool {
        origin.strip_prefix("http://").is_some_and(|host| self.is_own(host))
    }

    fn allows(&self, origin: &str) -> bool {
        self.is_own_origin(origin) || self.origins.iter().any(|allowed| allowed == origin)
    }

    /// Whether `host`, with its port, is this listener.
    fn is_own(&self, host: &str) -> bool {
        NAMES.iter().any(|name| {
            let port = host.get(..name.len()).filter(|start| start.eq_ignore_ascii_case(name));
            let port = port.and_then(|_| host.get(name.len()..));
            match (port, self.port) {
                (None, _) => false,
                (Some(""), own) => own.is_none_or(|own| own == 80),
                (Some(port), own) => port
                    .strip_prefix(':')
                    .and_then(|port| port.parse::<u16>().ok())
                    .is_some_and(|port| own.is_none_or(|own| own == port)),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::Request;

    fn parts(headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn only_this_listener_and_its_own_pages_are_let_in() {
        let door = Door::at(3000, &["https://app.example".to_owned()]);
        for host in ["127.0.0.1:3000", "localhost:3000", "LocalHost:3000", "[::1]:3000"] {
            assert_eq!(door.refusal(&parts(&[("host", host)])), None, "{host}");
            let origin = format!("http://{}", host.to_lowercase());
            assert_eq!(door.refusal(&parts(&[("host", host), ("origin", &origin)])), None, "{host}");
        }
        let foreign = [
            "",
            "evil.example",
            "evil.example:3000",
            "127.0.0.1",
            "127.0.0.1:3001",
            "127.0.0.1:",
            "127.0.0.1:3000:3000",
            "localhost.evil.example:3000",
            "127.0.0.1.evil.example:3000",
            "127.0.0.1:3000@evil.example",
            "a b",
            "127.0.0.2:3000",
            "0.0.0.0:3000",
            "localhost.:3000",
        ];
        for host in foreign {
            assert!(door.refusal(&parts(&[("host", host)])).is_some(), "{host}");
        }
        assert!(door.refusal(&parts(&[])).is_some(), "no host");
        assert!(door.refusal(&parts(&[("host", "localhost:3000"), ("host", "evil.example")])).is_some(), "two hosts");
        let host = ("host", "localhost:3000");
        let foreign = [
            "",
            "null",
            "http://evil.example",
            "https://localhost:3000",
            "http://localhost:3001",
            "http://localhost",
            "https://app.example.evil.example",
            "https://app.example:8443",
            "http://app.example",
            "*",
        ];
        for origin in foreign {
            assert!(door.refusal(&parts(&[host, ("origin", origin)])).is_some(), "{origin}");
        }
        let origin = ("origin", "https://app.example");
        assert_eq!(door.refusal(&parts(&[host, origin])), None);
        assert!(door.refusal(&parts(&[host, origin, ("origin", "http://evil.example")])).is_some(), "two origins");
    }
}
