//! Every operation that the template can route to, and every task.

use std::collections::BTreeMap;

use coaching_edge::{ErrorMessage, GatewayMessage, Operation, Task};
use serde_json::Value;
use utoipa::ToSchema;

/// The schema of an answer.
#[derive(Debug, Clone)]
pub struct AnswerSchema {
    /// Its name.
    pub name: String,
    /// This schema and all that it refers to, by name: the components of an OpenAPI document.
    pub schemas: BTreeMap<String, Value>,
}

macro_rules! operations {
    ($($function:ident $(: $answer:ident)?,)+) => {
        /// The operations, by the names of their functions.
        pub static OPERATIONS: [&Operation; [$(stringify!($function)),+].len()] = [$(&$function::OPERATION),+];

        /// The schema of a successful answer of the function `name`; `None` if it never succeeds.
        pub fn answer_schema(name: &str) -> Option<AnswerSchema> {
            $($(if name == $function::OPERATION.name {
                return Some(schema_of::<$function::$answer>());
            })?)+
            None
        }
    };
}

macro_rules! tasks {
    ($($function:ident,)+) => {
        /// The tasks, by the names of their functions.
        pub static TASKS: [&Task; [$(stringify!($function)),+].len()] = [$(&::$function::TASK),+];
    };
}

// generated: functions
operations! {
    acknowledge_session: AcknowledgeSessionResponse,
    change_scorecard_state: ChangeScorecardStateResponse,
    create_comment: CreateCommentResponse,
    create_plan: CreatePlanResponse,
    create_scorecard: CreateScorecardResponse,
    create_session: CreateSessionResponse,
    create_target: CreateTargetResponse,
    create_template: CreateTemplateResponse,
    delete_plan: DeletePlanResponse,
    delete_scorecard: DeleteScorecardResponse,
    delete_session: DeleteSessionResponse,
    delete_target: DeleteTargetResponse,
    delete_template: DeleteTemplateResponse,
    get_comment: GetCommentResponse,
    get_group: GetGroupResponse,
    get_plan: GetPlanResponse,
    get_scorecard: GetScorecardResponse,
    get_session: GetSessionResponse,
    get_target: GetTargetResponse,
    get_template: GetTemplateResponse,
    get_user: GetUserResponse,
    link_scorecard: LinkScorecardResponse,
    list_changes: ListChangesResponse,
    list_comments: ListCommentsResponse,
    list_plans: ListPlansResponse,
    list_scorecards: ListScorecardsResponse,
    list_sessions: ListSessionsResponse,
    list_targets: ListTargetsResponse,
    list_templates: ListTemplatesResponse,
    retrieve_overviews: RetrieveOverviewsResponse,
    retrieve_progress: RetrieveProgressResponse,
    retrieve_quota: RetrieveQuotaResponse,
    unknown_path,
    update_comment: UpdateCommentResponse,
    update_plan: UpdatePlanResponse,
    update_scorecard: UpdateScorecardResponse,
    update_session: UpdateSessionResponse,
    update_target: UpdateTargetResponse,
    update_template: UpdateTemplateResponse,
    upsert_groups: UpsertGroupsResponse,
    upsert_plans: UpsertPlansResponse,
    upsert_scorecards: UpsertScorecardsResponse,
    upsert_usecases: UpsertUsecasesResponse,
    upsert_users: UpsertUsersResponse,
}

tasks! {
    rebuild_statistics,
}
// end

/// The schema of the service's errors.
pub fn error_schema() -> AnswerSchema {
    schema_of::<ErrorMessage>()
}

/// The schema of API Gateway's own errors.
pub fn gateway_error_schema() -> AnswerSchema {
    schema_of::<GatewayMessage>()
}

fn schema_of<T: ToSchema>() -> AnswerSchema {
    let mut schemas = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut schemas);
    let schemas = schemas.into_iter().map(|(name, schema)| (name, serde_json::json!(schema)));
    AnswerSchema { name: T::name().into_owned(), schemas: schemas.collect() }
}
