//! What is read in no order of many agents, added up for each.

use std::collections::HashMap;

use coaching_domain::names::UserId;
use coaching_store::Unreadable;

/// What is added up for each of some agents, in their order.
#[derive(Debug)]
pub struct AgentSums<'p, T> {
    places: &'p HashMap<&'p UserId, usize>,
    sums: Vec<Option<T>>,
}

impl<'p, T: Default> AgentSums<'p, T> {
    /// Nothing yet, for agents in these `places`.
    pub fn of(places: &'p HashMap<&'p UserId, usize>) -> Self {
        Self { places, sums: std::iter::repeat_with(|| Some(T::default())).take(places.len()).collect() }
    }

    /// Adds what was `read` of an `agent`, if it is one of them; if `add` returns false, it cannot be read.
    pub fn take<R>(
        &mut self,
        read: Result<R, Unreadable>,
        agent: impl Fn(&R) -> &UserId,
        add: impl FnOnce(&mut T, R) -> bool,
    ) {
        let place = match &read {
            Ok(read) => self.places.get(agent(read)),
            Err(unreadable) => unreadable.user().and_then(|agent| self.places.get(&agent)),
        };
        let Some(sum) = place.and_then(|place| self.sums.get_mut(*place)) else { return };
        let is_readable = match (sum.as_mut(), read) {
            (Some(sum), Ok(read)) => add(sum, read),
            _ => false,
        };
        if !is_readable {
            *sum = None;
        }
    }

    /// The sum of each agent, in their order; `None` for those of whom something cannot be read.
    pub fn into_sums(self) -> Vec<Option<T>> {
        self.sums
    }
}
