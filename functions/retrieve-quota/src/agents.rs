//! The agents whom a template is for, and their quotas.

use std::collections::HashSet;

use chrono::TimeDelta;
use coaching_domain::names::UserId;
use coaching_domain::progress::Span;
use coaching_domain::qa_task::TaskCompleteConfig;
use coaching_domain::quota::Quotas;
use coaching_domain::template_settings::Audience;
use coaching_domain::{Error, Tenant, Timestamp};
use coaching_edge::App;

/// The quotas that `config` sets, and who is in `audience`, agents or not; `None`: everyone.
///
/// # Errors
/// INTERNAL if a group cannot be read: whose quota it changes is not known then. UNAVAILABLE if the table does not
/// answer.
pub(crate) async fn quotas_and_audience(
    app: &App,
    tenant: &Tenant,
    config: &TaskCompleteConfig,
    audience: &Audience,
) -> Result<(Quotas, Option<HashSet<UserId>>), Error> {
    let named = audience.groups.iter().chain(config.groups());
    let groups = app.store.group_tree(&tenant.of_customer(), named, audience.indirect).await?;
    if let Some(unreadable) = groups.unreadable() {
        return Err(unreadable.clone().into());
    }
    let quotas = Quotas::new(config, |group| groups.members(group));
    let audience = (!audience.is_everyone()).then(|| {
        let members = audience.groups.iter().flat_map(|group| groups.members(group));
        audience.users.iter().chain(members).cloned().collect()
    });
    Ok((quotas, audience))
}

/// The time of which it is asked who is an agent: now, and not what somebody was before a change of a moment ago, which
/// a clock that is ahead has dated.
pub(crate) fn span(now: Timestamp) -> Span {
    let at = now.plus(TimeDelta::minutes(1));
    Span { start: at, at, is_over: false, coaching_at: at }
}
