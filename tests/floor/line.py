"""A line's PLC without its network: it makes documents at a rate, keeps them in a ring, and shows one at a time until acknowledged."""

import json
import random
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from journal import Journal, Record, now, read
from keys import idempotency_key

RING = 10_000
DEFECTS = ("malformed", "negative", "duplicate", "conflict")
MODES = ("ok", "pause", *DEFECTS)


@dataclass(frozen=True)
class Identity:
    """Where a line stands and which integration reads it: what goes into the keys of its documents."""

    plant: str
    integration: str
    line: str

    def __post_init__(self) -> None:
        """Says at once, not at the first document, if no key can be made of these names."""
        self.key(0, 1)

    def key(self, epoch: int, seq: int) -> str:
        """The key of one of its documents."""
        return idempotency_key(self.plant, self.integration, self.line, epoch, seq)


@dataclass(frozen=True)
class Settings:
    """How a line produces."""

    first_order: int = 1000
    per_order: int = 20
    ring: int = RING


@dataclass
class Item:
    """One document in the ring; `again` is what is still to be shown once more after its acknowledgement."""

    document: Record
    text: str
    again: str = ""

    @property
    def seq(self) -> int:
        """Its number in the epoch."""
        return self.document["seq"]


class Line:
    """The state of a line. Every step is in the journal first, so that a killed line goes on where it stood."""

    def __init__(self, identity: Identity, path: Path, settings: Settings = Settings()) -> None:  # noqa: B008 - frozen
        """Takes up the journal at `path`, or begins one."""
        self.identity, self.settings = identity, settings
        self.mode, self._defects = "ok", 0
        self.epoch, self.made, self.shown, self.acknowledged, self.dropped = 1, 0, 0, 0, 0
        self._last_seq, self._acknowledged_seq = 0, 0
        self._ring: deque[Item] = deque()
        self._is_shown, self._newest_shown = False, (0, 0)
        self._first: str | None = None
        self._last: str | None = None
        self._defective: dict[str, str] = {}
        self._path, self._journal = path, Journal(path)
        for record in self._journal.loaded:
            self._replay(record)
        # What was shown when the line was killed is shown again: nobody can know whether it was read.
        self._is_shown = False

    def make(self, count: int = 1) -> None:
        """Makes documents. A full ring loses its oldest that nobody has seen yet."""
        for _ in range(count):
            self._take(self._produce())
            while len(self._ring) > self.settings.ring:
                oldest = 1 if self._is_shown else 0
                seq = self._ring[oldest].seq
                self._take({"event": "dropped", "epoch": self.epoch, "seq": seq, "at": now()})

    def show(self) -> Item | None:
        """The document to show now; None if there is none or the line pauses."""
        if not self._ring or (self.mode == "pause" and not self._is_shown):
            return None
        item = self._ring[0]
        if not self._is_shown:
            self._take({"event": "shown", "epoch": self.epoch, "seq": item.seq, "at": now()})
        return item

    def acknowledge(self, number: int) -> bool:
        """A client wrote `number`: true if that was the document shown."""
        if not self._is_shown or self._ring[0].seq != number:
            return False
        event = "acknowledged" if not self._ring[0].again else "repeating"
        self._take({"event": event, "epoch": self.epoch, "seq": number, "at": now()})
        return True

    @property
    def acknowledged_seq(self) -> int:
        """What the `ack` variable holds while the client has not written: the last number acknowledged in this epoch."""
        return self._acknowledged_seq

    def set_mode(self, mode: str, count: int = 1) -> None:
        """Sets a mode: `pause` shows nothing new, a defect goes into the next `count` documents made."""
        if mode not in MODES:
            raise ValueError(f"mode {mode!r}: not known; expected one of {', '.join(MODES)}")
        self.mode, self._defects = mode, count if mode in DEFECTS else 0

    def new_epoch(self) -> None:
        """The PLC's counter starts again, as after a change of its battery; only with an empty ring, or numbers would mix."""
        if self._ring:
            raise ValueError(f"{len(self._ring)} documents are not acknowledged; an epoch ends with an empty ring")
        self._take({"event": "epoch", "epoch": self.epoch + 1, "at": now()})

    def summary(self) -> Record:
        """The counts, as JSON. `produced` counts documents shown at least once."""
        shown = self._ring[0] if self._is_shown else None
        return {
            "line": self.identity.line,
            "epoch": self.epoch,
            "mode": self.mode,
            "made": self.made,
            "produced": self.shown,
            "acknowledged": self.acknowledged,
            "pending": len(self._ring),
            "dropped": self.dropped,
            "unacknowledged": self.identity.key(self.epoch, shown.seq) if shown else None,
            "first": self._first,
            "last": self._last,
            "defective": dict(self._defective),
        }

    def history(self) -> list[dict[str, Any]]:
        """Every document with its state, from the journal on disk."""
        return documents(read(self._path))

    def close(self) -> None:
        """Closes the journal."""
        self._journal.close()

    def _produce(self) -> Record:
        seq = self._last_seq + 1
        # The same document whenever it is made: a run can be repeated.
        dice = random.Random(f"{self.identity.line}/{self.epoch}/{seq}")
        document = {
            "seq": seq,
            "epoch": self.epoch,
            "order": f"PO-{self.settings.first_order + (seq - 1) // self.settings.per_order}",
            "operation": "0010",
            "yield": dice.randint(1, 50),
            "scrap": dice.choice((0, 0, 0, 1, 2)),
            "ts": now(),
        }
        defect = self._next_defect()
        if defect == "negative":
            document["yield"] = -document["yield"]
        text = json.dumps(document, separators=(",", ":"))
        record = {"event": "made", "document": document, "text": text}
        if defect:
            record["defect"] = defect
        if defect == "malformed":
            # Cut off in the middle, as a string of limited length in a PLC is.
            record["text"] = text[: len(text) // 2]
        elif defect == "duplicate":
            record["again"] = text
        elif defect == "conflict":
            record["again"] = json.dumps({**document, "yield": document["yield"] + 1}, separators=(",", ":"))
        return record

    def _next_defect(self) -> str:
        if not self._defects:
            return ""
        defect, self._defects = self.mode, self._defects - 1
        if not self._defects:
            self.mode = "ok"
        return defect

    def _take(self, record: Record) -> None:
        # What nobody has seen may be lost with the power; what was shown must be remembered.
        self._journal.append(record, durable=record["event"] not in ("made", "dropped"))
        self._replay(record)

    def _replay(self, record: Record) -> None:
        match record["event"]:
            case "made":
                document = record["document"]
                self._ring.append(Item(document, record["text"], record.get("again", "")))
                self.made += 1
                self._last_seq = document["seq"]
                self._last = self.identity.key(document["epoch"], document["seq"])
                self._first = self._first or self._last
                if "defect" in record:
                    self._defective[self._last] = record["defect"]
            case "shown":
                # Counted once, however often it is shown: after a kill, or as a planted repetition.
                self.shown += not self._was_shown(record["seq"])
                self._newest_shown, self._is_shown = (self.epoch, record["seq"]), True
            case "repeating":
                self._ring[0].text, self._ring[0].again = self._ring[0].again, ""
                self._acknowledged_seq, self._is_shown = 0, False
            case "acknowledged":
                self._ring.popleft()
                self.acknowledged += 1
                self._acknowledged_seq, self._is_shown = record["seq"], False
            case "dropped":
                # The oldest, or the one behind it while the oldest is being shown.
                del self._ring[0 if self._ring[0].seq == record["seq"] else 1]
                self.dropped += 1
            case "epoch":
                self.epoch, self._last_seq, self._acknowledged_seq = record["epoch"], 0, 0

    def _was_shown(self, seq: int) -> bool:
        return (self.epoch, seq) <= self._newest_shown


def documents(records: list[Record]) -> list[dict[str, Any]]:
    """Every document of a journal with its state: made, shown, acknowledged or dropped; what reconcile.py compares."""
    found: dict[tuple[int, int], dict[str, Any]] = {}
    for record in records:
        match record["event"]:
            case "made":
                document = record["document"]
                found[document["epoch"], document["seq"]] = {
                    "document": document,
                    "state": "made",
                    "defect": record.get("defect", ""),
                }
            case "shown" | "acknowledged" | "dropped" as state:
                found[record["epoch"], record["seq"]]["state"] = state
    return list(found.values())
