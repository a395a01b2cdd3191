use super::*;

fn counts(bad: i64, total: i64) -> Counts {
    Counts { bad, total }
}

/// Small numbers that look random (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn below(&mut self, end: i64) -> i64 {
        (self.share() * end as f64) as i64
    }

    fn documents(&mut self, total: i64, rate: f64) -> Counts {
        let bad = (0..total).filter(|_| self.share() < rate).count() as i64;
        counts(bad, total)
    }
}

#[derive(serde::Deserialize)]
struct Look {
    canary: (i64, i64),
    controls: (i64, i64),
    ln_e: f64,
}

#[derive(serde::Deserialize)]
struct Run {
    worsening: f64,
    history: (i64, i64),
    looks: Vec<Look>,
}

/// The runs were computed by `tests/oracle/make_two_sample.py` with mpmath, which finds the nearest pair on its own.
#[test]
fn evidence_is_that_of_the_oracle() {
    let runs: Vec<Run> =
        serde_json::from_str(include_str!("../../../tests/oracle/two_sample.json")).unwrap();
    assert!(runs.len() >= 20, "{} runs", runs.len());
    for run in runs {
        let mut state =
            TwoSample::start(run.worsening, counts(run.history.0, run.history.1)).unwrap();
        for look in run.looks {
            state = state
                .add(
                    counts(look.canary.0, look.canary.1),
                    counts(look.controls.0, look.controls.1),
                )
                .unwrap();
            let error = (state.log_e() - look.ln_e).abs() / look.ln_e.abs().max(1.0);
            assert!(
                error < 1e-9,
                "{state:?}: oracle {}, off by {error:e}",
                look.ln_e
            );
        }
    }
}

/// The chances of each number of bad documents, each document with its own rate.
fn chances(rates: &[f64]) -> Vec<f64> {
    let mut chances = vec![1.0];
    for rate in rates {
        let mut next = vec![0.0; chances.len() + 1];
        for (bad, chance) in chances.iter().enumerate() {
            next[bad] += chance * (1.0 - rate);
            next[bad + 1] += chance * rate;
        }
        chances = next;
    }
    chances
}

/// What the next block makes of the evidence in the mean, over all its outcomes.
fn mean_factor(state: TwoSample, canary: &[f64], controls: &[f64]) -> f64 {
    let mut mean = 0.0;
    for (a, chance_a) in chances(canary).into_iter().enumerate() {
        for (b, chance_b) in chances(controls).into_iter().enumerate() {
            let next = state
                .add(
                    counts(a as i64, canary.len() as i64),
                    counts(b as i64, controls.len() as i64),
                )
                .unwrap();
            mean += chance_a * chance_b * (next.log_e() - state.log_e()).exp();
        }
    }
    mean
}

/// Validity itself, without luck: whatever was seen before, under the null no block adds evidence in the mean. Documents
/// of one block have different rates here; only their means keep to the null.
#[test]
fn under_the_null_no_block_adds_evidence_in_the_mean() {
    let mut random = Random(7);
    let mut highest: f64 = 0.0;
    for _ in 0..1_500 {
        let worsening = [0.0, 0.005, 0.05, 0.4][random.below(4) as usize];
        let history = random.below(2) * 500;
        let mut state = TwoSample::start(worsening, counts(history / 100, history)).unwrap();
        for _ in 0..random.below(4) {
            let (sizes, rates) = (
                (1 + random.below(40), 1 + random.below(40)),
                (random.share(), random.share()),
            );
            state = state
                .add(
                    random.documents(sizes.0, rates.0),
                    random.documents(sizes.1, rates.1 * rates.1),
                )
                .unwrap();
        }
        let control_rate = random.share().powi(3) * (1.0 - worsening);
        let part = if random.below(3) == 0 {
            random.share()
        } else {
            1.0
        };
        let canary = spread(&mut random, (control_rate + worsening) * part);
        let controls = spread(&mut random, control_rate);
        let mean = mean_factor(state, &canary, &controls);
        highest = highest.max(mean);
        assert!(
            mean <= 1.0 + 1e-9,
            "{mean}: {state:?} {canary:?} {controls:?}"
        );
    }
    // The bound is sharp somewhere, or the test tells nothing.
    assert!(highest > 0.999, "{highest}");
}

/// Up to eight documents whose rates differ and have this mean.
fn spread(random: &mut Random, mean: f64) -> Vec<f64> {
    let pairs = 1 + random.below(4);
    let apart = mean.min(1.0 - mean) * random.share();
    (0..pairs)
        .flat_map(|_| [mean - apart, mean + apart])
        .collect()
}

/// How often evidence ever reaches 1/alpha, in blocks of unequal sizes, some without one side; rates by block.
fn share_of_alarms(
    runs: u64,
    worsening: f64,
    history: Counts,
    rates: impl Fn(usize) -> (f64, f64),
) -> f64 {
    let mut alarms = 0;
    for run in 0..runs {
        let mut random = Random(1_000_003 * run + 17);
        let mut state = TwoSample::start(worsening, history).unwrap();
        for block in 0..250 {
            let (canary, controls) = rates(block);
            let sizes = (random.below(5), random.below(12));
            state = state
                .add(
                    random.documents(sizes.0, canary),
                    random.documents(sizes.1, controls),
                )
                .unwrap();
            if state.log_e() >= f64::ln(1.0 / ALPHA) {
                alarms += 1;
                break;
            }
        }
    }
    alarms as f64 / runs as f64
}

const ALPHA: f64 = 0.05;

#[test]
fn under_the_null_evidence_is_rarely_ever_reached() {
    const RUNS: u64 = 3_000;
    let most = ALPHA + 3.0 * (ALPHA * (1.0 - ALPHA) / RUNS as f64).sqrt();
    let none = Counts::default();
    let outage = |block: usize| if (60..90).contains(&block) { 0.6 } else { 0.01 };
    let mut seen = Vec::new();
    for (name, share) in [
        ("1 %", share_of_alarms(RUNS, 0.0, none, |_| (0.01, 0.01))),
        ("20 %", share_of_alarms(RUNS, 0.0, none, |_| (0.2, 0.2))),
        ("50 %", share_of_alarms(RUNS, 0.0, none, |_| (0.5, 0.5))),
        (
            "at the worsening",
            share_of_alarms(RUNS, 0.05, none, |_| (0.06, 0.01)),
        ),
        (
            "a shared outage",
            share_of_alarms(RUNS, 0.0, none, |b| (outage(b), outage(b))),
        ),
        // A history that says nothing of the present may cost evidence, never validity.
        (
            "a wrong history",
            share_of_alarms(RUNS, 0.0, counts(0, 5_000), |_| (0.1, 0.1)),
        ),
    ] {
        println!("{name}: {share}");
        assert!(share <= most, "{name}: {share}, at most {most}");
        seen.push(share);
    }
    // Never an alarm would be no test of validity.
    assert!(seen.iter().any(|share| *share > 0.003), "{seen:?}");
}

/// Median of the canary's documents until the verdict at alpha 0.001, looking after each; none: not in 3,000.
fn median_documents(controls_per_document: i64, rate: f64, history: Counts) -> Option<i64> {
    const RUNS: u64 = 201;
    let mut found = Vec::new();
    for run in 0..RUNS {
        let mut random = Random(run * 7_919 + 3);
        let mut state = TwoSample::start(0.0, history).unwrap();
        for document in 1..=3_000 {
            let canary = random.documents(1, rate);
            let controls = random.documents(controls_per_document, 0.002);
            state = state.add(canary, controls).unwrap();
            if state.log_e() >= f64::ln(1_000.0) {
                found.push(document);
                break;
            }
        }
    }
    found.sort_unstable();
    found.get(RUNS as usize / 2).copied()
}

#[test]
fn a_bad_canary_is_found_beside_good_controls() {
    let before = counts(10, 5_000);
    for (controls, history, most) in [
        (1, Counts::default(), [14, 100, 700]),
        (3, Counts::default(), [6, 40, 250]),
        (3, before, [6, 35, 220]),
        (9, before, [4, 25, 180]),
    ] {
        for (rate, most) in [1.0, 0.2, 0.05].into_iter().zip(most) {
            let median = median_documents(controls, rate, history);
            println!(
                "{controls} controls, {} before, {rate}: {median:?}",
                history.total
            );
            assert!(median.is_some_and(|median| median <= most), "{median:?}");
        }
    }
}

#[test]
fn a_shared_outage_does_not_ruin_the_evidence_after_it() {
    let mut random = Random(5);
    let mut state = TwoSample::start(0.0, counts(2, 1_000)).unwrap();
    for _ in 0..10 {
        let (canary, controls) = (random.documents(10, 0.6), random.documents(30, 0.6));
        state = state.add(canary, controls).unwrap();
    }
    let after_outage = state.log_e();
    assert!(after_outage < 0.0, "{state:?}");
    let mut documents = 0;
    while state.log_e() < f64::ln(1_000.0) {
        state = state.add(counts(1, 1), random.documents(3, 0.002)).unwrap();
        documents += 1;
        assert!(documents < 80, "{state:?} after {after_outage}");
    }
    println!("{after_outage} after the outage, {documents} documents from there");
}

#[test]
fn a_block_waits_for_both_sides() {
    let start = TwoSample::start(0.0, Counts::default()).unwrap();
    let waiting = start.add(counts(3, 3), counts(0, 0)).unwrap();
    assert_eq!(waiting.log_e(), 0.0);
    assert_eq!(waiting.canary(), counts(3, 3));
    let closed = waiting.add(counts(0, 0), counts(0, 9)).unwrap();
    assert_eq!(closed, start.add(counts(3, 3), counts(0, 9)).unwrap());
    assert!(closed.log_e() > 0.0);
}

#[test]
fn the_state_survives_being_written_down() {
    let mut state = TwoSample::start(0.01, counts(1, 700)).unwrap();
    let mut kept = state;
    for look in 0..200 {
        let came_in = (counts(look % 2, 1), counts(0, look % 3));
        state = state.add(came_in.0, came_in.1).unwrap();
        kept = kept.add(came_in.0, came_in.1).unwrap();
        let text = serde_json::to_string(&kept).unwrap();
        assert!(text.len() < 400, "{text}");
        kept = serde_json::from_str(&text).unwrap();
    }
    // A JSON parser may be off by the last binary digit of a number.
    assert!((kept.log_e() / state.log_e() - 1.0).abs() < 1e-12);
    kept.log_e = state.log_e;
    assert_eq!(kept, state);
    assert!(state.log_e() > 10.0);
}

#[test]
fn a_million_documents_are_no_trouble() {
    let state = TwoSample::start(0.0, counts(2_000, 1_000_000)).unwrap();
    for (canary, controls) in [
        (counts(0, 1_000_000), counts(1_000_000, 1_000_000)),
        (counts(1_000_000, 1_000_000), counts(0, 1_000_000)),
        (counts(2_000, 1_000_000), counts(2_000, 1_000_000)),
    ] {
        for worsening in [0.0, 0.01] {
            let state = TwoSample { worsening, ..state };
            assert!(state.add(canary, controls).unwrap().log_e().is_finite());
        }
    }
}

#[test]
fn what_cannot_be_right_is_named() {
    let start = TwoSample::start(0.0, Counts::default()).unwrap();
    let said = start.add(counts(2, 1), counts(0, 1)).unwrap_err();
    assert_eq!(
        said.to_string(),
        "canary: 2 bad of 1 is not a count of bad documents from 0 to the total"
    );
    assert_eq!(
        start.add(counts(0, 1), counts(-1, 1)).unwrap_err().field,
        "controls"
    );
    assert_eq!(
        TwoSample::start(1.0, counts(0, 0)).unwrap_err().field,
        "worsening"
    );
    assert_eq!(
        TwoSample::start(0.0, counts(1, 0)).unwrap_err().field,
        "history"
    );
    let refused = |state: TwoSample| state.add(counts(0, 1), counts(0, 1)).unwrap_err().field;
    let (log_e, edited) = (f64::NAN, counts(2, 1));
    assert_eq!(refused(TwoSample { log_e, ..start }), "logE");
    let canary = edited;
    assert_eq!(refused(TwoSample { canary, ..start }), "canary (kept)");
    let open_controls = edited;
    assert_eq!(
        refused(TwoSample {
            open_controls,
            ..start
        }),
        "openControls"
    );
}
