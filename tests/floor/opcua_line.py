"""One line's PLC as an OPC UA server with a telegram handshake, and a small HTTP door to steer it (README.md)."""

import argparse
import asyncio
import contextlib
import json
import logging
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from asyncua import Server as OpcUaServer
from asyncua import ua
from asyncua.common.callback import CallbackType

from jsonhttp import Answer, BadRequest, Door, Request, Server
from line import MODES, Identity, Item, Line, Settings

NAMESPACE = "urn:andon:line"
MAX_MAKE = 100_000


class Telegram:
    """Shows a line's documents in `event`, one at a time, each until its number is written to `ack`."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.strange_acknowledgements = 0
        self._shown: Item | None = None
        self._stale = False
        self._changed = asyncio.Event()

    def wake(self) -> None:
        """Something changed: look again what to show."""
        self._changed.set()

    async def add_to(self, server: OpcUaServer) -> None:
        """Adds the two variables to the server."""
        index = await server.register_namespace(NAMESPACE)
        objects = server.nodes.objects
        self._event = await objects.add_variable(ua.NodeId("event", index), "event", "", ua.VariantType.String)
        last = self.line.acknowledged_seq
        self._ack = await objects.add_variable(ua.NodeId("ack", index), "ack", last, ua.VariantType.Int32)
        await self._ack.set_writable()
        server.subscribe_server_callback(CallbackType.PostWrite, self._written)

    async def _written(self, event: Any, _dispatcher: Any) -> None:
        if event.is_external:
            for write, status in zip(event.request_params.NodesToWrite, event.response_params, strict=True):
                if write.NodeId == self._ack.nodeid and status.is_good():
                    self._acknowledge(write.Value.Value.Value)
        self.wake()

    def _acknowledge(self, number: Any) -> None:
        repeats = number == self.line.acknowledged_seq
        if self.line.acknowledge(number):
            # Also when the same document comes next: then it is a repetition, and must be seen as one.
            self._stale = True
        elif not repeats:
            self.strange_acknowledgements += 1

    async def run(self) -> None:
        """Shows for ever."""
        while True:
            self._changed.clear()
            item = self.line.show()
            if self._stale or item is not self._shown:
                self._shown, self._stale = item, False
                await self._present(item)
            await self._changed.wait()

    async def _present(self, item: Item | None) -> None:
        if self.line.acknowledged_seq == 0:
            # A new epoch, or a document shown again: its number must not stand there from before, and the same text would
            # be no change to a subscriber.
            await self._ack.write_value(0, ua.VariantType.Int32)
            await self._event.write_value("")
        await self._event.write_value(item.text if item else "")


class Production:
    """Makes documents at a rate, acknowledged or not."""

    def __init__(self, line: Line, per_second: float, made: Callable[[], None]) -> None:
        self.line, self.per_second, self.running = line, per_second, True
        self.left: int | None = None
        self._made = made
        self._changed = asyncio.Event()

    def set(self, per_second: float | None = None, running: bool | None = None, left: int | None = None) -> None:
        """Changes the rate, stops or starts; `left` stops by itself after so many."""
        self.per_second = self.per_second if per_second is None else per_second
        self.running = self.running if running is None else running
        self.left = left
        self._changed.set()

    async def run(self) -> None:
        """Produces for ever."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            pause = None
            if self.running and self.per_second > 0:
                due = max(due + 1 / self.per_second, loop.time() - 1)
                pause = max(0.0, due - loop.time())
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), pause)
                due = loop.time()
            except TimeoutError:
                self._one()

    def _one(self) -> None:
        self.line.make()
        if self.left is not None:
            self.left -= 1
            self.running, self.left = (self.left > 0), (self.left or None)
        self._made()


class Steering:
    """The HTTP door. Its threads do nothing themselves: they ask the event loop that owns the line."""

    def __init__(self, telegram: Telegram, production: Production) -> None:
        self.telegram, self.production, self.line = telegram, production, telegram.line
        self._loop = asyncio.get_running_loop()
        self.doors: dict[tuple[str, str], Door] = {
            ("GET", "/_journal"): self._door(lambda _: self.summary()),
            ("GET", "/_journal/documents"): self._door(lambda _: self.line.history()),
            ("GET", "/_health"): self._door(lambda _: {"status": "up"}),
            ("PUT", "/_rate"): self._door(self._rate),
            ("PUT", "/_start"): self._door(self._start),
            ("PUT", "/_stop"): self._door(lambda _: self.production.set(running=False)),
            ("PUT", "/_make"): self._door(self._make),
            ("PUT", "/_mode"): self._door(self._mode),
            ("PUT", "/_epoch"): self._door(lambda _: self.line.new_epoch()),
        }

    def _door(self, act: Callable[[dict[str, Any]], Any]) -> Door:
        async def on_the_loop(body: dict[str, Any]) -> Any:
            try:
                result = act(body)
            except ValueError as error:
                raise BadRequest(str(error)) from error
            self.telegram.wake()
            return self.summary() if result is None else result

        def door(request: Request) -> Answer:
            body = request.json()
            return Answer(200, asyncio.run_coroutine_threadsafe(on_the_loop(body), self._loop).result(30))

        return door

    def summary(self) -> dict[str, Any]:
        """The line's counts and how it produces."""
        return {
            **self.line.summary(),
            "strangeAcknowledgements": self.telegram.strange_acknowledgements,
            "running": self.production.running,
            "perSecond": self.production.per_second,
            "left": self.production.left,
        }

    def _rate(self, body: dict[str, Any]) -> None:
        value = body.get("perSecond")
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1000:
            raise BadRequest(f"perSecond {value!r}: expected a number from 0 to 1000")
        self.production.set(per_second=float(value), left=self.production.left)

    def _start(self, body: dict[str, Any]) -> None:
        self.production.set(running=True, left=_count(body) if "count" in body else None)

    def _make(self, body: dict[str, Any]) -> None:
        self.line.make(_count(body))

    def _mode(self, body: dict[str, Any]) -> None:
        parameters = body.get("parameters") or {}
        if not isinstance(parameters, dict):
            raise BadRequest(f"parameters {parameters!r}: expected an object")
        mode = body.get("mode")
        if not isinstance(mode, str):
            raise BadRequest(f"mode {mode!r}: expected one of {', '.join(MODES)}")
        self.line.set_mode(mode, _count(parameters))


def _count(body: dict[str, Any]) -> int:
    value = body.get("count", 1)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_MAKE:
        raise BadRequest(f"count {value!r}: expected an integer from 1 to {MAX_MAKE}")
    return value


def _revise_publishing(server: OpcUaServer, at_most: float) -> None:
    """Publishes at least every `at_most` ms, whatever a client asks for, as a server may: some clients cannot ask for less than 1 s."""
    service = server.iserver.subscription_service
    create = service.create_subscription

    async def revised(params: Any, *rest: Any, **named: Any) -> Any:
        factor = params.RequestedPublishingInterval / at_most
        if factor > 1:
            params.RequestedPublishingInterval = at_most
            # These are counted in intervals; the time that they stand for stays.
            params.RequestedLifetimeCount = int(params.RequestedLifetimeCount * factor)
            params.RequestedMaxKeepAliveCount = int(params.RequestedMaxKeepAliveCount * factor)
        return await create(params, *rest, **named)

    service.create_subscription = revised


async def serve(given: argparse.Namespace) -> None:
    """Runs the line until SIGTERM."""
    settings = Settings(given.first_order, given.per_order, given.ring)
    line = Line(Identity(given.plant, given.integration, given.line), given.journal, settings)
    telegram = Telegram(line)
    production = Production(line, given.rate, telegram.wake)
    production.running = not given.stopped
    server = OpcUaServer()
    await server.init()
    endpoint = f"opc.tcp://{given.host}:{given.port}/andon"
    server.set_endpoint(endpoint)
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    _revise_publishing(server, given.publishing_interval)
    await telegram.add_to(server)
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    door = Server((given.admin_host or given.host, given.admin_port), Steering(telegram, production).doors)
    async with server:
        door.start()
        print(json.dumps({"listening": endpoint, "admin": f"http://{door.where}", **line.summary()}), flush=True)
        tasks = [asyncio.create_task(work) for work in (telegram.run(), production.run(), stop.wait())]
        done, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in others:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await asyncio.to_thread(door.shutdown)
    line.close()
    for task in done:
        task.result()


def main() -> None:
    """Reads the arguments and runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plant", required=True)
    parser.add_argument("--integration", default="confirmations")
    parser.add_argument("--line", required=True)
    parser.add_argument(
        "--host", default="127.0.0.1", help="an address; it is part of the endpoint that clients are told"
    )
    parser.add_argument("--port", type=int, default=4841)
    parser.add_argument("--admin-host", help="default: --host")
    parser.add_argument(
        "--admin-port", type=int, default=9841, help="0 takes a free one; the first line of the output says which"
    )
    parser.add_argument("--journal", type=Path, required=True, help="the journal's file; taken up if it exists")
    parser.add_argument("--rate", type=float, default=1.0, help="documents a second")
    parser.add_argument("--stopped", action="store_true", help="make nothing until PUT /_start")
    parser.add_argument("--first-order", type=int, default=Settings.first_order)
    parser.add_argument("--per-order", type=int, default=Settings.per_order, help="documents of one order")
    parser.add_argument("--ring", type=int, default=Settings.ring, help="documents that the PLC keeps")
    parser.add_argument("--publishing-interval", type=float, default=100, help="publish at least every so many ms")
    given = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    try:
        asyncio.run(serve(given))
    except (OSError, ValueError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
