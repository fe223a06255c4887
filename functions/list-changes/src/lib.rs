//! Lists who changed what and when in one session, plan, comment or scorecard, the latest change first.
//!
//! `name` (required) is the resource's name; the resource may be deleted. Each change has its `changeTime`, `userName`,
//! their `role`, the `operation`, the `version` that it made, the `fields` that changed, and their values `before` and
//! `after`; fields that were not set are left out. Of a scorecard's scores only those that changed are listed, by
//! `criterionId`. A scorecard has changes from its submission on, and its deletion in any state. `pageSize` and
//! `pageToken` work as in `list-sessions`.
//!
//! Agents read the history of what is their own, as far as they could see it at the time: no `privateNotes`,
//! `meetingNotes` only of a submitted session, a plan's `comment` only once submitted, and nothing of a scorecard while
//! it was a draft, nor of a calibration. A change with nothing left to see is left out. So is what would reveal it:
//! `version` and the fields that every change sets (`updateTime`, `managerUpdateTime`, `agentUpdateTime`,
//! `managerSubmitterUserName`, `updatedBy`). Agents keep the history of their deleted resources, unless a colleague's
//! resource has the name now. Any other name is PERMISSION_DENIED for them, whether it exists or not.

use coaching_domain::bodies::Paged;
use coaching_domain::change::ChangeMessage;
use coaching_domain::json::Json;
use coaching_domain::message::{Place, Rule, Scope};
use coaching_domain::outline::Kind;
use coaching_domain::{Error, Role, message, names};
use coaching_edge::{Access, Answer, AnswerType, App, Binding, Operation, Partition, Request, RequestType, Route};
use coaching_store::{Cursor, keys};
use futures_util::future::try_join;
use serde::Serialize;
use utoipa::ToSchema;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "list-changes",
    route: Some(Route::get("/v1/customers/{customer}/profiles/{profile}/changes")),
    summary: "history of a session, plan, comment or scorecard",
    roles: &[Role::Agent, Role::Manager, Role::Admin],
    callers: Some("manager, admin; an agent their own"),
    request: RequestType::list::<ListChangesRequest>(),
    answer: AnswerType::of::<ListChangesResponse<'_>>(),
    pages: true,
    access: &[
        Access::GetItem(&[Partition::Scorecard]),
        Access::Query(&[Partition::Plan, Partition::Session, Partition::Comment, Partition::Scorecard]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

message! {
    /// The request.
    struct ListChangesRequest {
        record: WithHistory = "name",
    }
}

/// The name of a record that has a history, and the partition that holds it.
struct WithHistory;

impl Rule for WithHistory {
    type Value = (String, String);

    fn read(json: Json, place: &mut Place<'_>) -> Option<(String, String)> {
        let scope = place.scope();
        place.string(json, |name| {
            let partition = match scope {
                Scope::Profile(tenant) => keys::history_of(tenant, &name),
                Scope::Customer(_) => None,
            };
            let partition =
                partition.ok_or("must be the name of a session, plan, comment or scorecard of this profile");
            partition.map(|partition| (name, partition))
        })
    }

    fn kind() -> Kind {
        keys::with_history()
    }
}

/// A page of changes.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ListChangesResponse<'a> {
    /// The changes, the latest first.
    changes: &'a [ChangeMessage<'a>],
    /// The `pageToken` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
    /// Names of records that could not be read and may be missing from the page. A change is named by its resource's name,
    /// `/changes/` and the version that it made. Absent if all could be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreachable: Vec<String>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let now = app.now()?;
    let (Paged { value: asked, page_size, page_token }, parameters) = request.list(&tenant, now)?;
    let ListChangesRequest { record: (name, partition) } = asked;

    let caller = request.caller();
    let agent = Some(caller.user()).filter(|_| caller.role() == Role::Agent);
    let binding = Binding::new(OPERATION.name, caller, &tenant, &parameters);
    let after = app.page_tokens.position(page_token.as_deref(), &binding, now)?.map(Cursor::from_text);
    let is_first = after.is_none();
    let history = app.store.history(&partition, after, page_size, agent);
    let scorecard = async {
        match tenant.id_in::<names::Scorecard>(&name) {
            Ok(id) => app.store.scorecard(&tenant, &id).await,
            Err(_) => Ok(None),
        }
    };
    let (page, scorecard) = try_join(history, scorecard).await?;
    let exists = match scorecard {
        // One without changes since its submission has no history.
        Some(scorecard) => scorecard.is_there_for(caller),
        None => !page.entries.is_empty() || page.unreadable().next().is_some() || !is_first,
    };
    if !exists {
        return Err(request.hidden(Error::not_found(&name), &name));
    }

    let messages: Vec<_> = page.entries.iter().map(|change| change.message(&tenant, caller)).collect();
    Answer::page(&messages, |changes| {
        let next = page.after(changes.len()).map(Cursor::as_str);
        let next_page_token = app.page_tokens.next(next, &binding, now)?;
        Ok(ListChangesResponse { changes, next_page_token, unreachable: page.unreachable(changes.len()) })
    })
}
