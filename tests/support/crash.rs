//! The one driver of the crash tests: runs over the storage double with the power gone at some boundary,
//! during the work, during recovery and in the life after, and what must hold each time.
//!
//! `THRONG_CRASH_SEEDS=n` sets how many seeds run. A failing one is printed with the command that replays it:
//! `THRONG_CRASH_SEED=seed:boundary`, or `=seed` for all its boundaries.

#![allow(dead_code, reason = "each test program uses a part")]

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use throng::log::storage::{Fault, Faulty, File, Random};
use throng::log::{Storage, StorageError};

/// Boundaries at which a recovery is interrupted; most have fewer.
const RECOVERY_BOUNDARIES: u64 = 24;
/// The seeds that crash at every boundary begin here.
const EXHAUSTIVE_FROM: u64 = 1_000_000;

/// Work on a disk, and what it has told the world.
pub(crate) trait Work {
    /// Seeds that crash at one boundary, unless `THRONG_CRASH_SEEDS` says otherwise.
    const SEEDS: u64;
    /// Seeds that crash at every boundary there is.
    const EXHAUSTIVE_SEEDS: u64;
    /// A crash comes before this one. Most works have about as many; behind their last it is a crash of the idle.
    const BOUNDARIES: u64;

    /// Nothing was told yet.
    fn new(seed: u64) -> Self;
    /// Opens what is there and works until done or the power is gone.
    fn work(&mut self, disk: &Faulty, seed: u64);
    /// Opens what is there; the power may go meanwhile.
    fn recover(&self, disk: &Faulty, seed: u64);
    /// What must hold of a disk after a crash or an error. What it finds has been told from then on.
    fn check(&mut self, disk: &Faulty, seed: u64);
    /// After a crash and [`Work::check`]: finishes what was interrupted, and looks again.
    fn settle(&mut self, disk: &Faulty, seed: u64) {
        self.check(disk, seed);
    }
}

/// A crash at one boundary of each seed.
pub(crate) fn at_a_boundary_of_each_seed<W: Work>() {
    if replayed::<W>() {
        return;
    }
    let seeds = from_environment("THRONG_CRASH_SEEDS").and_then(|seeds| seeds.parse().ok());
    let seeds = seeds.unwrap_or(W::SEEDS);
    each(0..seeds, |seed| {
        replayable::<W>(seed, Random::new(seed).below(W::BOUNDARIES));
    });
    println!("{}: {seeds} seeds", place::<W>().1);
}

/// A crash at every boundary of some seeds.
pub(crate) fn at_every_boundary_of_some_seeds<W: Work>() {
    if replayed::<W>() {
        return;
    }
    let crashes = AtomicU64::new(0);
    each(
        EXHAUSTIVE_FROM..EXHAUSTIVE_FROM + W::EXHAUSTIVE_SEEDS,
        |seed| {
            let boundaries = boundaries::<W>(seed);
            crashes.fetch_add(boundaries + 1, Ordering::Relaxed);
            (0..=boundaries).for_each(|boundary| replayable::<W>(seed, boundary));
        },
    );
    let (seeds, crashes) = (W::EXHAUSTIVE_SEEDS, crashes.into_inner());
    println!("{}: {seeds} seeds, {crashes} crashes", place::<W>().1);
}

/// Errors instead of crashes, at every boundary of some seeds; then the power goes.
pub(crate) fn errors_at_every_boundary<W: Work>(seeds: u64) {
    for fault in [Fault::Io, Fault::NoSpace, Fault::Short] {
        each(0..seeds, |seed| {
            for boundary in 0..boundaries::<W>(seed) {
                named(&format!("{fault:?} of seed {seed} at {boundary}"), || {
                    let (disk, mut work) = (Faulty::new(seed), W::new(seed));
                    disk.plan(boundary, fault);
                    work.work(&disk, seed);
                    work.check(&disk.restart(), seed);
                });
            }
        });
    }
}

/// Some work, one crash, and everything that must hold afterwards.
fn crash_at<W: Work>(seed: u64, boundary: u64) {
    let (disk, mut work) = (Faulty::new(seed), W::new(seed));
    disk.plan(boundary, Fault::Crash);
    work.work(&disk, seed);

    // Recovery itself may be interrupted, anywhere.
    let mut random = Random::new(seed ^ boundary);
    let disk = disk.restart();
    disk.plan(random.below(RECOVERY_BOUNDARIES), Fault::Crash);
    work.recover(&disk, seed ^ 2);
    let disk = disk.restart();
    work.check(&disk, seed);
    work.settle(&disk, seed ^ 4);

    // Life goes on, through another crash.
    let later = random.below(W::BOUNDARIES / 2);
    disk.plan(disk.boundaries() + later, Fault::Crash);
    work.work(&disk, seed ^ 3);
    work.check(&disk.restart(), seed);
}

/// Boundaries of a work in which nothing goes wrong.
fn boundaries<W: Work>(seed: u64) -> u64 {
    let disk = Faulty::new(seed);
    W::new(seed).work(&disk, seed);
    disk.boundaries()
}

/// Does as the environment asks, if it does.
fn replayed<W: Work>() -> bool {
    let Some(asked) = from_environment("THRONG_CRASH_SEED") else {
        return false;
    };
    let number = |text: &str| {
        text.parse()
            .expect("THRONG_CRASH_SEED is SEED or SEED:BOUNDARY")
    };
    match asked.split_once(':') {
        Some((seed, boundary)) => replayable::<W>(number(seed), number(boundary)),
        None => {
            let seed = number(&asked);
            (0..=boundaries::<W>(seed)).for_each(|boundary| replayable::<W>(seed, boundary));
        }
    }
    true
}

fn replayable<W: Work>(seed: u64, boundary: u64) {
    let (program, module) = place::<W>();
    let replay = format!(
        "seed {seed} fails at boundary {boundary}; again:\n    THRONG_CRASH_SEED={seed}:{boundary} cargo test --test {program} {module}"
    );
    named(&replay, || crash_at::<W>(seed, boundary));
}

fn named(what: &str, run: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
        eprintln!("{what}");
        resume_unwind(panic);
    }
}

/// The test program and the module of a work.
fn place<W: Work>() -> (&'static str, &'static str) {
    let name = std::any::type_name::<W>();
    let (program, rest) = name.split_once("::").expect("a type is in a program");
    (
        program,
        rest.rsplit_once("::").map_or("", |(module, _)| module),
    )
}

/// Does something for each seed, on two threads.
pub(crate) fn each(seeds: Range<u64>, run: impl Fn(u64) + Sync) {
    std::thread::scope(|scope| {
        for half in 0..2 {
            let (seeds, run) = (seeds.clone(), &run);
            scope.spawn(move || seeds.skip(half).step_by(2).for_each(run));
        }
    });
}

fn from_environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A folder of a disk, so that all in it lose their power together.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    disk: Faulty,
    prefix: &'static str,
}

impl Folder {
    /// The files whose names begin with `prefix`, which ends in a slash.
    pub(crate) fn of(disk: &Faulty, prefix: &'static str) -> Self {
        let disk = disk.clone();
        Self { disk, prefix }
    }

    fn inside(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

impl Storage for Folder {
    fn names(&self) -> Result<Vec<String>, StorageError> {
        let names = self.disk.names()?.into_iter();
        let inside = names.filter_map(|name| Some(name.strip_prefix(self.prefix)?.to_owned()));
        Ok(inside.collect())
    }
    fn open(&self, name: &str) -> Result<Arc<dyn File>, StorageError> {
        Storage::open(&self.disk, &self.inside(name))
    }
    fn create(&self, name: &str) -> Result<Arc<dyn File>, StorageError> {
        self.disk.create(&self.inside(name))
    }
    fn rename(&self, from: &str, to: &str) -> Result<(), StorageError> {
        self.disk.rename(&self.inside(from), &self.inside(to))
    }
    fn remove(&self, name: &str) -> Result<(), StorageError> {
        self.disk.remove(&self.inside(name))
    }
    fn sync(&self) -> Result<(), StorageError> {
        self.disk.sync()
    }
}
