//! Tasks under way on behalf of all who wait for the same thing. Bounded, because clients choose what is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::denial::Denial;
use crate::flow::{AwaitTask, Need, SharedKey, TaskCallout, TaskEnd, TaskMoment, TaskProvider, TaskStep, TaskWait};
use crate::http::CalloutOutcome;
use crate::time::UnixTime;

use super::parking::Parked;
use super::{CalloutId, Effect, Env, Gateway, PROVIDER_PATIENCE, Purpose, StreamId};

/// How many of them may be under way.
const MOST_TASKS: usize = 1024;
/// How many streams may wait for all of them together.
const MOST_WAITING: usize = 8192;
/// How much later than the call's own timeout an answer is given up for lost.
const GRACE: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(super) struct Tasks {
    tasks: BTreeMap<SharedKey, Running>,
    waiting: usize,
}

struct Running {
    stage: Stage,
    waiting: BTreeSet<StreamId>,
}

/// What a task waits for.
enum Stage {
    /// It is about to take its next step.
    Stepping,
    /// The end of a call, until it is given up for lost.
    Callout { callout: CalloutId, lost_at: UnixTime, task: TaskCallout },
    /// A provider's metadata or keys, until `deadline`.
    Provider { need: Need, deadline: UnixTime, task: TaskProvider },
    /// That time passes.
    Moment { at: UnixTime, task: TaskMoment },
}

impl Stage {
    /// When it is over at the latest.
    const fn due(&self) -> Option<UnixTime> {
        match self {
            Self::Stepping => None,
            Self::Callout { lost_at: at, .. } | Self::Provider { deadline: at, .. } | Self::Moment { at, .. } => {
                Some(*at)
            }
        }
    }
}

/// What becomes of somebody who wants to wait.
enum Admittance {
    /// The task is under way already.
    Joined,
    /// The task is to be begun.
    First,
    /// Too many wait, or too many tasks are under way.
    Full,
}

impl Tasks {
    /// Lets `stream` wait for the task that is under way; if there is none, it may [begin](Self::begin) one.
    fn join(&mut self, key: SharedKey, stream: StreamId) -> Admittance {
        let may_begin = self.tasks.len() < MOST_TASKS;
        match self.tasks.get_mut(&key) {
            _ if self.waiting >= MOST_WAITING => Admittance::Full,
            Some(task) => {
                task.waiting.insert(stream);
                self.waiting = self.waiting.saturating_add(1);
                Admittance::Joined
            }
            None if may_begin => Admittance::First,
            None => Admittance::Full,
        }
    }

    /// A task has begun, and `stream` is the first to wait for it.
    fn begin(&mut self, key: SharedKey, stream: StreamId) {
        self.waiting = self.waiting.saturating_add(1);
        self.tasks.insert(key, Running { stage: Stage::Stepping, waiting: BTreeSet::from([stream]) });
    }

    fn set(&mut self, key: SharedKey, stage: Stage) {
        if let Some(task) = self.tasks.get_mut(&key) {
            task.stage = stage;
        }
    }

    /// What the task waits for, which it does no more.
    fn take_stage(&mut self, key: SharedKey) -> Stage {
        self.tasks.get_mut(&key).map_or(Stage::Stepping, |task| std::mem::replace(&mut task.stage, Stage::Stepping))
    }

    /// `stream` does not wait any more. The task goes on: others may still want to know.
    pub(super) fn leave(&mut self, key: SharedKey, stream: StreamId) {
        if self.tasks.get_mut(&key).is_some_and(|task| task.waiting.remove(&stream)) {
            self.waiting = self.waiting.saturating_sub(1);
        }
    }

    /// The task has ended: who waited for it, in no order that matters.
    fn end(&mut self, key: SharedKey) -> BTreeSet<StreamId> {
        let waiting = self.tasks.remove(&key).map(|task| task.waiting).unwrap_or_default();
        self.waiting = self.waiting.saturating_sub(waiting.len());
        waiting
    }

    /// The tasks for whose stage `is_over` holds.
    fn over(&self, is_over: impl Fn(&Stage) -> bool) -> Vec<SharedKey> {
        self.tasks.iter().filter(|(_, task)| is_over(&task.stage)).map(|(key, _)| *key).collect()
    }

    /// Whether a task waits for a provider.
    pub(super) fn awaits_provider(&self) -> bool {
        self.tasks.values().any(|task| matches!(task.stage, Stage::Provider { .. }))
    }

    /// When the first of them goes on by itself.
    pub(super) fn next_due(&self) -> Option<UnixTime> {
        self.tasks.values().filter_map(|task| task.stage.due()).min()
    }
}

impl Gateway {
    /// Lets a stream wait for a task that others may wait for as well; who comes first begins it.
    pub(super) fn share(
        &mut self,
        stream: StreamId,
        key: SharedKey,
        flow: AwaitTask,
        env: &mut Env<'_>,
        effects: &mut Vec<Effect>,
    ) {
        let first_step = match self.tasks.join(key, stream) {
            Admittance::Joined => {
                self.parked.park(stream, Parked::Task { key, flow });
                return;
            }
            Admittance::First => flow.begin(&mut self.scene(env)),
            Admittance::Full => Err(Denial::TooBusy),
        };
        match first_step {
            Ok(step) => {
                self.tasks.begin(key, stream);
                self.parked.park(stream, Parked::Task { key, flow });
                self.advance(key, step, env, effects);
            }
            Err(denial) => {
                let step = flow.refuse(denial, &mut self.scene(env));
                self.take(stream, step, env, effects);
            }
        }
    }

    /// Carries out a task's step, and those that follow at once.
    fn advance(&mut self, key: SharedKey, mut step: TaskStep, env: &mut Env<'_>, effects: &mut Vec<Effect>) {
        loop {
            step = match step {
                TaskStep::Wait(TaskWait::Callout { request, task }) => {
                    let callout = self.number(Purpose::Task(key), &request, env.now);
                    let lost_at = env.now + request.timeout + GRACE;
                    self.tasks.set(key, Stage::Callout { callout, lost_at, task });
                    effects.push(Effect::Dispatch { callout, stream: None, request: *request });
                    return;
                }
                TaskStep::Wait(TaskWait::Provider { need, task }) => {
                    self.loader.want(need, &self.slots);
                    self.load_providers(env, effects);
                    let deadline = env.now + PROVIDER_PATIENCE;
                    if !self.loader.is_settled(need, &self.slots, deadline) {
                        self.tasks.set(key, Stage::Provider { need, deadline, task });
                        return;
                    }
                    task.resume(&mut self.scene(env))
                }
                TaskStep::Wait(TaskWait::Moment { at, task }) => {
                    self.tasks.set(key, Stage::Moment { at, task });
                    return;
                }
                TaskStep::Ended(end) => return self.task_ended(key, &end, env, effects),
            }
        }
    }

    /// Resumes all who waited for a task.
    fn task_ended(&mut self, key: SharedKey, end: &TaskEnd, env: &mut Env<'_>, effects: &mut Vec<Effect>) {
        for stream in self.tasks.end(key) {
            if let Some(flow) = self.parked.take_awaiting_task(stream) {
                let step = flow.resume(end, &mut self.scene(env));
                self.take(stream, step, env, effects);
            }
        }
    }

    /// A task's call has ended.
    pub(super) fn task_answered(
        &mut self,
        key: SharedKey,
        outcome: CalloutOutcome,
        env: &mut Env<'_>,
        effects: &mut Vec<Effect>,
    ) {
        match self.tasks.take_stage(key) {
            Stage::Callout { task, .. } => {
                let step = task.resume(outcome, &mut self.scene(env));
                self.advance(key, step, env, effects);
            }
            other => self.tasks.set(key, other),
        }
    }

    /// Goes on with every task whose wait for a provider is over, by success or by patience.
    pub(super) fn resume_tasks_awaiting_provider(&mut self, env: &mut Env<'_>, effects: &mut Vec<Effect>) {
        let (now, loader, slots) = (env.now, &self.loader, &self.slots);
        let over = self.tasks.over(|stage| match stage {
            Stage::Provider { need, deadline, .. } => now >= *deadline || loader.is_settled(*need, slots, *deadline),
            Stage::Stepping | Stage::Callout { .. } | Stage::Moment { .. } => false,
        });
        for key in over {
            match self.tasks.take_stage(key) {
                Stage::Provider { task, .. } => {
                    let step = task.resume(&mut self.scene(env));
                    self.advance(key, step, env, effects);
                }
                other => self.tasks.set(key, other),
            }
        }
    }

    /// Goes on with tasks whose time has come, and gives up answers that the host has lost, so that nothing waits for ever.
    pub(super) fn resume_due_tasks(&mut self, env: &mut Env<'_>, effects: &mut Vec<Effect>) {
        let now = env.now;
        let is_due =
            |stage: &Stage| !matches!(stage, Stage::Provider { .. }) && stage.due().is_some_and(|due| now >= due);
        for key in self.tasks.over(is_due) {
            let step = match self.tasks.take_stage(key) {
                Stage::Callout { callout, task, .. } => {
                    self.callouts.remove(&callout);
                    task.resume(CalloutOutcome::Failed, &mut self.scene(env))
                }
                Stage::Moment { task, .. } => task.resume(&mut self.scene(env)),
                other @ (Stage::Stepping | Stage::Provider { .. }) => {
                    self.tasks.set(key, other);
                    continue;
                }
            };
            self.advance(key, step, env, effects);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: UnixTime = UnixTime::from_secs(1_700_000_000);

    fn key(number: usize) -> SharedKey {
        SharedKey::new("test", [number.to_be_bytes().as_slice()])
    }

    fn wait(tasks: &mut Tasks, number: usize, stream: u32) -> bool {
        let key = key(number);
        match tasks.join(key, StreamId(stream)) {
            Admittance::Joined => true,
            Admittance::First => {
                tasks.begin(key, StreamId(stream));
                let callout = CalloutId(u64::try_from(number).unwrap());
                let lost_at = START + Duration::from_secs(5) + GRACE;
                tasks.set(key, Stage::Callout { callout, lost_at, task: TaskCallout::Answer });
                true
            }
            Admittance::Full => false,
        }
    }

    #[test]
    fn tasks_and_those_who_wait_are_bounded() {
        let mut tasks = Tasks::default();
        assert!((0..MOST_TASKS).all(|number| wait(&mut tasks, number, u32::try_from(number).unwrap())));
        assert!(!wait(&mut tasks, MOST_TASKS, 1_000_000), "no more tasks");
        assert!((MOST_TASKS..MOST_WAITING).all(|stream| wait(&mut tasks, 7, u32::try_from(stream).unwrap())));
        assert!(!wait(&mut tasks, 7, 1_000_000), "nobody else may wait");
        tasks.leave(key(7), StreamId(7));
        tasks.leave(key(7), StreamId(7));
        assert!(wait(&mut tasks, 7, 1_000_000));
        assert!(!wait(&mut tasks, 7, 1_000_001));
        assert_eq!(tasks.end(key(7)).len(), MOST_WAITING - MOST_TASKS + 1);
        assert!(wait(&mut tasks, MOST_TASKS, 1_000_001));
    }

    #[test]
    fn a_task_that_nobody_waits_for_is_still_under_way() {
        let mut tasks = Tasks::default();
        assert!(wait(&mut tasks, 1, 1));
        tasks.leave(key(1), StreamId(1));
        assert!(matches!(tasks.join(key(1), StreamId(2)), Admittance::Joined));
        assert_eq!(tasks.end(key(1)), BTreeSet::from([StreamId(2)]));
        assert_eq!(tasks.next_due(), None);
    }

    #[test]
    fn an_answer_that_does_not_come_is_given_up() {
        let mut tasks = Tasks::default();
        assert!(wait(&mut tasks, 1, 1));
        let lost_at = tasks.next_due().unwrap();
        assert_eq!(lost_at, START + Duration::from_secs(10));
        let over = |now: UnixTime| tasks.over(|stage| stage.due().is_some_and(|due| now >= due));
        assert!(over(lost_at - Duration::from_millis(1)).is_empty());
        assert_eq!(over(lost_at), [key(1)]);
    }
}
