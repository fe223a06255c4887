//! Lists coaching comments, the newest `createTime` first, ties by name.
//!
//! `coachingPlanNames`, `threadIds` and `usecaseNames` filter the list and can be combined. Each can be repeated up to
//! 20 times and matches any of its values. `pageSize` and `pageToken` work as in `list-sessions`.
//!
//! With `include=displayNames` the answer has the display names of the users that it names.
//!
//! Agents see comments on their own plans only.

use std::collections::BTreeMap;

use coaching_domain::bodies::Paged;
use coaching_domain::comment::CoachingCommentMessage;
use coaching_domain::names::{CoachingPlanId, UsecaseId};
use coaching_domain::rules::{Distinct, List, Text};
use coaching_domain::{Error, Role, message};
use coaching_edge::{
    Access, Answer, AnswerType, App, Binding, DisplayNames, Included, ListIndex, Operation, Partition, Request,
    RequestType, Route,
};
use coaching_store::{CommentFilter, Cursor};
use serde::Serialize;
use utoipa::ToSchema;

/// The most names in one filter.
const MAX_NAMES: usize = 20;
/// The longest thread id, in bytes.
const MAX_THREAD_BYTES: usize = 128;

/// The operation.
pub static OPERATION: Operation = Operation {
    name: "list-comments",
    route: Some(Route::get("/v1/customers/{customer}/profiles/{profile}/coachingComments")),
    summary: "list comments",
    roles: &[Role::Agent, Role::Manager, Role::Service, Role::Admin],
    callers: Some("all; an agent on their own plans"),
    request: RequestType::list::<(ListCommentsRequest, Included)>(),
    answer: AnswerType::of::<ListCommentsResponse<'_>>(),
    pages: true,
    access: &[
        Access::GetItem(&[Partition::Deletions]),
        Access::BatchGetItem(&[Partition::User]),
        Access::QueryIndex(ListIndex::Profile, &[Partition::Comments]),
        Access::QueryIndex(
            ListIndex::Agent,
            &[Partition::CommentsOfAgent, Partition::PlansOfAgent, Partition::SessionsOfAgent],
        ),
        Access::QueryIndex(ListIndex::Plan, &[Partition::CommentsOfPlan]),
        Access::QueryIndex(ListIndex::Usecase, &[Partition::CommentsOfUsecase]),
    ],
    handle: |app, request| Box::pin(handle(app, request)),
    ..Operation::NOTHING
};

message! {
    /// The request.
    struct ListCommentsRequest {
        plans: Distinct<CoachingPlanId, MAX_NAMES> = "coachingPlanNames",
        threads: List<Text<MAX_THREAD_BYTES>, MAX_NAMES> = "threadIds",
        usecases: Distinct<UsecaseId, MAX_NAMES> = "usecaseNames",
    }
}

/// A page of comments.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ListCommentsResponse<'a> {
    /// The comments, the newest first.
    coaching_comments: &'a [CoachingCommentMessage<'a>],
    /// With `include=displayNames`: the display names of the users that the answer names, by their resource names. Without
    /// those who are not in the directory or cannot be read there, and whom the caller may not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    display_names: Option<BTreeMap<&'a str, &'a str>>,
    /// The `pageToken` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
    /// Names of resources that could not be read and may be missing from the page. Absent if all could be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreachable: Vec<String>,
}

async fn handle(app: &App, request: &Request<'_>) -> Result<Answer, Error> {
    let tenant = request.authorize()?;
    let now = app.now()?;
    let (Paged { value: asked, page_size, page_token }, parameters) =
        request.list::<(ListCommentsRequest, Included)>(&tenant, now)?;
    let (ListCommentsRequest { plans, threads, usecases }, included) = asked;
    let filter = CommentFilter { agent: request.shown_agent(None), plans, threads, usecases };

    let binding = Binding::new(OPERATION.name, request.caller(), &tenant, &parameters);
    let after = app.page_tokens.position(page_token.as_deref(), &binding, now)?.map(Cursor::from_text);
    let page = app.store.comments(&tenant, &filter, after.as_ref(), page_size, now).await?;

    let messages: Vec<_> = page.entries.iter().map(|comment| comment.message(&tenant)).collect();
    let users = included.users(&tenant, messages.iter().flat_map(CoachingCommentMessage::user_names));
    let display_names = DisplayNames::read(app, request.caller(), &tenant, users).await?;
    Answer::page(&messages, |coaching_comments| {
        let next = page.after(coaching_comments.len()).map(Cursor::as_str);
        let next_page_token = app.page_tokens.next(next, &binding, now)?;
        Ok(ListCommentsResponse {
            coaching_comments,
            display_names: display_names.of(coaching_comments.iter().flat_map(CoachingCommentMessage::user_names)),
            next_page_token,
            unreachable: page.unreachable(coaching_comments.len()),
        })
    })
}
