"""A fake ERP over HTTP: validates confirmations, posts each once, keeps a ledger on disk and misbehaves on demand (README.md)."""

import argparse
import json
import re
import signal
import threading
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

from behaviour import Behaviour, Decision
from confirmation import MATERIALS, business_part, refusal
from jsonhttp import Answer, BadRequest, Request, Server
from ledger import Attempt, Ledger, judge


class Erp:
    """The doors of the ERP."""

    def __init__(self, ledger: Ledger, path: str = "/confirmations", materials: tuple[str, ...] = MATERIALS) -> None:
        """An ERP that posts into `ledger` what comes in at `path`."""
        self.ledger = ledger
        self.materials = materials
        self.behaviour = Behaviour()
        self._lock = threading.Lock()
        self._answers: Counter[str] = Counter()
        self.doors = {
            ("POST", path): self.confirm,
            ("PUT", "/_mode"): lambda request: Answer(200, self.behaviour.set(request.json())),
            ("GET", "/_mode"): lambda _: Answer(200, self.behaviour.summary()),
            ("GET", "/_ledger"): lambda _: Answer(200, judge(self.ledger.entries()).summary()),
            ("GET", "/_ledger/entries"): lambda request: Answer(200, self.entries(request.query)),
            ("GET", "/_requests"): lambda _: Answer(200, self.requests()),
            ("GET", "/_health"): lambda _: Answer(200, {"status": "up"}),
        }

    def confirm(self, request: Request) -> Answer:
        """Posts a confirmation, if the mode of the day lets it."""
        body, attempt = _attempt(request)
        decision = self.behaviour.decide(attempt.line)
        time.sleep(decision.delay)
        if decision.instead:
            self.ledger.note(attempt, decision.outcome, decision.instead.status)
            answer = decision.instead
        else:
            answer = self._book(request, body, attempt, decision)
        # Counted before a silent time-out is sat out: a test that looks meanwhile shall see it.
        with self._lock:
            self._answers["none" if answer.silent else str(answer.status)] += 1
        time.sleep(decision.hold)
        return answer

    def _book(self, request: Request, body: Any, attempt: Attempt, decision: Decision) -> Answer:
        try:
            if not attempt.key:
                raise BadRequest("header Idempotency-Key: missing; expected the document's key")
            attempt.attempt = _replay(request.headers.get("X-Andon-Attempt"))
            if not isinstance(body, dict):
                raise BadRequest("body: expected a JSON object")
        except BadRequest as wrong:
            self.ledger.note(attempt, "refused", 400, str(wrong))
            return Answer(400, {"error": str(wrong)})
        wrong = refusal(body, self.materials) or decision.refusal(attempt.business)
        if wrong:
            self.ledger.note(attempt, "refused", 422, wrong.body()["error"])
            return Answer(422, wrong.body())
        answered = decision.afterwards.status if decision.afterwards else None
        entry = self.ledger.post(attempt, answered, decision.forgetful)
        return decision.afterwards or _answer(entry)

    def entries(self, query: dict[str, str]) -> list[dict[str, Any]]:
        """The ledger's entries, filtered by `line`, `outcome`, `since` (RFC 3339), `after` (number of an entry)."""
        unknown = sorted(set(query) - {"line", "outcome", "since", "after"})
        if unknown:
            raise BadRequest(f"{unknown[0]}: not known; expected line, outcome, since or after")
        found = self.ledger.entries()
        for name in ("line", "outcome"):
            if name in query:
                found = [entry for entry in found if entry[name] == query[name]]
        if "after" in query:
            if not re.fullmatch(r"[0-9]{1,9}", query["after"]):
                raise BadRequest(f"after {query['after']!r}: expected the number of an entry")
            found = [entry for entry in found if entry["n"] > int(query["after"])]
        if "since" in query:
            since = _instant(query["since"])
            found = [entry for entry in found if datetime.fromisoformat(entry["time"]) >= since]
        return found

    def requests(self) -> dict[str, Any]:
        """How many confirmations were answered how, since this process started."""
        with self._lock:
            return {"total": self._answers.total(), "byCode": dict(sorted(self._answers.items()))}


def _attempt(request: Request) -> tuple[Any, Attempt]:
    """The body and the attempt, as far as they can be read: what is wrong with them is said after the mode had its turn."""
    try:
        body = json.loads(request.body)
    except ValueError:
        body = None
    key = request.headers.get("Idempotency-Key", "").strip()
    business = business_part(body) if isinstance(body, dict) else {}
    return body, Attempt(key, business, 0, request.headers.get("X-Correlation-ID", ""), request.source)


def _replay(header: str | None) -> int:
    if header is None or not header.strip():
        return 0
    if not re.fullmatch(r"[1-9][0-9]{0,8}", header.strip()):
        raise BadRequest(f"header X-Andon-Attempt {header!r}: expected a number, 1 or more, on a replay")
    return int(header)


def _answer(entry: dict[str, Any]) -> Answer:
    match entry["outcome"]:
        case "posted":
            return Answer(201, {"status": "posted", "document": entry["document"]})
        case "repeated":
            return Answer(409, {"status": "already posted", "document": entry["document"]})
    return Answer(
        422, {"error": entry["message"], "field": "Idempotency-Key", "value": entry["key"], "accepted": "a new key"}
    )


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise BadRequest(f"since {text!r}: expected an instant such as 2026-11-21T14:30:00.000Z")
    return instant


def main() -> None:
    """Serves until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument(
        "--port", type=int, default=8090, help="0 takes a free one; the first line of the output says which"
    )
    parser.add_argument("--path", default="/confirmations", help="where confirmations are posted")
    parser.add_argument("--ledger", type=Path, required=True, help="the ledger's file; taken up if it exists")
    parser.add_argument("--materials", nargs="+", default=MATERIALS)
    given = parser.parse_args()
    try:
        ledger = Ledger(given.ledger)
        server = Server((given.host, given.port), Erp(ledger, given.path, tuple(given.materials)).doors)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    server.start()
    print(json.dumps({"listening": f"http://{server.where}", "entries": len(ledger.entries())}), flush=True)
    stop.wait()
    server.shutdown()
    ledger.close()


if __name__ == "__main__":
    main()
