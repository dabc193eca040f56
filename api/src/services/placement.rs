//! Room for instances: a runner's maximum and the nodes' capacity, both counted under locks that the
//! caller's transaction holds until its end, so that parallel requests can't both take the last place.

use domain::ids::{NodeId, OrgId, RunnerId};
use domain::node::NodeStatus;
use domain::placement::{NoRoom, NodeRoom, choose};
use domain::runner::NodeSelection;
use entities::DatabaseTransaction;
use entities::model::nodes::Model as NodeRow;
use entities::model::runners::Model as RunnerRow;
use entities::repo::{instances, nodes};

use crate::error::ApiError;
use crate::fields::Fields;

/// Refuses when the runner has as many instances as it may have. The runner's row must be locked.
pub async fn check_maximum(txn: &DatabaseTransaction, runner: &RunnerRow) -> Result<(), ApiError> {
    let id: RunnerId = runner.id()?;
    let in_use = instances::count_taking_room(txn, &id).await?;
    if in_use < u64::try_from(runner.max_instances).unwrap_or(0) {
        return Ok(());
    }
    Err(ApiError::conflict(
        "max_instances_reached",
        format!(
            "`{}` has {in_use} instances and may have {}. Raise max_instances or delete an instance first.",
            runner.name, runner.max_instances
        ),
    ))
}

/// The node for a new instance: the one asked for, or the one with the most room among those that answer.
/// A node that was never checked is taken where no other answers: the worker finds out.
pub async fn place(
    txn: &DatabaseTransaction,
    org: &OrgId,
    selection: &NodeSelection,
    wanted: Option<&NodeId>,
) -> Result<NodeRow, ApiError> {
    let rows = nodes::lock_open(txn, org).await?;
    let in_use = nodes::count_in_use(txn, rows.iter().map(|row| row.uid.as_str())).await?;
    let rooms = rows
        .iter()
        .map(|row| {
            Ok(NodeRoom {
                id: row.id()?,
                is_active: row.status()? == NodeStatus::Active,
                capacity: u32::try_from(row.capacity).unwrap_or(0),
                used: u32::try_from(in_use.get(&row.uid).copied().unwrap_or(0)).unwrap_or(u32::MAX),
            })
        })
        .collect::<Result<Vec<_>, entities::StoreError>>()?;
    let chosen = match wanted {
        Some(wanted) => check_wanted(&rows, &rooms, selection, wanted)?,
        None => choose_any(&rows, rooms, selection)?,
    };
    rows.into_iter()
        .find(|row| row.uid == chosen.as_str())
        .ok_or_else(ApiError::not_found)
}

fn was_checked(row: &NodeRow) -> bool {
    row.last_checked_at.is_some()
}

fn choose_any(rows: &[NodeRow], rooms: Vec<NodeRoom>, selection: &NodeSelection) -> Result<NodeId, ApiError> {
    let mut refused = match choose(&rooms, selection) {
        Ok(node) => return Ok(node),
        Err(refused) => refused,
    };
    if refused != NoRoom::NoNode {
        let unchecked: Vec<NodeRoom> = rooms
            .into_iter()
            .zip(rows)
            .filter(|(room, row)| !room.is_active && !was_checked(row))
            .map(|(room, _)| NodeRoom {
                is_active: true,
                ..room
            })
            .collect();
        match choose(&unchecked, selection) {
            Ok(node) => return Ok(node),
            // More than "nobody answers" is known then: there is a node to be made larger.
            Err(NoRoom::AllFull) => refused = NoRoom::AllFull,
            Err(NoRoom::NoNode | NoRoom::NoneActive) => {}
        }
    }
    let code = match refused {
        NoRoom::NoNode => "no_node",
        NoRoom::NoneActive => "no_active_node",
        NoRoom::AllFull => "no_room",
    };
    let (why, fix) = (sentence(&refused.to_string()), choice(refused));
    Err(ApiError::conflict(code, why).about("node_id", code, fix))
}

fn check_wanted(
    rows: &[NodeRow],
    rooms: &[NodeRoom],
    selection: &NodeSelection,
    wanted: &NodeId,
) -> Result<NodeId, ApiError> {
    let mut fields = Fields::default();
    let Some((room, row)) = rooms.iter().zip(rows).find(|(room, _)| room.id == *wanted) else {
        fields.refuse(
            "node_id",
            "must be the uid of a node of this organisation that takes instances",
        );
        return Err(fields.into_error());
    };
    if !selection.admits(wanted) {
        fields.refuse(
            "node_id",
            "must be one of the nodes in this runner's node_selection",
        );
    } else if !room.is_active && was_checked(row) {
        let reason = row.status_reason.as_deref().unwrap_or("its checks say why");
        let reason = reason.trim_end_matches('.');
        fields.refuse_as(
            "node_id",
            "unreachable",
            format!("is `{}`, which did not answer its last check: {reason}; check it again or choose another node", row.name),
        );
    } else if room.used >= room.capacity {
        return Err(ApiError::conflict(
            "no_room",
            format!(
                "`{}` is full: {} of {} places are taken. Raise its capacity or choose another node.",
                row.name, room.used, room.capacity
            ),
        )
        .about(
            "node_id",
            "no_room",
            "names a full node: raise its capacity or choose another",
        ));
    }
    fields.finish()?;
    Ok(wanted.clone())
}

/// What would help, said of the field that may name a node.
fn choice(refused: NoRoom) -> &'static str {
    match refused {
        NoRoom::NoNode => "finds no node: add one, or widen the runner's node_selection",
        NoRoom::NoneActive => "finds no node that answers: see the nodes' checks, or add another node",
        NoRoom::AllFull => {
            "finds no node with room: raise a node's capacity, add a node or delete an instance"
        }
    }
}

/// A clause as a sentence of its own.
fn sentence(clause: &str) -> String {
    let mut letters = clause.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).chain(['.']).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clause_becomes_a_sentence() {
        assert_eq!(sentence("there is no node"), "There is no node.");
        assert_eq!(sentence(""), "");
    }
}
