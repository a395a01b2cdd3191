//! Streams of good and bad messages.

use super::{MESSAGES, USUAL};

/// Control lines that a stream has messages of.
pub(super) const CONTROL_LINES: usize = 9;

/// A random number generator that is a counter (splitmix64): the same everywhere, and any run can be drawn alone.
pub(super) struct Random(u64);

impl Random {
    /// The numbers of one purpose of one run.
    pub(super) fn of(seed: u64, run: u64, purpose: u64) -> Self {
        let mut random = Self(seed);
        for part in [run, purpose] {
            random.0 = random.next() ^ part;
        }
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Whether something that has this chance happens.
    pub(super) fn happens(&mut self, chance: f64) -> bool {
        ((self.next() >> 11) as f64) < chance * (1u64 << 53) as f64
    }

    /// How many of `total` are bad.
    pub(super) fn bad(&mut self, total: i64, rate: f64) -> i64 {
        (0..total).filter(|_| self.happens(rate)).count() as i64
    }
}

/// The messages of one run.
pub(super) struct Stream {
    /// Bad messages of the canary among the first 0, 1, 2, … of them.
    pub(super) bad: Vec<i64>,
    seed: u64,
    run: u64,
}

impl Stream {
    pub(super) fn draw(seed: u64, run: u64, rate: f64) -> Self {
        let mut random = Random::of(seed, run, 0);
        let mut bad = Vec::with_capacity(MESSAGES + 1);
        let mut sum = 0;
        bad.push(sum);
        for _ in 0..MESSAGES {
            sum += i64::from(random.happens(rate));
            bad.push(sum);
        }
        Self { bad, seed, run }
    }

    /// Bad messages of a baseline of this size.
    pub(super) fn baseline(&self, messages: i64) -> i64 {
        Random::of(self.seed, self.run, 1 + messages as u64).bad(messages, USUAL)
    }

    /// Bad messages of this many control lines among the first 0, 1, 2, … messages of each, drawn as they are asked for.
    pub(super) fn controls(&self, lines: usize) -> impl Iterator<Item = i64> + use<> {
        let mut random = Random::of(self.seed, self.run, 1 << 32);
        let mut sum = 0;
        std::iter::once(0).chain(std::iter::repeat_with(move || {
            // All lines are drawn always, so that more lines have the messages of fewer.
            for line in 0..CONTROL_LINES {
                let bad = random.happens(USUAL);
                sum += i64::from(bad && line < lines);
            }
            sum
        }))
    }
}
