//! Pages of entities, each a range of an index in the index's own order.

use std::collections::{HashMap, VecDeque};

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use coaching_domain::Error;
use futures_util::future::try_join_all;

use crate::Store;
use crate::failure::{corrupt, failure};
use crate::keys::{LIST_ORDER, ListIndex, ListPosition};

/// The most that the entries of a page may take in the answer, in bytes: a Lambda function may
/// answer with 6 MB, and a page of long notes would pass that. Such a page stops short.
pub(crate) const MAX_PAGE_BYTES: usize = 5 * 1024 * 1024;

/// The most that one read passes over in search of what a filter lets through.
const MAX_PASSED_OVER: usize = 1000;
/// How many entries a page looks at, until it stops short of its size: sessions of half a kilobyte are 5 MB,
/// 625 read units and about a dozen calls.
const MAX_LOOKED_AT: usize = 10_000;

/// An entity that an index lists.
pub(crate) trait Listed: Sized {
    /// Reads its item.
    fn from_item(item: HashMap<String, AttributeValue>) -> Result<Self, Error>;

    /// Its place in its list.
    fn position(&self) -> ListPosition;

    /// The most that it takes in a function's answer, in bytes.
    fn answer_bytes(&self) -> usize;
}

/// One page of a list.
#[derive(Debug)]
pub struct Page<T> {
    /// The entries, in the list's order.
    pub entries: Vec<T>,
    /// The place of the last entry, if more follow it.
    pub next: Option<ListPosition>,
}

/// A part of one index being read in order.
pub(crate) struct Range<T> {
    index: ListIndex,
    partition: String,
    filter: Filter,
    after: Option<ListPosition>,
    /// Read and not yet shown.
    read: VecDeque<T>,
    exhausted: bool,
    /// How many entries were read so far.
    looked_at: usize,
    /// How many of those were kept.
    kept: usize,
    /// What of the entries that were read is kept.
    keep: Box<dyn Fn(&T) -> bool + Send + Sync>,
}

/// What the index of a range does not tell apart.
#[derive(Clone, Default)]
pub(crate) struct Filter {
    terms: Vec<String>,
    names: Vec<(String, String)>,
    values: Vec<(String, AttributeValue)>,
}

impl Filter {
    /// Lets through only what has any of `values` in `attribute`; with no values, everything.
    pub(crate) fn any_of<T: ToString>(mut self, attribute: &str, values: impl IntoIterator<Item = T>) -> Self {
        let values: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
        if values.is_empty() {
            return self;
        }
        let name = self.name(attribute);
        let values: Vec<String> = values.into_iter().map(|value| self.value(AttributeValue::S(value))).collect();
        self.terms.push(format!("{name} IN ({})", values.join(", ")));
        self
    }

    /// Lets through only what holds any of `values` in the list `attribute`; with no values, everything.
    pub(crate) fn holding_any_of<T: ToString>(mut self, attribute: &str, values: impl IntoIterator<Item = T>) -> Self {
        let name = self.name(attribute);
        let terms: Vec<String> = values
            .into_iter()
            .map(|value| format!("contains({name}, {})", self.value(AttributeValue::S(value.to_string()))))
            .collect();
        match terms.is_empty() {
            true => {
                self.names.pop();
            }
            false => self.terms.push(format!("({})", terms.join(" OR "))),
        }
        self
    }

    /// Lets through only what is true of `attribute`.
    pub(crate) fn where_true(self, attribute: &str) -> Self {
        self.where_boolean(attribute, true)
    }

    /// Lets through only what is false of `attribute`.
    pub(crate) fn where_false(self, attribute: &str) -> Self {
        self.where_boolean(attribute, false)
    }

    fn where_boolean(mut self, attribute: &str, wanted: bool) -> Self {
        let name = self.name(attribute);
        let value = self.value(AttributeValue::Bool(wanted));
        self.terms.push(format!("{name} = {value}"));
        self
    }

    /// Lets through only what the condition `term` holds for; `#` in it stands for `attribute`.
    pub(crate) fn where_attribute(mut self, attribute: &str, term: &str) -> Self {
        let name = self.name(attribute);
        self.terms.push(term.replace('#', &name));
        self
    }

    fn name(&mut self, attribute: &str) -> String {
        let name = format!("#filter{}", self.names.len());
        self.names.push((name.clone(), attribute.to_owned()));
        name
    }

    fn value(&mut self, value: AttributeValue) -> String {
        let name = format!(":filter{}", self.values.len());
        self.values.push((name.clone(), value));
        name
    }
}

impl<T> Range<T> {
    /// What `partition` of `index` holds after `after` and `filter` lets through.
    pub(crate) fn new(index: ListIndex, partition: String, filter: Filter, after: Option<&ListPosition>) -> Self {
        let after = after.cloned();
        Self {
            index,
            partition,
            filter,
            after,
            read: VecDeque::new(),
            exhausted: false,
            looked_at: 0,
            kept: 0,
            keep: Box::new(|_| true),
        }
    }

    /// The same, less what `keep` says no to: for what an expression of DynamoDB's cannot compare.
    pub(crate) fn keeping(self, keep: impl Fn(&T) -> bool + Send + Sync + 'static) -> Self
    where
        T: 'static,
    {
        let before = self.keep;
        Self { keep: Box::new(move |entry| before(entry) && keep(entry)), ..self }
    }

    fn is_dry(&self) -> bool {
        self.read.is_empty() && !self.exhausted
    }

    /// How many entries to read for `wanted` ones, if as many are dropped as so far.
    fn to_read(&self, wanted: usize) -> usize {
        let expected = match self.kept {
            0 => 2 * self.looked_at,
            kept => wanted.saturating_mul(self.looked_at).div_ceil(kept),
        };
        wanted.max(expected.min(MAX_PASSED_OVER))
    }
}

impl Store {
    /// The first `size` entries of `ranges` together.
    ///
    /// The page is full unless it is the last, its answer would pass 5 MiB, or 10,000 entries were looked at
    /// in search of what a filter lets through. It costs what is looked at and one entry more, which tells
    /// whether another page follows.
    pub(crate) async fn page<T: Listed>(&self, mut ranges: Vec<Range<T>>, size: usize) -> Result<Page<T>, Error> {
        let mut entries: Vec<T> = Vec::new();
        let mut bytes = 0;
        let mut more = false;
        let mut reached = None;
        loop {
            if reached.is_none() {
                reached = self.fill(&mut ranges, size + 1 - entries.len()).await?;
            }
            let Some(next) = take_least(&mut ranges, reached.as_ref()) else { break };
            bytes += next.answer_bytes();
            if entries.len() == size || bytes > MAX_PAGE_BYTES {
                more = true;
                break;
            }
            entries.push(next);
        }
        let next = if more { entries.last().map(Listed::position) } else { reached };
        Ok(Page { entries, next })
    }

    /// Everything in one range.
    pub(crate) async fn all<T: Listed>(&self, mut range: Range<T>) -> Result<Vec<T>, Error> {
        let mut entries = Vec::new();
        while !range.exhausted {
            self.read_on(&mut range, None).await?;
            entries.extend(range.read.drain(..));
        }
        Ok(entries)
    }

    /// Reads on in every range that has nothing to show and is not exhausted, side by side; says how far all
    /// were read if that is given up.
    async fn fill<T: Listed>(&self, ranges: &mut [Range<T>], wanted: usize) -> Result<Option<ListPosition>, Error> {
        while ranges.iter().any(Range::is_dry) {
            if ranges.iter().map(|range| range.looked_at).sum::<usize>() >= MAX_LOOKED_AT {
                let reached = ranges.iter().filter(|range| !range.exhausted).filter_map(|range| range.after.clone());
                return Ok(reached.min());
            }
            let unread = ranges.iter().filter(|range| !range.exhausted).count();
            let share = wanted.div_ceil(unread);
            let dry = ranges.iter_mut().filter(|range| range.is_dry());
            let reads = dry.map(|range| {
                // A page that turns out to come from one range shall not be read a few entries at a time.
                let share = share.max(wanted.min(range.looked_at));
                self.read_on(range, Some(share))
            });
            try_join_all(reads).await?;
        }
        Ok(None)
    }

    /// Reads the next part of a range: `wanted` entries, or as many as one call returns.
    async fn read_on<T: Listed>(&self, range: &mut Range<T>, wanted: Option<usize>) -> Result<(), Error> {
        let limit = wanted.map(|wanted| range.to_read(wanted));
        let partition = range.index.partition_attribute();
        let mut query = self
            .client
            .query()
            .table_name(&*self.table)
            .index_name(range.index.name())
            .expression_attribute_values(":partition", AttributeValue::S(range.partition.clone()))
            .set_limit(limit.map(i32::try_from).transpose().map_err(Error::internal)?)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        query = match &range.after {
            None => query.key_condition_expression(format!("{partition} = :partition")),
            Some(after) => query
                .key_condition_expression(format!("{partition} = :partition AND {LIST_ORDER} > :after"))
                .expression_attribute_values(":after", AttributeValue::S(after.as_str().to_owned())),
        };
        if !range.filter.terms.is_empty() {
            query = query.filter_expression(range.filter.terms.join(" AND "));
            for (name, attribute) in &range.filter.names {
                query = query.expression_attribute_names(name, attribute);
            }
            for (name, value) in &range.filter.values {
                query = query.expression_attribute_values(name, value.clone());
            }
        }
        let output = query.customize().interceptor(self.account.clone()).send().await.map_err(failure)?;

        range.looked_at += usize::try_from(output.scanned_count).unwrap_or(0);
        range.after = match output.last_evaluated_key {
            None => {
                range.exhausted = true;
                None
            }
            Some(mut key) => match key.remove(LIST_ORDER) {
                Some(AttributeValue::S(text)) => Some(ListPosition::from_text(text)),
                _ => return Err(corrupt(LIST_ORDER)),
            },
        };
        for item in output.items.unwrap_or_default() {
            let entry = T::from_item(item)?;
            if (range.keep)(&entry) {
                range.kept += 1;
                range.read.push_back(entry);
            }
        }
        Ok(())
    }
}

/// Takes the least entry out of `ranges`, none of which is dry; of those up to `reached`, if that is given.
fn take_least<T: Listed>(ranges: &mut [Range<T>], reached: Option<&ListPosition>) -> Option<T> {
    let first = |range: &Range<T>| range.read.front().map(Listed::position);
    let (position, range) = ranges
        .iter_mut()
        .filter_map(|range| first(range).map(|position| (position, range)))
        .min_by(|(a, _), (b, _)| a.cmp(b))?;
    if reached.is_some_and(|reached| position > *reached) { None } else { range.read.pop_front() }
}

/// What a text takes in a function's answer, in bytes: its JSON stands in there as a JSON string, so
/// what is escaped is escaped twice.
pub(crate) fn answer_bytes_of(text: &str) -> usize {
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' => 4,
        b'\n' | b'\r' | b'\t' => 3,
        0..0x20 => 7,
        _ => 1,
    };
    text.bytes().map(escaped).sum()
}
