//! Pages of entities, each a range of an index in the index's own order.

use std::collections::{BTreeSet, HashMap, VecDeque};

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use coaching_domain::Error;
use futures_util::future::try_join_all;

use crate::Store;
use crate::failure::failure;
use crate::keys::{Cursor, CursorRank, ListIndex, PK, SK};
use crate::unreadable::{Found, MAX_UNREADABLE, Unreadable};

/// The most bytes that the items of a page may take: about what a function may answer, which cuts the page where its
/// own answer ends. So nothing is read that would not be shown, and memory stays small whatever the items hold.
pub(crate) const MAX_READ_BYTES: usize = 6 * 1024 * 1024;

/// The most entries that one read passes over in search of those that a filter lets through.
const MAX_PASSED_OVER: usize = 1000;
/// The number of entries that a filter drops before a page stops short of its size: sessions of half a kilobyte are 5
/// MB, 625 read units and about a dozen calls.
pub(crate) const MAX_DROPPED: usize = 10_000;

/// An entity that an index lists.
pub(crate) trait Listed: Sized {
    /// The attributes that [`Listed::from_item`] reads; empty: all. The other attributes of an item are for indexes,
    /// and can be more than half of it.
    const ATTRIBUTES: &'static [&'static str] = &[];
    /// Those of them that are not read after all.
    const LEFT_OUT: &'static [&'static str] = &[];

    /// Reads its item.
    fn from_item(item: HashMap<String, AttributeValue>) -> Result<Self, Unreadable>;

    /// Its size in bytes for the limit of a page; `read` is the size of what was read of its item.
    fn bytes(&self, read: usize) -> usize {
        read
    }
}

/// An entity that its agent sees only in part.
pub(crate) trait PartlyShown: Listed {
    /// Those of [`Listed::ATTRIBUTES`] that an agent never sees, and that are not read for them.
    const HIDDEN_ATTRIBUTES: &'static [&'static str];

    /// The entity as its agent sees it.
    fn seen_by_its_agent(self) -> Self;

    /// The size of its texts, in bytes; names and times are within [`BYTES_BESIDE_TEXTS`].
    fn bytes_of_texts(&self) -> usize;
}

/// About the most bytes that an entity takes beside its texts, as an agent sees it.
const BYTES_BESIDE_TEXTS: usize = 1024;

/// An entity that is listed as its agent sees it: filters and the end of a page depend only on what they see, so
/// neither reveals the rest.
pub(crate) struct SeenByAgent<T>(pub(crate) T);

impl<T: PartlyShown> Listed for SeenByAgent<T> {
    const ATTRIBUTES: &'static [&'static str] = T::ATTRIBUTES;
    const LEFT_OUT: &'static [&'static str] = T::HIDDEN_ATTRIBUTES;

    fn from_item(item: HashMap<String, AttributeValue>) -> Result<Self, Unreadable> {
        T::from_item(item).map(|entity| Self(entity.seen_by_its_agent()))
    }

    fn bytes(&self, _: usize) -> usize {
        self.0.bytes_of_texts() + BYTES_BESIDE_TEXTS
    }
}

/// One page of a list.
#[derive(Debug)]
pub struct Page<T> {
    /// The entries, in the list's order.
    pub entries: Vec<T>,
    /// The places of the entries.
    pub(crate) places: Vec<Place>,
    /// The place of the last entry, or further on, if more follow it.
    pub next: Option<Cursor>,
    /// The unreadable records in the page, each with the number of entries before it.
    pub(crate) unreadable: Vec<(usize, Unreadable)>,
}

/// The place of an entry of a page.
#[derive(Debug)]
pub(crate) struct Place {
    /// The cursor in its list.
    pub(crate) cursor: Cursor,
    /// The size of its item, or of the part of it that was read, in bytes.
    pub(crate) bytes: usize,
}

impl<T> Page<T> {
    /// An empty page, which is the last.
    pub fn empty() -> Self {
        Self { entries: Vec::new(), places: Vec::new(), next: None, unreadable: Vec::new() }
    }

    /// The place that the next page continues from, if the first `shown` entries of this one are shown, at least one if
    /// it has any; `None` if none follows.
    pub fn after(&self, shown: usize) -> Option<&Cursor> {
        match shown.checked_sub(1).and_then(|last| self.places.get(last)) {
            Some(last) if shown < self.places.len() => Some(&last.cursor),
            _ => self.next.as_ref(),
        }
    }

    /// The names of the unreadable records among the first `shown` entries and, if the page is shown whole, after them;
    /// each once.
    pub fn unreachable(&self, shown: usize) -> Vec<String> {
        let names = self.unreadable_among(shown).map(|unreadable| unreadable.name().to_owned());
        names.collect::<BTreeSet<String>>().into_iter().collect()
    }

    /// All unreadable records of the page.
    pub fn unreadable(&self) -> impl Iterator<Item = &Unreadable> {
        self.unreadable_among(self.entries.len())
    }

    fn unreadable_among(&self, shown: usize) -> impl Iterator<Item = &Unreadable> {
        let whole = shown >= self.entries.len();
        self.unreadable.iter().filter(move |(before, _)| whole || *before < shown).map(|(_, unreadable)| unreadable)
    }

    /// The same page with `make` applied to each entry.
    pub fn map<U>(self, make: impl FnMut(T) -> U) -> Page<U> {
        let Self { entries, places, next, unreadable } = self;
        Page { entries: entries.into_iter().map(make).collect(), places, next, unreadable }
    }

    /// The same page without the entries for which `unreadable` returns records.
    #[must_use]
    pub fn leaving_out(mut self, unreadable: impl Fn(&T) -> Vec<Unreadable>) -> Self {
        let mut entries = Vec::with_capacity(self.entries.len());
        for entry in std::mem::take(&mut self.entries) {
            let found = unreadable(&entry);
            let is_left_out = !found.is_empty();
            self.unreadable.extend(found.into_iter().map(|unreadable| (entries.len(), unreadable)));
            entries.push(Some(entry).filter(|_| !is_left_out));
        }
        self.made_into(entries)
    }

    /// The same page without the entries for which `is_left_out`.
    pub(crate) fn leaving_out_where(mut self, is_left_out: impl Fn(&T) -> bool) -> Self {
        let entries = std::mem::take(&mut self.entries);
        self.made_into(entries.into_iter().map(|entry| Some(entry).filter(|entry| !is_left_out(entry))).collect())
    }

    /// This page and `more`, the one after it, as one.
    pub(crate) fn followed_by(mut self, more: Self) -> Self {
        let before = self.entries.len();
        self.unreadable.extend(more.unreadable.into_iter().map(|(place, one)| (before + place, one)));
        self.entries.extend(more.entries);
        self.places.extend(more.places);
        Self { next: more.next, ..self }
    }

    /// Names `unreadable` with the page, however much of it is shown.
    pub(crate) fn name_after_all(&mut self, unreadable: Vec<Unreadable>) {
        self.unreadable.extend(unreadable.into_iter().map(|one| (0, one)));
    }

    /// The size of the items of all entries, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.places.iter().map(|place| place.bytes).sum()
    }

    /// Cuts the page to its first `entries`.
    pub(crate) fn cut(&mut self, entries: usize) {
        self.next = self.after(entries).cloned();
        if entries < self.entries.len() {
            self.unreadable.retain(|(before, _)| *before < entries);
        }
        self.entries.truncate(entries);
        self.places.truncate(entries);
    }

    /// The same page with its entries replaced by `entries`, without those that are `None`.
    pub(crate) fn made_into<U>(self, entries: Vec<Option<U>>) -> Page<U> {
        let Self { places, next, mut unreadable, .. } = self;
        for (before, _) in &mut unreadable {
            *before = entries.iter().take(*before).filter(|entry| entry.is_some()).count();
        }
        let made = entries.into_iter().zip(places).filter_map(|(entry, place)| Some((entry?, place)));
        let (entries, places) = made.unzip();
        Page { entries, places, next, unreadable }
    }
}

/// A part of one index, or of a partition of the table, read in order.
pub(crate) struct Range<T> {
    /// `None`: the table.
    index: Option<ListIndex>,
    partition: String,
    filter: Filter,
    after: Option<Cursor>,
    until: Option<Cursor>,
    /// Read and not yet shown, in the order of their ranks.
    read: VecDeque<Read<T>>,
    /// Whether it is a list by name, read backwards.
    names_descend: bool,
    /// Everything up to this rank has been read and may be shown.
    reached: Option<CursorRank>,
    /// The number of entries of one name read since `reached` moved: none is shown until all of them are read.
    read_of_name: usize,
    exhausted: bool,
    /// The number of entries read so far.
    looked_at: usize,
    /// The number of those that were kept.
    kept: usize,
    /// Whether to keep an entry that was read.
    keep: Box<dyn Fn(&T) -> bool + Send + Sync>,
}

/// An entry that was read.
struct Read<T> {
    rank: CursorRank,
    /// The size of its item, in bytes; 0 if it cannot be read, because nothing of it is kept.
    bytes: usize,
    entry: Result<T, Unreadable>,
}

/// A filter for what the index of a range does not decide. An item passes if the filtered attribute cannot be read, so
/// that the record is met and named.
#[derive(Clone, Default)]
pub(crate) struct Filter {
    terms: Vec<String>,
    names: Vec<(String, String)>,
    values: Vec<(String, AttributeValue)>,
}

impl Filter {
    /// Lets through only items with one of `values` in `attribute`, or with something there that is not a text; with no
    /// values, everything.
    pub(crate) fn any_of<T: ToString>(mut self, attribute: &str, values: impl IntoIterator<Item = T>) -> Self {
        let Some((name, is_any)) = self.is_any_of(attribute, values) else { return self };
        let text = self.value(AttributeValue::S("S".to_owned()));
        self.terms.push(format!("({is_any} OR (attribute_exists({name}) AND NOT attribute_type({name}, {text})))"));
        self
    }

    /// Lets through only items that certainly have one of `values` in `attribute`; with no values, everything. For
    /// owners: of a record that cannot be read, only its owner may know.
    pub(crate) fn only<T: ToString>(mut self, attribute: &str, values: impl IntoIterator<Item = T>) -> Self {
        if let Some((_, is_any)) = self.is_any_of(attribute, values) {
            self.terms.push(is_any);
        }
        self
    }

    /// The name of `attribute` in expressions, and the condition that it is one of `values`.
    fn is_any_of<T: ToString>(
        &mut self,
        attribute: &str,
        values: impl IntoIterator<Item = T>,
    ) -> Option<(String, String)> {
        let values: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
        if values.is_empty() {
            return None;
        }
        let name = self.name(attribute);
        let values: Vec<String> = values.into_iter().map(|value| self.value(AttributeValue::S(value))).collect();
        let is_any = format!("{name} IN ({})", values.join(", "));
        Some((name, is_any))
    }

    /// Lets through only items with one of `values` in the list `attribute`, or without a list there; with no values,
    /// everything.
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
            false => {
                let list = self.value(AttributeValue::S("L".to_owned()));
                self.terms.push(format!("({} OR NOT attribute_type({name}, {list}))", terms.join(" OR ")));
            }
        }
        self
    }

    /// Lets through only items whose `attribute` is true, or neither true nor false.
    pub(crate) fn where_true(self, attribute: &str) -> Self {
        self.where_boolean(attribute, true)
    }

    /// Lets through only items whose `attribute` is false, or neither true nor false.
    pub(crate) fn where_false(self, attribute: &str) -> Self {
        self.where_boolean(attribute, false)
    }

    fn where_boolean(mut self, attribute: &str, wanted: bool) -> Self {
        let name = self.name(attribute);
        let opposite = self.value(AttributeValue::Bool(!wanted));
        self.terms.push(format!("NOT {name} = {opposite}"));
        self
    }

    /// Lets through only items without a text in `attribute`.
    pub(crate) fn without_text(mut self, attribute: &str) -> Self {
        let name = self.name(attribute);
        let text = self.value(AttributeValue::S("S".to_owned()));
        self.terms.push(format!("(attribute_not_exists({name}) OR NOT attribute_type({name}, {text}))"));
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
    /// The entries of `partition` of `index` after `after` that `filter` lets through.
    pub(crate) fn new(index: ListIndex, partition: String, filter: Filter, after: Option<&Cursor>) -> Self {
        Self { index: Some(index), ..Self::of_table(partition, filter, after) }
    }

    /// The items of `partition` of the table after `after` that `filter` lets through, by their sort keys.
    pub(crate) fn of_table(partition: String, filter: Filter, after: Option<&Cursor>) -> Self {
        let after = after.cloned();
        Self {
            index: None,
            partition,
            filter,
            after,
            until: None,
            read: VecDeque::new(),
            names_descend: false,
            reached: None,
            read_of_name: 0,
            exhausted: false,
            looked_at: 0,
            kept: 0,
            keep: Box::new(|_| true),
        }
    }

    /// The same, only after `after` and before `until`, where they are given.
    pub(crate) fn between(self, after: Option<Cursor>, until: Option<Cursor>) -> Self {
        let after = self.after.max(after);
        let exhausted = matches!((&after, &until), (Some(after), Some(until)) if after >= until);
        Self { after, until, exhausted, ..self }
    }

    /// The same of a list by name, from the last name to the first; entries of one name keep their order.
    pub(crate) fn names_descending(self) -> Self {
        // Read backwards, the entries with the name of `after` come first: those that follow it, then those shown
        // already.
        let begin = self.after.as_ref().map(Cursor::after_all_of_name);
        let reached = self.after.map(|after| after.rank(true));
        Self { after: begin, reached, names_descend: true, ..self }
    }

    /// The same, only with entries that `keep` accepts: for conditions that DynamoDB's expressions do not have.
    pub(crate) fn keeping(self, keep: impl Fn(&T) -> bool + Send + Sync + 'static) -> Self
    where
        T: 'static,
    {
        let before = self.keep;
        Self { keep: Box::new(move |entry| before(entry) && keep(entry)), ..self }
    }

    /// Whether its next entry is still to be read.
    fn is_dry(&self) -> bool {
        !self.exhausted && rank_of_first(self).is_none_or(|rank| Some(rank) > self.reached.as_ref())
    }

    /// The number of entries to read for `wanted` ones, if as many are dropped as so far. In descending name order, one
    /// more shows whether the last name is complete, and the number grows while a single name spans several reads.
    fn to_read(&self, wanted: usize) -> usize {
        let expected = match self.kept {
            0 => 2 * self.looked_at,
            kept => wanted.saturating_mul(self.looked_at).div_ceil(kept),
        };
        wanted.max(expected.min(MAX_PASSED_OVER)) + usize::from(self.names_descend) + self.read_of_name
    }
}

impl Store {
    /// The first `size` entries of `ranges` together.
    ///
    /// The page is full unless it is the last, its items would exceed 6 MiB, a filter dropped 10,000 entries, or
    /// [`MAX_UNREADABLE`] of its entries cannot be read. Those do not count towards `size`, and a range does not ask
    /// its `keep` about them.
    ///
    /// It costs the entries that are read, and one more that shows whether another page follows; if names descend, all
    /// entries of every name of which it shows one.
    pub(crate) async fn page<T: Listed>(&self, mut ranges: Vec<Range<T>>, size: usize) -> Result<Page<T>, Error> {
        let mut page = Page::empty();
        let mut bytes = 0;
        let mut reached = None;
        loop {
            if reached.is_none() {
                reached = self.fill(&mut ranges, size + 1 - page.entries.len()).await?;
            }
            let Some(next) = take_least(&mut ranges, reached.as_ref()) else {
                page.next = reached.map(|rank| rank.cursor);
                return Ok(page);
            };
            bytes += next.bytes;
            if page.entries.len() == size || bytes > MAX_READ_BYTES {
                page.next = page.places.last().map(|place| place.cursor.clone());
                return Ok(page);
            }
            match next.entry {
                Ok(entry) => {
                    page.entries.push(entry);
                    page.places.push(Place { cursor: next.rank.cursor, bytes: next.bytes });
                }
                Err(unreadable) => {
                    page.unreadable.push((page.entries.len(), unreadable));
                    if page.unreadable.len() == MAX_UNREADABLE {
                        page.next = Some(next.rank.cursor);
                        return Ok(page);
                    }
                }
            }
        }
    }

    /// Everything in one range, in its order.
    pub(crate) async fn all<T: Listed>(&self, mut range: Range<T>) -> Result<Found<T>, Error> {
        let mut found = Found::default();
        while !range.exhausted {
            self.read_on(&mut range, None).await?;
            range.read.drain(..).for_each(|read| found.take(read.entry));
        }
        Ok(found)
    }

    /// Reads on, concurrently, in every range that has nothing to show and is not exhausted. If it gives up, returns
    /// the rank up to which all ranges were read.
    async fn fill<T: Listed>(&self, ranges: &mut [Range<T>], wanted: usize) -> Result<Option<CursorRank>, Error> {
        while ranges.iter().any(Range::is_dry) {
            let dropped: usize = ranges.iter().map(|range| range.looked_at.saturating_sub(range.kept)).sum();
            let unread = || ranges.iter().filter(|range| !range.exhausted);
            // Within a name that is read backwards, a page cannot end: there is no place to continue from.
            if dropped >= MAX_DROPPED && unread().all(|range| range.read_of_name == 0) {
                return Ok(unread().filter_map(|range| range.reached.clone()).min());
            }
            let share = wanted.div_ceil(unread().count());
            let dry = ranges.iter_mut().filter(|range| range.is_dry());
            let reads = dry.map(|range| {
                // A page that turns out to come from one range must not be read a few entries at a time.
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
        let partition = range.index.map_or(PK, ListIndex::partition_attribute);
        let order = range.index.map_or(SK, ListIndex::order_attribute);
        let mut query = self
            .client
            .query()
            .table_name(&*self.table)
            .set_index_name(range.index.map(|index| index.name().to_owned()))
            .expression_attribute_values(":partition", AttributeValue::S(range.partition.clone()))
            .set_scan_index_forward(range.names_descend.then_some(false))
            .set_limit(limit.map(i32::try_from).transpose().map_err(Error::internal)?)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let beyond = if range.names_descend { "<" } else { ">" };
        query = match (&range.after, &range.until) {
            (None, None) => query.key_condition_expression(format!("{partition} = :partition")),
            (Some(after), None) => query
                .key_condition_expression(format!("{partition} = :partition AND {order} {beyond} :after"))
                .expression_attribute_values(":after", text(after.as_str())),
            (None, Some(until)) => query
                .key_condition_expression(format!("{partition} = :partition AND {order} < :until"))
                .expression_attribute_values(":until", text(until.as_str())),
            // DynamoDB takes one condition on the sort key, so the range begins with the least value greater than
            // `after`.
            (Some(after), Some(until)) => query
                .key_condition_expression(format!("{partition} = :partition AND {order} BETWEEN :first AND :until"))
                .expression_attribute_values(":first", text(&format!("{}\u{0}", after.as_str())))
                .expression_attribute_values(":until", text(until.as_str())),
        };
        if !T::ATTRIBUTES.is_empty() {
            // Names of attributes may be reserved words of DynamoDB.
            let mut names = Vec::new();
            let attributes = T::ATTRIBUTES.iter().filter(|attribute| !T::LEFT_OUT.contains(attribute));
            for (number, attribute) in [PK, order].iter().chain(attributes).enumerate() {
                let name = format!("#{number}");
                query = query.expression_attribute_names(&name, *attribute);
                names.push(name);
            }
            query = query.projection_expression(names.join(","));
        }
        if !range.filter.terms.is_empty() {
            query = query.filter_expression(range.filter.terms.join(" AND "));
            for (name, attribute) in &range.filter.names {
                query = query.expression_attribute_names(name, attribute);
            }
            for (name, value) in &range.filter.values {
                query = query.expression_attribute_values(name, value.clone());
            }
        }
        let output = query.customize().interceptor(self.meter.clone()).send().await.map_err(failure)?;

        let looked_at = usize::try_from(output.scanned_count).unwrap_or(0);
        range.looked_at += looked_at;
        for item in output.items.unwrap_or_default() {
            let bytes = bytes_of(&item);
            // A page can continue after an entry that it cannot read: the index has its place.
            let rank = cursor(&item, order)?.rank(range.names_descend);
            let entry = self.noting(T::from_item(item));
            let bytes = match &entry {
                Ok(entry) if !(range.keep)(entry) => continue,
                Ok(entry) => entry.bytes(bytes),
                Err(_) => 0,
            };
            range.kept += 1;
            // An earlier page may have shown a part of the name.
            if Some(&rank) > range.reached.as_ref() {
                let place = range.read.partition_point(|other| other.rank < rank);
                range.read.insert(place, Read { rank, bytes, entry });
            }
        }
        if let Some(key) = output.last_evaluated_key {
            let after = cursor(&key, order)?;
            let reached = if range.names_descend { after.before_all_of_name() } else { after.clone() };
            let reached = Some(reached.rank(range.names_descend));
            range.after = Some(after);
            if reached > range.reached {
                range.reached = reached;
                range.read_of_name = 0;
            } else {
                range.read_of_name += looked_at;
            }
        } else {
            range.exhausted = true;
        }
        Ok(())
    }
}

/// Takes the entry of the least rank out of `ranges`, none of which is dry; with `reached`, only up to that.
fn take_least<T>(ranges: &mut [Range<T>], reached: Option<&CursorRank>) -> Option<Read<T>> {
    let ranges = ranges.iter_mut().filter(|range| !range.read.is_empty());
    let range = ranges.min_by(|a, b| rank_of_first(a).cmp(&rank_of_first(b)))?;
    range.read.pop_front_if(|read| reached.is_none_or(|reached| read.rank <= *reached))
}

fn rank_of_first<T>(range: &Range<T>) -> Option<&CursorRank> {
    range.read.front().map(|read| &read.rank)
}

/// The cursor of an item, or a key, of what is sorted by `order`.
fn cursor(item: &HashMap<String, AttributeValue>, order: &str) -> Result<Cursor, Error> {
    match item.get(order) {
        Some(AttributeValue::S(text)) => Ok(Cursor::from_text(text.clone())),
        _ => Err(Error::internal(format!("an index sorts by '{order}' what has no such text"))),
    }
}

/// The size of an item in memory and in DynamoDB, in bytes: its texts, and the names of its attributes.
pub(crate) fn bytes_of(item: &HashMap<String, AttributeValue>) -> usize {
    item.iter().map(|(name, value)| name.len() + bytes_of_value(value)).sum()
}

fn bytes_of_value(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) | AttributeValue::N(text) => text.len(),
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        AttributeValue::L(values) => values.iter().map(|value| 1 + bytes_of_value(value)).sum(),
        AttributeValue::M(attributes) => bytes_of(attributes),
        _ => 1,
    }
}
