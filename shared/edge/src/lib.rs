//! Connects API Gateway with the operations: an event becomes a [`Request`], the result of an operation becomes an
//! answer, and [`run`] turns an [`Operation`] into a Lambda function.
//!
//! The edge knows HTTP, JSON and Lambda, and of coaching only how agents are asked for and paged.

mod agent_sums;
mod agents;
mod answer;
mod app;
mod batch;
mod creation;
mod document;
mod dynamodb;
mod environment;
mod event;
mod files;
mod https;
mod identity;
mod included;
mod log;
mod operation;
mod page_token;
mod query;
mod request;
mod route;
mod run;
mod s3;
mod size;
mod spans;
mod website;

pub use agent_sums::AgentSums;
pub use agents::{
    AgentPage, AgentsOfSessions, AskedAgents, AskedPage, MAX_AGENTS, MAX_GROUPS, MAX_USECASES, Measuring, NamedAgents,
    OfAgents, OrderDirection, Paging, Roster, RosterPart, SentAgents,
};
pub use answer::{
    Answer, ERROR_DOMAIN, EntryStatus, ErrorMessage, GatewayMessage, MAX_STATUS_BYTES, http_status, passed_on,
    takes_gzip,
};
pub use app::{App, Clock, ColdStart};
pub use batch::{batch_results, entry_results};
pub use coaching_store::{Access, ListIndex, Partition};
pub use creation::Creation;
#[cfg(feature = "document")]
pub use document::AnswerSchema;
pub use document::{AnswerType, RequestType};
pub use dynamodb::timeouts;
pub use environment::StartError;
pub use event::HttpEvent;
pub use files::{FileStorage, Files, Kept, NewFile, Read};
pub use included::{DisplayNames, Included, coaches_of};
pub use log::{MetricsNamespace, log_filter, log_lines};
pub use operation::{Handled, Operation, Size, Task, TaskHandled, perform, respond};
pub use page_token::{Binding, PageTokens};
pub use request::{MAX_BODY_BYTES, Request};
pub use route::{Route, Verb};
pub use run::{
    TIME_TO_ANSWER_A_BATCH, TIME_TO_REFUSE, lambda_response, run, run_task, run_task_with_files, run_with_files,
    run_with_pages,
};
pub use size::{MAX_ANSWER_BYTES, bytes_in_answer};
pub use website::{FileRequest, Variables, Website, run_website};
