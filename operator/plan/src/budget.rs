//! How many lines may be on trial in a plant, over all its integrations.
//!
//! Integrations are planned one by one, possibly by two operators at once, so none of them can just count: each writes its claim (an
//! unchecked trial, which touches nothing), sees all claims once its own is written, and goes on only if all of them fit. Of any
//! claims beyond the budget the one that was written last therefore sees that there are too many. So that they do not wait for each
//! other for ever, those that come last by name give way.
//!
//! A trial that runs as a shadow may take days and touches nothing either, so it is no claim (`Trial::takes_place`). Once it is over, and
//! the plant may be changed, it claims anew; where it has to give way it keeps what it has shown.

use crate::hold::Hold;
use crate::input::Input;
use andon_api::LineStatus;

/// A line on trial, or one that is about to be.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Claim {
    /// Whether its pods may not change yet. What has been granted comes first.
    unchecked: bool,
    /// `integration/line`.
    of: String,
}

/// What an unchecked trial may do.
pub(crate) enum Answer {
    /// Its pods may change.
    Granted,
    /// Others have to be over, or to give way, first.
    Waits(Hold),
    /// It gives way: others come first.
    GivesWay(Hold),
}

/// Why a line must not begin; none: there is room for its claim. `lines` is what is known of its integration in this look.
pub(crate) fn obstacle(input: &Input<'_>, line: &str, lines: &[LineStatus]) -> Option<Hold> {
    let most = most(input)?;
    let mine = name(input, line);
    let others: Vec<Claim> = claims(input, lines)
        .into_iter()
        .filter(|claim| claim.of != mine)
        .collect();
    (others.len() >= most).then(|| taken(most, others))
}

/// Whether the claim of an unchecked trial, which has been read back, fits.
pub(crate) fn answer(input: &Input<'_>, line: &str) -> Answer {
    let Some(most) = most(input) else {
        return Answer::Granted;
    };
    let mut claims = claims(input, &input.observed.integration.status.lines);
    claims.sort();
    if claims.len() <= most {
        return Answer::Granted;
    }
    let mine = name(input, line);
    let rank = claims.iter().position(|claim| claim.of == mine);
    claims.retain(|claim| claim.of != mine);
    let hold = taken(most, claims);
    match rank.is_some_and(|rank| rank < most) {
        true => Answer::Waits(hold),
        false => Answer::GivesWay(hold),
    }
}

/// The plant's budget; none: it sets none.
fn most(input: &Input<'_>) -> Option<usize> {
    let most = input.observed.site.spec.max_concurrent_lines?;
    Some(usize::try_from(most).unwrap_or(0).max(1))
}

/// Every claim in the plant: of this integration's lines, and of its neighbours'.
fn claims(input: &Input<'_>, lines: &[LineStatus]) -> Vec<Claim> {
    let own = lines.iter().filter_map(|line| {
        let trial = line.trial.as_ref().filter(|it| it.takes_place())?;
        Some(Claim {
            unchecked: !trial.checked,
            of: name(input, &line.name),
        })
    });
    let others = input.observed.neighbours.iter().flat_map(|neighbour| {
        let claims = neighbour.on_trial.iter();
        claims.map(|(line, checked)| Claim {
            unchecked: !checked,
            of: format!("{}/{line}", neighbour.integration),
        })
    });
    own.chain(others).collect()
}

fn name(input: &Input<'_>, line: &str) -> String {
    format!("{}/{line}", input.observed.integration.spec.integration)
}

fn taken(most: usize, by: Vec<Claim>) -> Hold {
    let mut by: Vec<String> = by.into_iter().map(|claim| claim.of).collect();
    by.sort();
    Hold::BudgetTaken { most, by }
}
