//! `andon.dev/promote`: a person has seen enough of a canary. It need not bake or count any longer; what speaks against it does so as
//! before, and what nobody can tell is no pass.

use crate::event;
use crate::input::{Input, Rules};
use crate::line::Turn;
use andon_api::{LineStatus, Promotion, Trial, label};
use std::time::Duration;

/// What somebody asks: `<line>@<who>: <why>`.
struct Asked<'a> {
    line: &'a str,
    who: &'a str,
    why: &'a str,
}

impl<'a> Asked<'a> {
    /// None: nobody could say who promotes what, and why.
    fn read(value: &'a str) -> Option<Self> {
        let (line, rest) = value.split_once('@')?;
        // A name may have a colon in it, but none with a blank after it.
        let (who, why) = rest.split_once(": ")?;
        let said = |text: &&str| !text.is_empty() && text.trim() == *text;
        let all = [line, who, why.trim()].iter().all(said);
        all.then_some(Self { line, who, why })
    }
}

/// The value that counts as honoured after this look.
pub(crate) fn asked(input: &Input<'_>) -> Option<String> {
    let observed = &input.observed.integration;
    let asked = label::lever(&observed.annotations, label::PROMOTE);
    asked.or_else(|| observed.status.promote.clone())
}

/// Honours the annotation, once for each value. What follows from it is done when it has been read back.
pub(crate) fn honour(input: &Input<'_>, turns: &mut [Turn<'_>]) -> Option<String> {
    let status = &input.observed.integration.status;
    let value = asked(input);
    // Whether a value was honoured before a loss of the status, nobody knows: then it is not honoured again.
    let new = value != status.promote && status.observed_generation >= 1;
    let Some(text) = value.as_deref().filter(|_| new) else {
        return value;
    };
    let Some(asked) = Asked::read(text) else {
        tell(
            turns,
            event::promotion_refused(text, "write <line>@<who>: <why>"),
        );
        return value;
    };
    let Some(turn) = turns.iter_mut().find(|turn| turn.line.name == asked.line) else {
        let why = format!("there is no line \"{}\" here", asked.line);
        tell(turns, event::promotion_refused(text, &why));
        return value;
    };
    let known = input.remembered(asked.line);
    match turn.line.trial.clone() {
        // Of one that began to bake in this very look nobody can have seen enough.
        Some(trial) if is_baking(&trial) && known.is_some_and(bakes) => {
            turn.tell(event::promotion_asked(
                asked.line,
                &trial,
                (asked.who, asked.why),
            ));
            turn.line.trial = Some(Trial {
                promoted: Some(Promotion {
                    by: asked.who.to_owned(),
                    why: asked.why.to_owned(),
                    at: input.stamp(),
                }),
                ..trial
            });
        }
        _ => turn.tell(event::promotion_refused(text, "the line is not baking now")),
    }
    value
}

fn bakes(line: &LineStatus) -> bool {
    line.trial.as_ref().is_some_and(is_baking)
}

fn is_baking(trial: &Trial) -> bool {
    let going_back = trial.failure.is_some() || trial.withdrawn.is_some();
    trial.checked && trial.baking_since.is_some() && !going_back
}

fn tell(turns: &mut [Turn<'_>], event: crate::plan::Event) {
    if let Some(turn) = turns.first_mut() {
        turn.tell(event);
    }
}

/// What a trial is held to: of one that a person has promoted, neither time nor numbers.
pub(crate) fn relaxed(rules: Rules, trial: &Trial) -> Rules {
    match trial.promoted {
        None => rules,
        Some(_) => Rules {
            bake: Duration::ZERO,
            min_samples: 0,
            ..rules
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promotion_says_who_promotes_what_and_why() {
        let read = |text| Asked::read(text).map(|it| (it.line, it.who, it.why));
        assert_eq!(
            read("filling-1@anna: seen enough"),
            Some(("filling-1", "anna", "seen enough"))
        );
        assert_eq!(
            read("filling-1@anna@example.com: see: CHG-7"),
            Some(("filling-1", "anna@example.com", "see: CHG-7"))
        );
        for text in [
            "filling-1",
            "filling-1@anna",
            "filling-1@anna: ",
            "@anna: x",
            "filling-1@: x",
            "filling-1: x",
            "filling-1 @anna: x",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
