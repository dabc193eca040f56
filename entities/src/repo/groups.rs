//! The instances that are looked at together: all of a runner, or all on a node, those that were removed too.

use chrono::{DateTime, Utc};
use domain::ids::{NodeId, OrgId, RunnerId};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, ExprTrait as _, QueryFilter, QuerySelect, QueryTrait, sea_query,
};

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
pub(super) fn ids_since(org: &OrgId, group: Group<'_>, from: DateTime<Utc>) -> sea_query::SelectStatement {
    let owner = match group {
        Group::OfRunner(runner) => Column::RunnerId.eq(runner.as_str()),
        Group::OnNode(node) => Column::NodeId.eq(node.as_str()),
    };
    // The owner stands in both: SQLite uses an index for `OR` only where each side has all that it needs.
    let there = owner.clone().and(Column::IsDeleted.eq(false));
    let went_later = owner
        .and(Column::IsDeleted.eq(true))
        .and(Column::DeletedAt.gte(from));
    Entity::find()
        .filter(Column::OrgId.eq(org.as_str()))
        .filter(Condition::any().add(there).add(went_later))
        .select_only()
        .column(Column::Uid)
        .into_query()
}
