//! Which node a new instance goes to. The api and the worker's reconciler place by the same rule.

use crate::ids::NodeId;
use crate::runner::NodeSelection;

/// A node as placement sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeRoom {
    /// The node.
    pub id: NodeId,
    /// Whether its engine answered the last check.
    pub is_active: bool,
    /// How many instances may take up room on it.
    pub capacity: u32,
    /// How many do.
    pub used: u32,
}

/// Why no node could be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoRoom {
    /// The organisation has no node that the runner may use.
    #[error("there is no node that this runner may use; add one, or widen the runner's node selection")]
    NoNode,
    /// No such node answers.
    #[error("no node that this runner may use answers at the moment; the node's checks say why")]
    NoneActive,
    /// All are full.
    #[error("every node that this runner may use is full; raise a node's capacity or add a node")]
    AllFull,
}

/// The admitted, active node with the most room left, the first of equals by id.
pub fn choose(nodes: &[NodeRoom], selection: &NodeSelection) -> Result<NodeId, NoRoom> {
    let admitted = || nodes.iter().filter(|node| selection.admits(&node.id));
    let active = || admitted().filter(|node| node.is_active);
    if admitted().next().is_none() {
        return Err(NoRoom::NoNode);
    }
    if active().next().is_none() {
        return Err(NoRoom::NoneActive);
    }
    active()
        .filter(|node| node.used < node.capacity)
        .max_by(|a, b| {
            (a.capacity - a.used)
                .cmp(&(b.capacity - b.used))
                .then_with(|| b.id.cmp(&a.id))
        })
        .map(|node| node.id.clone())
        .ok_or(NoRoom::AllFull)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(is_active: bool, capacity: u32, used: u32) -> NodeRoom {
        NodeRoom {
            id: NodeId::new(),
            is_active,
            capacity,
            used,
        }
    }

    #[test]
    fn the_node_with_the_most_room_is_chosen() {
        let nodes = [node(true, 10, 8), node(true, 4, 0), node(false, 100, 0)];
        assert_eq!(choose(&nodes, &NodeSelection::default()), Ok(nodes[1].id.clone()));
    }

    #[test]
    fn among_equals_the_first_is_chosen() {
        let nodes = [node(true, 4, 1), node(true, 4, 1)];
        assert_eq!(choose(&nodes, &NodeSelection::default()), Ok(nodes[0].id.clone()));
    }

    #[test]
    fn the_selection_is_kept_to() {
        let nodes = [node(true, 10, 0), node(true, 4, 3)];
        let only_second = NodeSelection {
            node_ids: vec![nodes[1].id.clone()],
        };
        assert_eq!(choose(&nodes, &only_second), Ok(nodes[1].id.clone()));
    }

    #[test]
    fn each_way_of_having_no_room_is_told_apart() {
        let any = NodeSelection::default();
        assert_eq!(choose(&[], &any), Err(NoRoom::NoNode));
        assert_eq!(choose(&[node(false, 1, 0)], &any), Err(NoRoom::NoneActive));
        assert_eq!(choose(&[node(true, 1, 1)], &any), Err(NoRoom::AllFull));
        // A capacity lowered below what is in use is full, too.
        assert_eq!(choose(&[node(true, 1, 3)], &any), Err(NoRoom::AllFull));
    }
}
