"""A journal on disk: one JSON object a line, appended, and on the disk before `append` returns."""

import json
import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Record = dict[str, Any]


def now() -> str:
    """This instant as RFC 3339 with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read(path: Path) -> list[Record]:
    """The records of a journal. A torn last line (the writer was killed in the middle of it) was never answered for: left out."""
    return _parse(path, path.read_bytes())[0]


def _parse(path: Path, raw: bytes) -> tuple[list[Record], int]:
    """The records and the length of the part that is whole."""
    whole = raw.rfind(b"\n") + 1
    records = []
    for number, line in enumerate(raw[:whole].splitlines(), start=1):
        try:
            records.append(json.loads(line))
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: not JSON ({error}); only the last line may be torn") from error
    return records, whole


class Journal:
    """Appends to one file; several threads may."""

    def __init__(self, path: Path) -> None:
        """Opens or creates the file. What it holds already is in `loaded`; a torn last line is cut off, or the next would join it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._file = open(path, "ab")  # noqa: SIM115 - open for the life of the process
        self.loaded, whole = _parse(path, path.read_bytes())
        if whole < path.stat().st_size:
            self._file.truncate(whole)

    def append(self, *records: Record, durable: bool = True) -> None:
        """Writes the records. With `durable` they survive a power loss, without it the death of this process."""
        text = "".join(json.dumps(record, separators=(",", ":"), ensure_ascii=False) + "\n" for record in records)
        with self._lock:
            self._file.write(text.encode())
            self._file.flush()
            if durable:
                os.fsync(self._file.fileno())

    def close(self) -> None:
        """Closes the file; nothing may be appended after it."""
        with self._lock:
            self._file.close()
