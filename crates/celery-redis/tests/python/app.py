"""The Python side: an app with the conformance tasks, used as client and as worker."""
import os
import time

from celery import Celery

URL = os.environ["REDIS_URL"]
STAMPS = {}
app = Celery("conformance", broker=URL, backend=URL)
app.conf.update(broker_connection_retry_on_startup=True, worker_hijack_root_logger=False)
if PREFIX := os.environ.get("KEY_PREFIX"):
    app.conf.broker_transport_options = app.conf.result_backend_transport_options = {"global_keyprefix": PREFIX}


@app.task(name="tasks.add")
def add(x, y):
    return x + y


@app.task(name="tasks.mul")
def mul(x, y):
    return x * y


@app.task(name="tasks.tsum")
def tsum(numbers):
    return sum(numbers)


@app.task(name="tasks.echo")
def echo(*args, **kwargs):
    return {"args": args, "kwargs": kwargs}


@app.task(name="tasks.boom")
def boom():
    raise ValueError("bad", 3)


@app.task(name="tasks.noop")
def noop():
    return None


@app.task(name="tasks.stamp")
def stamp(path, number):
    """Appends its number and the time in nanoseconds to a file; for measuring."""
    line = f"{number} {time.time_ns()}\n".encode()
    if path not in STAMPS:
        STAMPS[path] = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    os.write(STAMPS[path], line)


@app.task(name="tasks.sleepy")
def sleepy(seconds):
    time.sleep(seconds)
    return seconds


@app.task(name="tasks.flaky", bind=True, max_retries=3)
def flaky(self, times):
    """Fails `times` times, then returns how often it was retried."""
    if self.request.retries < times:
        raise self.retry(exc=RuntimeError(f"try {self.request.retries}"), countdown=0.1)
    return self.request.retries


def pass_gate(task, name):
    """Notes its beginning in a Redis list, waits until the key `<list>:open` exists, and notes its end."""
    app.backend.client.rpush(name, f"begin {task.request.id}")
    while not app.backend.client.exists(f"{name}:open"):
        time.sleep(0.02)
    app.backend.client.rpush(name, f"end {task.request.id}")


@app.task(name="tasks.gated", bind=True)
def gated(self, name):
    pass_gate(self, name)


@app.task(name="tasks.gated_late", bind=True, acks_late=True)
def gated_late(self, name):
    pass_gate(self, name)


@app.task(name="tasks.failed_id")
def failed_id(task_id):
    app.backend.client.set("failed-id", task_id)
    return task_id
