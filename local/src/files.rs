//! The files of jobs on this machine: in the data folder or in memory, behind links that are signed and expire.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use coaching_domain::{Error, Timestamp};
use coaching_edge::{FileStorage, Kept, NewFile, Read};
use hyper::body::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::gateway::refusal;

/// The beginning of the path of every file.
const PATH: &str = "/files/";
/// The characters of a key that are escaped in a path.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
/// The time for which files are kept.
const KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The files of a service.
#[derive(Debug, Clone)]
pub struct LocalFiles {
    place: Place,
    signing_key: hmac::Key,
    /// The address of the service, without a slash at the end.
    url: String,
}

#[derive(Debug, Clone)]
enum Place {
    Folder(PathBuf),
    Memory(Arc<Mutex<HashMap<String, Bytes>>>),
}

impl LocalFiles {
    /// Files in memory, for a service at `url`. Links are signed with a key made of `secret`.
    pub fn in_memory(secret: &str, url: &str) -> Self {
        Self::new(Place::Memory(Arc::default()), secret, url)
    }

    /// Files in `folder`. Those older than a week are removed now.
    pub fn in_folder(folder: PathBuf, secret: &str, url: &str) -> Self {
        remove_expired(&folder);
        Self::new(Place::Folder(folder), secret, url)
    }

    /// Files in `folder` that are kept for good, and that nothing links to.
    pub(crate) fn kept_in(folder: PathBuf) -> Self {
        Self::new(Place::Folder(folder), "", "")
    }

    fn new(place: Place, secret: &str, url: &str) -> Self {
        let secret = hmac::sign(&hmac::Key::new(HMAC_SHA256, secret.as_bytes()), b"links to files");
        Self { place, signing_key: hmac::Key::new(HMAC_SHA256, secret.as_ref()), url: url.to_owned() }
    }

    /// Every file in memory, by its key.
    pub fn all_in_memory(&self) -> BTreeMap<String, Bytes> {
        match &self.place {
            Place::Memory(files) => files.lock().unwrap_or_else(PoisonError::into_inner).clone().into_iter().collect(),
            Place::Folder(_) => BTreeMap::new(),
        }
    }

    /// The answer to `request` at `now`, if it is for a file.
    pub fn answer(&self, request: &Parts, now: SystemTime) -> Option<Response<Bytes>> {
        let key = request.uri.path().strip_prefix(PATH).filter(|_| request.method == Method::GET)?;
        let refused = |status, message| Some(refusal(status, message).map(Bytes::from));
        let key = percent_decode_str(key).decode_utf8_lossy();
        let query: HashMap<&str, String> =
            request.uri.query().unwrap_or_default().split('&').filter_map(parameter).collect();
        let said = |name: &str| query.get(name).map_or("", String::as_str);
        let (file_name, expires) = (said("name"), said("expires"));
        let signed = signed_text(&key, file_name, expires);
        let is_signed = hex(said("signature"))
            .is_some_and(|signature| hmac::verify(&self.signing_key, signed.as_bytes(), &signature).is_ok());
        if !is_signed {
            return refused(StatusCode::FORBIDDEN, "the link is not one that the service made");
        }
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        if expires.parse::<u64>().is_ok_and(|expires| expires <= now) {
            return refused(StatusCode::FORBIDDEN, "the link has expired; read the job again for a new one");
        }
        match self.read(&key) {
            Ok(Some(bytes)) => Some(file(bytes, file_name)),
            Ok(None) => refused(StatusCode::NOT_FOUND, "the file has expired"),
            Err(error) => {
                tracing::error!(cause = %error, "a file cannot be read");
                refused(StatusCode::INTERNAL_SERVER_ERROR, "the file cannot be read")
            }
        }
    }

    fn read(&self, key: &str) -> std::io::Result<Option<Bytes>> {
        match &self.place {
            Place::Memory(files) => Ok(files.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()),
            Place::Folder(folder) => match fs::read(folder.join(key)) {
                Ok(bytes) => Ok(Some(bytes.into())),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            },
        }
    }

    fn delete(&self, key: &str) -> std::io::Result<()> {
        match &self.place {
            Place::Memory(files) => {
                files.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
                Ok(())
            }
            Place::Folder(folder) => match fs::remove_file(folder.join(key)) {
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                removed => removed,
            },
        }
    }

    fn write(&self, key: &str, bytes: Vec<u8>) -> std::io::Result<()> {
        match &self.place {
            Place::Memory(files) => {
                files.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned(), bytes.into());
                Ok(())
            }
            Place::Folder(folder) => {
                let path = folder.join(key);
                fs::create_dir_all(path.parent().unwrap_or(folder))?;
                let beside = path.with_extension("new");
                fs::write(&beside, bytes)?;
                fs::rename(beside, path)
            }
        }
    }
}

impl FileStorage for LocalFiles {
    fn put<'a>(&'a self, file: NewFile<'a>) -> Kept<'a> {
        Box::pin(async move { self.write(file.key, file.bytes).map_err(Error::internal) })
    }

    fn get<'a>(&'a self, key: &'a str) -> Read<'a> {
        Box::pin(async move { self.read(key).map(|bytes| bytes.map(Vec::from)).map_err(Error::internal) })
    }

    fn remove<'a>(&'a self, key: &'a str) -> Kept<'a> {
        Box::pin(async move { self.delete(key).map_err(Error::internal) })
    }

    fn link(&self, key: &str, file_name: &str, _now: Timestamp, until: Timestamp) -> Result<String, Error> {
        let expires = until.unix_seconds().to_string();
        let signature = hmac::sign(&self.signing_key, signed_text(key, file_name, &expires).as_bytes());
        let signature: String = signature.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let (path, name) = (utf8_percent_encode(key, ESCAPED), utf8_percent_encode(file_name, NON_ALPHANUMERIC));
        Ok(format!("{}{PATH}{path}?name={name}&expires={expires}&signature={signature}", self.url))
    }
}

/// What a link signs. Neither a key nor a number holds a line end.
fn signed_text(key: &str, file_name: &str, expires: &str) -> String {
    format!("{key}\n{expires}\n{file_name}")
}

fn parameter(pair: &str) -> Option<(&str, String)> {
    let (name, value) = pair.split_once('=')?;
    Some((name, percent_decode_str(value).decode_utf8().ok()?.into_owned()))
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

fn file(bytes: Bytes, file_name: &str) -> Response<Bytes> {
    let content_type = match file_name.rsplit('.').next() {
        Some("csv") => "text/csv; charset=utf-8",
        Some("ndjson") => "application/x-ndjson",
        _ => "application/octet-stream",
    };
    let mut response = Response::new(bytes);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(disposition) = HeaderValue::from_str(&format!("attachment; filename=\"{file_name}\"")) {
        headers.insert(CONTENT_DISPOSITION, disposition);
    }
    response
}

/// Removes files below `folder` that are older than [`KEPT`], and folders that are empty then. What cannot be removed stays
/// until the next start.
fn remove_expired(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            remove_expired(&path);
            // Fails while it holds something.
            let _ = fs::remove_dir(&path);
        } else if entry.metadata().and_then(|of| of.modified()).is_ok_and(|made| made + KEPT <= SystemTime::now()) {
            let _ = fs::remove_file(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(files: &LocalFiles, uri: &str, seconds: u64) -> Option<Response<Bytes>> {
        let (parts, ()) = hyper::Request::get(uri).body(()).unwrap().into_parts();
        files.answer(&parts, SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
    }

    #[tokio::test]
    async fn a_file_is_read_by_its_link_alone_and_only_in_time() {
        let folder = tempfile::tempdir().unwrap();
        let in_folder = LocalFiles::in_folder(folder.path().join("exports"), "secret", "http://127.0.0.1:1");
        for files in [LocalFiles::in_memory("secret", "http://127.0.0.1:1"), in_folder] {
            let (key, content) = ("acme/support/a@b~1/0-1-0.csv", b"a,b\r\n".to_vec());
            let new = NewFile { key, content_type: "text/csv", file_name: "a.csv", bytes: content.clone() };
            files.put(new).await.unwrap();
            let time = |seconds| Timestamp::from_unix_seconds(seconds).unwrap();
            let link = files.link(key, "a.csv", time(1000), time(1900)).unwrap();
            let read = get(&files, &link, 1899).unwrap();
            assert_eq!((read.status(), read.body().as_ref()), (StatusCode::OK, content.as_slice()));
            assert_eq!(read.headers()["content-disposition"], "attachment; filename=\"a.csv\"");
            assert_eq!(get(&files, &link, 1900).unwrap().status(), StatusCode::FORBIDDEN, "expired");
            for (from, to) in [
                ("expires=1900", "expires=9900"),
                ("a%40b", "b"),
                ("name=a", "name=b"),
                ("&signature=", "&signature=0"),
                ("&signature=", "&other="),
            ] {
                let forged = link.replacen(from, to, 1);
                assert_ne!(forged, link);
                assert_eq!(get(&files, &forged, 1500).unwrap().status(), StatusCode::FORBIDDEN, "{forged}");
            }
            let other = files.link("acme/support/a/../../../etc/passwd", "a.csv", time(0), time(2000)).unwrap();
            assert!(get(&files, &other.replace("signature=", "signature=f"), 1).unwrap().status().is_client_error());
            assert_eq!(files.get(key).await.unwrap(), Some(content));
            for _ in 0..2 {
                files.remove(key).await.unwrap();
            }
            assert_eq!(
                (get(&files, &link, 1000).unwrap().status(), files.get(key).await.unwrap()),
                (StatusCode::NOT_FOUND, None)
            );
            let gone = files.link("acme/support/a/none.csv", "a.csv", time(0), time(2000)).unwrap();
            assert_eq!(get(&files, &gone, 1).unwrap().status(), StatusCode::NOT_FOUND);
            assert!(get(&files, "http://127.0.0.1:1/v1/files/a", 1).is_none());
        }
    }

    #[tokio::test]
    async fn files_of_last_week_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("acme/support/old");
        fs::create_dir_all(&below).unwrap();
        for (name, days) in [("old.csv", 8), ("young.csv", 6)] {
            let file = fs::File::create(below.join(name)).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(days * 24 * 3600)).unwrap();
        }
        let _ = LocalFiles::in_folder(folder.path().to_owned(), "secret", "");
        assert!(below.join("young.csv").exists() && !below.join("old.csv").exists());
    }
}
