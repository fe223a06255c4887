//! The connections of a listener: who is to act on each, and the memory that its request holds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::body::Bytes;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until, timeout};

use crate::server::Limits;

/// The unit of memory, in bytes.
const UNIT: usize = 1024;
/// How often a task that waits for a place or for memory looks for a client that keeps the service waiting.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Longer than any request takes to be answered.
const ANSWERED_WITHIN: Duration = Duration::from_secs(120);

/// Who is to act next on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The client, to send a request.
    Waiting,
    /// The client, to send a body for which there is memory.
    Receiving,
    /// The service, to answer.
    Answering,
    /// The client, to read the answer.
    Sending,
}

impl Phase {
    fn lasts(self, limits: &Limits) -> Duration {
        match self {
            // A late head ends sooner; this ends a body that nobody wants, or answers that nobody reads.
            Self::Waiting => limits.head + limits.body,
            // Here too the request ends sooner, with the answer that its body is late.
            Self::Receiving => limits.body + limits.wait,
            Self::Answering => ANSWERED_WITHIN,
            Self::Sending => limits.answer,
        }
    }
}

/// Every open connection of a listener.
#[derive(Debug)]
pub(crate) struct Connections {
    limits: Limits,
    open: Mutex<Open>,
    memory: Arc<Semaphore>,
    ended: Notify,
}

#[derive(Debug, Default)]
struct Open {
    last: u64,
    connections: HashMap<u64, Arc<Connection>>,
}

impl Connections {
    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        let memory = Arc::new(Semaphore::new(limits.bytes / UNIT));
        Arc::new(Self { limits, open: Mutex::default(), memory, ended: Notify::new() })
    }

    /// Waits until another connection may be opened. If all places are taken, the client that has kept the service
    /// waiting longest loses its place.
    pub(crate) async fn room(&self) {
        while locked(&self.open).connections.len() >= self.limits.connections {
            self.close_longest(|phase| phase != Phase::Answering);
            let _ = timeout(LOOK_AGAIN, self.ended.notified()).await;
        }
    }

    /// Counts a connection until the returned place is dropped.
    pub(crate) fn open(self: &Arc<Self>) -> Place {
        let mut open = locked(&self.open);
        open.last += 1;
        let connection = Arc::new(Connection {
            number: open.last,
            state: Mutex::new(State { phase: Phase::Waiting, since: Instant::now(), requests: 0, memory: None }),
            close: Notify::new(),
            all: Arc::clone(self),
        });
        open.connections.insert(connection.number, Arc::clone(&connection));
        Place(connection)
    }

    fn close_longest(&self, among: impl Fn(Phase) -> bool) {
        let open = locked(&self.open);
        let waited_for = open.connections.values().filter_map(|connection| {
            let state = locked(&connection.state);
            let waits = among(state.phase) && state.since.elapsed() >= self.limits.patience;
            waits.then_some((state.since, connection))
        });
        if let Some((_, connection)) = waited_for.min_by_key(|(since, _)| *since) {
            connection.close.notify_one();
        }
    }
}

/// The place of an open connection among all.
#[derive(Debug)]
pub(crate) struct Place(Arc<Connection>);

impl Place {
    pub(crate) fn connection(&self) -> Arc<Connection> {
        Arc::clone(&self.0)
    }

    /// Waits until the connection must end: something took too long, or its place or its memory is needed.
    pub(crate) async fn to_be_closed(&self) {
        loop {
            let ends = || {
                let state = locked(&self.0.state);
                state.since + state.phase.lasts(&self.0.all.limits)
            };
            tokio::select! {
                () = self.0.close.notified() => return,
                () = sleep_until(ends()) => {}
            }
            if ends() <= Instant::now() {
                return;
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        locked(&self.0.all.open).connections.remove(&self.0.number);
        self.0.all.ended.notify_one();
    }
}

/// One open connection.
#[derive(Debug)]
pub(crate) struct Connection {
    number: u64,
    state: Mutex<State>,
    close: Notify,
    all: Arc<Connections>,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    since: Instant,
    /// The number of requests so far.
    requests: u64,
    /// Held for the request under way until there is an answer.
    memory: Option<OwnedSemaphorePermit>,
}

impl Connection {
    pub(crate) fn limits(&self) -> &Limits {
        &self.all.limits
    }

    /// Starts a request, whose head is being read.
    pub(crate) fn begins(&self) {
        let mut state = locked(&self.state);
        state.requests += 1;
        state.memory = None;
        state.enter(Phase::Waiting);
    }

    pub(crate) fn enters(&self, phase: Phase) {
        locked(&self.state).enter(phase);
    }

    /// Waits for `bytes` of memory for the request under way; returns whether it got them in time. Meanwhile, clients
    /// that hold memory and keep the service waiting lose it.
    pub(crate) async fn reserves(&self, bytes: usize) -> bool {
        let units = bytes.div_ceil(UNIT).min(self.all.limits.bytes / UNIT);
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        let got = async {
            let got = Arc::clone(&self.all.memory).acquire_many_owned(units);
            tokio::pin!(got);
            loop {
                if let Ok(got) = timeout(LOOK_AGAIN, &mut got).await {
                    return got.ok();
                }
                self.all.close_longest(|phase| matches!(phase, Phase::Receiving | Phase::Sending));
            }
        };
        let memory = timeout(self.all.limits.wait, got).await.ok().flatten();
        let mut state = locked(&self.state);
        state.memory = memory;
        state.enter(Phase::Receiving);
        state.memory.is_some()
    }

    /// The answer to the request under way. It holds the request's memory until it is sent.
    pub(crate) fn sends(self: &Arc<Self>, bytes: Bytes) -> Bytes {
        let mut state = locked(&self.state);
        state.enter(Phase::Sending);
        let mut memory = state.memory.take();
        let units = bytes.len().div_ceil(UNIT);
        if let Some(memory) = &mut memory {
            drop(memory.split(memory.num_permits().saturating_sub(units)));
        }
        Bytes::from_owner(Answer { bytes, request: state.requests, _memory: memory, connection: Arc::clone(self) })
    }
}

impl State {
    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.since = Instant::now();
    }
}

/// An answer until it is sent.
struct Answer {
    bytes: Bytes,
    request: u64,
    _memory: Option<OwnedSemaphorePermit>,
    connection: Arc<Connection>,
}

impl AsRef<[u8]> for Answer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        let mut state = locked(&self.connection.state);
        // The next request may have begun already.
        if state.requests == self.request {
            state.enter(Phase::Waiting);
        }
    }
}

/// No lock guards a half-made change, so a lock that a panic poisoned is as good as any.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
