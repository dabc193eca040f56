//! Sample jobs: queued, matched by labels to an idle connected runner, run, over.

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    model::{Conclusion, Job, JobSpec, JobStatus, Registration},
    state::State,
};

/// A job whose runner vanished is given up after this time (GitHub takes some minutes).
pub(super) const LOST_JOB_AFTER: TimeDelta = TimeDelta::seconds(10);
/// More waiting jobs than this are refused.
const MAX_UNFINISHED: usize = 10_000;
/// Finished jobs beyond this many are forgotten, oldest first.
const MAX_FINISHED: usize = 1_000;

impl State {
    /// Queues a job; `None` if too many wait already.
    pub(super) fn queue_job(&mut self, spec: JobSpec, now: DateTime<Utc>) -> Option<Job> {
        let finished = self
            .jobs
            .values()
            .filter(|job| job.status == JobStatus::Completed)
            .count();
        if self.jobs.len() - finished >= MAX_UNFINISHED {
            return None;
        }
        if finished > MAX_FINISHED {
            let oldest = self
                .jobs
                .values()
                .find(|job| job.status == JobStatus::Completed)
                .map(|job| job.id);
            oldest.map(|id| self.jobs.remove(&id));
        }
        let id = self.next_job_id;
        self.next_job_id += 1;
        let job = Job {
            id,
            spec,
            status: JobStatus::Queued,
            conclusion: None,
            runner_id: None,
            runner_name: None,
            queued_at: now,
            started_at: None,
            completed_at: None,
        };
        self.jobs.insert(id, job.clone());
        Some(job)
    }

    /// Hands queued jobs, oldest first, to idle connected runners that fit; true if one was handed out.
    pub(super) fn assign_jobs(&mut self, now: DateTime<Utc>) -> bool {
        let Self { jobs, runners, .. } = self;
        let mut assigned = false;
        for job in jobs.values_mut().filter(|job| job.status == JobStatus::Queued) {
            let fits = |r: &Registration| {
                !r.is_busy() && serves(&r.target, &job.spec.target) && r.has_labels(&job.spec.labels)
            };
            let Some(runner) = runners
                .values_mut()
                .find(|runner| fits(&runner.registration) && runner.is_online())
            else {
                continue;
            };
            runner.registration.job_id = Some(job.id);
            job.status = JobStatus::InProgress;
            job.runner_id = Some(runner.registration.id);
            job.runner_name = Some(runner.registration.name.clone());
            job.started_at = Some(now);
            assigned = true;
        }
        assigned
    }

    /// Ends a job; its runner is idle again, or gone if it was ephemeral and told us itself.
    pub(super) fn finish_job(&mut self, job_id: u64, conclusion: Conclusion, now: DateTime<Utc>) -> bool {
        let Some(job) = self
            .jobs
            .get_mut(&job_id)
            .filter(|job| job.status == JobStatus::InProgress)
        else {
            return false;
        };
        job.status = JobStatus::Completed;
        job.conclusion = Some(conclusion);
        job.completed_at = Some(now);
        let Some(runner) = job.runner_id.and_then(|id| self.runners.get_mut(&id)) else {
            return true;
        };
        runner.registration.job_id = None;
        // The registration of a runner that vanished stays behind, offline, as at GitHub.
        if runner.registration.ephemeral && conclusion != Conclusion::Abandoned {
            let id = runner.registration.id;
            self.runners.remove(&id);
        }
        true
    }
}

/// Whether runners of `owner` get jobs of `target`: the same, or an organisation and its repository.
fn serves(owner: &str, target: &str) -> bool {
    owner == target
        || target
            .strip_prefix(owner)
            .is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_organisations_runners_serve_its_repositories_only() {
        assert!(serves("acme", "acme/web") && serves("acme/web", "acme/web"));
        assert!(!serves("acme", "acme-two/web") && !serves("acme/web", "acme"));
    }
}
