//! What the full view has of templates beside themselves: how they were used, and whom they are for.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use coaching_domain::benchmark::{Benchmark, recent_days};
use coaching_domain::names::{UsecaseId, UserId};
use coaching_domain::progress::{Span, Window, mean_score, points};
use coaching_domain::rules::Enumeration;
use coaching_domain::statistics::{Cell, Period, WHOLE_SCORECARD};
use coaching_domain::template::{ResolvedAudience, ScorecardTemplate, TemplateStats};
use coaching_domain::template_settings::Audience;
use coaching_domain::{Caller, Error, Role, Tenant, Timestamp};
use coaching_edge::App;
use coaching_store::{Agent, AgentFilter, Cursor, Unreadable};
use futures_util::future::try_join_all;

/// The most templates on a page.
pub(crate) const MAX_TEMPLATES: usize = 50;
/// The most usecases whose scores are added up for a page, each counted for each of its templates; and the most people of
/// audiences. Templates that would need more are left to the next page, but the first.
const MAX_USECASES: usize = 200;
const MAX_PEOPLE: usize = 2000;
/// The most agents that an audience names.
const MAX_NAMES: usize = 1000;
/// The least number of scored agents of whom agents get a mean.
const LEAST_AGENTS: u64 = 5;

/// How much is answered of each template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    /// The template.
    Basic,
    /// How it was used and whom it is for, too.
    Full,
}

impl Enumeration for View {
    const VALUES: &'static [(&'static str, Self)] = &[
        ("VIEW_UNSPECIFIED", Self::Basic),
        ("VIEW_BASIC_WITHOUT_STATS", Self::Basic),
        ("VIEW_FULL_WITH_STATS", Self::Full),
    ];
}

/// What there is of the first templates of a page, in their order.
#[derive(Debug, Default)]
pub(crate) struct Further {
    pub(crate) of_templates: Vec<OfTemplate>,
    /// What could not be read of audiences.
    pub(crate) unreachable: BTreeSet<String>,
}

/// What there is of one template.
#[derive(Debug, Default)]
pub(crate) struct OfTemplate {
    pub(crate) stats: Option<TemplateStats>,
    pub(crate) benchmark_pending: bool,
    pub(crate) audience: Option<ResolvedAudience>,
}

/// The people of an audience; `None`: everyone.
type People = Option<Vec<UserId>>;

/// Reads what there is of the first of `templates`: of as many as the limits of a page allow, at least one. Scores are those of
/// `usecases`, or of all usecases that a template is for if there are none.
///
/// # Errors
/// UNAVAILABLE if the table does not answer.
pub(crate) async fn further(
    app: &App,
    tenant: &Tenant,
    caller: &Caller,
    usecases: &[UsecaseId],
    templates: &[ScorecardTemplate],
    now: Timestamp,
) -> Result<Further, Error> {
    let mut count = 0;
    let of_page = templates.iter().take(MAX_TEMPLATES).enumerate().take_while(|(place, template)| {
        count += usecases_of(template, usecases).len();
        *place == 0 || count <= MAX_USECASES
    });
    let mut templates: Vec<&ScorecardTemplate> = of_page.map(|(_, template)| template).collect();
    let mut further = Further::default();
    let mut audiences = Vec::new();
    if caller.role() != Role::Agent {
        let noted: BTreeSet<Unreadable> = app.store.unreadable().into_iter().collect();
        audiences = audiences_of(app, tenant, &templates, now).await?;
        templates.truncate(audiences.len());
        let unreadable = app.store.unreadable().into_iter().filter(|one| !noted.contains(one));
        further.unreachable = unreadable.map(|one| one.name().to_owned()).collect();
    }
    let wanted: BTreeMap<_, _> = templates
        .iter()
        .flat_map(|template| {
            usecases_of(template, usecases)
                .into_iter()
                .map(|usecase| ((usecase.clone(), template.id.clone()), *template))
        })
        .collect();
    let window = Window { days: recent_days(now) };
    let benchmark = app.store.benchmark(tenant, &wanted, &Period::of_days(&window.days), now).await?;
    let mut audiences = audiences.into_iter();
    for template in templates {
        let usecases = usecases_of(template, usecases);
        let stats = stats_of(template, &usecases, &benchmark, &window);
        let may_be_shown = |agents: u64| caller.role() != Role::Agent || agents >= LEAST_AGENTS;
        further.of_templates.push(OfTemplate {
            benchmark_pending: stats.is_none() && !usecases.is_empty(),
            stats: stats.filter(|(_, agents)| may_be_shown(*agents)).map(|(stats, _)| stats),
            audience: audiences.next(),
        });
    }
    Ok(further)
}

/// Those of the usecases that `template` is for that are `asked` for; of one that is for all, those asked for.
fn usecases_of<'a>(template: &'a ScorecardTemplate, asked: &'a [UsecaseId]) -> Vec<&'a UsecaseId> {
    if template.usecases.is_empty() {
        return asked.iter().collect();
    }
    template.usecases.iter().filter(|usecase| asked.is_empty() || asked.contains(usecase)).collect()
}

/// How `template` was used in `usecases`, and the most agents who were scored in one of them; `None` if there are no usecases,
/// or everyone's scores are not added up yet.
fn stats_of(
    template: &ScorecardTemplate,
    usecases: &[&UsecaseId],
    benchmark: &Benchmark,
    window: &Window,
) -> Option<(TemplateStats, u64)> {
    let of_usecases: Option<Vec<_>> =
        usecases.iter().map(|usecase| benchmark.over(usecase, &template.id, WHOLE_SCORECARD, &window.days)).collect();
    let of_usecases = of_usecases.filter(|of_usecases| !of_usecases.is_empty())?;
    let cell = of_usecases.iter().fold(Cell::default(), |sum, one| sum.plus(one.cell));
    let stats = TemplateStats {
        scorecard_count: cell.count,
        average_score: mean_score(cell).map(points),
        scored_agent_count: of_usecases.iter().map(|one| one.agents).sum(),
        start_time: window.start(),
        end_time: window.end(),
        stats_time: benchmark.time(),
    };
    Some((stats, of_usecases.iter().map(|one| one.agents).max().unwrap_or(0)))
}

/// The agents of the audiences of the first of `templates`: of as many as name few enough people, at least one.
async fn audiences_of(
    app: &App,
    tenant: &Tenant,
    templates: &[&ScorecardTemplate],
    now: Timestamp,
) -> Result<Vec<ResolvedAudience>, Error> {
    let settings = templates.iter().map(|template| template.settings.clone().unwrap_or_default().audience);
    let people = try_join_all(settings.map(|audience| people_of(app, tenant, audience))).await?;
    let mut all: HashSet<UserId> = HashSet::new();
    let mut shown: Vec<People> = Vec::new();
    for people in people {
        all.extend(people.iter().flatten().take(MAX_PEOPLE).cloned());
        if !shown.is_empty() && all.len() > MAX_PEOPLE {
            break;
        }
        shown.push(people);
    }
    let span = Span { start: now, at: now, is_over: false, coaching_at: now };
    let everyone = match shown.iter().any(Option::is_none) {
        true => Some(everyone(app, tenant, span).await?),
        false => None,
    };
    let read: HashSet<&UserId> = shown.iter().flatten().flat_map(|people| people.iter().take(MAX_PEOPLE)).collect();
    let read: Vec<UserId> = read.into_iter().cloned().collect();
    let found = if read.is_empty() { Vec::new() } else { app.store.agents_by_id(tenant, &read, span).await?.agents };
    let mut agents: Vec<Agent> = found.into_iter().filter(|agent| AgentFilter::default().matches(agent)).collect();
    agents.sort_by_cached_key(|agent| Cursor::by_name(&agent.display_name, &agent.id));
    let resolved = shown.iter().map(|people| {
        let Some(people) = people else { return everyone.clone().unwrap_or_else(nobody) };
        let looked_at: HashSet<&UserId> = people.iter().take(MAX_PEOPLE).collect();
        let names = agents.iter().filter(|agent| looked_at.contains(&agent.id)).map(|agent| tenant.name_of(&agent.id));
        let mut names: Vec<String> = names.collect();
        let agent_count = names.len() as u64;
        let is_truncated = people.len() > MAX_PEOPLE || names.len() > MAX_NAMES;
        names.truncate(MAX_NAMES);
        ResolvedAudience { agent_count, agent_user_names: names, is_truncated }
    });
    Ok(resolved.collect())
}

/// The people of an audience, in the order of their ids. Groups that do not exist hold nobody.
async fn people_of(app: &App, tenant: &Tenant, audience: Audience) -> Result<People, Error> {
    if audience.is_everyone() {
        return Ok(None);
    }
    let mut people: BTreeSet<UserId> = audience.users.into_iter().collect();
    if !audience.groups.is_empty() {
        let members = app.store.members_of(&tenant.of_customer(), &audience.groups, audience.indirect).await?;
        people.extend(members.into_members());
    }
    Ok(Some(people.into_iter().collect()))
}

/// Every active agent of the profile.
async fn everyone(app: &App, tenant: &Tenant, span: Span) -> Result<ResolvedAudience, Error> {
    let filter = AgentFilter::default();
    let page = app.store.agents_of_profile(tenant, span, filter, false, None, MAX_NAMES).await?;
    let is_truncated = page.next.is_some();
    let named = page.entries.len() as u64;
    Ok(ResolvedAudience {
        agent_count: if is_truncated { app.store.active_agent_count(tenant).await?.max(named) } else { named },
        agent_user_names: page.entries.iter().map(|agent| tenant.name_of(&agent.id)).collect(),
        is_truncated,
    })
}

fn nobody() -> ResolvedAudience {
    ResolvedAudience { agent_count: 0, agent_user_names: Vec::new(), is_truncated: false }
}
