//! The whole service, which starts and stops as one.

use std::fmt::Write;
use std::io::IsTerminal;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::Client;
use chrono::TimeDelta;
use coaching_domain::ClaimNames;
use coaching_edge::{
    App, Clock, ColdStart, Files, PageTokens, TIME_TO_ANSWER_A_BATCH, log_filter, log_lines, passed_on,
};
use coaching_store::Store;
use hyper::body::Bytes;
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;
use tracing_subscriber::layer::SubscriberExt;

use crate::access_key::AccessKey;
use crate::arguments::Options;
use crate::console::{Console, SignIn};
use crate::data_folder::{DataFolder, Secrets};
use crate::demo;
use crate::docs::{self, Docs};
use crate::door::Door;
use crate::embedded_dynamodb::{EmbeddedDynamoDb, REGION, client_with};
use crate::files::LocalFiles;
use crate::gateway::{Caller, Gateway, MAX_PAYLOAD_BYTES, refusal};
use crate::jobs::{self, WrittenJobs, watched};
use crate::server::{Limits, Site, serve};
use crate::table::create_table;
use crate::template::{TEMPLATE, TableDefinition};
use crate::tokens::{Claims, TokenIssuer};

/// The longest that a request may take: less than API Gateway waits (30 s), and longer than a function may take,
/// because all callers share one machine.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(25);

/// The table's name on one machine.
pub const TABLE_NAME: &str = "coaching";

/// The roles that a token is printed for, each with the demo user who has it.
const DEMO_ROLES: [(&str, &str); 4] =
    [("admin", demo::ADMIN), ("manager", demo::MANAGER), ("agent", demo::AGENT), ("service", "sync@acme")];

/// A running service.
#[derive(Debug)]
pub struct Service {
    address: SocketAddr,
    dynamodb_url: String,
    /// The key of the embedded DynamoDB.
    access_key: Option<AccessKey>,
    issuer: TokenIssuer,
    page_token_secret: String,
    claim_names: Arc<ClaimNames>,
    sign_in: SignIn,
    demo: bool,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
    /// Does jobs.
    worker: JoinHandle<()>,
    /// Dropped after everything that uses it: requests under way still need it.
    _embedded: Option<EmbeddedDynamoDb>,
    /// Dropped last, because it is in use until then.
    data: Option<DataFolder>,
}

/// Everything that the operations work on.
pub(crate) struct Opened {
    files: LocalFiles,
    written_jobs: WrittenJobs,
    client: Client,
    issuer: TokenIssuer,
    page_token_secret: String,
    embedded: Option<EmbeddedDynamoDb>,
    dynamodb_url: String,
    access_key: AccessKey,
    pub(crate) app: App,
}

/// Opens the data that `options` name for a service at `url`, and creates the table if there is none.
pub(crate) async fn open(options: &Options, folder: Option<&DataFolder>, url: &str) -> Result<Opened, String> {
    let claim_names = options.claim_names()?;
    let secrets = match folder {
        Some(folder) => folder.secrets()?,
        None => Secrets::generate()?,
    };
    let definition = TableDefinition::of_template(TEMPLATE)?;
    let (client, embedded, dynamodb_url) = match &options.dynamodb {
        Some(url) => {
            let client = client_with(url, &AccessKey::of_environment().unwrap_or_else(AccessKey::any));
            let created = create_table(&client, TABLE_NAME, &definition).await;
            created.map_err(|error| format!("the DynamoDB at {url}: {error}; --dynamodb names another"))?;
            (client, None, url.clone())
        }
        None => {
            let file = folder.map(DataFolder::database).transpose()?;
            let embedded = EmbeddedDynamoDb::guarded(file.as_deref(), secrets.access_key.clone())?;
            let (client, url) = (embedded.client(), embedded.url());
            let created = create_table(&client, TABLE_NAME, &definition).await;
            created.map_err(|error| file.map_or(error.clone(), |file| format!("{}: {error}", file.display())))?;
            (client, Some(embedded), url)
        }
    };
    if let Some(folder) = folder {
        // Only now that there is a table: keys without one are a sign of loss.
        folder.keep(&secrets)?;
    }
    let Secrets { issuer, page_token_secret, access_key } = secrets;
    let page_tokens = PageTokens::new(&page_token_secret, None)?;
    let issuer = issuer.with_claims_called(claim_names.clone());
    let files = match folder {
        Some(folder) => LocalFiles::in_folder(folder.exports(), &page_token_secret, url),
        None => LocalFiles::in_memory(&page_token_secret, url),
    };
    let erasures = match folder {
        Some(folder) => LocalFiles::kept_in(folder.erasures()),
        None => LocalFiles::in_memory(&page_token_secret, url),
    };
    let (client, written_jobs) = watched(&client);
    let app = App {
        store: Store::new(client.clone(), TABLE_NAME),
        files: Files::in_storage(files.clone()),
        erasures: Files::in_storage(erasures),
        page_tokens,
        claim_names: Arc::new(claim_names),
        clock: Clock::system(),
        answer_within: ANSWER_WITHIN,
        write_within: ANSWER_WITHIN.saturating_sub(TIME_TO_ANSWER_A_BATCH),
        cold_start: ColdStart::default(),
    };
    Ok(Opened { files, written_jobs, client, issuer, page_token_secret, embedded, dynamodb_url, access_key, app })
}

impl Service {
    /// Starts the service.
    ///
    /// # Errors
    /// One line that says what is in the way.
    pub async fn start(options: &Options) -> Result<Self, String> {
        Self::start_within(options, Limits::default()).await
    }

    /// As [`Service::start`], with other `limits` on what clients may take.
    ///
    /// # Errors
    /// One line that says what is in the way.
    pub async fn start_within(options: &Options, limits: Limits) -> Result<Self, String> {
        start_logging()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| format!("port {} cannot be listened on: {error}; --port takes another", options.port))?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;

        let folder = if options.memory { None } else { Some(DataFolder::open(&options.data)?) };
        let opened = open(options, folder.as_ref(), &format!("http://{address}")).await?;
        let Opened { files, written_jobs, client, issuer, page_token_secret, embedded, dynamodb_url, access_key, app } =
            opened;
        let claim_names = Arc::clone(&app.claim_names);
        let gateway = Gateway::new(app.clone(), issuer.clone())?;
        if !options.no_demo {
            // The log is for requests of clients, so the load writes no lines to it.
            let loading = async {
                demo::load(&gateway, &issuer).await?;
                let now = app.now().map_err(|error| error.to_string())?;
                demo::start_jobs(&app, now.plus(TimeDelta::days(-7))..now, now).await
            };
            loading.with_subscriber(NoSubscriber::default()).await?;
        }

        let (stop, stopped) = watch::channel(false);
        let worker = tokio::spawn(jobs::serve(app, client, written_jobs, stopped.clone()));
        let door = Door::at(address.port(), &options.cors_origins);
        let sign_in = SignIn::new(!options.no_demo);
        let console = Console::new(issuer.clone(), sign_in.clone());
        let api = Api { gateway, door, docs: Docs::at(address), files, console };
        let server = tokio::spawn(serve(listener, api, limits, stopped));
        let service = Self {
            address,
            dynamodb_url,
            access_key: embedded.as_ref().map(|_| access_key),
            data: folder,
            issuer,
            page_token_secret,
            claim_names,
            sign_in,
            demo: !options.no_demo,
            stop,
            server,
            worker,
            _embedded: embedded,
        };
        if let Some(folder) = &service.data {
            folder.write_environment(&service.environment()?)?;
        }
        Ok(service)
    }

    /// The service's address, such as `http://127.0.0.1:3000`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address of its DynamoDB.
    pub fn dynamodb_url(&self) -> &str {
        &self.dynamodb_url
    }

    /// A token for the demo customer's user with `role`.
    ///
    /// # Errors
    /// One line, if it cannot be signed.
    pub fn token(&self, role: &str) -> Result<String, String> {
        let user = DEMO_ROLES.iter().find(|(name, _)| *name == role).map(|(_, user)| *user);
        let user = user.ok_or_else(|| format!("there is no role '{role}'"))?;
        self.issuer.issue(&Claims::new(demo::CUSTOMER, role, user))
    }

    /// The file that a shell sources to talk to the service, and to run function binaries on its table.
    fn environment(&self) -> Result<String, String> {
        let mut text = format!(
            "# Written at every start. Tokens are good for twelve hours.\n\
             export COACHING_URL={}\n\
             export CONSOLE_URL='{}'\n\
             export AWS_ENDPOINT_URL_DYNAMODB={}\n\
             export AWS_REGION={REGION}\n\
             {}\
             export TABLE_NAME={TABLE_NAME}\n\
             export PAGE_TOKEN_SECRET={}\n\
             export EXPORTS_URL={0}/files\n\
             export ERASURES_URL={0}/erasures\n",
            self.url(),
            self.sign_in.address(&self.url()),
            self.dynamodb_url,
            self.access_key.as_ref().map(AccessKey::exports).unwrap_or_default(),
            self.page_token_secret,
        );
        for (claim, name) in self.claim_names.each() {
            let name = name.replace('\'', r"'\''");
            let _ = writeln!(text, "export {}_CLAIM='{name}'", claim.to_uppercase());
        }
        for (role, _) in DEMO_ROLES {
            let _ = writeln!(text, "export {}_TOKEN={}", role.to_uppercase(), self.token(role)?);
        }
        Ok(text)
    }

    /// The text that is printed once the service runs. It is no wider and longer than a terminal, unless there is no
    /// file for the tokens, and ends with what is needed first.
    pub fn greeting(&self) -> String {
        let mut text = String::new();
        match &self.data {
            Some(folder) => {
                let _ = writeln!(text, "  data      {}", folder.path().display());
                let _ = writeln!(text, "  DynamoDB  {} (table {TABLE_NAME})", self.dynamodb_url);
                let environment = folder.environment();
                let environment = environment.display();
                let _ = writeln!(text, "  tokens    in {environment}, one for each role, with all of this");
                if self.demo {
                    let request = demo::first_request("$COACHING_URL", "$MANAGER_TOKEN");
                    let _ = writeln!(text, "\nTry:\n. {environment}\n{request}\n");
                }
            }
            None => {
                let _ = writeln!(text, "  data      in memory, gone when this ends");
                if self.access_key.is_none() {
                    let _ = writeln!(text, "  DynamoDB  {} (table {TABLE_NAME})", self.dynamodb_url);
                }
                for (role, _) in DEMO_ROLES {
                    let token = self.token(role).unwrap_or_default();
                    let _ = writeln!(text, "  {role:<8}  {token}");
                }
                if self.demo {
                    let token = self.token("manager").unwrap_or_default();
                    let _ = writeln!(text, "\nTry:\n{}\n", demo::first_request(&self.url(), &token));
                }
            }
        }
        text.push_str(&self.sign_in.addresses(&self.url()));
        let _ = writeln!(text, "  docs      {}{}", self.url(), docs::PAGE_PATH);
        let _ = writeln!(text, "Coaching Service at {}\nCtrl-C ends it.", self.url());
        text
    }

    /// Serves until `interruption`, then lets the requests under way end.
    pub async fn until(self, mut interruption: Interruption) {
        interruption.wait().await;
        self.stop().await;
    }

    /// Stops the service once the requests under way are answered.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        let _ = self.worker.await;
        let _ = self.server.await;
    }
}

/// The API, the pages about it, and the console.
struct Api {
    gateway: Gateway,
    door: Door,
    docs: Docs,
    files: LocalFiles,
    console: Console,
}

impl Site for Api {
    type Admitted = Caller;
    const LARGEST_BODY: usize = MAX_PAYLOAD_BYTES;
    /// Lambda's limit on the answer of a function, which only shrinks on its way.
    const LARGEST_ANSWER: usize = 6 * 1024 * 1024;

    fn admit(&self, parts: &Parts) -> Result<Caller, Box<Response<Bytes>>> {
        let refused = |status, message: &str| Box::new(refusal(status, message).map(Bytes::from));
        if let Some(why) = self.door.refusal(parts) {
            return Err(refused(StatusCode::FORBIDDEN, &why));
        }
        let file = || self.files.answer(parts, SystemTime::now());
        let console = || self.console.answer(parts, &self.door);
        let page = self.door.preflight(parts).or_else(|| self.docs.answer(parts)).or_else(file).or_else(console);
        if let Some(answer) = page {
            return Err(Box::new(answer));
        }
        self.gateway.admit(parts).map_err(|(status, message)| refused(status, message))
    }

    async fn answer(&self, caller: Caller, parts: Parts, body: Bytes) -> Response<Bytes> {
        match passed_on(self.gateway.answer_to(caller, &parts, &body).await) {
            Ok(answer) => answer.map(Bytes::from),
            Err(_) => self.refusal(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    fn refusal(&self, status: StatusCode) -> Response<Bytes> {
        let message = match status {
            // In API Gateway's own words.
            StatusCode::PAYLOAD_TOO_LARGE => "Request Entity Too Large",
            other => other.canonical_reason().unwrap_or_default(),
        };
        refusal(status, message).map(Bytes::from)
    }

    fn finish(&self, parts: &Parts, response: &mut Response<Bytes>) {
        self.door.share(&parts.headers, response);
    }
}

/// Ctrl-C, and SIGTERM where there is one. Once this is made, neither ends the process by itself.
#[derive(Debug)]
pub struct Interruption {
    #[cfg(unix)]
    interrupted: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminated: tokio::signal::unix::Signal,
}

impl Interruption {
    /// Listens from now on.
    ///
    /// # Errors
    /// One line, if the system does not let this process listen.
    #[cfg(unix)]
    pub fn listen() -> Result<Self, String> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).map_err(|error| format!("signals cannot be listened for: {error}"));
        Ok(Self { interrupted: listen(SignalKind::interrupt())?, terminated: listen(SignalKind::terminate())? })
    }

    /// Listens from now on.
    ///
    /// # Errors
    /// None here.
    #[cfg(not(unix))]
    pub fn listen() -> Result<Self, String> {
        Ok(Self {})
    }

    async fn wait(&mut self) {
        #[cfg(unix)]
        tokio::select! {
            _ = self.interrupted.recv() => {}
            _ = self.terminated.recv() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    }
}

/// Writes one line per request to standard error: readable in a terminal, otherwise the JSON that functions write.
pub(crate) fn start_logging() -> Result<(), String> {
    let level = std::env::var("LOG_LEVEL").ok().filter(|level| !level.is_empty());
    let filter = log_filter(level.as_deref())?;
    // Several services in one process share the first one's log.
    let _ = if std::io::stderr().is_terminal() {
        let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(filter).with(lines))
    } else {
        tracing::subscriber::set_global_default(log_lines(filter, None, std::io::stderr))
    };
    Ok(())
}
