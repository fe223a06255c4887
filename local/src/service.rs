//! The service as one thing that starts and stops.

use std::fmt::Write;
use std::io::IsTerminal;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use coaching_edge::{App, Clock, ColdStart, PageTokens, TIME_TO_ANSWER_A_BATCH, log_filter, log_lines};
use coaching_store::Store;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;
use tracing_subscriber::layer::SubscriberExt;

use crate::arguments::Options;
use crate::data_folder::{DataFolder, Secrets};
use crate::demo;
use crate::docs;
use crate::embedded_dynamodb::{ACCESS_KEY, EmbeddedDynamoDb, REGION, client_at};
use crate::gateway::Gateway;
use crate::server::serve;
use crate::table::create_table;
use crate::template::{TEMPLATE, Template};
use crate::tokens::{Claims, TokenIssuer};

/// How long a request takes at most: less than API Gateway waits (30 s), and longer than a function may take,
/// because all callers share one machine.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(25);

/// The table's name on one machine.
pub const TABLE_NAME: &str = "coaching";

/// The roles that a token is printed for, each with the demo user who has it.
const DEMO_ROLES: [(&str, &str); 4] =
    [("admin", "ada"), ("manager", demo::MANAGER), ("agent", demo::AGENT), ("service", "sync@acme")];

/// A running service.
#[derive(Debug)]
pub struct Service {
    address: SocketAddr,
    dynamodb_url: String,
    data: Option<PathBuf>,
    issuer: TokenIssuer,
    page_token_secret: String,
    demo: bool,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
    /// Dropped last: requests under way still need it.
    _embedded: Option<EmbeddedDynamoDb>,
}

/// Everything that the operations work on.
pub(crate) struct Opened {
    issuer: TokenIssuer,
    page_token_secret: String,
    embedded: Option<EmbeddedDynamoDb>,
    dynamodb_url: String,
    pub(crate) app: App,
}

/// Opens the data that `options` name, and makes the table if there is none.
pub(crate) async fn open(options: &Options, folder: Option<&DataFolder>) -> Result<Opened, String> {
    let Secrets { issuer, page_token_secret } = match folder {
        Some(folder) => folder.secrets()?,
        None => Secrets::generate()?,
    };
    let (embedded, dynamodb_url) = match &options.dynamodb {
        Some(url) => (None, url.clone()),
        None => {
            let file = folder.map(|folder| folder.file("dynamodb.sqlite"));
            let embedded = EmbeddedDynamoDb::start(file.as_deref())?;
            let url = embedded.url();
            (Some(embedded), url)
        }
    };
    let client = client_at(&dynamodb_url);
    create_table(&client, TABLE_NAME, &Template::parse(TEMPLATE)?.table).await?;
    let page_tokens = PageTokens::new(&page_token_secret, None)?;
    let app = App {
        store: Store::new(client, TABLE_NAME),
        page_tokens,
        clock: Clock::system(),
        answer_within: ANSWER_WITHIN,
        write_within: ANSWER_WITHIN.saturating_sub(TIME_TO_ANSWER_A_BATCH),
        cold_start: ColdStart::default(),
    };
    Ok(Opened { issuer, page_token_secret, embedded, dynamodb_url, app })
}

impl Service {
    /// Starts the service.
    ///
    /// # Errors
    /// One line that says what is in the way.
    pub async fn start(options: &Options) -> Result<Self, String> {
        start_logging()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| format!("port {} cannot be listened on: {error}; --port takes another", options.port))?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;

        let folder = if options.memory { None } else { Some(DataFolder::open(&options.data)?) };
        let Opened { issuer, page_token_secret, embedded, dynamodb_url, app } = open(options, folder.as_ref()).await?;
        let gateway = Arc::new(Gateway::new(app, issuer.clone())?);
        if !options.no_demo {
            // The log is for what clients ask, so what is loaded here leaves no lines in it.
            demo::load(&gateway, &issuer).with_subscriber(NoSubscriber::default()).await?;
        }

        let (stop, stopped) = watch::channel(false);
        let server = tokio::spawn(serve(listener, gateway, stopped));
        let service = Self {
            address,
            dynamodb_url,
            data: folder.is_some().then(|| options.data.clone()),
            issuer,
            page_token_secret,
            demo: !options.no_demo,
            stop,
            server,
            _embedded: embedded,
        };
        if let Some(folder) = &folder {
            folder.write("environment", &service.environment()?)?;
        }
        Ok(service)
    }

    /// Where the service answers, such as `http://127.0.0.1:3000`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where its DynamoDB answers.
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

    /// What a shell sources to talk to the service, and to run function binaries on its table.
    fn environment(&self) -> Result<String, String> {
        let mut text = format!(
            "# Written at every start. Tokens are good for twelve hours.\n\
             export COACHING_URL={}\n\
             export AWS_ENDPOINT_URL_DYNAMODB={}\n\
             export AWS_REGION={REGION}\n\
             export AWS_ACCESS_KEY_ID={ACCESS_KEY}\n\
             export AWS_SECRET_ACCESS_KEY={ACCESS_KEY}\n\
             export TABLE_NAME={TABLE_NAME}\n\
             export PAGE_TOKEN_SECRET={}\n",
            self.url(),
            self.dynamodb_url,
            self.page_token_secret,
        );
        for (role, _) in DEMO_ROLES {
            let _ = writeln!(text, "export {}_TOKEN={}", role.to_uppercase(), self.token(role)?);
        }
        Ok(text)
    }

    /// What is printed once the service runs.
    pub fn greeting(&self) -> String {
        let mut text = format!("Coaching Service at {}\n", self.url());
        let _ = match &self.data {
            Some(folder) => writeln!(text, "  data      {}", folder.display()),
            None => writeln!(text, "  data      in memory, gone when this ends"),
        };
        let _ = writeln!(text, "  DynamoDB  {} (table {TABLE_NAME}, any credentials)", self.dynamodb_url);
        let _ = writeln!(text, "  docs      {}{}", self.url(), docs::PAGE_PATH);
        for (role, _) in DEMO_ROLES {
            let token = self.token(role).unwrap_or_default();
            let _ = writeln!(text, "  {role:<8}  {token}");
        }
        if let Some(folder) = &self.data {
            let _ = writeln!(text, "These as shell variables: . {}", folder.join("environment").display());
        }
        if self.demo {
            let token = self.token("manager").unwrap_or_default();
            let _ = writeln!(text, "\nTry:\n{}", demo::first_request(&self.url(), &token));
        }
        text.push_str("\nCtrl-C ends it.\n");
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
        let _ = self.server.await;
    }
}

/// Ctrl-C, and SIGTERM where there is one. From when this is made, neither ends the process by itself.
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

/// Writes one line per request to standard error: readable in a terminal, and else the JSON that functions write.
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
