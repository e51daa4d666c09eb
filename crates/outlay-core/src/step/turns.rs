//! Which stage of a pipeline does what when: a schedule played out, in units of one forward pass of one piece of the model.
//!
//! The time of a step rests on the closed form of [`super::bubble`]; this is the order behind it, for a drawing, and a test
//! holds one against the other. Each stage has its list of work in the order of the schedule, and begins the next of it as soon
//! as it is free and what that needs has come from its neighbour.
//!
//! Does not know: stages of unequal length, transfers between stages.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::layout::Schedule;

/// What is done to a micro-batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pass {
    /// Forward: one unit.
    Forward,
    /// Backward, gradients of inputs and weights: two units.
    Backward,
    /// The half of a backward pass that the stage before waits for: one unit.
    Inputs,
    /// The other half, which may wait: one unit.
    Weights,
}

/// One pass of one micro-batch through one piece of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// Stage, from 0.
    pub stage: u64,
    /// Which of the stage's pieces, from 0.
    pub piece: u64,
    /// Micro-batch, from 0.
    pub batch: u64,
    /// What is done.
    pub pass: Pass,
    /// When it begins.
    pub from: u64,
    /// When it is done.
    pub to: u64,
    /// A pass the other way runs at the same time, each hiding the other's communication.
    pub shared: bool,
}

/// A pass that is to be done.
#[derive(Debug, Clone, Copy)]
struct Task {
    piece: u64,
    batch: u64,
    pass: Pass,
}

/// What a stage does at once: a pass, or one each way.
type Work = (Task, Option<Task>);

/// Every turn of a step; `None` where the schedule cannot run so: DualPipe wants an even number of stages, an even number of
/// micro-batches and at least two for each stage; pieces want whole groups of micro-batches.
#[must_use]
pub fn turns(schedule: Schedule, stages: u64, pieces: u64, batches: u64) -> Option<Vec<Turn>> {
    let (p, v, m) = (stages.max(1), pieces.max(1), batches.max(1));
    let order = |stage: u64| match schedule {
        Schedule::GPipe => Some(all_then_all(v, m)),
        Schedule::OneFOneB if v > 1 => Some(interleaved(stage, p, v, m)),
        Schedule::OneFOneB => Some(one_and_one(stage, p, m)),
        Schedule::ZeroBubble => Some(split(stage, p, v, m)),
        Schedule::DualPipe if p % 2 == 1 || m % 2 == 1 || m < 2 * p => None,
        Schedule::DualPipe => Some(both_ways(stage, p, m)),
    };
    let orders = (0..p).map(order).collect::<Option<Vec<Vec<Work>>>>()?;
    played(&orders, schedule == Schedule::DualPipe, p, v)
}

fn task(piece: u64, batch: u64, pass: Pass) -> Task {
    Task { piece, batch, pass }
}

fn alone(piece: u64, batch: u64, pass: Pass) -> Work {
    (task(piece, batch, pass), None)
}

/// All forwards, then all backwards.
fn all_then_all(v: u64, m: u64) -> Vec<Work> {
    let forth = (0..v).flat_map(|piece| (0..m).map(move |batch| alone(piece, batch, Pass::Forward)));
    let back = (0..v).rev().flat_map(|piece| (0..m).map(move |batch| alone(piece, batch, Pass::Backward)));
    forth.chain(back).collect()
}

/// One forward, one backward, after as many forwards as it takes to fill the stages behind.
fn one_and_one(stage: u64, p: u64, m: u64) -> Vec<Work> {
    alternating((0..m).map(|batch| (0, batch)).collect(), (0..m).map(|batch| (0, batch)).collect(), p - stage - 1)
}

/// The same over several pieces a stage: as many micro-batches as there are stages go through a piece before the next.
fn interleaved(stage: u64, p: u64, v: u64, m: u64) -> Vec<Work> {
    alternating(grouped(p, v, m, false), grouped(p, v, m, true), 2 * (p - stage - 1) + (v - 1) * p)
}

/// Pieces and micro-batches in the order in which they go through a stage.
fn grouped(p: u64, v: u64, m: u64, back: bool) -> Vec<(u64, u64)> {
    let piece = move |n: u64| if back { v - 1 - n } else { n };
    let group = move |first: u64| (0..v).flat_map(move |n| (first..(first + p).min(m)).map(move |b| (piece(n), b)));
    (0..m).step_by(usize::try_from(p).unwrap_or(usize::MAX)).flat_map(group).collect()
}

fn alternating(forth: Vec<(u64, u64)>, back: Vec<(u64, u64)>, ahead: u64) -> Vec<Work> {
    let mut forth = forth.into_iter().map(|(piece, batch)| alone(piece, batch, Pass::Forward));
    let mut order: Vec<Work> = forth.by_ref().take(usize::try_from(ahead).unwrap_or(usize::MAX)).collect();
    for (piece, batch) in back {
        order.extend(forth.next());
        order.push(alone(piece, batch, Pass::Backward));
    }
    order
}

/// Zero bubble within the memory of one forward, one backward: gradients of weights fall back by one micro-batch a stage.
fn split(stage: u64, p: u64, v: u64, m: u64) -> Vec<Work> {
    let back = grouped(p, v, m, true);
    let late = usize::try_from(stage).unwrap_or(usize::MAX).min(back.len());
    let mut owed = back.iter().map(|(piece, batch)| alone(*piece, *batch, Pass::Weights));
    let mut order = Vec::new();
    let mut done = 0;
    for (work, other) in alternating(grouped(p, v, m, false), back.clone(), p - stage - 1 + (v - 1) * p) {
        if work.pass == Pass::Forward {
            order.push((work, other));
            continue;
        }
        order.push(alone(work.piece, work.batch, Pass::Inputs));
        done += 1;
        if done > late {
            order.extend(owed.next());
        }
    }
    order.extend(owed);
    order
}

/// `DualPipe`: micro-batches enter at both ends, and each stage holds a piece for each way.
fn both_ways(stage: u64, p: u64, m: u64) -> Vec<Work> {
    let half = p / 2;
    // How far from the end at which this stage's own way begins.
    let (near, own) = if stage < half { (stage, 0) } else { (p - 1 - stage, 1) };
    let mut line = Line { own, half: m / 2, forth: [0; 2], back: [0; 2], owed: Vec::new(), order: Vec::new() };
    let inner = half - near - 1;
    (0..2 * inner).for_each(|_| line.forward(0));
    (0..=near).for_each(|_| {
        line.forward(0);
        line.forward(1);
    });
    (0..inner).for_each(|_| {
        line.inputs(1);
        line.weights();
        line.forward(1);
    });
    for turn in 0..m / 2 - p + near + 1 {
        // The two stages in the middle have nothing to hide the first one behind.
        if turn == 0 && inner == 0 {
            line.forward(0);
            line.backward(1);
        } else {
            line.both(0, 1);
        }
        line.both(1, 0);
    }
    (0..inner).for_each(|_| {
        line.backward(1);
        line.both(1, 0);
    });
    // Towards the end gradients of weights are put off, so that the last inputs come sooner.
    let (middle, odd) = ((near + 1) >> 1, near % 2 == 1);
    for turn in 0..=near {
        if turn > middle || (turn == middle && odd) {
            line.inputs(1)
        } else {
            line.backward(1)
        }
        if turn >= middle { line.inputs(0) } else { line.backward(0) }
    }
    (0..inner).for_each(|_| {
        line.weights();
        line.inputs(0);
    });
    while !line.owed.is_empty() {
        line.weights();
    }
    line.order
}

/// The work of a stage as it is written down: ways are 0 (the one that begins nearer) and 1.
struct Line {
    own: u64,
    half: u64,
    forth: [u64; 2],
    back: [u64; 2],
    owed: Vec<(u64, u64)>,
    order: Vec<Work>,
}

impl Line {
    /// The piece of a way, and the micro-batch that is next on it.
    fn next(&mut self, way: usize, back: bool) -> (u64, u64) {
        let counted = if back { &mut self.back[way] } else { &mut self.forth[way] };
        *counted += 1;
        let piece = self.own ^ way as u64;
        (piece, piece * self.half + *counted - 1)
    }

    fn forward(&mut self, way: usize) {
        let (piece, batch) = self.next(way, false);
        self.order.push(alone(piece, batch, Pass::Forward));
    }

    fn backward(&mut self, way: usize) {
        let (piece, batch) = self.next(way, true);
        self.order.push(alone(piece, batch, Pass::Backward));
    }

    fn inputs(&mut self, way: usize) {
        let (piece, batch) = self.next(way, true);
        self.owed.push((piece, batch));
        self.order.push(alone(piece, batch, Pass::Inputs));
    }

    fn weights(&mut self) {
        if !self.owed.is_empty() {
            let (piece, batch) = self.owed.remove(0);
            self.order.push(alone(piece, batch, Pass::Weights));
        }
    }

    fn both(&mut self, forth: usize, back: usize) {
        let ((piece, batch), (other, earlier)) = (self.next(forth, false), self.next(back, true));
        self.order.push((task(piece, batch, Pass::Forward), Some(task(other, earlier, Pass::Backward))));
    }
}

/// Plays the orders of all stages; `None` if they wait for each other.
fn played(orders: &[Vec<Work>], two_ways: bool, p: u64, v: u64) -> Option<Vec<Turn>> {
    // Where a piece stands on the way of a micro-batch through the model, and where that way ends.
    let depth = |stage: u64, piece: u64| match (two_ways, piece) {
        (false, _) => piece * p + stage,
        (true, 0) => stage,
        (true, _) => p - 1 - stage,
    };
    let last = if two_ways { p } else { v * p } - 1;
    // Ends of passes by micro-batch and depth.
    let (mut forth, mut back): (Ends, Ends) = Default::default();
    let (mut free, mut next) = (alloc::vec![0_u64; orders.len()], alloc::vec![0_usize; orders.len()]);
    let mut found = Vec::new();
    let mut moved = true;
    while moved {
        moved = false;
        for (stage, order) in orders.iter().enumerate() {
            let place = |task: &Task| (task.batch, depth(stage as u64, task.piece));
            let ready = |task: &Task| {
                let (batch, depth) = place(task);
                match task.pass {
                    Pass::Forward if depth == 0 => Some(0),
                    Pass::Forward => forth.get(&(batch, depth - 1)).copied(),
                    Pass::Weights => back.get(&(batch, depth)).copied(),
                    Pass::Backward | Pass::Inputs if depth == last => forth.get(&(batch, depth)).copied(),
                    Pass::Backward | Pass::Inputs => back.get(&(batch, depth + 1)).copied(),
                }
            };
            let Some((one, other)) = order.get(next[stage]) else { continue };
            let Some(begin) = ready(one) else { continue };
            let Some(begin) = other.as_ref().map_or(Some(begin), |other| ready(other).map(|at| at.max(begin))) else {
                continue;
            };
            let length = |task: &Task| if task.pass == Pass::Backward { 2 } else { 1 };
            let from = begin.max(free[stage]);
            let to = from + length(one) + other.as_ref().map_or(0, length);
            for Task { piece, batch, pass } in core::iter::once(*one).chain(*other) {
                let ends = match pass {
                    Pass::Forward => Some(&mut forth),
                    Pass::Backward | Pass::Inputs => Some(&mut back),
                    Pass::Weights => None,
                };
                if let Some(ends) = ends {
                    ends.insert((batch, depth(stage as u64, piece)), to);
                }
                found.push(Turn { stage: stage as u64, piece, batch, pass, from, to, shared: other.is_some() });
            }
            free[stage] = to;
            next[stage] += 1;
            moved = true;
        }
    }
    orders.iter().zip(&next).all(|(order, next)| *next == order.len()).then_some(found)
}

/// Ends of passes by micro-batch and depth.
type Ends = BTreeMap<(u64, u64), u64>;

#[cfg(test)]
mod tests {
    use super::super::bubble::bubble;
    use super::*;

    /// What is idle on each stage, beside the work, against the closed form.
    fn idle(schedule: Schedule, p: u64, v: u64, m: u64) -> (f64, f64) {
        let turns = turns(schedule, p, v, m).unwrap_or_else(|| panic!("{schedule:?} {p} {v} {m}"));
        let end = turns.iter().map(|turn| turn.to).max().unwrap_or(0) as f64;
        let work = (3 * v * m) as f64;
        (end / work - 1.0, bubble(schedule, p, v, m).get())
    }

    #[test]
    fn every_schedule_idles_as_its_closed_form_says() {
        let mut seen = 0;
        for p in [1, 2, 3, 4, 6, 8, 16] {
            for (schedule, v) in [
                (Schedule::GPipe, 1),
                (Schedule::GPipe, 2),
                (Schedule::OneFOneB, 1),
                (Schedule::OneFOneB, 2),
                (Schedule::OneFOneB, 4),
                (Schedule::ZeroBubble, 1),
                (Schedule::ZeroBubble, 2),
            ] {
                for m in [p, 2 * p, 5 * p] {
                    let (played, closed) = idle(schedule, p, v, m);
                    assert!((played - closed).abs() < 1e-12, "{schedule:?} {p} {v} {m}: {played}, {closed}");
                    seen += 1;
                }
            }
        }
        for (p, m) in [(2, 4), (4, 8), (4, 20), (6, 12), (8, 16), (8, 20), (8, 40), (16, 32)] {
            let (played, closed) = idle(Schedule::DualPipe, p, 1, m);
            assert!((played - closed).abs() < 1e-12, "DualPipe {p} {m}: {played}, {closed}");
            seen += 1;
        }
        assert_eq!(seen, 7 * 7 * 3 + 8);
    }
}
