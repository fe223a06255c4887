//! The files that jobs make, in whatever keeps them: S3 on AWS, a folder on one machine.

use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;

use coaching_domain::{Error, Timestamp};

/// A file to be kept.
#[derive(Debug, Clone)]
pub struct NewFile<'a> {
    /// Its key: where it is kept, as ids separated by slashes.
    pub key: &'a str,
    /// Its media type.
    pub content_type: &'a str,
    /// The name under which it is downloaded.
    pub file_name: &'a str,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// A future of a file's storage.
pub type Kept<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>>;

/// A future of the content of a file; `None` if there is none.
pub type Read<'a> = Pin<Box<dyn Future<Output = Result<Option<Vec<u8>>, Error>> + Send + 'a>>;

/// Keeps files, and lets those who have a link read them.
pub trait FileStorage: Debug + Send + Sync {
    /// Keeps `file`, over one of the same key.
    fn put<'a>(&'a self, file: NewFile<'a>) -> Kept<'a>;

    /// The content of the file at `key`.
    fn get<'a>(&'a self, key: &'a str) -> Read<'a>;

    /// Removes the file at `key`, if there is one.
    fn remove<'a>(&'a self, key: &'a str) -> Kept<'a>;

    /// An address at which the file at `key` can be read without a token, as `file_name`, from `now` until `until`.
    ///
    /// # Errors
    /// INTERNAL if it cannot be signed.
    fn link(&self, key: &str, file_name: &str, now: Timestamp, until: Timestamp) -> Result<String, Error>;
}

/// The storage of files, of a function that has one.
#[derive(Debug, Clone, Default)]
pub struct Files(Option<Arc<dyn FileStorage>>);

impl Files {
    /// No storage.
    pub fn none() -> Self {
        Self::default()
    }

    /// Files kept in `storage`.
    pub fn in_storage(storage: impl FileStorage + 'static) -> Self {
        Self(Some(Arc::new(storage)))
    }

    /// The storage.
    ///
    /// # Errors
    /// INTERNAL if this function has none.
    pub fn storage(&self) -> Result<&dyn FileStorage, Error> {
        self.0.as_deref().ok_or_else(|| Error::internal("this function has no storage of files"))
    }
}
