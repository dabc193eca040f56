"""What the numbered checks share: workers of both kinds, events, and waiting with a deadline.

`python <checks>.py CHECK` runs one check by its number, or one beside the list by its name; `REDIS_URL` names its private Redis, `CONFORMANCE_WORKER` the Rust worker.
"""
import collections
import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from celery.states import READY_STATES

from app import app

WAIT = 30
CHECKS = {}
HERE = pathlib.Path(__file__).parent


def check(name):
    def register(body):
        CHECKS[str(name)] = body
        return body

    return register


def main():
    CHECKS[sys.argv[1]]()
    print("ok", sys.argv[1], flush=True)


def eventually(what, look, limit=WAIT):
    """Polls until `look` finds something."""
    deadline = time.monotonic() + limit
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {limit} s: {what}"
        time.sleep(0.02)


def redis():
    return app.backend.client


def send(name, *args, **options):
    return app.send_task(name, list(args), **options)


def answers(name):
    return bool(app.control.ping(destination=[name], timeout=1))


def totals(name):
    """How many calls of each task a worker has begun."""
    return eventually("a reply", lambda: app.control.inspect([name], timeout=5).stats())[name]["total"]


def raises(kind, call, *words):
    try:
        value = call()
    except Exception as error:  # noqa: BLE001
        assert type(error).__name__ == kind, repr(error)
        for word in words:
            assert word in str(error), repr(error)
        return error
    raise AssertionError(f"returned {value!r}")


@contextlib.contextmanager
def published(uuid):
    """The states of a task up to its end, as they are published: none is missed, as a look now and then would."""
    with redis().pubsub() as listening:
        listening.subscribe("celery-task-meta-" + uuid)
        assert listening.get_message(timeout=WAIT)["type"] == "subscribe"

        def states():
            seen = []
            while not seen or seen[-1] not in READY_STATES:
                message = listening.get_message(timeout=WAIT)
                assert message, f"no end after {seen}"
                seen.append(json.loads(message["data"])["status"])
            return seen

        yield states


class Stamps(tempfile.TemporaryDirectory):
    """A file for the task `tasks.stamp`."""

    def __enter__(self):
        self.path = super().__enter__() + "/stamps"
        return self

    def lines(self):
        lines = pathlib.Path(self.path).read_text().splitlines() if os.path.exists(self.path) else []
        return [(int(number), int(nanoseconds) / 1e9) for number, nanoseconds in map(str.split, lines)]

    def read(self):
        """When each number was stamped, in epoch seconds."""
        return dict(self.lines())

    def count(self):
        """How often each number was stamped."""
        return collections.Counter(number for number, _ in self.lines())


@contextlib.contextmanager
def reserved_port():
    """A port on loopback that nobody else is given; a server that sets `SO_REUSEADDR` can listen there meanwhile."""
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]


@contextlib.contextmanager
def process(command, **options):
    running = subprocess.Popen(command, **options)
    try:
        yield running
    finally:
        if running.poll() is None:
            running.send_signal(signal.SIGTERM)
            try:
                running.wait(WAIT)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()


@contextlib.contextmanager
def rust(name="rs@h", *arguments, wait=True):
    """A Rust worker, ready to be asked."""
    command = [os.environ["CONFORMANCE_WORKER"], "-n", name, "--grace", "5", *arguments]
    with process(command, env={**os.environ, "RUST_LOG": "warn"}) as running:
        if wait:
            eventually(f"{name} answers", lambda: answers(name))
        yield running


@contextlib.contextmanager
def python(name="py@h", *arguments):
    """A Python worker, ready to be asked, and its log."""
    with tempfile.NamedTemporaryFile("w+") as log:
        command = [sys.executable, "-B", "-m", "celery", "-A", "app", "worker", "-n", name, "-l", "INFO", "-P", "threads"]
        with process([*command, *arguments], cwd=HERE, stdout=log, stderr=subprocess.STDOUT) as running:
            eventually(f"{name} answers", lambda: answers(name))
            yield running, lambda: pathlib.Path(log.name).read_text()


@contextlib.contextmanager
def both(*arguments, queues="{side}"):
    """A worker of each kind, `rs@h` and `py@h`, each on a queue of its own."""
    ours, theirs = queues.format(side="rs"), queues.format(side="py")
    with rust("rs@h", "-Q", ours, "-c", "2", *arguments), python("py@h", "-Q", theirs, "-c", "2", *arguments):
        yield


class Watch:
    """Receives events as Flower and `celery events` do."""

    def __init__(self):
        self.state = app.events.State()
        self.seen = []
        # What the state tells of has been seen.
        self.lock = threading.Lock()

    def __enter__(self):
        before = redis().pubsub_numpat()
        self.thread = threading.Thread(target=self.receive, daemon=True)
        self.thread.start()
        eventually("events are listened to", lambda: redis().pubsub_numpat() > before)
        return self

    def __exit__(self, *_):
        """The receiver ends with the process."""

    def receive(self):
        with app.connection_for_read() as connection:
            app.events.Receiver(connection, handlers={"*": self.event}).capture(wakeup=False)

    def event(self, event):
        with self.lock:
            self.state.event(event)
            self.seen.append(event)

    def types(self, uuid):
        with self.lock:
            return [event["type"] for event in self.seen if event.get("uuid") == uuid]

    def of(self, kind, name=None):
        with self.lock:
            return [event for event in self.seen if event["type"] == kind and name in (None, event["hostname"])]

    def task(self, uuid, state):
        """The task once it has this state."""

        def look():
            with self.lock:
                return (task := self.state.tasks.get(uuid)) and task.state == state and task

        return eventually(f"{uuid} is {state}, after {self.types(uuid)}", look)
