//! Work that takes a processor, off the threads that talk to clients, and not more of it than the machine bears.
//!
//! Two lanes, so that a forecast of under a millisecond never waits behind searches of seconds: each has its slots, and a
//! bounded number may wait for one; whoever comes after is told at once to come again. A slot is free again when the work
//! is really over, not when its client has gone. Searches look at their [`Ticket`] and end when nobody waits any more.
//!
//! Does not know: what the work is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use crate::fault::{Refusal, Why};

/// Slots, and who may wait for them.
#[derive(Debug)]
pub(crate) struct Lane {
    slots: Arc<Semaphore>,
    waiting: AtomicUsize,
    most_waiting: usize,
    /// Longest that an answer is waited for, the wait for a slot included.
    patience: Duration,
}

/// What a piece of work knows of the one who waits for it.
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    gone: Arc<AtomicBool>,
    closing: Arc<AtomicBool>,
    end: Instant,
}

impl Ticket {
    /// Somebody waits, and there is time left.
    pub(crate) fn go_on(&self) -> bool {
        !self.gone.load(Ordering::Relaxed) && !self.closing.load(Ordering::Relaxed) && !self.late()
    }

    /// The time for it is over.
    pub(crate) fn late(&self) -> bool {
        Instant::now() >= self.end
    }

    /// The server is on its way out.
    pub(crate) fn closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }
}

/// Says that nobody waits any more once it is dropped.
#[derive(Debug)]
pub(crate) struct Waits {
    gone: Arc<AtomicBool>,
    /// Dropping it says so.
    owner: bool,
}

impl Waits {
    /// Somebody waits.
    pub(crate) fn new() -> Self {
        Self { gone: Arc::new(AtomicBool::new(false)), owner: true }
    }

    /// The same, for one who acts for the one who waits: dropping it says nothing.
    pub(crate) fn share(&self) -> Self {
        Self { gone: self.gone.clone(), owner: false }
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        if self.owner {
            self.gone.store(true, Ordering::Relaxed);
        }
    }
}

/// Counts one who waits, until dropped.
struct Queued<'a>(&'a AtomicUsize);

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Lane {
    /// A lane of so many slots.
    pub(crate) fn new(slots: usize, most_waiting: usize, patience: Duration) -> Self {
        Self { slots: Arc::new(Semaphore::new(slots)), waiting: AtomicUsize::new(0), most_waiting, patience }
    }

    /// Does a piece of work; ends early when this future is dropped, if the work looks at its ticket.
    ///
    /// # Errors
    /// Too many wait already, it took too long, or it broke.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        closing: &Arc<AtomicBool>,
        work: impl FnOnce(&Ticket) -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let waits = Waits::new();
        self.run_for(&waits, closing, self.patience, work).await
    }

    /// As [`Lane::run`], for somebody who waits elsewhere, with so much time for the work itself.
    ///
    /// # Errors
    /// As [`Lane::run`].
    pub(crate) async fn run_for<T: Send + 'static>(
        &self,
        waits: &Waits,
        closing: &Arc<AtomicBool>,
        time: Duration,
        work: impl FnOnce(&Ticket) -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let start = Instant::now();
        let slot = {
            // The lock of a semaphore is fair: whoever came first goes first.
            let queued = self.waiting.fetch_add(1, Ordering::Relaxed);
            let _counted = Queued(&self.waiting);
            let free = self.slots.clone().try_acquire_owned();
            match free {
                Ok(slot) => slot,
                Err(_) if queued >= self.most_waiting => return Err(busy()),
                Err(_) => match tokio::time::timeout(self.patience, self.slots.clone().acquire_owned()).await {
                    Ok(Ok(slot)) => slot,
                    _ => return Err(busy()),
                },
            }
        };
        let begun = Instant::now();
        let end = (begun + time).min(start + self.patience);
        let ticket = Ticket { gone: waits.gone.clone(), closing: closing.clone(), end };
        let task = tokio::task::spawn_blocking(move || {
            let done = work(&ticket);
            drop(slot);
            done
        });
        match tokio::time::timeout(end.saturating_duration_since(begun) + GRACE, task).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(broken)) => {
                let panic = broken.try_into_panic().map(|panic| words(panic.as_ref()));
                tracing::error!(panic = panic.as_deref().unwrap_or("the task was ended"), "a fault of ours");
                let refusal = Refusal::new(Why::Internal, "", "this is a fault of outlay, not of your input");
                Err(refusal.help("please report it with what you sent"))
            }
            Err(_) => Err(late()),
        }
    }
}

/// A search that is to end at a moment needs a little more to write its answer.
const GRACE: Duration = Duration::from_secs(5);

/// Too many ask at once.
pub(crate) fn busy() -> Refusal {
    Refusal::new(Why::Busy, "", "more is asked than this server can answer now").help("ask again in a moment")
}

/// It takes longer than anybody may wait.
pub(crate) fn late() -> Refusal {
    Refusal::new(Why::TimedOut, "", "no answer within the time a request may take")
        .help("name machines or layouts, so that there is less to search; or ask the command, which has no such limit")
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_string());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "unknown".into())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::time::Duration;

    use super::{Lane, Waits};
    use crate::fault::{Refusal, Why};

    const LONG: Duration = Duration::from_secs(20);

    fn why<T>(result: Result<T, Refusal>) -> Option<Why> {
        match result {
            Err(Refusal::Own(why, _)) => Some(why),
            _ => None,
        }
    }

    #[tokio::test]
    async fn a_panic_is_told_and_frees_its_slot() {
        let (lane, open) = (Lane::new(1, 0, LONG), Arc::new(AtomicBool::new(false)));
        let broken = lane.run(&open, |_| -> () { panic!("on purpose") }).await;
        assert_eq!(why(broken), Some(Why::Internal));
        assert!(lane.run(&open, |_| 1).await.is_ok());
    }

    #[tokio::test]
    async fn work_ends_when_nobody_waits_and_only_then_frees_its_slot() {
        let (lane, open) = (Arc::new(Lane::new(1, 0, LONG)), Arc::new(AtomicBool::new(false)));
        let (started, begun) = tokio::sync::oneshot::channel();
        let task = tokio::spawn({
            let (lane, open) = (lane.clone(), open.clone());
            async move {
                let work = lane.run(&open, move |ticket| {
                    started.send(()).unwrap();
                    while ticket.go_on() {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                });
                work.await.is_ok()
            }
        });
        begun.await.unwrap();
        // Nobody may wait in this lane, and its slot is taken.
        assert_eq!(why(lane.run(&open, |_| ()).await), Some(Why::Busy));
        task.abort();
        for _ in 0..2_000 {
            if lane.run(&open, |_| ()).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the slot never came back");
    }

    #[tokio::test]
    async fn a_ticket_runs_out() {
        let (lane, open) = (Lane::new(1, 0, LONG), Arc::new(AtomicBool::new(false)));
        let waits = Waits::new();
        let late = lane.run_for(&waits, &open, Duration::ZERO, |ticket| ticket.late() && !ticket.go_on()).await;
        assert!(late.unwrap());
    }
}
