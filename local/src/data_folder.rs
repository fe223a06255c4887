//! The folder that keeps the data and the keys between starts.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::tokens::TokenIssuer;

/// The secrets of one machine's service.
#[derive(Debug)]
pub(crate) struct Secrets {
    pub(crate) issuer: TokenIssuer,
    pub(crate) page_token_secret: String,
}

impl Secrets {
    /// New ones, kept nowhere.
    pub(crate) fn generate() -> Result<Self, String> {
        Ok(Self { issuer: TokenIssuer::generate()?, page_token_secret: new_page_token_secret() })
    }
}

/// 244 random bits.
fn new_page_token_secret() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

/// A folder that only its owner may read.
#[derive(Debug)]
pub(crate) struct DataFolder(PathBuf);

impl DataFolder {
    /// The folder at `path`, made if there is none.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        fs::create_dir_all(path)
            .map_err(|error| format!("the data folder {} cannot be made: {error}", path.display()))?;
        let folder = Self(path.to_owned());
        // What is found out here is one clear line; found out by the database it would not be.
        folder.write("writable", "")?;
        let probe = folder.file("writable");
        fs::remove_file(&probe).map_err(|error| format!("{} cannot be removed: {error}", probe.display()))?;
        Ok(folder)
    }

    /// The path of a file in it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The secrets kept here, made at the first start.
    pub(crate) fn secrets(&self) -> Result<Secrets, String> {
        let issuer = match self.read("signing-key.pem")? {
            Some(pem) => TokenIssuer::from_pem(&pem).map_err(|error| self.about("signing-key.pem", &error))?,
            None => {
                let issuer = TokenIssuer::generate()?;
                self.write("signing-key.pem", issuer.private_pem())?;
                issuer
            }
        };
        let page_token_secret = match self.read("page-token-secret")? {
            Some(secret) => secret.trim().to_owned(),
            None => {
                let secret = new_page_token_secret();
                self.write("page-token-secret", &secret)?;
                secret
            }
        };
        Ok(Secrets { issuer, page_token_secret })
    }

    fn read(&self, name: &str) -> Result<Option<String>, String> {
        match fs::read_to_string(self.file(name)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.about(name, &format!("cannot be read: {error}"))),
        }
    }

    /// Writes a file whole or not at all.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<(), String> {
        let beside = self.file(&format!("{name}.new"));
        let written = open_private(&beside)
            .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&beside, self.file(name)));
        written.map_err(|error| self.about(name, &format!("cannot be written: {error}")))
    }

    fn about(&self, name: &str, what: &str) -> String {
        format!("{}: {what}", self.file(name).display())
    }
}

fn open_private(path: &Path) -> std::io::Result<fs::File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}
