//! What `make bench` measures on a plant, each figure beside a floor: what the same machine needs, in the same run, for the
//! part that nobody can leave out. A ratio to it means the same on every machine; seconds do not.

pub mod floor;
pub mod judgement;
pub mod memory;
pub mod writes;

use serde::Serialize;

/// One number.
#[derive(Serialize, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Figure {
    /// What was measured.
    pub what: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// The measurements; the figure is their median.
    pub samples: Vec<f64>,
    /// The most that it should be.
    pub goal: Option<f64>,
    /// What it is compared with.
    pub floor: Option<Floor>,
}

/// What a figure is compared with.
#[derive(Serialize, Debug)]
pub struct Floor {
    /// What was measured.
    pub what: &'static str,
    /// The measurements, in the figure's unit; the floor is their median.
    pub samples: Vec<f64>,
}

impl Figure {
    /// The figure itself.
    pub fn value(&self) -> f64 {
        median(&self.samples)
    }

    /// How many times its floor it is.
    pub fn ratio(&self) -> Option<f64> {
        let floor = median(&self.floor.as_ref()?.samples);
        (floor > 0.0).then(|| self.value() / floor)
    }

    /// Whether every measurement is as it should be.
    pub fn good(&self) -> bool {
        let fits = |goal| self.samples.iter().all(|sample| *sample <= goal);
        !self.samples.is_empty() && self.goal.is_none_or(fits)
    }
}

/// The middle one, or the mean of the two in the middle; not a number if there is none.
pub fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.len() / 2;
    match (sorted.get(upper), sorted.len() % 2) {
        (None, _) => f64::NAN,
        (Some(middle), 1) => *middle,
        (Some(middle), _) => f64::midpoint(sorted[upper - 1], *middle),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn a_figure_is_good_if_all_its_samples_are() {
        let mut figure = Figure {
            what: "",
            unit: "s",
            samples: vec![1.0, 2.0, 9.0],
            goal: Some(3.0),
            floor: Some(Floor {
                what: "",
                samples: vec![0.5],
            }),
        };
        assert_eq!(figure.ratio(), Some(4.0));
        assert!(!figure.good());
        figure.samples.pop();
        assert!(figure.good());
        figure.samples.clear();
        assert!(!figure.good());
    }
}
