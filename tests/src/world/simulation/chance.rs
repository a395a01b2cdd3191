//! What happens by chance.

use super::{Faults, Random, Run, Variant, short};
use andon_api::{
    Bake, BakeClock, Check, MaxWait, RollbackScope, Schedule, ShadowLimit, Standby, Then, Window,
    WindowKind,
};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// What is out of order in a run. Half of them read nothing stale, so that stricter rules can be asked of them.
pub(super) fn faults(random: &mut Random) -> Faults {
    Faults {
        crash: random.below(80),
        stale: random.below(300).saturating_sub(150),
        pod_death: random.below(4),
        gap: random.below(60),
        slow_end: random.below(50),
        refused: random.below(2),
        two_leaders: random.chance(100),
        ..Faults::default()
    }
}

/// How many lines a release lets be on trial at a time: often one, as where nothing is said.
pub(super) fn lines_at_a_time(random: &mut Random) -> i32 {
    match random.below(4) {
        0 => 2,
        1 => 3,
        _ => 1,
    }
}

/// Whether a release asks that the last good stands by.
pub(super) fn standby(random: &mut Random) -> Standby {
    match random.chance(400) {
        true => Standby::Warm,
        false => Standby::None,
    }
}

/// A calendar that is always open, though it has windows.
pub(super) fn open() -> Schedule {
    Schedule {
        windows: vec![Window {
            name: "always".to_owned(),
            kind: WindowKind::Allow,
            cron: "*/10 * * * *".to_owned(),
            duration: "1h".to_owned(),
            time_zone: None,
        }],
        not_allowed_dates: Vec::new(),
        shifts: Vec::new(),
        freezes: Vec::new(),
    }
}

/// What a candidate must show as a shadow.
fn shadow(random: &mut Random) -> ShadowLimit {
    ShadowLimit {
        limit: "5%".to_owned(),
        min_samples: 6,
        max_wait: random.chance(500).then(|| MaxWait {
            duration: "40s".to_owned(),
            then: match random.chance(500) {
                true => Then::RollBack,
                false => Then::Hold,
            },
        }),
    }
}

impl Run<'_> {
    /// How the next release is judged, and what its failure takes back.
    pub(super) fn choose_rules(&mut self) {
        let random = &mut self.random;
        self.world.scope = match random.below(3) {
            0 => RollbackScope::Line,
            1 => RollbackScope::Release,
            _ => RollbackScope::Plant,
        };
        self.world.soaking = random.chance(300);
        self.world.standby = standby(random);
        self.world.lines_at_a_time = lines_at_a_time(random);
        self.world.site.spec.max_concurrent_lines = match random.below(4) {
            0 => Some(1),
            1 => Some(2),
            _ => None,
        };
        let mut analysis = short();
        if random.chance(200) {
            analysis.checks.push(Check {
                indicator: "refused".to_owned(),
                not_worse_than_baseline: Some("5%".to_owned()),
                dry_run: random.chance(300),
                ..Check::default()
            });
        }
        if random.chance(200) {
            analysis.checks.push(Check {
                indicator: "refused".to_owned(),
                not_worse_than_controls: Some("2%".to_owned()),
                dry_run: random.chance(300),
                ..Check::default()
            });
        }
        if random.chance(200) {
            analysis.checks.push(Check {
                indicator: "delay".to_owned(),
                quantile: Some("90%".to_owned()),
                max: Some("60s".to_owned()),
                dry_run: random.chance(300),
                ..Check::default()
            });
        }
        if random.chance(150) {
            analysis.start_delay = Some("5s".to_owned());
        }
        if random.chance(150) {
            analysis.bake = Bake {
                duration: "6s".to_owned(),
                clock: BakeClock::Production,
            };
        }
        if random.chance(150) {
            analysis.max_wait = Some(MaxWait {
                duration: "40s".to_owned(),
                then: match random.chance(500) {
                    true => Then::RollBack,
                    false => Then::Hold,
                },
            });
        }
        analysis.shadow = self.shadows.then(|| shadow(&mut self.random));
        self.world.analysis = analysis;
    }

    /// A calendar with something that begins or ends soon.
    pub(super) fn schedule(&mut self) -> Value {
        let now = self.world.now;
        let random = &mut self.random;
        let every = 2 + random.below(6);
        let allow = json!({"name": "allow", "kind": "Allow", "cron": format!("*/{every} * * * *"),
            "duration": format!("{}s", 60 + random.below(60 * every))});
        let deny = json!({"name": "deny", "kind": "Deny", "cron": format!("*/{} * * * *", every + 1),
            "duration": format!("{}s", 10 + random.below(100))});
        let mut at = |from: i64, seconds: u64| {
            let seconds = from + random.below(seconds).cast_signed();
            (now + SignedDuration::from_secs(seconds)).to_string()
        };
        let freeze =
            json!({"from": at(-30, 60), "to": at(31, 120), "reason": "audit", "ticket": "CHG-1"});
        let shift = |from: &str, to: &str, name: &str| json!({"name": name, "days": ["Sat"], "from": from, "to": to});
        let minute = |ahead: i64| {
            let zoned = (now + SignedDuration::from_secs(ahead)).to_zoned(jiff::tz::TimeZone::UTC);
            // Ulm is an hour ahead in November.
            format!("{:02}:{:02}", (zoned.hour() + 1) % 24, zoned.minute())
        };
        let shifts = json!([
            shift(&minute(-3600), &minute(60), "early"),
            shift(&minute(180), &minute(7200), "late")
        ]);
        match random.below(6) {
            0 => json!({"windows": [allow]}),
            1 => json!({"windows": [deny]}),
            2 => json!({"windows": [allow, deny]}),
            3 => json!({"freezes": [freeze]}),
            4 => json!({"windows": [allow], "freezes": [freeze], "shifts": shifts}),
            _ => json!({"shifts": shifts}),
        }
    }

    /// A version, good half of the time.
    #[expect(
        clippy::too_many_lines,
        reason = "a list of what may be wrong with a version"
    )]
    pub(super) fn variant(&mut self) -> Variant {
        let requires = self.requires();
        let random = &mut self.random;
        let changed = Variant {
            new_source: random.chance(400),
            new_buffer: random.chance(300),
            without_buffer: random.chance(100),
            shadow: self.shadows,
            unchecked: random.chance(200),
            no_standby: random.chance(150),
            requires,
            veto: random
                .chance(400)
                .then(|| format!("{}s", 1 + random.below(60))),
            ..Variant::default()
        };
        let on = format!("line-{}", 1 + random.below(4));
        match random.below(20) {
            0 | 1 => Variant {
                wrong_unit: true,
                ..changed
            },
            2 => Variant {
                wrong_erp: true,
                ..changed
            },
            3 => Variant {
                broken_routes: true,
                unchecked: false,
                ..changed
            },
            4 => Variant {
                missing_image: true,
                ..changed
            },
            5 => Variant {
                deaf_source: true,
                ..changed
            },
            6 => Variant {
                crashes: true,
                ..changed
            },
            7 => Variant {
                forbidden: true,
                ..changed
            },
            8 => Variant {
                template_error: true,
                ..changed
            },
            9 => Variant {
                wrong_on: Some(on),
                ..changed
            },
            10 => Variant {
                wrong_on: Some(on),
                wrong_on_after: 10 + random.below(40).cast_signed(),
                ..changed
            },
            11 => Variant {
                wrong_after: Some(random.below(60).cast_signed()),
                ..changed
            },
            13 if self.shadows => Variant {
                differs: 30 + random.below(300),
                ..changed
            },
            12 => Variant {
                wrong_share: 20 + random.below(200),
                slow_share: random.below(400),
                ..changed
            },
            _ => changed,
        }
    }
}
