"""What the numbered checks share: workers of both kinds, events, and waiting with a deadline.

`python <checks>.py NUMBER` runs one check; `REDIS_URL` names its private Redis, `CONFORMANCE_WORKER` the Rust worker.
"""
import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time

from app import app

WAIT = 30
CHECKS = {}
HERE = pathlib.Path(__file__).parent


def check(number):
    def register(body):
        CHECKS[number] = body
        return body

    return register


def main():
    CHECKS[int(sys.argv[1])]()
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


class Watch:
    """Receives events as Flower and `celery events` do."""

    def __init__(self):
        self.state = app.events.State()
        self.seen = []

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
        self.seen.append(event)
        self.state.event(event)

    def types(self, uuid):
        return [event["type"] for event in self.seen if event.get("uuid") == uuid]

    def of(self, kind, name=None):
        return [event for event in self.seen if event["type"] == kind and name in (None, event["hostname"])]

    def task(self, uuid, state):
        """The task once it has this state."""
        return eventually(
            f"{uuid} is {state}, after {self.types(uuid)}",
            lambda: (task := self.state.tasks.get(uuid)) and task.state == state and task,
        )
