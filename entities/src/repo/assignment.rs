//! All that a worker's job needs to know of one instance or node, read together.

use domain::ids::{InstanceId, NodeId, RunnerId};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};

use crate::StoreError;
use crate::model::{github_credentials, nodes, runner_instances, runners};

/// An instance with its runner, its node and the credential that its runner uses.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// The instance, deleted or not.
    pub instance: runner_instances::Model,
    /// Its runner, deleted or not: a deleted one still has instances to be removed.
    pub runner: runners::Model,
    /// Its node, deleted or not.
    pub node: nodes::Model,
    /// The credential; `None` for a runner with a token of its own.
    pub credential: Option<github_credentials::Model>,
}

/// The assignment of an instance, or `None` if there is no such instance. Rows never lose their parents
/// (foreign keys), so a missing parent is an error.
pub async fn find(db: &impl ConnectionTrait, id: &InstanceId) -> Result<Option<Assignment>, StoreError> {
    let Some(instance) = runner_instances::Entity::find_by_id(id.as_str()).one(db).await? else {
        return Ok(None);
    };
    let runner = runners::Entity::find_by_id(&instance.runner_id)
        .one(db)
        .await?
        .ok_or(StoreError::Corrupt("runner_instances.runner_id"))?;
    let node = nodes::Entity::find_by_id(&instance.node_id)
        .one(db)
        .await?
        .ok_or(StoreError::Corrupt("runner_instances.node_id"))?;
    let credential = match &runner.credential_id {
        None => None,
        Some(id) => Some(
            github_credentials::Entity::find_by_id(id)
                .one(db)
                .await?
                .ok_or(StoreError::Corrupt("runners.credential_id"))?,
        ),
    };
    Ok(Some(Assignment {
        instance,
        runner,
        node,
        credential,
    }))
}

/// A node that is not deleted.
pub async fn find_node(db: &impl ConnectionTrait, id: &NodeId) -> Result<Option<nodes::Model>, StoreError> {
    Ok(nodes::Entity::find_by_id(id.as_str())
        .filter(nodes::Column::IsDeleted.eq(false))
        .one(db)
        .await?)
}

/// A runner that is not deleted.
pub async fn find_runner(
    db: &impl ConnectionTrait,
    id: &RunnerId,
) -> Result<Option<runners::Model>, StoreError> {
    Ok(runners::Entity::find_by_id(id.as_str())
        .filter(runners::Column::IsDeleted.eq(false))
        .one(db)
        .await?)
}

/// The instances with these ids, deleted or not.
pub async fn list_instances(
    db: &impl ConnectionTrait,
    ids: &[InstanceId],
) -> Result<Vec<runner_instances::Model>, StoreError> {
    Ok(runner_instances::Entity::find()
        .filter(runner_instances::Column::Uid.is_in(ids.iter().map(InstanceId::as_str)))
        .all(db)
        .await?)
}

/// The instances of a runner that are not deleted, oldest first.
pub async fn list_of_runner(
    db: &impl ConnectionTrait,
    id: &RunnerId,
    limit: u64,
) -> Result<Vec<runner_instances::Model>, StoreError> {
    Ok(runner_instances::Entity::find()
        .filter(runner_instances::Column::RunnerId.eq(id.as_str()))
        .filter(runner_instances::Column::IsDeleted.eq(false))
        .order_by_asc(runner_instances::Column::Uid)
        .limit(limit)
        .all(db)
        .await?)
}

/// A runner, deleted or not, locked until the transaction's end, so that whoever counts its instances to
/// add some is alone. SQLite locks the whole database when a writing transaction begins.
pub async fn lock_runner(
    txn: &DatabaseTransaction,
    id: &RunnerId,
) -> Result<Option<runners::Model>, StoreError> {
    Ok(runners::Entity::find_by_id(id.as_str())
        .lock_exclusive()
        .one(txn)
        .await?)
}
