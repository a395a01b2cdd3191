"""A line over its real OPC UA socket: handshake, rate, ring, defects, and a journal that survives kill -9."""

import asyncio
import json
import time

import pytest
from asyncua import Client, ua

from conftest import NotReady, call, free_port, wait_for


class Floor:
    """A line's process, its door and a client that reads like a connector."""

    def __init__(self, start, tmp_path, *more):
        self.port, self.start_again = free_port(), start
        self.arguments = ("--plant", "ulm", "--line", "packaging-1", "--port", self.port, "--admin-port", 0)
        self.arguments += ("--journal", tmp_path / "line.jsonl", "--stopped", "--publishing-interval", 20, *more)
        self.process = start("opcua_line.py", *self.arguments)

    @property
    def admin(self):
        return self.process.hello["admin"]

    @property
    def url(self):
        return self.process.hello["listening"]

    def put(self, door, **body):
        status, answer = call("PUT", self.admin + door, body)
        assert status == 200, answer
        return answer

    def journal(self):
        return call("GET", f"{self.admin}/_journal")[1]

    def documents(self):
        return call("GET", f"{self.admin}/_journal/documents")[1]

    def take(self, count, acknowledge=True, seconds=30):
        """Takes telegrams by subscription and acknowledges each, as the connector does."""
        return asyncio.run(asyncio.wait_for(self._take(count, acknowledge), seconds))

    async def _take(self, count, acknowledge):
        taken, queue = [], asyncio.Queue()

        class Handler:
            def datachange_notification(self, _node, value, _data):
                queue.put_nowait(value)

        async with Client(self.url) as client:
            index = await client.get_namespace_index("urn:andon:line")
            # 1 s is what the connector's client asks for; the server publishes faster by itself.
            subscription = await client.create_subscription(1000, Handler())
            await subscription.subscribe_data_change(client.get_node(ua.NodeId("event", index)))
            ack = client.get_node(ua.NodeId("ack", index))
            while len(taken) < count:
                text = await queue.get()
                if not text:
                    continue
                taken.append(text)
                if acknowledge:
                    number = int(text.removeprefix('{"seq":').split(",")[0])
                    await ack.write_value(number, ua.VariantType.Int32)
        return taken


@pytest.fixture
def line(start, tmp_path):
    return Floor(start, tmp_path)


def seqs(texts):
    return [json.loads(text)["seq"] for text in texts]


def test_shows_one_until_acknowledged_then_the_next(line):
    line.put("/_make", count=45)
    wait_for("showing", line.journal, lambda now: now["produced"] == 1)
    before = line.journal()
    assert (before["acknowledged"], before["pending"]) == (0, 45)
    assert before["unacknowledged"] == "ulm/confirmations/packaging-1/1/1"
    taken = [json.loads(text) for text in line.take(45)]
    assert [one["seq"] for one in taken] == list(range(1, 46))
    assert [taken[at]["order"] for at in (0, 19, 20, 44)] == ["PO-1000", "PO-1000", "PO-1001", "PO-1002"]
    assert list(taken[0]) == ["seq", "epoch", "order", "operation", "yield", "scrap", "ts"]
    assert all(one["epoch"] == 1 and one["operation"] == "0010" and one["yield"] > 0 <= one["scrap"] for one in taken)
    after = line.journal()
    assert (after["made"], after["produced"], after["acknowledged"], after["pending"]) == (45, 45, 45, 0)
    assert (after["first"], after["last"]) == (
        "ulm/confirmations/packaging-1/1/1",
        "ulm/confirmations/packaging-1/1/45",
    )
    assert after["unacknowledged"] is None and after["strangeAcknowledgements"] == 0
    assert [one["document"] for one in line.documents()] == taken


def test_a_strange_acknowledgement_moves_nothing(line):
    line.put("/_make", count=2)

    async def write(number, kind=ua.VariantType.Int32):
        async with Client(line.url) as client:
            index = await client.get_namespace_index("urn:andon:line")
            await client.get_node(ua.NodeId("ack", index)).write_value(number, kind)

    asyncio.run(write(7))
    asyncio.run(write(2))
    with pytest.raises(ua.UaStatusCodeError):
        asyncio.run(write("1", ua.VariantType.String))
    state = line.journal()
    assert (state["acknowledged"], state["strangeAcknowledgements"]) == (0, 2)
    assert seqs(line.take(2)) == [1, 2]


def test_event_cannot_be_written(line):
    async def write():
        async with Client(line.url) as client:
            index = await client.get_namespace_index("urn:andon:line")
            await client.get_node(ua.NodeId("event", index)).write_value("{}")

    with pytest.raises(ua.UaStatusCodeError):
        asyncio.run(write())


def test_produces_at_a_rate_that_can_change(line):
    line.put("/_rate", perSecond=50)
    line.put("/_start")
    began = time.monotonic()
    made = wait_for("made", line.journal, lambda now: now["made"] >= 50)["made"]
    assert made <= 50 * (time.monotonic() - began) + 52
    assert time.monotonic() - began > 0.5
    line.put("/_stop")
    stopped = line.journal()["made"]
    time.sleep(0.3)
    assert line.journal()["made"] == stopped
    line.put("/_start", count=5)
    wait_for("stopped by itself", line.journal, lambda now: not now["running"])
    assert line.journal()["made"] == stopped + 5
    assert seqs(line.take(3)) == [1, 2, 3]


def test_a_full_ring_loses_what_nobody_has_seen_and_counts_it(start, tmp_path):
    line = Floor(start, tmp_path, "--ring", 5)
    line.put("/_make", count=1)
    wait_for("showing", line.journal, lambda now: now["produced"] == 1)
    line.put("/_make", count=7)
    state = line.journal()
    assert (state["made"], state["pending"], state["dropped"]) == (8, 5, 3)
    assert seqs(line.take(5)) == [1, 5, 6, 7, 8]
    assert [one["document"]["seq"] for one in line.documents() if one["state"] == "dropped"] == [2, 3, 4]


def test_goes_on_after_a_kill(line, start):
    line.put("/_make", count=5)
    assert seqs(line.take(2)) == [1, 2]
    wait_for("showing", line.journal, lambda now: now["produced"] == 3)
    line.process.kill()
    line.process = start("opcua_line.py", *line.arguments)
    state = wait_for("showing", line.journal, lambda now: now["unacknowledged"] is not None)
    assert (state["made"], state["produced"], state["acknowledged"], state["pending"]) == (5, 3, 2, 3)
    line.put("/_make")
    assert seqs(line.take(4)) == [3, 4, 5, 6]
    assert line.process.stop() == 0


def test_pauses(line):
    line.put("/_mode", mode="pause")
    line.put("/_make", count=2)
    time.sleep(0.2)
    assert (line.journal()["produced"], line.journal()["pending"]) == (0, 2)
    line.put("/_mode", mode="ok")
    assert seqs(line.take(2)) == [1, 2]


def test_makes_what_is_no_json(line):
    line.put("/_mode", mode="malformed", parameters={"count": 1})
    line.put("/_make", count=2)
    cut, whole = line.take(2)
    with pytest.raises(ValueError):
        json.loads(cut)
    assert cut.startswith('{"seq":1,') and seqs([whole]) == [2]
    assert line.journal()["defective"] == {"ulm/confirmations/packaging-1/1/1": "malformed"}


def test_makes_a_negative_yield(line):
    line.put("/_mode", mode="negative", parameters={"count": 2})
    line.put("/_make", count=3)
    assert [json.loads(text)["yield"] > 0 for text in line.take(3)] == [False, False, True]


def test_shows_a_document_twice(line):
    line.put("/_mode", mode="duplicate")
    line.put("/_make", count=2)
    first, again, second = line.take(3)
    assert first == again and seqs([first, second]) == [1, 2]
    state = line.journal()
    assert (state["produced"], state["acknowledged"], state["pending"]) == (2, 2, 0)


def test_shows_one_number_with_two_contents(line):
    line.put("/_mode", mode="conflict")
    line.put("/_make", count=2)
    first, other, second = (json.loads(text) for text in line.take(3))
    assert other == {**first, "yield": first["yield"] + 1} and second["seq"] == 2


def test_begins_a_new_epoch_when_empty(line):
    line.put("/_make", count=1)
    status, answer = call("PUT", f"{line.admin}/_epoch", {})
    assert status == 400 and "1 documents are not acknowledged" in answer["error"]
    assert seqs(line.take(1)) == [1]
    line.put("/_epoch")
    line.put("/_make", count=2)
    # Number 1 again: that it was acknowledged in the old epoch must not count.
    wait_for("showing", line.journal, lambda now: now["produced"] == 2)
    time.sleep(0.2)
    assert line.journal()["acknowledged"] == 1
    assert [(one["epoch"], one["seq"]) for one in map(json.loads, line.take(2))] == [(2, 1), (2, 2)]
    assert line.journal()["last"] == "ulm/confirmations/packaging-1/2/2"


@pytest.mark.parametrize(
    ("door", "body", "says"),
    [
        ("/_rate", {"perSecond": -1}, "perSecond -1: expected a number from 0 to 1000"),
        ("/_rate", {}, "perSecond None"),
        ("/_rate", {"perSecond": True}, "perSecond True"),
        ("/_make", {"count": 0}, "count 0: expected an integer from 1"),
        ("/_start", {"count": "5"}, "count '5'"),
        ("/_mode", {"mode": "odd"}, "mode 'odd': not known; expected one of ok, pause"),
        ("/_mode", {"mode": 1}, "mode 1"),
        ("/_mode", {"mode": "negative", "parameters": 3}, "parameters 3: expected an object"),
        ("/_stop", [], "expected a JSON object"),
    ],
)
def test_says_what_is_wrong_with_a_wish(line, door, body, says):
    status, answer = call("PUT", line.admin + door, body)
    assert status == 400 and says in answer["error"]
    assert line.journal()["made"] == 0


def test_a_plant_with_a_strange_name_is_refused(start, tmp_path):
    line = ("--line", "packaging-1", "--journal", tmp_path / "x.jsonl", "--port", free_port(), "--admin-port", 0)
    with pytest.raises(NotReady, match="plant 'Ulm/1': expected"):
        start("opcua_line.py", "--plant", "Ulm/1", *line)
