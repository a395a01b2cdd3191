//! The canary against control lines that run at the same time.
//!
//! **Null**: in every block of documents, the canary's rate is at most the controls' rate plus the allowed worsening `w`.
//! Rates may change from block to block, also on both sides at once (a shared outage), and within a block "rate" is the mean
//! of its documents' rates, so that control lines need not be alike. What a test on totals would take for granted (rates
//! that stand still) is not needed.
//!
//! **Blocks.** What comes in is collected until both sides have at least one document; that closes a block of `n_a` and `n_b`
//! documents. When it closes depends on numbers of documents only, never on results.
//!
//! **Evidence of a block** (Turner, Ly, Grünwald 2022). Take rates `(p_a, p_b)` with `p_a > p_b + w` chosen *before* the
//! block, and `(q_a, q_b)`, of all pairs with `q_a <= q_b + w`, the one nearest to it by `n_a KL(p_a, q_a) + n_b KL(p_b, q_b)`;
//! it lies on `q_a = q_b + w`. The factor is the likelihood of the block at `p` over that at `q`. Its expectation is at most 1
//! under the null: with `g = (p - q) / (q (1 - q))`, the logarithm of the expectation is the sum over the documents of
//! `ln(1 + (rate - q) g)`, which is concave in the rates, 0 at `q`, and by the choice of `q` (the null's pairs are a convex set)
//! does not rise from `q` towards any pair of the null. For `w = 0` q is the pooled rate; for `w > 0` it is found by halving.
//!
//! **Choosing before the block.** `p_b` is what the controls showed so far; `p_a` is not one rate but a mixture of rates
//! above `p_b + w`, weighted by how well each explains the canary so far: a mixture of e-values is one, so even a large first
//! block is judged well. A part of the evidence is never staked (a mixture with the constant 1): a block in an outage of all
//! lines cannot ruin the evidence of the blocks after it.
//!
//! The product over the blocks is the evidence: it fails at `1/alpha`, and may be looked at always. It is the product over
//! **closed** blocks: what a half-filled one would make of it must not be looked at. State: seven numbers.

use super::input::{self, BadInput, Counts};
use serde::{Deserialize, Serialize};

/// The controls' rate before anything was seen: half a bad document of fifty. It costs evidence if it is wrong, not validity.
const SUPPOSED_BAD: f64 = 0.5;
const SUPPOSED: f64 = 50.0;
/// The part of the evidence that is not staked on a block.
const RESERVE: f64 = 0.1;
/// Canary rates that are tried, as parts of the way from the most the null allows to 1.
const TRIED: [f64; 11] = [
    0.99,
    0.5,
    0.25,
    0.125,
    0.0625,
    0.031_25,
    0.015_625,
    0.007_812_5,
    0.003_906_25,
    0.001_953_125,
    0.000_976_562_5,
];

/// The evidence so far that the canary is worse than the control lines. It is all the state there is: it can be written
/// down after any look and taken up again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TwoSample {
    /// How much higher the canary's rate may be, a share. Fixed for the trial.
    pub(crate) worsening: f64,
    /// What the controls did before the trial: no evidence, but a good guess of their rate.
    pub(crate) history: Counts,
    /// Documents of the canary in closed blocks.
    pub(crate) canary: Counts,
    /// Documents of the controls in closed blocks.
    pub(crate) controls: Counts,
    /// Documents of the canary in the open block.
    pub(crate) open_canary: Counts,
    /// Documents of the controls in the open block.
    pub(crate) open_controls: Counts,
    /// `ln E` of the closed blocks.
    pub(crate) log_e: f64,
}

impl TwoSample {
    /// Nothing seen yet. `worsening` is the share that the canary's rate may be above the controls'; `history` is what the
    /// controls did before (nothing is fine).
    pub fn start(worsening: f64, history: Counts) -> Result<Self, BadInput> {
        Ok(Self {
            worsening: input::worsening(worsening)?,
            history: history.checked("history")?,
            canary: Counts::default(),
            controls: Counts::default(),
            open_canary: Counts::default(),
            open_controls: Counts::default(),
            log_e: 0.0,
        })
    }

    /// With what came in since the last look (increments, not totals).
    pub fn add(self, canary: Counts, controls: Counts) -> Result<Self, BadInput> {
        let (canary, controls) = (canary.checked("canary")?, controls.checked("controls")?);
        Ok(self.checked()?.held(canary, controls).close())
    }

    /// The same, but the block stays open, so that nothing of it is evidence yet. `canary` and `controls` must be counts.
    pub(crate) fn held(self, canary: Counts, controls: Counts) -> Self {
        Self {
            open_canary: self.open_canary.plus(canary),
            open_controls: self.open_controls.plus(controls),
            ..self
        }
    }

    /// Closes the open block, if both sides have a document in it.
    pub(crate) fn close(self) -> Self {
        if self.open_canary.total == 0 || self.open_controls.total == 0 {
            return self;
        }
        Self {
            log_e: self.log_e + self.log_factor(),
            canary: self.canary.plus(self.open_canary),
            controls: self.controls.plus(self.open_controls),
            open_canary: Counts::default(),
            open_controls: Counts::default(),
            ..self
        }
    }

    /// A state that was read back may have been edited.
    pub(crate) fn checked(self) -> Result<Self, BadInput> {
        input::worsening(self.worsening)?;
        if !self.log_e.is_finite() {
            return Err(BadInput::new("logE", self.log_e, "a finite number"));
        }
        self.history.checked("history")?;
        self.canary.checked("canary (kept)")?;
        self.controls.checked("controls (kept)")?;
        self.open_canary.checked("openCanary")?;
        self.open_controls.checked("openControls")?;
        Ok(self)
    }

    /// `ln E`; it fails at `ln(1/alpha)` and above.
    pub fn log_e(&self) -> f64 {
        self.log_e
    }

    /// Everything the canary did, with the open block, which is no evidence yet.
    pub fn canary(&self) -> Counts {
        self.canary.plus(self.open_canary)
    }

    /// Everything the controls did meanwhile, with the open block.
    pub fn controls(&self) -> Counts {
        self.controls.plus(self.open_controls)
    }

    /// `ln` of what the open block makes of the evidence.
    fn log_factor(&self) -> f64 {
        let block = Block {
            canary: self.open_canary,
            controls: self.open_controls,
            worsening: self.worsening,
        };
        let before = self.history.plus(self.controls);
        let control_rate = (before.bad as f64 + SUPPOSED_BAD) / (before.total as f64 + SUPPOSED);
        let allowed = control_rate + self.worsening;
        if allowed >= 1.0 {
            return 0.0;
        }
        let rates = TRIED.map(|part| allowed + (1.0 - allowed) * part);
        let weights = rates.map(|rate| log_likelihood(self.canary, rate));
        let mut staked = weights;
        for (sum, rate) in staked.iter_mut().zip(rates) {
            *sum += block.log_ratio(rate, control_rate);
        }
        log_sum([
            RESERVE.ln(),
            (1.0 - RESERVE).ln() + log_sum(staked) - log_sum(weights),
        ])
    }
}

struct Block {
    canary: Counts,
    controls: Counts,
    worsening: f64,
}

impl Block {
    /// `ln` of the block's likelihood at these rates over that at the nearest rates of the null.
    fn log_ratio(&self, canary_rate: f64, control_rate: f64) -> f64 {
        let null = self.nearest(canary_rate, control_rate);
        log_likelihood(self.canary, canary_rate)
            - log_likelihood(self.canary, null + self.worsening)
            + log_likelihood(self.controls, control_rate)
            - log_likelihood(self.controls, null)
    }

    /// The controls' rate in the nearest pair of the null, for a canary rate above the controls' rate plus the worsening.
    fn nearest(&self, canary_rate: f64, control_rate: f64) -> f64 {
        // As often as a bracket of doubles can be halved.
        const STEPS: u32 = 200;
        let (canaries, controls) = (self.canary.total as f64, self.controls.total as f64);
        if self.worsening == 0.0 {
            return (canaries * canary_rate + controls * control_rate) / (canaries + controls);
        }
        // The slope of the distance; it rises, from below 0 to above 0 between these two.
        let slope = |rate: f64| {
            let of_canary = rate + self.worsening;
            canaries * (of_canary - canary_rate) / (of_canary * (1.0 - of_canary))
                + controls * (rate - control_rate) / (rate * (1.0 - rate))
        };
        let (mut low, mut high) = (control_rate, canary_rate - self.worsening);
        for _ in 0..STEPS {
            let middle = 0.5 * (low + high);
            if middle <= low || middle >= high {
                break;
            }
            if slope(middle) < 0.0 {
                low = middle;
            } else {
                high = middle;
            }
        }
        low
    }
}

fn log_likelihood(counts: Counts, rate: f64) -> f64 {
    let good = counts.good() as f64 * (-rate).ln_1p();
    // Blocks are small and mostly without a bad document; the logarithm is what this costs.
    match counts.bad {
        0 => good,
        bad => good + bad as f64 * rate.ln(),
    }
}

/// `ln` of the sum of the exponentials, whatever their size.
fn log_sum<const N: usize>(logs: [f64; N]) -> f64 {
    let most = logs.into_iter().fold(f64::NEG_INFINITY, f64::max);
    most + logs.iter().map(|log| (log - most).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests;
