"""Starts the simulators as the processes they are, on loopback ports, and ends them by their ids."""

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


def call(
    method: str, url: str, body: Any = None, headers: dict[str, str] | None = None, timeout: float = 20
) -> tuple[int, Any]:
    """One request; returns status and JSON body."""
    data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def wait_for(what: str, state: Callable[[], Any], holds: Callable[[Any], bool], seconds: float = 30) -> Any:
    """Waits until the state is as wanted; fails with the last state seen."""
    deadline = time.monotonic() + seconds
    while True:
        last = state()
        if holds(last):
            return last
        if time.monotonic() > deadline:
            pytest.fail(f"after {seconds} s still not {what}: {last}")
        time.sleep(0.02)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class NotReady(Exception):
    """A simulator ended at once; the message holds what it said."""


@dataclass
class Process:
    """A simulator; `start` again takes up what it had on disk."""

    arguments: list[str]
    errors: Path
    child: subprocess.Popen | None = None
    hello: dict[str, Any] = field(default_factory=dict)

    def start(self) -> "Process":
        """Starts it and waits for its first line of output."""
        command, pipe = [sys.executable, *self.arguments], subprocess.PIPE
        with open(self.errors, "a+") as errors:
            self.child = subprocess.Popen(command, cwd=HERE, stdout=pipe, stderr=errors, text=True)
            first = self.child.stdout.readline()
            if not first:
                code = self.child.wait(20)
                errors.seek(0)
                raise NotReady(f"{self.arguments[0]} ended with {code} before it was ready: {errors.read()}")
        self.hello = json.loads(first)
        return self

    def kill(self) -> None:
        """kill -9."""
        self.child.kill()
        self.child.wait(10)
        self.child.stdout.close()

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        self.child.terminate()
        code = self.child.wait(20)
        self.child.stdout.close()
        return code


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Starts simulators that end with the test, and shows what they complained of."""
    running: list[Process] = []

    def begin(script: str, *arguments: Any) -> Process:
        process = Process([script, *map(str, arguments)], tmp_path / "errors").start()
        running.append(process)
        return process

    yield begin
    for process in running:
        if process.child.poll() is None:
            process.kill()
    if running:
        print(running[0].errors.read_text())
