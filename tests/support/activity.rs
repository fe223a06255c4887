//! What activity and the counts of active agents should be, recounted from the records in the table. It shares no code
//! with what writes them.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;

/// Items of the table, by their keys.
type Items = BTreeMap<String, HashMap<String, AttributeValue>>;

/// The marks of activity in `items`, by their keys, without keys: what is kept, and what should be.
pub fn activity(items: &Items) -> [Items; 2] {
    let kept = items.iter().filter(|(key, _)| key.split('#').nth(2) == Some("activity"));
    let kept = kept.map(|(key, item)| {
        let mut item = item.clone();
        item.remove("PK");
        item.remove("SK");
        (key.clone(), item)
    });
    let marks = items.iter().filter_map(|(key, item)| match key.rsplit(" / ").next().unwrap() {
        "session" => mark_of_session(key, item),
        "scorecard" => mark_of_scorecard(key, item),
        _ => None,
    });
    [kept.collect(), marks.collect()]
}

/// The counts of active agents in `items`, by the key and attribute of each, without zeros: what is kept, and what
/// should be.
pub fn agent_counts(items: &Items) -> [BTreeMap<(String, String), i64>; 2] {
    let mut kept = BTreeMap::new();
    let mut right: BTreeMap<(String, String), i64> = BTreeMap::new();
    for (key, item) in items {
        if key.contains("##agent-counts / ") {
            for (attribute, value) in item.iter().filter(|(name, _)| !["PK", "SK", "changed"].contains(&name.as_str()))
            {
                kept.insert((key.clone(), attribute.clone()), value.as_n().unwrap().parse::<i64>().unwrap());
            }
        }
        let Some((customer, user)) = key.strip_suffix(" / user").and_then(|key| key.split_once("##user#")) else {
            continue;
        };
        let is = |attribute: &str| item[attribute] == AttributeValue::Bool(true);
        if !texts(item, "roles").contains(&"agent".to_owned()) || !is("is_active") || is("is_dev_user") {
            continue;
        }
        let shard = format!("{customer}##agent-counts / {:02}", share(user));
        let mut counts: Vec<String> = texts(item, "profiles")
            .iter()
            .map(|profile| format!("profile#{}", profile.rsplit('/').next().unwrap()))
            .collect();
        counts.sort_unstable();
        counts.dedup();
        if counts.is_empty() {
            counts.push("everywhere".to_owned());
        }
        for count in counts {
            *right.entry((shard.clone(), count)).or_default() += 1;
        }
    }
    kept.retain(|_, count| *count != 0);
    [kept, right]
}

fn text(item: &HashMap<String, AttributeValue>, attribute: &str) -> Option<String> {
    item.get(attribute).map(|value| value.as_s().unwrap().clone())
}

fn texts(item: &HashMap<String, AttributeValue>, attribute: &str) -> Vec<String> {
    let list = item.get(attribute).map(|list| list.as_l().unwrap().as_slice()).unwrap_or_default();
    list.iter().map(|text| text.as_s().unwrap().clone()).collect()
}

/// FNV-1a of 32 bits, in sixteen shares.
pub(crate) fn share(id: &str) -> u32 {
    let mut hash = 2_166_136_261_u32;
    for byte in id.bytes() {
        hash = (hash ^ u32::from(byte)).wrapping_mul(16_777_619);
    }
    hash % 16
}

/// The key of a mark: `of` names what has it, `key` is the key of that.
fn key_of_mark(key: &str, of: &str, item: &HashMap<String, AttributeValue>, time: &str) -> Option<String> {
    let usecase = text(item, "usecase")?;
    let agent = text(item, "agent").unwrap();
    let (partition, _) = key.split_once(" / ").unwrap();
    let (profile, id) = partition.split_once(&format!("#{of}#")).unwrap();
    let (year, month) = (&time[..4], time[5..7].parse::<u32>().unwrap());
    let first_month = if month.is_multiple_of(2) { month - 1 } else { month };
    let share = share(&agent);
    Some(format!("{profile}#activity#{usecase}#{share:02} / {year}-{first_month:02}#{agent}#{of}#{id}"))
}

fn mark_of_session(
    key: &str,
    item: &HashMap<String, AttributeValue>,
) -> Option<(String, HashMap<String, AttributeValue>)> {
    let session_time = text(item, "session_time");
    let counted = session_time.clone().unwrap_or_else(|| text(item, "create_time").unwrap());
    let flags = [(session_time.is_some(), "T"), (item.contains_key("meeting_notes"), "N")];
    let flags: String = flags.iter().filter(|(set, _)| *set).map(|(_, flag)| *flag).collect();
    let or_nothing = |attribute| text(item, attribute).unwrap_or_default();
    let (submitted, acknowledged) = (or_nothing("manager_submit_time"), or_nothing("acknowledge_time"));
    let coach = text(item, "manager_submitter").or_else(|| text(item, "creator")).unwrap();
    let plan = text(item, "plan").unwrap();
    let key = key_of_mark(key, "session", item, &counted)?;
    let mark = format!("{counted}#{flags}#{submitted}#{acknowledged}#{coach}#{plan}");
    Some((key, HashMap::from([("session".to_owned(), AttributeValue::S(mark))])))
}

fn mark_of_scorecard(
    key: &str,
    item: &HashMap<String, AttributeValue>,
) -> Option<(String, HashMap<String, AttributeValue>)> {
    let submitted = text(item, "submit_time")?;
    let is_evaluation = item["manually_scored"].clone();
    if is_evaluation == AttributeValue::Bool(false) && !item.contains_key("plans") {
        return None;
    }
    let key = key_of_mark(key, "scorecard", item, &submitted)?;
    let mark = AttributeValue::S(format!("{submitted}#{}", text(item, "template").unwrap()));
    let mut attributes = HashMap::from([("scorecard".to_owned(), mark), ("evaluation".to_owned(), is_evaluation)]);
    attributes.extend(item.get("plans").map(|plans| ("plans".to_owned(), plans.clone())));
    Some((key, attributes))
}
