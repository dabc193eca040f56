//! The instances that are looked at together: all of a runner, or all on a node, those that were removed too.

use chrono::{DateTime, Utc};
use domain::ids::{NodeId, OrgId, RunnerId};
use sea_orm::sea_query::{SelectStatement, UnionType};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait, Select};

use crate::model::runner_instances::{Column, Entity};

/// What the instances have in common.
#[derive(Debug, Clone, Copy)]
pub enum Group<'a> {
    /// The runner that they were made from.
    OfRunner(&'a RunnerId),
    /// The node that they are or were on.
    OnNode(&'a NodeId),
}

/// The ids of those that were still there at some time since `from`. A runner whose instances run one job each
/// leaves many behind: what went before is not looked at.
pub(super) fn ids_since(org: &OrgId, group: Group<'_>, from: DateTime<Utc>) -> SelectStatement {
    let there = of(org, group).filter(Column::IsDeleted.eq(false));
    let went_later = of(org, group)
        .filter(Column::IsDeleted.eq(true))
        .filter(Column::DeletedAt.gte(from));
    // Two selections, each with an index that fits: for one with `OR` SQLite reads all that ever were.
    there
        .into_query()
        .union(UnionType::All, went_later.into_query())
        .to_owned()
}

/// The ids of all that the organisation has or had.
fn of(org: &OrgId, group: Group<'_>) -> Select<Entity> {
    let select = Entity::find()
        .select_only()
        .column(Column::Uid)
        .filter(Column::OrgId.eq(org.as_str()));
    match group {
        Group::OfRunner(runner) => select.filter(Column::RunnerId.eq(runner.as_str())),
        Group::OnNode(node) => select.filter(Column::NodeId.eq(node.as_str())),
    }
}
