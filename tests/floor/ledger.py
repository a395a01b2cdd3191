"""The ERP's book: every attempt to post, what became of it, and a judgement over all of it."""

import threading
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from journal import Journal, Record, now
from keys import parts_of


@dataclass
class Attempt:
    """One request to post, as it came in."""

    key: str
    business: Record
    attempt: int = 0
    correlation_id: str = ""
    source: str = ""

    @property
    def line(self) -> str:
        """The line it came from: what the body says, else what the key says, else a question mark."""
        line, parts = self.business.get("line"), parts_of(self.key)
        return line if isinstance(line, str) and line else parts[0] if parts else "?"

    def entry(self) -> Record:
        """The ledger's entry of it, still without an outcome."""
        parts = parts_of(self.key)
        return {
            "key": self.key,
            "line": self.line,
            "epoch": self.business.get("epoch", parts[1] if parts else None),
            "seq": self.business.get("seq"),
            "order": self.business.get("order"),
            "attempt": self.attempt,
            "correlationId": self.correlation_id,
            "source": self.source,
            "business": self.business,
        }


class Ledger:
    """Posts once per key. A posting is on the disk before anyone is told of it."""

    def __init__(self, path: Path) -> None:
        """Opens the ledger and takes up what is in it."""
        self._journal = Journal(path)
        self._lock = threading.Lock()
        self._entries: list[Record] = list(self._journal.loaded)
        self._posted: dict[str, Record] = {}
        for entry in self._entries:
            if entry["outcome"] == "posted":
                self._posted.setdefault(entry["key"], entry)
        self._documents = sum(entry["outcome"] == "posted" for entry in self._entries)

    def post(self, attempt: Attempt, answered: int | None = None, forgetful: bool = False) -> Record:
        """Posts, or says that it was posted, or that the key stands for something else: outcome posted, repeated or conflict.

        `answered` is the status that the caller will get where it is not the outcome's own (a lost answer); `forgetful` posts
        without looking into the book.
        """
        with self._lock:
            before = None if forgetful else self._posted.get(attempt.key)
            if before is None:
                self._documents += 1
                outcome = {"outcome": "posted", "document": self._documents, "status": 201}
            elif before["business"] == attempt.business:
                outcome = {"outcome": "repeated", "document": before["document"], "status": 409}
            else:
                message = f"key {attempt.key!r} stands for another confirmation, document {before['document']}"
                outcome = {"outcome": "conflict", "document": before["document"], "status": 422, "message": message}
            if answered is not None:
                outcome["status"] = answered
            entry = self._write(attempt, outcome)
            if entry["outcome"] == "posted":
                self._posted.setdefault(attempt.key, entry)
            return entry

    def note(self, attempt: Attempt, outcome: str, status: int, message: str = "") -> Record:
        """Records an attempt that was not posted."""
        with self._lock:
            return self._write(attempt, {"outcome": outcome, "status": status, "message": message})

    def _write(self, attempt: Attempt, outcome: Record) -> Record:
        entry = {"n": len(self._entries) + 1, "time": now(), **attempt.entry(), **outcome}
        self._journal.append(entry, durable=outcome["outcome"] == "posted")
        self._entries.append(entry)
        return entry

    def entries(self) -> list[Record]:
        """All entries, oldest first."""
        with self._lock:
            return list(self._entries)

    def close(self) -> None:
        """Closes the file."""
        self._journal.close()


@dataclass
class LineJudgement:
    """The judgement over one line."""

    posted: int = 0
    refused: int = 0
    attempts: int = 0
    out_of_order: int = 0
    last_posted_at: str | None = None

    def summary(self) -> Record:
        """As JSON."""
        return {
            "posted": self.posted,
            "refused": self.refused,
            "attempts": self.attempts,
            "outOfOrder": self.out_of_order,
            "lastPostedAt": self.last_posted_at,
        }


@dataclass
class Judgement:
    """What a ledger's entries say."""

    posted: list[Record] = field(default_factory=list)
    duplicates: list[Record] = field(default_factory=list)
    refused: list[Record] = field(default_factory=list)
    out_of_order: list[Record] = field(default_factory=list)
    lines: dict[str, LineJudgement] = field(default_factory=lambda: defaultdict(LineJudgement))

    def posted_keys(self) -> set[str]:
        """The keys that are posted."""
        return {entry["key"] for entry in self.posted}

    def still_refused(self) -> set[str]:
        """The keys that were refused and are not posted since."""
        return {entry["key"] for entry in self.refused} - self.posted_keys()

    def summary(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "posted": len(self.posted),
            "duplicates": len(self.duplicates),
            "refused": len(self.refused),
            "stillRefused": len(self.still_refused()),
            "outOfOrder": len(self.out_of_order),
            "lastPostedAt": self.posted[-1]["time"] if self.posted else None,
            "perLine": {name: line.summary() for name, line in sorted(self.lines.items())},
        }


def judge(entries: list[Record]) -> Judgement:
    """Judges a ledger from its entries alone, so that the ERP's own belief of what it posted is put to the test.

    A duplicate is a second posting of one key, or of one document (line, epoch, seq) under another key: the latter is what a key
    that depends on a release or a pod would do. Order is kept if no document of a line and order number is posted after a later one;
    replays (marked by an attempt number) come late by their nature and are not judged.
    """
    found = Judgement()
    keys: set[str] = set()
    documents: set[tuple] = set()
    newest: dict[tuple, tuple] = {}
    for entry in entries:
        line = found.lines[entry["line"]]
        line.attempts += 1
        if entry["outcome"] in ("refused", "conflict"):
            found.refused.append(entry)
            line.refused += 1
        if entry["outcome"] != "posted":
            continue
        found.posted.append(entry)
        line.posted += 1
        line.last_posted_at = entry["time"]
        document = (entry["line"], entry["epoch"], entry["seq"])
        if entry["key"] in keys or document in documents:
            found.duplicates.append(entry)
        keys.add(entry["key"])
        documents.add(document)
        if entry["attempt"]:
            continue
        place, stream = (entry["epoch"] or 0, entry["seq"]), (entry["line"], entry["order"])
        if place < newest.get(stream, place):
            found.out_of_order.append(entry)
            line.out_of_order += 1
        newest[stream] = max(place, newest.get(stream, place))
    return found
