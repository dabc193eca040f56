"""Checks 4 and 18 to 33 of the conformance list: what a Python client sees of a Rust worker."""
import json
import math
import statistics
import time
from datetime import datetime, timedelta, timezone

from celery.exceptions import NotRegistered, TaskRevokedError

from app import add, app, boom, echo
from harness import WAIT, Stamps, Watch, check, eventually, main, published, raises, redis, rust, send


def serving(*arguments):
    """A Rust worker; what is sent before it is there waits for it."""
    return rust("rs@h", *arguments, wait=False)


@check(4)
def values():
    sent = ["é☃", None, {"a": [1, {"b": []}]}, 2**53, 1.5, True, "", "\U0001f600 \x00 \\ \""]
    with serving():
        assert echo.delay(*sent, k=sent).get(timeout=WAIT) == {"args": sent, "kwargs": {"k": sent}}


@check("extreme-numbers")
def extreme_numbers():
    """Python's JSON knows numbers that JSON does not: what becomes of them on the way through a Rust worker."""
    with serving():
        arrived = lambda value: echo.delay(value).get(timeout=WAIT)["args"][0]  # noqa: E731
        # As far as 64 bits reach, numbers are exact, and stay integers.
        for exact in (2**63 - 1, -(2**63), 2**64 - 1, 5e-324, 1.7976931348623157e308, 0.1, -0.0):
            back = arrived(exact)
            assert (back, type(back), math.copysign(1, back)) == (exact, type(exact), math.copysign(1, exact)), (exact, back)
        # Beyond, they are fractions, as in JavaScript; the nearest one.
        for large in (2**64, -(2**63) - 1, 2**70 + 1):
            back = arrived(large)
            assert isinstance(back, float) and back == float(large), (large, back)
        # What is no number is null, wherever it stands.
        assert arrived({"a": [math.nan, math.inf, -math.inf], "b": "NaN"}) == {"a": [None] * 3, "b": "NaN"}
        # What no fraction can hold is refused, and whoever waits is told so.
        raises("InvalidTaskError", lambda: arrived(10**400), "number out of range")


@check(18)
def result():
    with serving():
        assert add.delay(2, 3).get(timeout=WAIT) == 5


@check(19)
def arguments():
    with serving():
        assert add.delay(2, y=3).get(timeout=WAIT) == 5
        assert add.apply_async(kwargs={"x": 1, "y": 2}).get(timeout=WAIT) == 3
        raises("TypeError", lambda: send("tasks.add", 1, 2, 3).get(timeout=WAIT), "positional")
        raises("TypeError", lambda: send("tasks.add", 1).get(timeout=WAIT), "missing")
        raises("TypeError", lambda: send("tasks.add", 1, 2, kwargs={"z": 3}).get(timeout=WAIT), "unexpected keyword")


@check(20)
def unknown():
    with serving():
        error = raises("NotRegistered", lambda: send("no.such").get(timeout=WAIT), "no.such")
        assert isinstance(error, NotRegistered)


@check(21)
def exception():
    with serving():
        failed = boom.delay()
        error = raises("ValueError", lambda: failed.get(timeout=WAIT))
        assert isinstance(error, ValueError) and error.args == ("bad", 3), error.args
        assert isinstance(failed.traceback, str) and "ValueError" in failed.traceback


@check(22)
def ignored():
    quiet = send("tasks.record", "ran", 0, ignore_result=True)
    with serving():
        eventually("it ran", lambda: redis().lrange("ran", 0, -1) == [f"{word} {quiet.id}".encode() for word in ("begin", "end")])
        # Acknowledged late, so that a result would have been stored by now.
        places = ("celery", "unacked", *redis().keys("celery-redis.arrivals.*"))
        eventually("it is acknowledged", lambda: not redis().exists(*places))
        assert not redis().exists("celery-task-meta-" + quiet.id)


@check(24)
def retried():
    with Watch() as watch, rust("rs@h", "-E"), published("flaky") as states:
        assert send("tasks.flaky", 2, task_id="flaky").get(timeout=WAIT) == 2
        assert states() == ["RETRY", "RETRY", "SUCCESS"]
        watch.task("flaky", "SUCCESS")
        received = [(e["retries"], e["parent_id"]) for e in watch.of("task-received") if e["uuid"] == "flaky"]
        assert received == [(0, None), (1, "flaky"), (2, "flaky")], received
        assert app.backend.get_task_meta("flaky")["parent_id"] == "flaky"


@check(25)
def retries_used_up():
    with serving(), published("hopeless") as states:
        raises("RetryableError", lambda: send("tasks.flaky", 9, task_id="hopeless").get(timeout=WAIT), "try 3")
        assert states() == ["RETRY"] * 3 + ["FAILURE"]


@check(26)
def countdown():
    with Stamps() as stamps, serving():
        add.delay(0, 0).get(timeout=WAIT)
        due, results = [], []
        for number in range(5):
            due.append(time.time() + 4 + number)
            results.append(send("tasks.stamp", stamps.path, number, countdown=4 + number))
            # It stays in the ledger while it waits.
            eventually("it is held", lambda: redis().hlen("unacked") == number + 1 and not redis().llen("celery"))
            assert redis().zcard("unacked_index") == number + 1 and not stamps.read(), "executed at once"
        for result in results:
            result.get(timeout=WAIT)
        late = [stamps.read()[number] - due[number] for number in range(5)]
        assert min(late) >= 0, late
        # The median, for the machine may be busy now and then.
        assert statistics.median(late) < 0.3, late


@check(27)
def etas():
    with Stamps() as stamps, serving():
        eta = datetime.now(timezone.utc) + timedelta(seconds=1.5)
        forms = [
            eta.replace(tzinfo=None),
            eta,
            eta.astimezone(timezone(timedelta(hours=2))),
            eta.astimezone(timezone(timedelta(hours=-9, minutes=-30))),
            eta.replace(tzinfo=None).isoformat() + "Z",
        ]
        # `send_task` writes a text as it is given.
        results = [send("tasks.stamp", stamps.path, number, eta=form) for number, form in enumerate(forms)]
        written = [json.loads(raw)["headers"]["eta"] for raw in redis().lrange("celery", 0, -1)]
        for result in results:
            result.get(timeout=WAIT)
        late = [stamps.read()[number] - eta.timestamp() for number in range(len(forms))]
        # An hour taken for another would make it run at once, or not in this test.
        assert min(late) >= 0, (late, written)


@check(28)
def expired():
    with Watch() as watch, rust("rs@h", "-E"):
        late = send("tasks.record", "ran", 0, expires=-1)
        error = raises("TaskRevokedError", lambda: late.get(timeout=WAIT), "expired")
        assert isinstance(error, TaskRevokedError)
        told = eventually("it is told", lambda: [e for e in watch.of("task-revoked") if e["uuid"] == late.id])
        assert [(e["expired"], e["terminated"]) for e in told] == [(True, False)], told
        eventually("it is acknowledged", lambda: not redis().hlen("unacked"))
        assert not redis().exists("ran"), "executed"


@check(29)
def time_limits():
    with serving():
        error = raises("TimeLimitExceeded", lambda: send("tasks.sleepy", 600, time_limit=0.5).get(timeout=WAIT))
        assert error.args == (0.5,), error
        raises("SoftTimeLimitExceeded", lambda: send("tasks.sleepy", 600, soft_time_limit=0.5).get(timeout=WAIT))
        # A limit that is not reached changes nothing.
        assert send("tasks.sleepy", 0.1, time_limit=60.5, soft_time_limit=60).get(timeout=WAIT) == 0.1


@check(32)
def compressed():
    squeezed = echo.apply_async(("x" * 10_000,), compression="zlib")
    message = json.loads(redis().lindex("celery", 0))
    assert message["headers"]["compression"] == "application/x-gzip" and len(message["body"]) < 1_000
    with serving():
        assert squeezed.get(timeout=WAIT)["args"] == ["x" * 10_000]


@check(33)
def protocol_1():
    app.conf.task_protocol = 1
    old = app.send_task("tasks.add", [5, 6])
    assert "task" not in json.loads(redis().lindex("celery", 0))["headers"]
    with serving():
        assert old.get(timeout=WAIT) == 11


main()
