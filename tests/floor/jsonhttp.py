"""HTTP/1.1 with JSON bodies on both sides, for the simulators' doors: threaded, keep-alive, no framework."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

MAX_BODY = 1 << 20
IDLE_SECONDS = 300


class BadRequest(Exception):
    """The caller's mistake; the message names field, value and what would be right."""


@dataclass
class Request:
    """What a door gets to see of a request."""

    method: str
    path: str
    query: dict[str, str]
    headers: Any
    body: bytes
    source: str

    def json(self) -> dict[str, Any]:
        """The body as a JSON object."""
        try:
            value = json.loads(self.body or b"{}")
        except ValueError as error:
            raise BadRequest(f"body: not JSON ({error}); expected a JSON object") from error
        if not isinstance(value, dict):
            raise BadRequest(f"body: {type(value).__name__}; expected a JSON object")
        return value


@dataclass
class Answer:
    """What a door answers. `silent` closes the connection without an answer."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)
    silent: bool = False


Door = Callable[[Request], Answer]


class Server(ThreadingHTTPServer):
    """Serves a table of doors: (method, path) -> function. Unknown path: 404, known path with another method: 405."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], doors: dict[tuple[str, str], Door]) -> None:
        self.doors = doors
        super().__init__(address, _Handler)

    @property
    def where(self) -> str:
        """host:port as bound, also when port 0 was asked for."""
        return f"{self.server_address[0]}:{self.server_address[1]}"

    def start(self) -> None:
        """Serves in a thread of its own."""
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()

    def find(self, request: Request) -> Answer:
        """Lets the door answer; its refusals become answers too."""
        door = self.doors.get((request.method, request.path))
        if door:
            try:
                return door(request)
            except BadRequest as refusal:
                return Answer(400, {"error": str(refusal)})
        methods = sorted(method for method, path in self.doors if path == request.path)
        if methods:
            error = f"method {request.method}: {request.path} takes {', '.join(methods)}"
            return Answer(405, {"error": error}, {"Allow": ", ".join(methods)})
        known = ", ".join(sorted(f"{method} {path}" for method, path in self.doors))
        return Answer(404, {"error": f"path {request.path}: not known; known are {known}"})


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    # One segment an answer: headers and body in two small writes cost 40 ms each with delayed acknowledgements.
    wbufsize = 1 << 16
    disable_nagle_algorithm = True
    server: Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base class's
        """Says nothing: the ledger and the counters are the log."""

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True

    def _serve(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        try:
            body = self._body()
        except BadRequest as refusal:
            self.close_connection = True
            self._answer(Answer(400, {"error": str(refusal)}))
            return
        request = Request(self.command, url.path, query, self.headers, body, self.client_address[0])
        self._answer(self.server.find(request))

    do_GET = do_POST = do_PUT = do_DELETE = _serve

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._chunked()
        length = self._number("Content-Length", self.headers.get("Content-Length", "0"), 10)
        return self.rfile.read(length)

    def _chunked(self) -> bytes:
        body = b""
        while size := self._number("chunk size", self.rfile.readline(64).split(b";")[0].decode("latin-1"), 16):
            if len(body) + size > MAX_BODY:
                raise BadRequest(f"body: more than {MAX_BODY} bytes")
            body += self.rfile.read(size)
            self.rfile.readline(64)
        while self.rfile.readline(4096).strip():
            pass
        return body

    @staticmethod
    def _number(name: str, text: str, base: int) -> int:
        try:
            value = int(text.strip(), base)
        except ValueError:
            value = -1
        if not 0 <= value <= MAX_BODY:
            raise BadRequest(f"{name} {text.strip()!r}: expected a number from 0 to {MAX_BODY}")
        return value

    def _answer(self, answer: Answer) -> None:
        if answer.silent:
            self.close_connection = True
            return
        body = json.dumps(answer.body, ensure_ascii=False).encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
