//! The web console for agents, managers and admins: the files of `site/`, for browsers.
//!
//! The page is at `/`, all other files are below `/console/`. In the page their addresses name the version of all files
//! together, so a browser keeps each for as long as it is good, and a page never mixes files of two versions. The
//! function has no right to the table: what the page shows it asks the API for, as whoever has signed in.

use std::borrow::Cow;
use std::io::Write;
use std::sync::{LazyLock, OnceLock};

use aws_lc_rs::digest::{Context, SHA256, digest};
use coaching_edge::{FileRequest, Variables, Website, takes_gzip};
use flate2::Compression;
use flate2::write::GzEncoder;
use lambda_http::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue,
    REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use lambda_http::http::{Response, StatusCode};
use serde_json::json;

/// The issuer of the tokens.
const ISSUER: &str = "ISSUER";
/// The audience that tokens name.
const AUDIENCE: &str = "AUDIENCE";
/// The id of the console at the issuer; without it nobody can sign in.
const CLIENT_ID: &str = "CLIENT_ID";
/// The scopes that it asks for, separated by spaces.
const SCOPES: &str = "SCOPES";
/// The origin of the issuer's token endpoint, if it is another than the issuer's.
const TOKEN_ORIGIN: &str = "TOKEN_ORIGIN";

/// A variable that only the service on one machine sets: its page signs in by the service's own tokens.
pub const ON_ONE_MACHINE: &str = "ON_ONE_MACHINE";

/// The website.
pub static WEBSITE: Website = Website {
    name: "console",
    paths: &["/", "/console/{file+}"],
    variables: &[
        (ISSUER, "!Ref JwtIssuer"),
        (AUDIENCE, "!Ref JwtAudience"),
        (CLIENT_ID, "!Ref ConsoleClientId"),
        (SCOPES, "!Ref ConsoleScopes"),
        (TOKEN_ORIGIN, "!Ref ConsoleTokenOrigin"),
    ],
    handle: answer,
};

/// The page.
const PAGE: &str = "index.html";
/// What the page reads first: how to sign in.
const CONFIGURATION: &str = "configuration.json";
/// The bytes of a version in an address, as hexadecimal digits.
const VERSION_DIGITS: usize = 16;

/// For a file whose address names its version.
const GOOD_FOR_EVER: &str = "public, max-age=31536000, immutable";
/// For any other: a browser asks whether it has changed.
const ASK_EACH_TIME: &str = "no-cache";
/// For what is no file.
const NOT_KEPT: &str = "no-store";

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// A file of the site.
struct File {
    /// Its path within the site.
    path: &'static str,
    bytes: &'static [u8],
    /// The same compressed, when first needed.
    compressed: OnceLock<Option<Vec<u8>>>,
}

macro_rules! files {
    ($($path:literal,)+) => {
        static FILES: [File; [$($path),+].len()] = [$(File {
            path: $path,
            bytes: include_bytes!(concat!("../site/", $path)),
            compressed: OnceLock::new(),
        }),+];
    };
}

// generated: files
files! {
    "charts/bar.js",
    "charts/lines.js",
    "icon.svg",
    "index.html",
    "messages/de.js",
    "messages/en.js",
    "screens/activity.js",
    "screens/agent.js",
    "screens/download.js",
    "screens/effect.js",
    "screens/figures.js",
    "screens/mine.js",
    "screens/next.js",
    "screens/notes.js",
    "screens/people.js",
    "screens/rows.js",
    "screens/scope.js",
    "screens/screens.js",
    "screens/session.js",
    "screens/team.js",
    "screens/window.js",
    "scripts/api.js",
    "scripts/html.js",
    "scripts/main.js",
    "scripts/messages.js",
    "scripts/router.js",
    "scripts/session.js",
    "scripts/sign-in.js",
    "scripts/states.js",
    "styles/base.css",
    "styles/screens.css",
}
// end

/// The version of all files together.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut all = Context::new(&SHA256);
    for file in &FILES {
        all.update(file.path.as_bytes());
        all.update(file.bytes);
    }
    hexadecimal(all.finish().as_ref())
});

/// The page, whose addresses of other files name their version.
static VERSIONED_PAGE: LazyLock<File> = LazyLock::new(|| {
    let page = FILES.iter().find(|file| file.path == PAGE).map(|file| String::from_utf8_lossy(file.bytes));
    let page = page.unwrap_or_default().replace("\"console/", &format!("\"console/{}/", *VERSION));
    File { path: PAGE, bytes: page.into_bytes().leak(), compressed: OnceLock::new() }
});

fn hexadecimal(hash: &[u8]) -> String {
    hash.iter().take(VERSION_DIGITS / 2).map(|byte| format!("{byte:02x}")).collect()
}

/// Answers `request` with a file, or 404.
fn answer(variables: &Variables, request: &FileRequest<'_>) -> Response<Cow<'static, [u8]>> {
    let mut response = if request.path == "/" {
        file_response(&VERSIONED_PAGE, ASK_EACH_TIME, request)
    } else {
        let asked = request.path.strip_prefix("/console/").unwrap_or_default();
        let (version, path) = match asked.split_once('/') {
            Some((version, path)) if is_version(version) => (Some(version), path),
            _ => (None, asked),
        };
        // A page that was open when another version came still finds files.
        let caching = if version == Some(VERSION.as_str()) { GOOD_FOR_EVER } else { ASK_EACH_TIME };
        match FILES.iter().find(|file| file.path == path && path != PAGE) {
            Some(file) => file_response(file, caching, request),
            None if asked == CONFIGURATION => configuration(variables),
            None => plain(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", b"There is no such file.".to_vec()),
        }
    };
    protect(response.headers_mut(), variables);
    response
}

fn is_version(text: &str) -> bool {
    text.len() == VERSION_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// `file`, compressed for browsers that accept that, or 304 if the browser has it.
fn file_response(
    file: &'static File,
    caching: &'static str,
    request: &FileRequest<'_>,
) -> Response<Cow<'static, [u8]>> {
    let etag = format!("\"{}\"", hexadecimal(digest(&SHA256, file.bytes).as_ref()));
    let mut response = Response::new(Cow::Borrowed(file.bytes));
    if request.if_none_match.split(',').any(|known| known.trim().trim_start_matches("W/") == etag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Cow::Borrowed(&[]);
    } else if takes_gzip(request.accept_encoding)
        && let Some(compressed) = file.compressed()
    {
        *response.body_mut() = Cow::Borrowed(compressed);
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(file.path)));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(ETAG, etag);
    }
    response
}

impl File {
    fn compressed(&self) -> Option<&[u8]> {
        let compress = || {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(self.bytes).ok()?;
            encoder.finish().ok()
        };
        self.compressed.get_or_init(compress).as_deref()
    }
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

/// How the page signs in. Nothing of it is secret: it is what any page of the issuer's clients shows.
fn configuration(variables: &Variables) -> Response<Cow<'static, [u8]>> {
    let known = |name| variables.get(name);
    let message = match known(ON_ONE_MACHINE) {
        Some(_) => json!({"isLocal": true}),
        None => json!({
            "issuer": known(ISSUER),
            "audience": known(AUDIENCE),
            "clientId": known(CLIENT_ID),
            "scopes": known(SCOPES),
        }),
    };
    plain(StatusCode::OK, "application/json", message.to_string().into_bytes())
}

fn plain(status: StatusCode, content_type: &'static str, bytes: Vec<u8>) -> Response<Cow<'static, [u8]>> {
    let mut response = Response::new(Cow::Owned(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(NOT_KEPT));
    response
}

/// Adds what keeps a browser from doing with the page what it is not for: it runs no script and takes no markup but its
/// own, asks nobody but the API and the issuer, and is in no frame.
fn protect(headers: &mut HeaderMap, variables: &Variables) {
    let mut asked = String::new();
    let origins = [variables.get(ISSUER).and_then(|issuer| origin(issuer)), variables.get(TOKEN_ORIGIN).cloned()];
    for origin in origins.into_iter().flatten() {
        asked.push(' ');
        asked.push_str(&origin);
    }
    let policy = format!(
        "default-src 'self'; connect-src 'self'{asked}; object-src 'none'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types console-templates"
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
}

/// The origin of an https address.
fn origin(address: &str) -> Option<String> {
    let (scheme, rest) = address.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    Some(format!("{scheme}://{host}"))
}
