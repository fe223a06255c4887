//! The Coaching Service on one machine.
//!
//! The [`Gateway`] does what API Gateway does on AWS: it finds the operation by its route, verifies JWTs, turns each
//! HTTP request into the event that functions get there, and passes it to the same operation. The table is that of
//! `template.yaml`, in an embedded DynamoDB or in any other.

mod access_key;
pub mod arguments;
mod client;
mod connections;
mod console;
mod data_folder;
mod demo;
mod docs;
mod door;
mod embedded_dynamodb;
mod files;
mod gateway;
mod import;
mod jobs;
mod jobs_shown;
mod operations;
mod recount;
mod routes;
mod server;
mod service;
mod table;
mod template;
mod tokens;

pub use demo::start_jobs as start_demo_jobs;
pub use embedded_dynamodb::{EmbeddedDynamoDb, client_at};
pub use files::LocalFiles;
pub use gateway::Gateway;
pub use import::import;
pub use jobs_shown::{erase_again, run_job, show_jobs};
pub use operations::{OPERATIONS, TASKS, WEBSITES};
pub use recount::rebuild_statistics;
pub use routes::{Route, Routes};
pub use server::Limits;
pub use service::{ANSWER_WITHIN, Interruption, Service, TABLE_NAME};
pub use table::create_table;
pub use template::{TEMPLATE, TableDefinition};
pub use tokens::{AUDIENCE, Claims, ISSUER, TokenIssuer};
