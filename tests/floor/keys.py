"""The idempotency key: the one rule by which a produced document and a posting are the same business event."""

import re

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_NUMBER = re.compile(r"0|[1-9][0-9]*")


def idempotency_key(plant: str, integration: str, line: str, epoch: int, seq: int) -> str:
    """The key of a document. Business fields only: never a release, a pod or a clock."""
    for field, name in (("plant", plant), ("integration", integration), ("line", line)):
        if not _NAME.fullmatch(name):
            raise ValueError(f"{field} {name!r}: expected lower-case letters, digits and '-'")
    if epoch < 0 or seq < 1:
        raise ValueError(f"epoch {epoch}, seq {seq}: expected an epoch of 0 or more and a seq of 1 or more")
    return f"{plant}/{integration}/{line}/{epoch}/{seq}"


def parts_of(key: str) -> tuple[str, int] | None:
    """The line and the epoch written in a key, or None if the key does not follow the rule."""
    parts = key.split("/")
    if len(parts) != 5 or not all(_NUMBER.fullmatch(part) for part in parts[3:]):
        return None
    return parts[2], int(parts[3])
