"""How the ERP misbehaves on demand: for everybody, or for some lines only."""

import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from confirmation import Refusal
from jsonhttp import Answer, BadRequest

# Every mode with its parameters and their defaults; a parameter must be of its default's type.
MODES: dict[str, dict[str, Any]] = {
    "ok": {},
    "down503": {"retryAfter": 1},
    "denied401": {},
    # 0 a second throttles everything
    "throttle429": {"perSecond": 0.0, "retryAfter": 1},
    "slow": {"seconds": 2.0},
    # no answer for so long, then the connection is closed; `posted` posts all the same
    "timeout": {"seconds": 30.0, "posted": False},
    "close": {"posted": False},
    # a mix by weight; `lost` posts and answers 500
    "flap": {"seed": 7, "ok": 6, "down": 1, "throttle": 1, "lost": 1, "close": 0},
    # what it accepts beyond the usual rules, as after a change of its master data
    "picky": {"field": "unit", "accepted": ["KG"]},
    # posts again what it has posted: shows that the oracle counts duplicates
    "forgetful": {},
}


@dataclass(frozen=True)
class Decision:
    """What is done with one request beyond the ordinary."""

    delay: float = 0.0
    instead: Answer | None = None
    outcome: str = ""
    afterwards: Answer | None = None
    hold: float = 0.0
    forgetful: bool = False
    field: str = ""
    accepted: tuple = ()

    def refusal(self, business: dict[str, Any]) -> Refusal | None:
        """What a picky ERP has against this confirmation."""
        if not self.field or business.get(self.field) in self.accepted:
            return None
        return Refusal(self.field, business.get(self.field), f"one of {', '.join(map(str, self.accepted))}")


FACES = ("ok", "down", "throttle", "lost", "close")
DOWN = {"error": "service unavailable"}
THROTTLED = {"error": "too many requests"}
SILENCE = Answer(0, None, silent=True)


@dataclass
class Mode:
    """A mode that is on, with its own state (seeded dice, last second's budget)."""

    name: str
    parameters: dict[str, Any]
    dice: random.Random = field(init=False)
    allowance: float = field(init=False)
    filled: float = field(init=False)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.parameters.get("seed", 0))
        self.allowance = min(1.0, self.parameters.get("perSecond", 0.0))
        self.filled = time.monotonic()

    @staticmethod
    def parse(body: dict[str, Any]) -> "Mode":
        """A mode from a request; says what is wrong with it otherwise."""
        name, given = body.get("mode"), body.get("parameters") or {}
        if not isinstance(name, str) or name not in MODES:
            raise BadRequest(f"mode {name!r}: not known; expected one of {', '.join(MODES)}")
        if not isinstance(given, dict):
            raise BadRequest(f"parameters {given!r}: expected an object")
        parameters = dict(MODES[name])
        for parameter, value in given.items():
            if parameter not in parameters:
                known = ", ".join(parameters) or "none"
                raise BadRequest(f"parameters.{parameter}: not known in mode {name}; known: {known}")
            parameters[parameter] = _checked(parameter, value, parameters[parameter])
        if name == "flap" and not any(parameters[face] for face in FACES):
            raise BadRequest(f"parameters: all weights are 0; expected at least one of {', '.join(FACES)} above 0")
        return Mode(name, parameters)

    def decide(self) -> Decision:
        """What becomes of the next request."""
        one = self.parameters
        match self.name:
            case "down503":
                return _down(one["retryAfter"])
            case "denied401":
                return Decision(instead=Answer(401, {"error": "credentials not accepted"}), outcome="denied")
            case "throttle429":
                return Decision() if self._within_budget() else _throttled(one["retryAfter"])
            case "slow":
                return Decision(delay=one["seconds"])
            case "timeout":
                return _silent(one["posted"], one["seconds"])
            case "close":
                return _silent(one["posted"], 0.0)
            case "flap":
                return self._flap()
            case "picky":
                return Decision(field=one["field"], accepted=tuple(one["accepted"]))
            case "forgetful":
                return Decision(forgetful=True)
        return Decision()

    def _flap(self) -> Decision:
        face = self.dice.choices(FACES, [self.parameters[name] for name in FACES])[0]
        lost = Answer(500, {"error": "internal error"})
        return {
            "ok": Decision(),
            "down": _down(1),
            "throttle": _throttled(1),
            "lost": Decision(afterwards=lost),
            "close": _silent(False, 0.0),
        }[face]

    def _within_budget(self) -> bool:
        rate, instant = self.parameters["perSecond"], time.monotonic()
        # A burst of one second's worth, and never less than one request, or a rate below 1 would let nothing through.
        self.allowance = min(max(rate, 1.0), self.allowance + (instant - self.filled) * rate)
        self.filled = instant
        if rate <= 0 or self.allowance < 1:
            return False
        self.allowance -= 1
        return True


class Behaviour:
    """The mode of every line."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._everybody = Mode("ok", {})
        self._lines: dict[str, Mode] = {}

    def set(self, body: dict[str, Any]) -> dict[str, Any]:
        """Sets a mode. Without `lines` it is everybody's and clears those of single lines."""
        lines = body.get("lines")
        if lines is not None and not (isinstance(lines, list) and lines and all(isinstance(x, str) for x in lines)):
            raise BadRequest(f"lines {lines!r}: expected a list of line names, or leave it out for all")
        unknown = sorted(set(body) - {"mode", "parameters", "lines"})
        if unknown:
            raise BadRequest(f"{unknown[0]}: not known; expected mode, parameters, lines")
        with self._lock:
            if lines is None:
                self._everybody, self._lines = Mode.parse(body), {}
            else:
                self._lines.update({line: Mode.parse(body) for line in lines})
        return self.summary()

    def decide(self, line: str) -> Decision:
        """What becomes of the next request of a line."""
        with self._lock:
            return self._lines.get(line, self._everybody).decide()

    def summary(self) -> dict[str, Any]:
        """What is on."""
        with self._lock:
            lines = {line: _shown(mode) for line, mode in sorted(self._lines.items())}
            return {**_shown(self._everybody), "lines": lines}


def _shown(mode: Mode) -> dict[str, Any]:
    return {"mode": mode.name, "parameters": mode.parameters}


def _down(after: int) -> Decision:
    return Decision(instead=Answer(503, DOWN, {"Retry-After": str(after)}), outcome="unavailable")


def _throttled(after: int) -> Decision:
    return Decision(instead=Answer(429, THROTTLED, {"Retry-After": str(after)}), outcome="throttled")


def _silent(posted: bool, hold: float) -> Decision:
    if posted:
        return Decision(afterwards=SILENCE, hold=hold)
    return Decision(instead=SILENCE, outcome="unanswered", hold=hold)


def _checked(name: str, value: Any, default: Any) -> Any:
    kinds = {
        bool: "true or false",
        int: "an integer, 0 or more",
        float: "a number, 0 or more",
        str: "text",
        list: "a list",
    }
    kind = type(default)
    fits = isinstance(value, (int, float) if kind is float else kind)
    if kind in (int, float):
        fits = fits and not isinstance(value, bool) and value >= 0
    if not fits:
        raise BadRequest(f"parameters.{name} {value!r}: expected {kinds[kind]}")
    return kind(value)
