"""The fake ERP over its real socket: validation, once per key, every misbehaviour, and a ledger that survives kill -9."""

import http.client
import json
import threading
import time

import pytest

from conftest import NotReady, call, wait_for

GOOD = {
    "plant": "ulm",
    "line": "packaging-1",
    "epoch": 1,
    "seq": 1,
    "order": "PO-1000",
    "operation": "0010",
    "yield": 12,
    "scrap": 0,
    "unit": "PCE",
    "material": "M-100",
}


class Client:
    def __init__(self, process):
        self.process = process

    @property
    def url(self):
        return self.process.hello["listening"]

    def post(self, timeout=20, key=None, headers=None, **changes):
        body = {**GOOD, **changes}
        key = key or f"ulm/confirmations/{body['line']}/{body['epoch']}/{body['seq']}"
        return call("POST", f"{self.url}/confirmations", body, {"Idempotency-Key": key, **(headers or {})}, timeout)

    def mode(self, mode, lines=None, **parameters):
        body = {"mode": mode, "parameters": parameters} | ({"lines": lines} if lines else {})
        status, answer = call("PUT", f"{self.url}/_mode", body)
        assert status == 200, answer

    def ledger(self):
        return call("GET", f"{self.url}/_ledger")[1]

    def entries(self, query=""):
        return call("GET", f"{self.url}/_ledger/entries{query}")[1]


@pytest.fixture
def erp(start, tmp_path):
    return Client(start("erp.py", "--port", 0, "--ledger", tmp_path / "ledger.jsonl"))


def test_posts_once_per_key(erp):
    assert erp.post() == (201, {"status": "posted", "document": 1})
    assert erp.post() == (409, {"status": "already posted", "document": 1})
    assert erp.post(comment="what the ERP does not know is not compared") == (
        409,
        {"status": "already posted", "document": 1},
    )
    status, answer = erp.post(**{"yield": 13})
    assert status == 422 and answer["field"] == "Idempotency-Key" and "document 1" in answer["error"]
    assert [entry["outcome"] for entry in erp.entries()] == ["posted", "repeated", "repeated", "conflict"]
    ledger = erp.ledger()
    assert (ledger["posted"], ledger["duplicates"], ledger["refused"], ledger["stillRefused"]) == (1, 0, 1, 0)
    assert ledger["perLine"]["packaging-1"]["lastPostedAt"] == ledger["lastPostedAt"]
    assert call("GET", f"{erp.url}/_requests")[1] == {"total": 4, "byCode": {"201": 1, "409": 2, "422": 1}}


@pytest.mark.parametrize(
    ("field", "value", "accepted"),
    [
        ("order", "1000", "PO- and digits"),
        ("order", "PO-", "PO- and digits"),
        ("operation", "10", "four digits, as text"),
        ("operation", 10, "four digits, as text"),
        ("yield", -1, "an integer, 0 or more"),
        ("yield", "12", "an integer, 0 or more"),
        ("yield", 1.5, "an integer, 0 or more"),
        ("yield", True, "an integer, 0 or more"),
        ("quantity", 12, "either yield or quantity, not both"),
        ("scrap", -1, "an integer, 0 or more"),
        ("unit", "EA", "one of PCE, KG, M"),
        ("unit", None, "one of PCE, KG, M"),
        ("unit", ["PCE"], "one of PCE, KG, M"),
        ("material", "M-999", "a known material: M-100, M-200, M-300"),
        ("line", "", "text"),
        ("line", ["a"], "text"),
        ("seq", 0, "an integer, 1 or more"),
        ("seq", [1], "an integer, 1 or more"),
        ("epoch", "1", "an integer, 0 or more"),
    ],
)
def test_refuses_and_says_what_is_right(erp, field, value, accepted):
    status, answer = erp.post(**{field: value}, key="ulm/confirmations/packaging-1/1/1")
    assert status == 422
    assert (answer["field"], answer["value"], answer["accepted"]) == (field, value, accepted)
    assert answer["error"].startswith(f"{field}: ") and accepted in answer["error"]
    ledger = erp.ledger()
    assert (ledger["posted"], ledger["refused"]) == (0, 1)


def test_quantity_is_another_name_of_yield(erp):
    body = {name: value for name, value in GOOD.items() if name != "yield"} | {"quantity": 12}
    key = {"Idempotency-Key": "ulm/confirmations/packaging-1/1/1"}
    assert call("POST", f"{erp.url}/confirmations", body, key)[0] == 201
    assert erp.post()[0] == 409


def test_refuses_what_is_no_confirmation(erp):
    url = f"{erp.url}/confirmations"
    status, answer = call("POST", url, GOOD)
    assert status == 400 and "Idempotency-Key: missing" in answer["error"]
    for body in (b"", b"{", b"[1]", b"\xff"):
        status, answer = call("POST", url, body, {"Idempotency-Key": "k"})
        assert status == 400 and "expected a JSON object" in answer["error"]
    for number in ("x", "0", "-1"):
        status, answer = erp.post(headers={"X-Andon-Attempt": number})
        assert status == 400 and repr(number) in answer["error"]
    assert call("POST", f"{erp.url}/nowhere", GOOD)[0] == 404
    assert call("GET", url)[0] == 405
    assert erp.ledger()["posted"] == 0


def test_keeps_the_connection_and_reads_chunks(erp):
    connection = http.client.HTTPConnection(erp.url.removeprefix("http://"), timeout=20)
    sockets = set()
    for seq in (1, 2, 3):
        headers = {"Idempotency-Key": f"ulm/confirmations/packaging-1/1/{seq}"}
        body = json.dumps({**GOOD, "seq": seq}).encode()
        connection.request("POST", "/confirmations", iter([body[:10], body[10:]]), headers, encode_chunked=True)
        answer = connection.getresponse()
        assert (answer.status, json.load(answer)["document"]) == (201, seq)
        sockets.add(connection.sock)
    assert len(sockets) == 1
    connection.close()


def test_judges_order_per_line_and_order_number_without_replays(erp):
    for seq in (1, 3):
        erp.post(seq=seq)
    erp.post(seq=2, headers={"X-Andon-Attempt": "1"})
    erp.post(seq=2, order="PO-7", line="filling-1")
    assert erp.ledger()["outOfOrder"] == 0
    erp.post(seq=4, epoch=2)
    erp.post(seq=4)
    ledger = erp.ledger()
    assert ledger["outOfOrder"] == 1
    assert {name: line["outOfOrder"] for name, line in ledger["perLine"].items()} == {"packaging-1": 1, "filling-1": 0}


def test_counts_double_postings_even_if_it_makes_them_itself(erp):
    erp.post(seq=1)
    assert erp.post(seq=1, key="ulm/confirmations/packaging-1/1/1-release-2")[0] == 201
    assert erp.ledger()["duplicates"] == 1
    erp.mode("forgetful")
    assert erp.post(seq=1)[0] == 201
    assert erp.ledger()["duplicates"] == 2


@pytest.mark.parametrize(("mode", "status"), [("down503", 503), ("throttle429", 429), ("denied401", 401)])
def test_answers_that_are_to_be_retried(erp, mode, status):
    erp.mode(mode)
    assert erp.post()[0] == status
    assert erp.ledger()["posted"] == 0
    erp.mode("ok")
    assert erp.post()[0] == 201
    assert [entry["status"] for entry in erp.entries()] == [status, 201]


def test_a_mode_may_be_of_some_lines_only(erp):
    erp.mode("down503", lines=["packaging-1"])
    assert erp.post()[0] == 503
    assert erp.post(line="filling-1")[0] == 201
    erp.mode("slow", lines=["filling-1"], seconds=0)
    assert call("GET", f"{erp.url}/_mode")[1]["lines"]["packaging-1"]["mode"] == "down503"
    erp.mode("ok")
    assert erp.post()[0] == 201


def test_throttles_beyond_a_rate(erp):
    erp.mode("throttle429", perSecond=5)
    began = time.monotonic()
    codes = [erp.post(seq=seq)[0] for seq in range(1, 41)]
    passed = codes.count(201)
    assert codes[0] == 201 and codes.count(429) == 40 - passed > 0
    assert passed <= 5 + 5 * (time.monotonic() - began) + 1


def test_slow_answers_late(erp):
    erp.mode("slow", seconds=0.5)
    began = time.monotonic()
    assert erp.post()[0] == 201
    assert time.monotonic() - began >= 0.5


@pytest.mark.parametrize(("posted", "then"), [(False, 201), (True, 409)])
@pytest.mark.parametrize("mode", ["timeout", "close"])
def test_no_answer_posted_or_not(erp, mode, posted, then):
    erp.mode(mode, posted=posted, **({"seconds": 3} if mode == "timeout" else {}))
    with pytest.raises((OSError, http.client.HTTPException)):
        erp.post(timeout=0.5)
    assert erp.ledger()["posted"] == int(posted)
    erp.mode("ok")
    assert erp.post()[0] == then
    assert erp.ledger()["duplicates"] == 0


def test_picky_refuses_what_was_good(erp):
    erp.mode("picky", field="unit", accepted=["KG"])
    status, answer = erp.post()
    assert (status, answer["field"], answer["value"]) == (422, "unit", "PCE")
    assert erp.post(unit="KG")[0] == 201


def test_flap_is_the_same_every_time_and_loses_answers_not_postings(erp):
    def run(first):
        erp.mode("flap", seed=3)
        return [erp.post(seq=seq)[0] for seq in range(first, first + 60)]

    one, two = run(1), run(101)
    assert one == two
    assert set(one) == {201, 503, 429, 500}
    assert erp.ledger()["posted"] == 2 * (one.count(201) + one.count(500))
    erp.mode("ok")
    lost = one.index(500) + 1
    assert erp.post(seq=lost)[0] == 409


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"mode": "sleepy"}, "'sleepy'"),
        ({"mode": ["ok"]}, "['ok']"),
        ({"mode": "slow", "parameters": {"minutes": 1}}, "parameters.minutes"),
        ({"mode": "slow", "parameters": {"seconds": "1"}}, "parameters.seconds '1': expected a number"),
        ({"mode": "slow", "parameters": {"seconds": -1}}, "parameters.seconds -1"),
        ({"mode": "slow", "parameters": [1]}, "parameters [1]"),
        ({"mode": "ok", "lines": "packaging-1"}, "lines 'packaging-1': expected a list"),
        ({"mode": "ok", "line": "x"}, "line: not known"),
        ({"mode": "flap", "parameters": {"ok": 0, "down": 0, "throttle": 0, "lost": 0}}, "at least one"),
        ([], "expected a JSON object"),
    ],
)
def test_says_what_is_wrong_with_a_mode(erp, body, says):
    status, answer = call("PUT", f"{erp.url}/_mode", body)
    assert status == 400 and says in answer["error"]
    assert erp.post()[0] == 201


def test_filters_entries(erp):
    for seq in (1, 2, 3):
        erp.post(seq=seq)
    erp.post(seq=4, line="filling-1")
    all_entries = erp.entries()
    assert [entry["seq"] for entry in erp.entries("?line=filling-1")] == [4]
    assert [entry["seq"] for entry in erp.entries("?after=2")] == [3, 4]
    assert [entry["n"] for entry in erp.entries(f"?since={all_entries[3]['time']}")][-1] == 4
    assert erp.entries("?outcome=refused") == []
    for query in ("?since=yesterday", "?since=2026-01-01", "?after=-1", "?who=me"):
        assert call("GET", f"{erp.url}/_ledger/entries{query}")[0] == 400


def test_kill_loses_nothing_that_was_answered(erp):
    answered, stop = set(), threading.Event()

    def pour(line):
        for seq in range(1, 100_000):
            try:
                if erp.post(line=line, seq=seq, timeout=2)[0] in (201, 409):
                    answered.add((line, seq))
            except (OSError, http.client.HTTPException):
                return
            if stop.is_set():
                return

    threads = [threading.Thread(target=pour, args=(line,)) for line in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    wait_for("under way", lambda: len(answered), lambda count: count >= 50)
    erp.process.kill()
    stop.set()
    for thread in threads:
        thread.join(20)
    erp.process.start()
    posted = {(entry["line"], entry["seq"]) for entry in erp.entries("?outcome=posted")}
    assert answered <= posted
    assert len(posted) - len(answered) <= len(threads)
    for line, seq in sorted(posted):
        assert erp.post(line=line, seq=seq)[0] == 409
    assert erp.ledger()["duplicates"] == 0
    erp.post(line="d")
    assert [entry["n"] for entry in erp.entries()] == list(range(1, len(erp.entries()) + 1))


def test_takes_up_a_ledger_with_a_torn_last_line(erp, tmp_path):
    erp.post(seq=1)
    erp.process.kill()
    with open(tmp_path / "ledger.jsonl", "a") as ledger:
        ledger.write('{"n":2,"outcome":"pos')
    erp.process.start()
    assert erp.post(seq=1)[0] == 409
    assert erp.post(seq=2) == (201, {"status": "posted", "document": 2})
    assert erp.process.stop() == 0
    lines = (tmp_path / "ledger.jsonl").read_text().splitlines()
    assert [json.loads(line)["outcome"] for line in lines] == ["posted", "repeated", "posted"]


def test_a_ledger_broken_in_the_middle_is_named(tmp_path, start):
    (tmp_path / "ledger.jsonl").write_text('{"n":1,"outcome":"pos\n{}\n')
    with pytest.raises(NotReady, match="line 1: not JSON"):
        start("erp.py", "--port", 0, "--ledger", tmp_path / "ledger.jsonl")
