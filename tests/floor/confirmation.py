"""What the ERP accepts as a production confirmation, and what it says when it does not."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

UNITS = ("PCE", "KG", "M")
MATERIALS = ("M-100", "M-200", "M-300")

# The part that the ERP books. Two bodies that agree on these are the same confirmation.
BUSINESS_FIELDS = frozenset(
    {"plant", "line", "epoch", "seq", "order", "operation", "yield", "quantity", "scrap", "unit", "material"}
)


@dataclass(frozen=True)
class Refusal:
    """Why a confirmation is not accepted: the field, what was given and what would be right."""

    field: str
    value: Any
    accepted: str

    def body(self) -> dict[str, Any]:
        """The answer's body."""
        given = "missing" if self.value is None else f"{self.value!r} not accepted"
        error = f"{self.field}: {given}; expected {self.accepted}"
        return {"error": error, "field": self.field, "value": self.value, "accepted": self.accepted}


def business_part(body: dict[str, Any]) -> dict[str, Any]:
    """The fields that count, in a fixed order; `quantity` is another name of `yield`."""
    part = {name: body[name] for name in BUSINESS_FIELDS if name in body}
    if "quantity" in part:
        part["yield"] = part.pop("quantity")
    return dict(sorted(part.items()))


def refusal(body: dict[str, Any], materials: tuple[str, ...] = MATERIALS) -> Refusal | None:
    """The first thing wrong with a confirmation, or None."""
    if "yield" in body and "quantity" in body:
        return Refusal("quantity", body["quantity"], "either yield or quantity, not both")
    amount = "quantity" if "quantity" in body else "yield"
    rules: list[tuple[str, bool, Callable[[Any], bool], str]] = [
        ("plant", False, _text, "text"),
        ("line", True, _text, "text"),
        ("epoch", False, _at_least(0), "an integer, 0 or more"),
        ("seq", True, _at_least(1), "an integer, 1 or more"),
        ("order", True, _like(r"PO-[0-9]+"), "PO- and digits"),
        ("operation", True, _like(r"[0-9]{4}"), "four digits, as text"),
        (amount, True, _at_least(0), "an integer, 0 or more"),
        ("scrap", False, _at_least(0), "an integer, 0 or more"),
        ("unit", True, lambda value: value in UNITS, f"one of {', '.join(UNITS)}"),
        ("material", False, lambda value: value in materials, f"a known material: {', '.join(materials)}"),
    ]
    for field, required, fits, accepted in rules:
        value = body.get(field)
        if field not in body and not required:
            continue
        if value is None or not fits(value):
            return Refusal(field, value, accepted)
    return None


def _text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _at_least(least: int) -> Callable[[Any], bool]:
    # JSON's true is an int to Python, not to an ERP.
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= least


def _like(pattern: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None
