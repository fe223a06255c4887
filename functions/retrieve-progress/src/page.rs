//! Pages of agents: their members, their order, and where the next one continues.

use std::collections::{HashMap, HashSet};

use coaching_domain::names::UserId;
use coaching_domain::references::References;
use coaching_domain::{Caller, Error};
use coaching_edge::Binding;
use coaching_store::{Agent, Cursor};
use futures_util::future::try_join;
use futures_util::join;
use uuid::Uuid;

use crate::measure::{MeasuredAgent, Measuring, ReadStatistics};
use crate::request::{OrderBy, RetrieveProgressRequest};

/// A page of agents.
pub(crate) struct Page {
    pub(crate) agents: Vec<MeasuredAgent>,
    /// The place after it, if more follow.
    next: Option<String>,
    pub(crate) places: Places,
}

/// The places of the agents of a page, for an answer that does not show them all.
pub(crate) enum Places {
    /// In the list by name.
    ByName,
    /// In a kept order: for each agent, the number of agents up to and including them.
    InOrder(Uuid, Vec<usize>),
    /// In an order of all these agents, who are the page. It need not be kept if the page shows them all.
    InOrderNotKept(Vec<UserId>),
}

impl Page {
    /// The place after the first `shown` agents, at least one if there are any; `None` if none follows. `order` is the
    /// id of an order that is not kept yet.
    pub(crate) fn after(&self, shown: usize, order: Uuid) -> Option<String> {
        let last = shown.checked_sub(1).filter(|_| shown < self.agents.len());
        let Some(last) = last else { return self.next.clone() };
        match &self.places {
            Places::ByName => {
                let agent = &self.agents.get(last)?.agent;
                Some(Cursor::by_name(&agent.display_name, &agent.id).into_name_and_id())
            }
            Places::InOrder(order, before) => Some(format_place(*order, *before.get(last)?)),
            Places::InOrderNotKept(_) => Some(format_place(order, shown)),
        }
    }
}

/// Finds the agents of one page.
pub(crate) struct Paging<'a> {
    pub(crate) measuring: &'a Measuring<'a>,
    pub(crate) caller: &'a Caller,
    /// The request that page tokens are valid for.
    pub(crate) binding: &'a Binding,
}

impl Paging<'_> {
    /// A page by display name, then resource name.
    pub(crate) async fn page_by_name(&self) -> Result<Page, Error> {
        let Measuring { app, tenant, asked, now, span, .. } = *self.measuring;
        let after = app.page_tokens.position(asked.page_token.as_deref(), self.binding, now)?;
        let after = after.map(|after| Cursor::from_name_and_id(&after));
        let size = asked.page_size;
        let RetrieveProgressRequest { filter, descending, .. } = *asked;
        if asked.names_nobody() {
            let store = &app.store;
            let page = store.agents_of_profile(tenant, span, filter, descending, after.as_ref(), size);
            let (checked, page, organisation) = join!(self.check_names(), page, self.measuring.organisation());
            checked?;
            let page = page?;
            let measured = self.measuring.measure(page.entries, &organisation?, None).await?;
            return Ok(Page {
                agents: measured,
                next: page.next.map(Cursor::into_name_and_id),
                places: Places::ByName,
            });
        }
        let (checked, everyone, organisation) =
            join!(self.check_names(), self.everyone(size), self.measuring.organisation());
        let (mut agents, statistics) = checked_and(checked, everyone)?;
        let place = |agent: &Agent| Cursor::by_name(&agent.display_name, &agent.id);
        if let Some(after) = after {
            let after = after.rank(descending);
            agents.retain(|agent| place(agent).rank(descending) > after);
        }
        agents.sort_by_cached_key(|agent| place(agent).rank(descending));
        let more = agents.len() > size;
        agents.truncate(size);
        let next = agents.last().filter(|_| more).map(|agent| place(agent).into_name_and_id());
        let agents = self.measuring.measure(agents, &organisation?, statistics).await?;
        Ok(Page { agents, next, places: Places::ByName })
    }

    /// A page by progress or gap: the first one orders all agents and keeps the order, the others follow it.
    pub(crate) async fn page_by_value(&self) -> Result<Page, Error> {
        let asked = self.measuring.asked;
        let size = asked.page_size;
        if let Some(token) = &asked.page_token {
            return self.page_in_kept_order(token).await;
        }
        let (checked, everyone, organisation) =
            join!(self.check_names(), self.everyone(usize::MAX), self.measuring.organisation());
        let (agents, statistics) = checked_and(checked, everyone)?;
        let measured = self.measuring.measure_all(agents, &organisation?, statistics).await?;
        let order = in_order(&measured, asked);
        let ids: Vec<&UserId> = order.iter().map(|(_, id, _)| *id).collect();
        let (next, kept) = if order.len() > size {
            let kept = self.keep_order(&ids).await?;
            (Some(format_place(kept, size)), Places::InOrder(kept, (1..=size).collect()))
        } else {
            (None, Places::InOrderNotKept(ids.into_iter().cloned().collect()))
        };
        let places: HashMap<usize, usize> =
            order.iter().take(size).enumerate().map(|(rank, (_, _, place))| (*place, rank)).collect();
        let mut page: Vec<(usize, MeasuredAgent)> = Vec::with_capacity(places.len());
        for (place, agent) in measured.into_iter().enumerate() {
            page.extend(places.get(&place).map(|rank| (*rank, agent)));
        }
        page.sort_unstable_by_key(|(rank, _)| *rank);
        let mut page: Vec<MeasuredAgent> = page.into_iter().map(|(_, agent)| agent).collect();
        self.measuring.leave_out_deleted(&mut page).await?;
        Ok(Page { agents: page, next, places: kept })
    }

    /// A page of the kept order that `token` continues.
    async fn page_in_kept_order(&self, token: &str) -> Result<Page, Error> {
        let Measuring { app, tenant, asked, now, .. } = *self.measuring;
        let size = asked.page_size;
        let place = app.page_tokens.open(token, self.binding, now)?;
        let (order, start) = parse_place(&place)?;
        let kept = app.store.kept_order(tenant, self.binding.own(order), start, size);
        let (kept, organisation) = join!(kept, self.measuring.organisation());
        let (ids, more) = kept?;
        let (mut agents, statistics) = self.agents_and_statistics(&ids, true).await?;
        let places: HashMap<&UserId, usize> = ids.iter().enumerate().map(|(place, id)| (id, place)).collect();
        agents.sort_by_key(|agent| places.get(&agent.id).copied());
        let next = more.then(|| format_place(order, start + size));
        let agents = self.measuring.measure(agents, &organisation?, statistics).await?;
        let before = agents.iter().filter_map(|agent| Some(start + places.get(&agent.agent.id)? + 1)).collect();
        Ok(Page { agents, next, places: Places::InOrder(order, before) })
    }

    /// Keeps an order for requests of this binding; returns the id by which their page tokens name it.
    pub(crate) async fn keep_order(&self, ids: &[&UserId]) -> Result<Uuid, Error> {
        let Measuring { app, tenant, now, .. } = *self.measuring;
        let order = Uuid::new_v4();
        app.store.keep_order(tenant, self.binding.own(order), ids, now).await?;
        Ok(order)
    }

    /// Refuses usecases and templates of the request that do not exist.
    async fn check_names(&self) -> Result<(), Error> {
        let Measuring { app, tenant, asked, .. } = *self.measuring;
        let usecases = References::default().usecases("usecaseNames", &asked.usecases);
        let templates = asked.templates.iter();
        let references = templates.fold(usecases, |all, template| all.template("scorecardTemplateNames", template));
        app.store.unknown_names(tenant, &references, false).await?.into_result()
    }

    /// The agents of the request, in no order. If it names agents or groups whose people are few and at most
    /// `measured`, their statistics are read too.
    async fn everyone(&self, measured: usize) -> Result<(Vec<Agent>, Option<Vec<ReadStatistics>>), Error> {
        let Measuring { app, tenant, asked, span, .. } = *self.measuring;
        if asked.names_nobody() {
            let agents = app.store.all_agents_of_profile(tenant, span, asked.filter);
            return Ok((agents.await?, None));
        }
        let mut ids: HashSet<UserId> = asked.agents.iter().cloned().collect();
        if !asked.groups.is_empty() {
            let customer = tenant.of_customer();
            let members = app.store.members_of(&customer, &asked.groups, asked.with_indirect_members).await?;
            ids.extend(members.for_caller(self.caller, tenant)?);
        }
        let ids: Vec<UserId> = ids.into_iter().collect();
        let (mut agents, statistics) = self.agents_and_statistics(&ids, ids.len() <= measured).await?;
        // Agents who left within the window are answered if named.
        let named: HashSet<&UserId> = asked.agents.iter().collect();
        let filter = asked.filter;
        agents.retain(|agent| {
            let named_and_left = agent.has_left && named.contains(&agent.id);
            if named_and_left { filter.with_dev_users || !agent.is_dev_user } else { filter.matches(agent) }
        });
        Ok((agents, statistics))
    }

    /// Those of `ids` who are agents of the profile; if `all_are_measured` and they are few, their statistics too, read
    /// concurrently.
    async fn agents_and_statistics(
        &self,
        ids: &[UserId],
        all_are_measured: bool,
    ) -> Result<(Vec<Agent>, Option<Vec<ReadStatistics>>), Error> {
        let Measuring { app, tenant, span, .. } = *self.measuring;
        let agents = async {
            let found = app.store.agents_by_id(tenant, ids, span).await?;
            self.check_agents(&found.unknown)?;
            Ok(found.agents)
        };
        if all_are_measured && self.measuring.are_few(ids.len()) {
            let (agents, statistics) = try_join(agents, self.measuring.statistics_of(ids)).await?;
            return Ok((agents, Some(statistics)));
        }
        Ok((agents.await?, None))
    }

    /// Refuses named users whom the directory does not know, unless the caller is confined to some profiles: whom the
    /// customer employs elsewhere is not for them to know.
    fn check_agents(&self, unknown: &[UserId]) -> Result<(), Error> {
        let Measuring { tenant, asked, .. } = *self.measuring;
        if !self.caller.enters_every_profile() {
            return Ok(());
        }
        let unknown: HashSet<&UserId> = unknown.iter().collect();
        let names = asked.agents.iter().filter(|agent| unknown.contains(agent) && !asked.is_of_caller);
        let names: Vec<String> = names.map(|agent| tenant.name_of(agent)).collect();
        if names.is_empty() {
            return Ok(());
        }
        Err(Error::invalid_field("agentUserNames", format!("'{}' does not exist", names.join("', '"))))
    }
}

/// The agents in the requested order by progress or gap: the value, the id and the place in `measured` of each.
fn in_order<'m>(
    measured: &'m [MeasuredAgent],
    asked: &RetrieveProgressRequest,
) -> Vec<(Option<i64>, &'m UserId, usize)> {
    let value = |agent: &MeasuredAgent| match asked.order_by {
        OrderBy::Gap => agent.gap(),
        OrderBy::Name | OrderBy::Progress => agent.progress(),
    };
    let mut order: Vec<_> =
        measured.iter().enumerate().map(|(place, agent)| (value(agent), &agent.agent.id, place)).collect();
    order.sort_unstable_by(|(a, a_id, _), (b, b_id, _)| {
        let by_value = match (a, b) {
            (Some(a), Some(b)) if asked.descending => b.cmp(a),
            (Some(a), Some(b)) => a.cmp(b),
            // Agents with no value come last in either direction.
            (a, b) => b.is_some().cmp(&a.is_some()),
        };
        by_value.then_with(|| a_id.cmp(b_id))
    });
    order
}

/// `read`, if `checked` is right; else the bad fields of both.
fn checked_and<T>(checked: Result<(), Error>, read: Result<T, Error>) -> Result<T, Error> {
    match (checked, read) {
        (Err(error), Err(other)) => Err(error.and(other)),
        (checked, read) => checked.and(read),
    }
}

fn format_place(order: Uuid, start: usize) -> String {
    format!("{order}#{start}")
}

fn parse_place(place: &str) -> Result<(Uuid, usize), Error> {
    let parsed = place.split_once('#').and_then(|(order, start)| Some((order.parse().ok()?, start.parse().ok()?)));
    parsed.ok_or_else(|| Error::internal("a page token holds no place in an order"))
}
