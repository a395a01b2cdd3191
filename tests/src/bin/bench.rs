//! `make bench`: the numbers of the README, each beside a floor of the same run, as a table and in `target/bench/summary.json`.

use andon_tests::bench::{Figure, Floor, floor, memory, writes};
use andon_tests::cluster::Cluster;
use andon_tests::demo::Demo;
use andon_tests::plant::{LINES, SYSTEM};
use andon_tests::process::{root, run};
use andon_tests::{rollback, story};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

const TRIALS: usize = 3;
const LOOKS: usize = 20;
const RESTARTS: usize = 3;
/// Documents a second of each line.
const RATE: f64 = 1.0;
const QUIET: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> Result<()> {
    let name = std::env::var("ANDON_CLUSTER").unwrap_or_else(|_| "bench".to_owned());
    let cluster = Cluster::up(&name).await?;
    let result = bench(cluster.clone()).await;
    if std::env::var_os("ANDON_KEEP").is_none() {
        cluster.down()?;
    }
    result
}

async fn bench(cluster: Cluster) -> Result<()> {
    let mut demo = Demo::start(cluster.clone(), "bench").await?;
    let told = demo.run().await?;
    told.verify()?;
    let used = memory::operator(&cluster).await?;
    let written = quiet_minute(&mut demo).await?;
    let mut trials = Vec::new();
    for number in 1..=TRIALS {
        let trial = rollback::trial(&demo).await?;
        demo.story.say(&format!("trial {number}: {trial:?}"));
        trials.push(trial);
    }
    let mut looks = Vec::new();
    for _ in 0..LOOKS {
        looks.push(floor::look(&cluster).await?);
    }
    let (restarts, fresh) = without_operator(&cluster).await?;
    demo.replay_dead_letters(LINES[0])?;
    demo.books().await?;
    let mut figures = of_trials(&trials, &looks, &restarts);
    figures.push(render()?);
    figures.push(Figure {
        what: "memory of the operator after the demo's releases",
        unit: "MB",
        samples: vec![used],
        goal: Some(40.0),
        floor: Some(Floor {
            what: "the same, just started",
            samples: vec![fresh],
        }),
    });
    figures.push(of_writes(&written));
    tell(&figures, &written)
}

/// Lets the plant work on its last good for a while, and counts what the operator writes meanwhile.
async fn quiet_minute(demo: &mut Demo) -> Result<BTreeMap<String, usize>> {
    demo.floor.rate(RATE).await?;
    demo.floor.produce(true).await?;
    demo.story.release("1.1.0").await?;
    demo.story
        .follow(
            "every line to be steady",
            Duration::from_secs(120),
            |lines| {
                let none_holds = lines.iter().all(|line| line.hold.is_none());
                none_holds && story::all_run(lines, LINES.len(), "1.1.0")
            },
        )
        .await?;
    // What the change of the release itself causes is over by then.
    tokio::time::sleep(Duration::from_secs(15)).await;
    demo.story.say(&format!(
        "nothing is asked for; counting the operator's writes for {} s",
        QUIET.as_secs()
    ));
    writes::operator(&demo.cluster, QUIET).await
}

/// Restarts a Deployment as a person would, with nobody watching it; then the operator's memory, just started.
async fn without_operator(cluster: &Cluster) -> Result<(Vec<f64>, f64)> {
    let kubectl = |arguments: &[&str]| run(cluster.kubectl().args(["-n", SYSTEM]).args(arguments));
    kubectl(&["scale", "deployment", "andon", "--replicas=0"])?;
    kubectl(&["wait", "--for=delete", "pod", "--all", "--timeout=60s"])?;
    let mut restarts = Vec::new();
    for _ in 0..RESTARTS {
        restarts.push(floor::restart(cluster).await?);
    }
    kubectl(&["scale", "deployment", "andon", "--replicas=1"])?;
    kubectl(&["rollout", "status", "deployment", "andon", "--timeout=120s"])?;
    tokio::time::sleep(Duration::from_secs(10)).await;
    Ok((restarts, memory::operator(cluster).await?))
}

fn of_trials(trials: &[rollback::Trial], looks: &[f64], restarts: &[f64]) -> Vec<Figure> {
    let look = andon_tests::bench::median(looks);
    let each = |value: fn(&rollback::Trial) -> f64| trials.iter().map(value).collect::<Vec<_>>();
    let evidence = each(|trial| trial.seconds_to_evidence);
    vec![
        Figure {
            what: "bad release: first refusal to decision",
            unit: "s",
            samples: each(|trial| trial.seconds_to_decision),
            goal: Some(3.0),
            floor: Some(Floor {
                what: "the refusals that the evidence needs, and one look",
                samples: evidence.iter().map(|seconds| seconds + look).collect(),
            }),
        },
        Figure {
            what: "bad release: documents refused, at 1 a second",
            unit: "",
            samples: each(|trial| trial.bad_messages as f64),
            goal: Some(4.0),
            floor: None,
        },
        Figure {
            what: "decision to last good in place and ready",
            unit: "s",
            samples: each(|trial| trial.seconds_to_restored),
            goal: Some(10.0),
            floor: Some(Floor {
                what: "a plain rollout restart of the same Deployment",
                samples: restarts.to_vec(),
            }),
        },
        Figure {
            what: "one look at a canary",
            unit: "s",
            samples: looks.to_vec(),
            goal: None,
            floor: None,
        },
    ]
}

/// Rendering is measured by a program of its own, built for speed and without all that a test needs.
fn render() -> Result<Figure> {
    let said = run(Command::new("cargo").current_dir(root()).args([
        "run",
        "--quiet",
        "--release",
        "-p",
        "andon-render",
        "--example",
        "render_bench",
    ]))?;
    let answer: Value = serde_json::from_str(said.trim())
        .with_context(|| format!("render_bench said {said:?}, not JSON"))?;
    let milliseconds = |field: &str| answer[field].as_f64().map(|number| number / 1000.0);
    let median = milliseconds("medianMicroseconds")
        .with_context(|| format!("render_bench said no medianMicroseconds: {said}"))?;
    let parsed = milliseconds("parseMicroseconds").map(|floor| Floor {
        what: "parsing the rendered YAML",
        samples: vec![floor],
    });
    Ok(Figure {
        what: "one line rendered, in process",
        unit: "ms",
        samples: vec![median],
        goal: Some(1.0),
        floor: parsed,
    })
}

fn of_writes(written: &BTreeMap<String, usize>) -> Figure {
    let minutes = QUIET.as_secs_f64() / 60.0;
    let (lease, other): (Vec<_>, Vec<_>) = written
        .iter()
        .partition(|(what, _)| what.ends_with(" leases"));
    let sum =
        |of: &[(&String, &usize)]| of.iter().map(|(_, n)| **n).sum::<usize>() as f64 / minutes;
    Figure {
        what: "writes a minute but the lease, when nothing changes",
        unit: "",
        samples: vec![sum(&other)],
        goal: Some(0.0),
        floor: Some(Floor {
            what: "renewals of the lease",
            samples: vec![sum(&lease)],
        }),
    }
}

/// Prints the table, writes the summary, and fails if a goal was missed.
fn tell(figures: &[Figure], written: &BTreeMap<String, usize>) -> Result<()> {
    println!(
        "\n{:<54} {:>10} {:>8} {:>10} {:>7}  samples; floor",
        "", "measured", "goal", "floor", "ratio"
    );
    for figure in figures {
        let number = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), short);
        let floor = figure.floor.as_ref();
        println!(
            "{:<54} {:>10} {:>8} {:>10} {:>7}  {}; {}",
            figure.what,
            format!("{} {}", short(figure.value()), figure.unit),
            number(figure.goal),
            number(floor.map(|floor| andon_tests::bench::median(&floor.samples))),
            number(figure.ratio()),
            list(&figure.samples),
            floor.map_or("-", |floor| floor.what)
        );
    }
    let rows: Vec<_> = figures
        .iter()
        .map(|figure| {
            let mut row = json!(figure);
            row["value"] = json!(figure.value());
            row["ratio"] = json!(figure.ratio());
            row["good"] = json!(figure.good());
            row
        })
        .collect();
    let summary = json!({"figures": rows, "writes": written});
    let file = root().join("target/bench/summary.json");
    std::fs::write(
        &file,
        format!("{}\n", serde_json::to_string_pretty(&summary)?),
    )?;
    println!("\nwritten to {}", file.display());
    let missed: Vec<_> = figures.iter().filter(|figure| !figure.good()).collect();
    ensure!(
        missed.is_empty(),
        "goals missed: {}",
        missed
            .iter()
            .map(|figure| figure.what)
            .collect::<Vec<_>>()
            .join("; ")
    );
    Ok(())
}

/// Three digits that count.
fn short(value: f64) -> String {
    if value.abs() >= 100.0 || value == 0.0 {
        format!("{value:.0}")
    } else if value.abs() >= 10.0 {
        format!("{value:.1}")
    } else if value.abs() >= 0.1 {
        format!("{value:.2}")
    } else {
        format!("{value:.4}")
    }
}

fn list(samples: &[f64]) -> String {
    if samples.len() > 5 {
        return format!("{} of them", samples.len());
    }
    samples
        .iter()
        .map(|sample| short(*sample))
        .collect::<Vec<_>>()
        .join(" ")
}
