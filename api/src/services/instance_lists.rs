//! Lists of instances with their live status, in a number of statements that does not depend on how many
//! there are.

use domain::ids::InstanceId;
use domain::instance::InstanceStatus;
use entities::StoreError;
use entities::model::runner_instances::Model;
use entities::repo::instance_lists::{self, InstanceQuery, Key};
use entities::repo::page::ListPage;

use crate::access::OrgAccess;
use crate::context::Context;
use crate::dto::instance::{InstanceView, Live};
use crate::error::ApiError;
use crate::page::Page;
use crate::services::instances::find_runner;
use crate::services::live_status;

/// A list by status looks at no more instances than these, and does not see what comes after them.
const MOST_LOOKED_AT: u64 = 50_000;

/// One page of a runner's instances.
pub async fn list_of_runner(
    context: &Context,
    access: &OrgAccess,
    runner: &str,
    query: InstanceQuery,
    statuses: &[InstanceStatus],
) -> Result<Page<InstanceView>, ApiError> {
    let runner = find_runner(context, access, runner).await?.id()?;
    let query = InstanceQuery {
        runner: Some(runner),
        ..query
    };
    list(context, access, query, statuses).await
}

/// One page of the organisation's instances; with any status when none is named.
pub async fn list(
    context: &Context,
    access: &OrgAccess,
    query: InstanceQuery,
    statuses: &[InstanceStatus],
) -> Result<Page<InstanceView>, ApiError> {
    let page = if statuses.is_empty() {
        let page = instance_lists::list(&context.db, &access.org_id, &query).await?;
        let ids = ids(page.items.iter().map(|row| &row.uid))?;
        let live = live_status::read(context, &ids).await;
        ListPage {
            items: page.items.into_iter().zip(live).collect(),
            total: page.total,
        }
    } else {
        list_with_status(context, access, &query, statuses).await?
    };
    let (rows, live): (Vec<Model>, Vec<Live>) = page.items.into_iter().unzip();
    let names = instance_lists::names(&context.db, &rows).await?;
    let items = rows.into_iter().zip(&live).map(|(row, live)| {
        let (runner_name, node_name) = (names.runners.get(&row.runner_id), names.nodes.get(&row.node_id));
        Ok(InstanceView {
            runner_name: runner_name.cloned(),
            node_name: node_name.cloned(),
            ..InstanceView::of(row, live)?
        })
    });
    let page = ListPage {
        items: items.collect::<Result<Vec<_>, ApiError>>()?,
        total: page.total,
    };
    Ok(Page::of(page, &query.list, |view| view))
}

/// The status lives in Redis, so the database can't count by it: the ids of all that match otherwise are
/// looked up there, and only the rows of the page are then read.
async fn list_with_status(
    context: &Context,
    access: &OrgAccess,
    query: &InstanceQuery,
    statuses: &[InstanceStatus],
) -> Result<ListPage<(Model, Live)>, ApiError> {
    let keys = instance_lists::list_keys(&context.db, &access.org_id, query, MOST_LOOKED_AT).await?;
    let ids = ids(keys.iter().map(|key| &key.uid))?;
    let live = live_status::read(context, &ids).await;
    let mut matching = Vec::new();
    for (key, live) in keys.into_iter().zip(live) {
        if statuses.contains(&status(&key, &live)?) {
            matching.push((key.uid, live));
        }
    }
    let total = matching.len() as u64;
    let amount = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let (uids, live): (Vec<String>, Vec<Live>) = matching
        .into_iter()
        .skip(amount(query.list.offset))
        .take(amount(query.list.limit))
        .unzip();
    let rows = instance_lists::list_by_uid(&context.db, &access.org_id, &uids).await?;
    // One that was removed in between has no row any more.
    let items = uids.into_iter().zip(live);
    let mut rows = rows.into_iter().peekable();
    let items = items.filter_map(|(uid, live)| Some((rows.next_if(|row| row.uid == uid)?, live)));
    Ok(ListPage {
        items: items.collect(),
        total,
    })
}

fn status(key: &Key, live: &Live) -> Result<InstanceStatus, ApiError> {
    Ok(match live {
        Live::Reported(report) => report.status,
        Live::Silent => InstanceStatus::Offline,
        Live::Unknown => key
            .status
            .parse()
            .map_err(|_| StoreError::Corrupt("runner_instances.status"))?,
    })
}

fn ids<'a>(uids: impl Iterator<Item = &'a String>) -> Result<Vec<InstanceId>, ApiError> {
    uids.map(|uid| {
        let id = uid.parse();
        Ok(id.map_err(|_| StoreError::Corrupt("runner_instances.uid"))?)
    })
    .collect()
}
