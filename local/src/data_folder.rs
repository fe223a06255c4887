//! The folder that keeps the data and the keys between starts.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use coaching_edge::PageTokens;
use uuid::Uuid;

use crate::access_key::AccessKey;
use crate::tokens::TokenIssuer;

const DATABASE: &str = "dynamodb.sqlite";
/// SQLite's log of changes that are not yet in the database.
const WRITE_AHEAD_LOG: &str = "dynamodb.sqlite-wal";
const SIGNING_KEY: &str = "signing-key.pem";
const PAGE_TOKEN_SECRET: &str = "page-token-secret";
const ACCESS_KEY: &str = "dynamodb-access-key";
const ENVIRONMENT: &str = "environment";
const LOCK: &str = "lock";
const EXPORTS: &str = "exports";
const ERASURES: &str = "erasures";

/// Every file of the folder.
const FILES: [&str; 8] =
    [DATABASE, WRITE_AHEAD_LOG, "dynamodb.sqlite-shm", SIGNING_KEY, PAGE_TOKEN_SECRET, ACCESS_KEY, ENVIRONMENT, LOCK];

/// The secrets of one machine's service.
#[derive(Debug)]
pub(crate) struct Secrets {
    pub(crate) issuer: TokenIssuer,
    pub(crate) page_token_secret: String,
    /// The key of the embedded DynamoDB.
    pub(crate) access_key: AccessKey,
}

impl Secrets {
    /// New secrets, stored nowhere.
    pub(crate) fn generate() -> Result<Self, String> {
        Ok(Self {
            issuer: TokenIssuer::generate()?,
            page_token_secret: new_page_token_secret(),
            access_key: AccessKey::generate(),
        })
    }
}

/// 244 random bits.
fn new_page_token_secret() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

/// A folder that only its owner may read, and only one service uses at a time.
#[derive(Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
    /// Locked until this is dropped or the process ends, in whatever way.
    _lock: File,
}

impl DataFolder {
    /// Opens the folder at `path`, creating it if needed, and closes it and all its files to others.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        make(path).map_err(|error| format!("the data folder {} cannot be made: {error}", path.display()))?;
        close_folder(path)?;
        let about = |name: &str, what: String| format!("{}: {what}", path.join(name).display());
        for name in FILES {
            match private(&path.join(name)) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(about(name, format!("cannot be closed to others: {error}")));
                }
                _ => {}
            }
        }
        let lock =
            private_file(&path.join(LOCK)).map_err(|error| about(LOCK, format!("cannot be written: {error}")))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let folder = path.display();
                return Err(format!(
                    "{folder} is in use by another service: end that one, or name another with --data"
                ));
            }
            Err(TryLockError::Error(error)) => return Err(about(LOCK, format!("cannot be locked: {error}"))),
        }
        let folder = Self { path: path.to_owned(), _lock: lock };
        // A failure here gives one clear line; a failure in the database would not.
        folder.write("writable", "")?;
        let probe = folder.file("writable");
        fs::remove_file(&probe).map_err(|error| format!("{} cannot be removed: {error}", probe.display()))?;
        Ok(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of the files that jobs make.
    pub(crate) fn exports(&self) -> PathBuf {
        self.file(EXPORTS)
    }

    /// The folder of the list of erasures.
    pub(crate) fn erasures(&self) -> PathBuf {
        self.file(ERASURES)
    }

    /// The path of the file that a shell sources.
    pub(crate) fn environment(&self) -> PathBuf {
        self.file(ENVIRONMENT)
    }

    /// That file, in the data folder at `path`, which a service may be using.
    pub(crate) fn environment_in(path: &Path) -> PathBuf {
        path.join(ENVIRONMENT)
    }

    /// Writes the file that a shell sources.
    pub(crate) fn write_environment(&self, text: &str) -> Result<(), String> {
        self.write(ENVIRONMENT, text)
    }

    /// The path of the database, created if needed and closed to others.
    ///
    /// SQLite takes an empty file for a new database and ignores a log that it cannot read, so that data would be lost
    /// silently. Keys are written after the database, so if there are keys there was a database.
    pub(crate) fn database(&self) -> Result<PathBuf, String> {
        let file = self.file(DATABASE);
        let length = fs::metadata(&file).map_or(0, |metadata| metadata.len());
        if length == 0 && [SIGNING_KEY, PAGE_TOKEN_SECRET].iter().any(|name| self.file(name).exists()) {
            let state = if file.exists() { "is empty" } else { "is missing" };
            let folder = self.path.display();
            return Err(self.about(
                DATABASE,
                &format!("{state}, beside the keys of earlier starts: put it back, or remove {folder} to start anew"),
            ));
        }
        let log = self.start_of::<32>(WRITE_AHEAD_LOG)?;
        if let Some(header) = &log
            && !is_log_header(header)
        {
            return Err(self.about(
                WRITE_AHEAD_LOG,
                "is damaged, and with it what was written last: put it back, or remove it to go on without that",
            ));
        }
        if length > 0 {
            let unusable =
                |what: &str| self.about(DATABASE, &format!("{what}: put it back, or name another folder with --data"));
            match self.start_of::<100>(DATABASE)? {
                Some(header) if header.starts_with(b"SQLite format 3\0") => {
                    // With a log, the file may not have reached its length yet.
                    if log.is_none() && length_told(&header).is_some_and(|told| length < told) {
                        return Err(unusable("is cut short"));
                    }
                }
                _ => return Err(unusable("is no database")),
            }
        }
        private_file(&file).map_err(|error| self.about(DATABASE, &format!("cannot be written: {error}")))?;
        Ok(file)
    }

    /// The first `N` bytes of a file, if it has that many.
    fn start_of<const N: usize>(&self, name: &str) -> Result<Option<[u8; N]>, String> {
        let mut start = [0; N];
        let read = File::open(self.file(name)).and_then(|mut file| file.read_exact(&mut start));
        match read {
            Ok(()) => Ok(Some(start)),
            Err(error) if [ErrorKind::NotFound, ErrorKind::UnexpectedEof].contains(&error.kind()) => Ok(None),
            Err(error) => Err(self.about(name, &format!("cannot be read: {error}"))),
        }
    }

    /// The stored secrets, with new ones for those that are missing.
    pub(crate) fn secrets(&self) -> Result<Secrets, String> {
        let issuer = match self.read(SIGNING_KEY)? {
            Some(pem) => TokenIssuer::from_pem(&pem).map_err(|error| self.about(SIGNING_KEY, &error))?,
            None => TokenIssuer::generate()?,
        };
        let page_token_secret = match self.read(PAGE_TOKEN_SECRET)? {
            Some(secret) => secret.trim().to_owned(),
            None => new_page_token_secret(),
        };
        PageTokens::new(&page_token_secret, None)
            .map_err(|error| self.about(PAGE_TOKEN_SECRET, &error.replace("PAGE_TOKEN_SECRET ", "")))?;
        let access_key = match self.read(ACCESS_KEY)? {
            Some(line) => AccessKey::parse(&line).map_err(|error| self.about(ACCESS_KEY, &error))?,
            None => AccessKey::generate(),
        };
        Ok(Secrets { issuer, page_token_secret, access_key })
    }

    /// Stores those of `secrets` that are not stored yet.
    pub(crate) fn keep(&self, secrets: &Secrets) -> Result<(), String> {
        let access_key = secrets.access_key.line();
        for (name, text) in [
            (SIGNING_KEY, secrets.issuer.private_pem()),
            (PAGE_TOKEN_SECRET, secrets.page_token_secret.as_str()),
            (ACCESS_KEY, access_key.as_str()),
        ] {
            if !self.file(name).exists() {
                self.write(name, text)?;
            }
        }
        Ok(())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn read(&self, name: &str) -> Result<Option<String>, String> {
        match fs::read_to_string(self.file(name)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.about(name, &format!("cannot be read: {error}"))),
        }
    }

    /// Writes a file completely or not at all.
    fn write(&self, name: &str, text: &str) -> Result<(), String> {
        let beside = self.file(&format!("{name}.new"));
        let written = match fs::remove_file(&beside) {
            // A file left behind there may be open to others, and would stay so.
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => private_file(&beside),
        };
        let written = written
            .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&beside, self.file(name)));
        written.map_err(|error| self.about(name, &format!("cannot be written: {error}")))
    }

    fn about(&self, name: &str, what: &str) -> String {
        format!("{}: {what}", self.file(name).display())
    }
}

/// Whether `header` is that of an SQLite log: it has its mark, and a checksum over itself
/// (<https://sqlite.org/fileformat2.html#walformat>).
fn is_log_header(header: &[u8; 32]) -> bool {
    let (words, _) = header.as_chunks::<4>();
    let [mark, _, _, _, _, _, sum0, sum1] = words else { return false };
    let big_endian = match u32::from_be_bytes(*mark) {
        0x377f_0682 => false,
        0x377f_0683 => true,
        _ => return false,
    };
    let word = |bytes: &[u8; 4]| if big_endian { u32::from_be_bytes(*bytes) } else { u32::from_le_bytes(*bytes) };
    let (pairs, _) = words.as_chunks::<2>();
    let sums = pairs.iter().take(3).fold((0u32, 0u32), |(sum0, sum1), [first, second]| {
        let sum0 = sum0.wrapping_add(word(first)).wrapping_add(sum1);
        (sum0, sum1.wrapping_add(word(second)).wrapping_add(sum0))
    });
    sums == (u32::from_be_bytes(*sum0), u32::from_be_bytes(*sum1))
}

/// The length of a database in bytes, as its own `header` says, if that can be trusted
/// (<https://sqlite.org/fileformat2.html#in_header_database_size>).
fn length_told(header: &[u8; 100]) -> Option<u64> {
    let number = |at: usize| Some(u32::from_be_bytes(header.get(at..at + 4)?.try_into().ok()?));
    let page = match u16::from_be_bytes(header.get(16..18)?.try_into().ok()?) {
        1 => 65_536,
        page => u64::from(page),
    };
    (number(24)? == number(92)?).then_some(page * u64::from(number(28)?))
}

#[cfg(unix)]
fn make(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(not(unix))]
fn make(path: &Path) -> std::io::Result<()> {
    fs::create_dir_all(path)
}

/// Lets only its owner into the folder. Refuses one that is open to others and holds other things.
#[cfg(unix)]
fn close_folder(path: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    let folder = path.display();
    let unreadable = |error| format!("the data folder {folder} cannot be read: {error}");
    let mode = fs::metadata(path).map_err(unreadable)?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let holds_others = fs::read_dir(path).map_err(unreadable)?.next().is_some();
    if holds_others && !FILES.iter().any(|name| path.join(name).exists()) {
        return Err(format!(
            "{folder} is open to others and holds other things than this service's: name another folder with --data"
        ));
    }
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))
        .map_err(|error| format!("the data folder {folder} cannot be closed to others: {error}"))
}

#[cfg(not(unix))]
fn close_folder(_path: &Path) -> Result<(), String> {
    Ok(())
}

/// Lets only its owner read and write the file.
#[cfg(unix)]
fn private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    match fs::metadata(path)?.permissions().mode() & 0o077 {
        0 => Ok(()),
        _ => fs::set_permissions(path, fs::Permissions::from_mode(0o600)),
    }
}

#[cfg(not(unix))]
fn private(_path: &Path) -> std::io::Result<()> {
    Ok(())
}

/// Opens the file at `path` for writing by its owner alone, creating it if needed.
fn private_file(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let file = options.open(path)?;
    private(path)?;
    Ok(file)
}
