//! Production lines, their documents, and the ERP.

use super::World;
use andon_api::label;
use andon_plan::{BucketCount, Counts, GoodBad, Observed, Pod, Reading};
use std::collections::BTreeMap;

/// Documents that a post gets done in a second.
const PACE: i64 = 2;

/// A production line.
#[derive(Clone, Debug, Default)]
pub struct ToyLine {
    /// Documents in its queue.
    pub queue: i64,
    /// Documents produced and taken up.
    pub produced: i64,
    /// Documents posted.
    pub posted: i64,
    /// Documents refused.
    pub refused: i64,
    /// Above zero while it is in the middle of an order.
    pub order: i64,
}

impl World {
    /// What the pods say that are asked whether their line may be disturbed.
    pub(super) fn vetoes(&self, seen: &Observed) -> BTreeMap<String, Reading> {
        let asked = andon_plan::vetoes(seen);
        let says = |pod: &Pod| match self.faults.metrics_off {
            true => Reading::NoAnswer("connection refused".to_owned()),
            false => Reading::Counts(Counts {
                busy: Some(self.shop.get(&pod.line).map_or(0, |line| line.order)),
                ..Counts::default()
            }),
        };
        let asked = asked.iter();
        asked.map(|it| (it.pod.uid.clone(), says(it.pod))).collect()
    }

    /// One second of production.
    pub(super) fn run_lines(&mut self) {
        let names: Vec<String> = self.shop.keys().cloned().collect();
        for name in names {
            self.produce(&name);
            self.post(&name);
        }
    }

    /// A document appears where a source listens.
    fn produce(&mut self, line: &str) {
        let listens = self.pods.iter().any(|toy| {
            toy.pod.line == line
                && toy.pod.stage == "source"
                && toy.pod.ready
                && toy.env("DEAF") != "yes"
        });
        if listens
            && !self.faults.idle.contains(line)
            && let Some(line) = self.shop.get_mut(line)
        {
            line.queue += 1;
            line.produced += 1;
        }
    }

    /// The post that has been connected for longest holds the exclusive queue until it leaves.
    fn post(&mut self, name: &str) {
        let consumers = self
            .pods
            .iter_mut()
            .filter(|toy| toy.pod.line == name && toy.pod.stage == "post" && toy.pod.ready);
        let Some(post) = consumers.min_by_key(|toy| toy.connected) else {
            return;
        };
        let reaches = post.env("ERP") == "right" && !self.faults.erp_down;
        let Some(line) = self.shop.get_mut(name) else {
            return;
        };
        if !reaches {
            return;
        }
        let on_after = post.env("WRONG_ON_AFTER").parse::<i64>().unwrap_or(0);
        let here = post.env("WRONG_ON") == name && post.good >= on_after;
        let wrong = post.env("UNIT") == "wrong" || here || self.faults.erp_picky;
        let late = post.env("WRONG_AFTER").parse::<i64>().unwrap_or(i64::MAX);
        let worse = post.env("WRONG_SHARE").parse::<u64>().unwrap_or(0);
        let slow = post.env("SLOW_SHARE").parse::<u64>().unwrap_or(0);
        let first = post.env("WRONG_FIRST").parse::<i64>().unwrap_or(0);
        let taken = line.queue.min(PACE);
        for _ in 0..taken {
            line.queue -= 1;
            post.slow += i64::from(self.random.chance(slow));
            let wrong = wrong || post.good + post.bad < first;
            if wrong || post.good >= late || self.random.chance(self.faults.refused + worse) {
                line.refused += 1;
                post.bad += 1;
            } else {
                line.posted += 1;
                post.good += 1;
            }
        }
        self.compare(name, taken);
    }

    /// A shadow gets the same documents, and compares what it makes of them.
    fn compare(&mut self, name: &str, documents: i64) {
        let mut shadows = self
            .pods
            .iter_mut()
            .filter(|toy| toy.pod.line == name && toy.pod.stage == label::SHADOW && toy.pod.ready);
        let Some(shadow) = shadows.next() else {
            return;
        };
        let on_after = shadow.env("WRONG_ON_AFTER").parse::<i64>().unwrap_or(0);
        let here = shadow.env("WRONG_ON") == name && shadow.good >= on_after;
        let wrong = shadow.env("UNIT") == "wrong" || here;
        let differs = shadow.env("DIFFERS").parse::<u64>().unwrap_or(0);
        for _ in 0..documents {
            match wrong || self.random.chance(differs) {
                true => shadow.bad += 1,
                false => shadow.good += 1,
            }
        }
    }

    /// What the counters say, while a trial is on.
    pub(super) fn readings(&self) -> BTreeMap<String, Reading> {
        let on_trial = self
            .integration
            .status
            .lines
            .iter()
            .any(andon_plan::is_counted);
        if !on_trial {
            return BTreeMap::new();
        }
        let posts = self
            .pods
            .iter()
            .filter(|toy| ["post", label::SHADOW].contains(&toy.pod.stage.as_str()))
            .filter(|toy| toy.runs());
        posts
            .map(|toy| (toy.pod.uid.clone(), self.reading(toy)))
            .collect()
    }

    fn reading(&self, toy: &super::kubelet::ToyPod) -> Reading {
        // By second and pod, so that looking twice sees the same.
        let mut luck = super::Random::new(self.seconds() as u64 ^ (toy.order << 20));
        if self.faults.metrics_off || luck.chance(self.faults.gap) {
            return Reading::NoAnswer("connection refused".to_owned());
        }
        if self.faults.metrics_renamed {
            return Reading::NoAnswer("the pod has no series dead_lettered_total".to_owned());
        }
        let seen = GoodBad {
            good: toy.good,
            bad: toy.bad,
        };
        if toy.pod.stage == label::SHADOW {
            let fields = [("quantity", toy.bad), ("unit", toy.bad / 2)];
            return Reading::Counts(Counts {
                indicators: BTreeMap::from([(label::SHADOW.to_owned(), seen)]),
                fields: fields.map(|(it, count)| (it.to_owned(), count)).into(),
                ..Counts::default()
            });
        }
        Reading::Counts(Counts {
            fields: BTreeMap::new(),
            indicators: BTreeMap::from([("refused".to_owned(), seen)]),
            values: BTreeMap::from([("delay".to_owned(), delays(toy))]),
            done: Some(toy.good + toy.bad),
            waiting: Some(self.shop.get(&toy.pod.line).map_or(0, |line| line.queue)),
            busy: None,
        })
    }
}

/// Documents by how long they took: half a second, or 100 s.
fn delays(toy: &super::kubelet::ToyPod) -> Vec<BucketCount> {
    let all = toy.good + toy.bad;
    let bounds = [Some(1.0), Some(60.0), Some(300.0), None];
    let bucket = |le: Option<f64>| BucketCount {
        le,
        count: match le {
            Some(le) if le < 100.0 => all - toy.slow,
            _ => all,
        },
    };
    bounds.map(bucket).to_vec()
}
