//! Targets as items.

use coaching_domain::Timestamp;
use coaching_domain::names::TargetId;
use coaching_domain::target::Target;

use crate::item::{Attributes, Item};
use crate::keys::Key;
use crate::unreadable::Unreadable;

/// The item of a target, without a place in any list.
pub(crate) fn item_at(key: Key, target: &Target) -> Item {
    Item::at(key)
        .version(target.version)
        .text("template", target.template.as_str())
        .text("part", &target.criterion_or_chapter_id)
        .text("usecase", target.usecase.as_str())
        .optional_text("plan", target.plan.as_ref())
        .optional_text("agent", target.agent.as_ref())
        .texts("history", target.history.iter().flat_map(|(from, value)| [from.to_string(), value.to_string()]))
        .text("create_time", target.create_time.to_string())
        .text("update_time", target.update_time.to_string())
}

/// Reads the target `id` that [`item_at`] wrote.
pub(crate) fn read(id: TargetId, item: &mut Attributes) -> Result<Target, Unreadable> {
    // Times and values alternate.
    let history = item.texts("history")?;
    let history = history.chunks(2).map(|pair| match pair {
        [from, value] => Some((Timestamp::parse(from)?, value.parse().ok()?)),
        _ => None,
    });
    let history = history.collect::<Option<_>>().ok_or_else(|| item.corrupt("history"))?;
    Ok(Target {
        id,
        version: item.version()?,
        template: item.id("template")?,
        criterion_or_chapter_id: item.text("part")?,
        usecase: item.id("usecase")?,
        plan: item.optional_id("plan")?,
        agent: item.optional_id("agent")?,
        history,
        create_time: item.time("create_time")?,
        update_time: item.time("update_time")?,
    })
}
