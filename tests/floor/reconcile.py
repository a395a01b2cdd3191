"""The oracle: compares what the lines produced with what the ERP posted. Every document exactly once, none lost, none changed."""

import argparse
import json
import sys
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import journal
from keys import idempotency_key
from ledger import judge
from line import documents

SHOWN = 10

# What is produced and posted under the same name, and must be equal.
CARRIED = ("order", "operation", "yield", "scrap")


@dataclass(frozen=True)
class Produced:
    """The documents of one line and where they stand, which makes their keys."""

    plant: str
    integration: str
    line: str
    documents: list[dict[str, Any]]

    def by_key(self) -> dict[str, dict[str, Any]]:
        """The documents under the keys that the connector must compute."""
        return {
            idempotency_key(
                self.plant, self.integration, self.line, one["document"]["epoch"], one["document"]["seq"]
            ): one
            for one in self.documents
        }


@dataclass
class Result:
    """What the comparison found; each list holds keys."""

    produced: list[str] = field(default_factory=list)
    posted: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    dead_lettered: list[str] = field(default_factory=list)
    out_of_order: list[str] = field(default_factory=list)
    unacknowledged: list[str] = field(default_factory=list)
    overrun: list[str] = field(default_factory=list)
    invented: list[str] = field(default_factory=list)
    altered: list[str] = field(default_factory=list)

    def exact(self) -> bool:
        """Nothing wrong happened, and what is not posted is a dead letter or still at the line."""
        return not (self.duplicates or self.lost or self.out_of_order or self.overrun or self.invented or self.altered)

    def complete(self) -> bool:
        """All that was produced is posted, exactly once."""
        return self.exact() and len(self.produced) == len(self.posted)

    def summary(self) -> dict[str, Any]:
        """As JSON: the counts, and the first few offenders of each kind."""
        names = {
            "produced": self.produced,
            "posted": self.posted,
            "duplicates": self.duplicates,
            "lost": self.lost,
            "deadLettered": self.dead_lettered,
            "outOfOrder": self.out_of_order,
            "unacknowledged": self.unacknowledged,
            "overrun": self.overrun,
            "invented": self.invented,
            "altered": self.altered,
        }
        offenders = {name: keys[:SHOWN] for name, keys in names.items() if keys and name not in ("produced", "posted")}
        return {**{name: len(keys) for name, keys in names.items()}, "exact": self.exact(), "offenders": offenders}


def reconcile(lines: list[Produced], entries: list[dict[str, Any]], dead_letters: set[str] | None = None) -> Result:
    """Compares. Without a list of dead letters, what the ERP refused and has not posted since counts as one: then it is the
    connector's word that they lie in the queue; with the list, whatever is neither posted nor in it is lost.

    A document shown and not acknowledged may be posted already or not: either is right. One dropped by a full ring was lost by
    the line, before the connector could know: `overrun`.
    """
    book = judge(entries)
    posted = {entry["key"]: entry for entry in reversed(book.posted)}
    dead = book.still_refused() if dead_letters is None else dead_letters - set(posted)
    result = Result(posted=list(dict.fromkeys(entry["key"] for entry in book.posted)))
    result.duplicates = [entry["key"] for entry in book.duplicates]
    result.out_of_order = [entry["key"] for entry in book.out_of_order]
    known: set[str] = set()
    for line in lines:
        for key, one in line.by_key().items():
            known.add(key)
            if one["state"] == "dropped":
                result.overrun.append(key)
            if one["state"] not in ("shown", "acknowledged"):
                continue
            result.produced.append(key)
            if key in posted:
                if _altered(one, posted[key]):
                    result.altered.append(key)
            elif key in dead:
                result.dead_lettered.append(key)
            elif one["state"] == "shown":
                result.unacknowledged.append(key)
            else:
                result.lost.append(key)
    result.invented = [key for key in result.posted if key not in known]
    return result


def _altered(one: dict[str, Any], entry: dict[str, Any]) -> bool:
    # A document that was shown with two contents may be posted with the one or the other.
    if one["defect"] == "conflict":
        return False
    document, business = one["document"], entry["business"]
    return any(business[name] != document[name] for name in CARRIED if name in business)


def load_line(where: str) -> Produced:
    """`plant/integration/line=FILE` or `plant/integration/line=http://HOST:ADMINPORT`."""
    identity, _, source = where.partition("=")
    parts = identity.split("/")
    if len(parts) != 3 or not source:
        raise ValueError(f"line {where!r}: expected PLANT/INTEGRATION/LINE=FILE or =http://HOST:PORT")
    if source.startswith("http://"):
        found = _get(source + "/_journal/documents")
    else:
        found = documents(journal.read(Path(source)))
    return Produced(*parts, found)


def load_ledger(where: str) -> list[dict[str, Any]]:
    """The ledger's file, or the ERP's address."""
    if where.startswith("http://"):
        return _get(where + "/_ledger/entries")
    return journal.read(Path(where))


def load_dead_letters(path: Path) -> set[str]:
    """A file with one key a line, plain or as a JSON object with `key`."""
    keys = set()
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        text = line.strip()
        if text.startswith("{"):
            key = json.loads(text).get("key")
            if not isinstance(key, str):
                raise ValueError(f"{path}, line {number}: key {key!r}; expected text")
            keys.add(key)
        elif text:
            keys.add(text)
    return keys


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)


def main() -> int:
    """Prints the comparison; 0 if it is exact, 1 if not, 2 if something could not be read."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--line", action="append", required=True, help=(load_line.__doc__ or "").replace("%", "%%"))
    parser.add_argument("--ledger", required=True, help=load_ledger.__doc__)
    parser.add_argument("--dead-letters", type=Path, help=load_dead_letters.__doc__)
    parser.add_argument(
        "--complete", action="store_true", help="also demand that all is posted: no dead letters, nothing under way"
    )
    parser.add_argument("--output", type=Path, help="write the result to a file too")
    given = parser.parse_args()
    try:
        lines = [load_line(where) for where in given.line]
        dead = load_dead_letters(given.dead_letters) if given.dead_letters else None
        result = reconcile(lines, load_ledger(given.ledger), dead)
    except (OSError, ValueError) as error:
        print(f"reconcile: {error}", file=sys.stderr)
        return 2
    text = json.dumps(result.summary(), indent=2)
    print(text)
    if given.output:
        given.output.write_text(text + "\n")
    return 0 if (result.complete() if given.complete else result.exact()) else 1


if __name__ == "__main__":
    sys.exit(main())
