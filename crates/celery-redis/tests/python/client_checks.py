"""What a Python client sees of a Rust worker. Prints one line per check; exits 1 if any fails."""
import sys
import time
from datetime import datetime, timedelta, timezone

from celery import chain, chord, group
from celery.exceptions import NotRegistered, TaskRevokedError

from app import add, app, boom, echo, mul, tsum

WAIT = 20
failed = []


def check(name):
    def run(body):
        try:
            body()
            print("ok", name, flush=True)
        except Exception as error:  # noqa: BLE001 - every failure is reported by its name
            failed.append(name)
            print("FAILED", name, repr(error), flush=True)

    return run


def raises(kind, call, *words):
    try:
        value = call()
    except Exception as error:  # noqa: BLE001
        assert type(error).__name__ == kind, repr(error)
        for word in words:
            assert word in str(error), repr(error)
        return error
    raise AssertionError(f"returned {value!r}")


def send(name, *args, **options):
    return app.send_task(name, list(args), **options)


@check("18 a result comes back")
def _():
    assert add.delay(2, 3).get(timeout=WAIT) == 5


@check("19 arguments follow Python's rules")
def _():
    assert add.delay(2, y=3).get(timeout=WAIT) == 5
    assert add.apply_async(kwargs={"x": 1, "y": 2}).get(timeout=WAIT) == 3
    raises("TypeError", lambda: send("tasks.add", 1, 2, 3).get(timeout=WAIT), "positional")
    raises("TypeError", lambda: send("tasks.add", 1).get(timeout=WAIT), "missing")


@check("4 values survive the way")
def _():
    values = ["é☃", None, {"a": [1, {"b": []}]}, 2**53, 1.5, True, ""]
    assert echo.delay(*values, k=values).get(timeout=WAIT) == {"args": values, "kwargs": {"k": values}}


@check("20 an unknown task fails")
def _():
    try:
        send("no.such").get(timeout=WAIT)
        raise AssertionError("returned")
    except NotRegistered:
        pass


@check("21 an exception arrives with its arguments and a traceback")
def _():
    result = boom.delay()
    error = raises("ValueError", lambda: result.get(timeout=WAIT))
    assert error.args == ("bad", 3), error.args
    assert isinstance(result.traceback, str) and result.traceback


@check("22 an ignored result leaves no key")
def _():
    result = add.apply_async((1, 2), ignore_result=True)
    add.delay(1, 1).get(timeout=WAIT)
    assert app.backend.client.get("celery-task-meta-" + result.id) is None


@check("24 a retry is visible, keeps its id and ends in success")
def _():
    result = send("tasks.flaky", 2)
    states = set()
    deadline = time.time() + WAIT
    while result.state not in ("SUCCESS", "FAILURE") and time.time() < deadline:
        states.add(result.state)
    assert result.get(timeout=WAIT) == 2
    assert "RETRY" in states, states
    assert app.backend.get_task_meta(result.id)["parent_id"] == result.id


@check("25 used-up retries fail with the passed exception")
def _():
    raises("RetryableError", lambda: send("tasks.flaky", 9).get(timeout=WAIT), "try 3")


@check("26 a countdown is kept, and the message stays in the ledger meanwhile")
def _():
    started = time.time()
    result = add.apply_async((1, 2), countdown=2)
    deadline = started + 1.5
    while app.backend.client.hlen("unacked") != 1:
        assert time.time() < deadline, "not in unacked"
    assert result.get(timeout=WAIT) == 3
    assert 1.9 < time.time() - started < 2.5, time.time() - started


@check("27 every kind of eta is understood")
def _():
    now = datetime.now(timezone.utc)
    for eta in (
        now.replace(tzinfo=None) + timedelta(seconds=0.3),
        now + timedelta(seconds=0.3),
        (now + timedelta(seconds=0.3)).astimezone(timezone(timedelta(hours=2))),
    ):
        assert add.apply_async((1, 2), eta=eta).get(timeout=WAIT) == 3


@check("28 an expired call is revoked")
def _():
    try:
        add.apply_async((1, 2), expires=-1).get(timeout=WAIT)
        raise AssertionError("returned")
    except TaskRevokedError as error:
        assert "expired" in str(error)


@check("29 a hard limit ends a task")
def _():
    raises("TimeLimitExceeded", lambda: send("tasks.sleepy", 30, time_limit=0.5).get(timeout=WAIT))
    raises("SoftTimeLimitExceeded", lambda: send("tasks.sleepy", 30, soft_time_limit=0.5).get(timeout=WAIT))


@check("32 a compressed message is read")
def _():
    assert add.apply_async((1, 2), compression="zlib").get(timeout=WAIT) == 3


@check("33 a protocol 1 message is executed")
def _():
    app.conf.task_protocol = 1
    try:
        assert app.send_task("tasks.add", [5, 6]).get(timeout=WAIT) == 11
    finally:
        app.conf.task_protocol = 2


@check("35 a chain gives its value")
def _():
    assert chain(add.s(1, 2), add.s(3), mul.s(4)).delay().get(timeout=WAIT) == 24


@check("36 a failing chain fails everything after it")
def _():
    result = (boom.si() | add.s(1) | add.s(2)).delay()
    raises("ValueError", lambda: result.get(timeout=WAIT))
    deadline = time.time() + WAIT
    while result.state != "FAILURE":
        assert time.time() < deadline, result.state


@check("37 links run with the result and are listed as children")
def _():
    result = add.apply_async((1, 2), link=[add.s(10), mul.s(10)])
    assert result.get(timeout=WAIT) == 3
    assert [child.get(timeout=WAIT) for child in result.children] == [[13, 30]]


@check("37 what a task sends itself is listed before what is linked to it")
def _():
    result = send("tasks.spawn", 4, 5, link=echo.s())
    spawned = result.get(timeout=WAIT)
    assert [child.id for child in result.children][0] == spawned and len(result.children) == 2, result.children
    child = result.children[0]
    assert child.get(timeout=WAIT) == 9
    meta = app.backend.get_task_meta(spawned)
    assert meta["parent_id"] == result.id, meta
    assert [c.get(timeout=WAIT) for c in result.children][1]["args"] == [spawned]


@check("38 an errback gets the failed id first")
def _():
    result = boom.apply_async(link_error=echo.s("more"))
    raises("ValueError", lambda: result.get(timeout=WAIT))


@check("39 groups and chords give ordered lists")
def _():
    assert group(add.s(i, i) for i in range(20)).delay().get(timeout=WAIT) == [2 * i for i in range(20)]
    result = chord([add.s(i, i) for i in range(50)], echo.s()).delay().get(timeout=WAIT)
    assert result["args"] == [[2 * i for i in range(50)]], result


@check("40 a chord with a failing member fails its body")
def _():
    result = chord([add.s(1, 2), boom.s()], tsum.s()).delay()
    raises("ValueError", lambda: result.get(timeout=WAIT))
    deadline = time.time() + WAIT
    while result.state != "FAILURE":
        assert time.time() < deadline, result.state
    assert app.backend.get_task_meta(result.id)["result"].__class__.__name__ in ("ChordError", "ValueError")


@check("41 chains, groups and chords mix")
def _():
    assert (add.s(1, 1) | group(add.s(1), add.s(2)) | tsum.s() | mul.s(2)).delay().get(timeout=WAIT) == 14


@check("42 chords nest")
def _():
    inner = chord([add.s(1, 2), add.s(3, 4)], tsum.s())
    assert chord([inner, add.s(1, 4)], tsum.s()).delay().get(timeout=WAIT) == 15
    assert chord([chain(add.s(1, 2), mul.s(2)), add.s(1, 4)], echo.s()).delay().get(timeout=WAIT)["args"] == [[6, 5]]
    # The member's group becomes a chord whose body counts for the outer one.
    fan = add.s(1, 1) | group(add.s(1), add.s(2)) | tsum.s()
    assert chord([fan, add.s(3, 3)], tsum.s()).delay().get(timeout=WAIT) == 13
    assert chord([fan | mul.s(2), add.s(3, 3)], tsum.s()).delay().get(timeout=WAIT) == 20


sys.exit(1 if failed else 0)
