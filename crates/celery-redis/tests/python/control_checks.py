"""Checks 65 to 75 of the conformance list: remote control, asked and commanded by Python's Celery."""
import base64
import json
import signal
import statistics
import subprocess
import sys
import time

from app import add, app, noop, sleepy
from celery.exceptions import TaskRevokedError, TimeLimitExceeded
from harness import HERE, WAIT, Stamps, Watch, answers, check, eventually, main, python, redis, rust, send


def ask(method, node="rs@h", **arguments):
    replies = app.control.broadcast(method, arguments=arguments, reply=True, destination=[node], timeout=WAIT)
    assert len(replies) == 1, (method, replies)
    return replies[0][node]


def inspect(method, *args, node="rs@h"):
    return getattr(app.control.inspect([node], timeout=WAIT), method)(*args)[node]


def active(count):
    return eventually(f"{count} active", lambda: len(a := inspect("active")) == count and a)


def revoked(result, reason):
    try:
        value = result.get(timeout=WAIT)
        raise AssertionError(f"returned {value!r}")
    except TaskRevokedError as error:
        assert reason in str(error), error


def shape(value):
    """Names and types, but of figures that only one side has no value for."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


@check(65)
def questions():
    with rust("rs@h", "-c", "1"), python("py@h", "-c", "1", "-Q", "theirs"):
        for node, queue in (("rs@h", "celery"), ("py@h", "theirs")):
            to = {"queue": queue, "priority": 3}
            sleepy.apply_async((60,), task_id="ACT" + node, **to)
            eventually("active", lambda: inspect("active", node=node))
            add.apply_async((1, 2), task_id="RES" + node, **to)
            eventually("reserved", lambda: inspect("reserved", node=node))
            add.apply_async((1, 2), task_id="ETA" + node, countdown=600, **to)
            eventually("scheduled", lambda: inspect("scheduled", node=node))
        for method in ("active", "reserved", "scheduled", "active_queues"):
            ours, theirs = inspect(method), inspect(method, node="py@h")
            assert shape(ours) == shape(theirs), (method, ours, theirs)
        task = inspect("active")[0]
        assert (task["id"], task["args"], task["kwargs"], task["type"]) == ("ACTrs@h", [60], {}, "tasks.sleepy")
        assert task["acknowledged"] and abs(task["time_start"] - time.time()) < 60 and task["hostname"] == "rs@h"
        assert task["delivery_info"] == {"exchange": "", "routing_key": "celery", "priority": 3, "redelivered": False}
        assert inspect("active", True)[0]["args"] == "(60,)"
        found = inspect("query_task", "ACTrs@h", "RESrs@h", "ETArs@h", "none")
        assert {uuid: state for uuid, (state, _) in found.items()} == {
            "ACTrs@h": "active", "RESrs@h": "reserved", "ETArs@h": "scheduled",
        }  # fmt: skip
        stats, theirs = inspect("stats"), inspect("stats", node="py@h")
        assert {k: shape(stats[k]) for k in ("pid", "clock", "uptime", "prefetch_count")} == {
            k: shape(theirs[k]) for k in ("pid", "clock", "uptime", "prefetch_count")
        }
        assert stats["broker"].keys() == theirs["broker"].keys()
        assert stats["total"] == {"tasks.sleepy": 1} and stats["pool"]["max-concurrency"] == 1
        assert stats["prefetch_count"] == theirs["prefetch_count"] == 5, (stats, theirs)
        assert "tasks.add" in inspect("registered") and inspect("registered") == sorted(inspect("registered"))
        assert inspect("ping") == {"ok": "pong"} and isinstance(inspect("clock")["clock"], int)
        assert inspect("report")["ok"].startswith("\nsoftware -> ")
        assert inspect("conf")["worker_concurrency"] == 1
        assert inspect("revoked") == []
        names = "ping active reserved scheduled revoked registered stats active_queues conf report clock".split()
        calls = [[name] for name in names] + [["query_task", "ACTrs@h"]]
        command = [sys.executable, "-B", "-m", "celery", "-A", "app", "inspect", "-d", "rs@h", "-t", "10", "-j"]
        running = [
            subprocess.Popen([*command, *call], cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            for call in calls
        ]
        for call, process in zip(calls, running):
            output, _ = process.communicate(timeout=120)
            assert process.returncode == 0 and "rs@h" in output, (call, output)
        app.control.revoke(["ACTrs@h", "ACTpy@h"], terminate=True)


@check(66)
def addressing():
    with rust("w1@h"), rust("w2@h"), rust("x1@h"):

        def answered(**who):
            return sorted(name for reply in app.control.broadcast("ping", reply=True, timeout=1, **who) for name in reply)

        def answer(names, **who):
            # Asked again while a busy machine makes one of them late; who should be silent never may answer.
            eventually(f"{names} answer to {who}", lambda: answered(**who) == names)

        answer(["w1@h", "w2@h", "x1@h"])
        answer(["w1@h", "x1@h"], destination=["w1@h", "x1@h"])
        answer(["w1@h", "w2@h"], pattern="w*", matcher="glob")
        answer(["w1@h", "x1@h"], pattern="?[!2]@h", matcher="glob")
        answer(["w1@h", "x1@h"], pattern=r"[wx]1@", matcher="pcre")
        assert answered(destination=["w1"]) == []
        assert answered(pattern="1@h", matcher="pcre") == []
        assert answered(pattern="(", matcher="pcre") == []


@check(67)
def nonsense():
    with rust("rs@h"):
        assert ask("no_such_cmd") == {"error": "KeyError('no_such_cmd')"}
        assert "TypeError" in ask("revoke")["error"] and "task_id" in ask("revoke")["error"]
        assert "TypeError" in ask("add_consumer", queue=5)["error"]
        assert ask("election", id="1", topic="task") is None
        assert ask("autoscale", max=3) == {"error": "ValueError('Autoscale not enabled')"}
        assert ask("pool_restart") == {"error": "ValueError('Pool restarts not enabled')"}
        for forged in (b"", b"\xff\xfe", b"{}", b"[]", b'{"body": "e30=", "content-type": "application/x-python-serialize"}',
                       b'{"body": "W10=", "content-type": "application/json", "properties": {"body_encoding": "base64"}}',
                       b"x" * 20_000_000):  # fmt: skip
            assert redis().publish("/0.celery.pidbox", forged) >= 1
        # No request makes a worker write into a queue of tasks.
        body = {"method": "ping", "ticket": "t", "reply_to": {"exchange": "celery", "routing_key": "celery"}}
        envelope = {"body": base64.b64encode(json.dumps(body).encode()).decode(), "content-type": "application/json",
                    "properties": {"body_encoding": "base64"}, "headers": {"clock": 2**70}}  # fmt: skip
        redis().publish("/0.celery.pidbox", json.dumps(envelope))
        assert ask("ping") == {"ok": "pong"} and add.delay(1, 2).get(timeout=WAIT) == 3
        assert redis().llen("celery") == 0
        kept = [json.loads(entry) for entry in redis().lrange("celery-redis.dead-letter", 0, -1)]
        assert kept and all(entry["reason"].startswith("malformed control message") for entry in kept), kept
        # So large that Redis itself cuts the listener off.
        redis().publish("/0.celery.pidbox", b"x" * 100_000_000)
        eventually("the worker listens again", lambda: answers("rs@h"))


@check(68)
def revoke():
    with rust("rs@h", "-c", "1"):
        busy = sleepy.delay(60)
        active(1)
        unwanted, listed, stays = (send("tasks.record", "ran", 0) for _ in range(3))
        eventually("reserved", lambda: len(inspect("reserved")) == 3)
        later = send("tasks.record", "ran", 0, countdown=600)
        eventually("scheduled", lambda: inspect("scheduled"))
        assert ask("revoke", task_id=unwanted.id) == {"ok": f"tasks {{'{unwanted.id}'}} flagged as revoked"}
        assert ask("revoke", task_id=[listed.id, later.id])["ok"].startswith("tasks {")
        for result in (unwanted, listed, later):
            revoked(result, "revoked")
        assert set(inspect("revoked")) == {unwanted.id, listed.id, later.id}
        # Neither a call that nobody knows nor one that has ended is left or made pending.
        app.control.revoke("unknown")
        revoked(app.AsyncResult("unknown"), "revoked")
        assert "terminate: tasks unknown" == ask("revoke", task_id="other", terminate=True)["ok"]
        app.control.revoke(busy.id, terminate=True)
        stays.get(timeout=WAIT)
        assert redis().lrange("ran", 0, -1) == [f"begin {stays.id}".encode(), f"end {stays.id}".encode()]
        app.control.revoke(stays.id)
        assert ask("ping") and stays.state == "SUCCESS"
        eventually("nothing is held", lambda: redis().hlen("unacked") == 0)
        # By stamp: one that waits, one that comes later.
        blocker = sleepy.delay(60)
        active(1)
        stamped = lambda: app.send_task("tasks.add", [1, 2], headers={"stamped_headers": ["tenant"], "stamps": {"tenant": "acme"}})  # noqa: E731
        early = stamped()
        eventually("reserved", lambda: inspect("reserved"))
        reply = ask("revoke_by_stamped_headers", headers={"tenant": ["acme"]})
        assert reply == {"ok": "headers {'tenant': ['acme']} flagged as revoked, but not terminated"}, reply
        revoked(early, "revoked")
        revoked(stamped(), "revoked")
        app.control.revoke(blocker.id, terminate=True)


@check(69)
def terminate():
    with Watch() as watch, rust("rs@h", "-E", "-c", "1"):
        for task in ("tasks.sleepy", "tasks.sleepy_late"):
            running = send(task, 600)
            active(1)
            following = add.delay(1, 2)
            assert ask("revoke", task_id=running.id, terminate=True, signal="SIGTERM") == {"ok": f"terminate: {running.id}"}
            revoked(running, "terminated")
            assert following.get(timeout=WAIT) == 3
            watch.task(running.id, "REVOKED")
            told = [event for event in watch.of("task-revoked") if event["uuid"] == running.id]
            assert [(e["terminated"], e["signum"], e["expired"]) for e in told] == [(True, 15, False)], told
        eventually("nothing is held", lambda: redis().hlen("unacked") == 0)
        stamped = app.send_task("tasks.sleepy", [600], headers={"stamped_headers": ["t"], "stamps": {"t": "x"}})
        active(1)
        assert ask("revoke_by_stamped_headers", headers=["t=x"], terminate=True)["ok"].endswith("revoked")
        revoked(stamped, "terminated")


@check(70)
def rate_limit():
    with rust("rs@h", "-c", "8"):
        assert ask("rate_limit", task_name="tasks.noop", rate_limit="2/s") == {"ok": "new rate limit set successfully"}
        assert "tasks.noop [rate_limit=2/s]" in inspect("registered")
        assert ask("rate_limit", task_name="tasks.stamp", rate_limit="2/s") == {"ok": "new rate limit set successfully"}
        with Stamps() as stamps:
            limited = [send("tasks.stamp", stamps.path, number) for number in range(10)]
            assert add.delay(1, 2).get(timeout=WAIT) == 3
            assert not limited[-1].ready(), "others wait for the limited"
            for result in limited:
                result.get(timeout=WAIT)
            times = sorted(time for _, time in stamps.lines())
            assert len(times) == 10 and times[-1] - times[0] >= 4, times
            # No slower than it must be; the median, for the machine may be busy now and then.
            assert statistics.median(after - before for before, after in zip(times, times[1:])) < 0.7, times
        assert ask("rate_limit", task_name="tasks.noop", rate_limit="1/h") == {"ok": "new rate limit set successfully"}
        waiting = [noop.delay() for _ in range(3)]
        eventually("two wait", lambda: len(inspect("reserved")) == 2)
        assert ask("rate_limit", task_name="tasks.noop", rate_limit=0) == {"ok": "rate limit disabled successfully"}
        for result in waiting:
            result.get(timeout=WAIT)
        assert ask("rate_limit", task_name="none", rate_limit="1/s") == {"error": "unknown task"}
        assert ask("rate_limit", task_name="tasks.noop", rate_limit="x")["error"].startswith("Invalid rate limit string")


@check(71)
def consumers():
    with rust("rs@h"):
        waiting = add.apply_async((1, 2), queue="extra")
        assert ask("add_consumer", queue="extra") == {"ok": "add consumer extra"}
        assert waiting.get(timeout=WAIT) == 3
        assert [queue["name"] for queue in inspect("active_queues")] == ["celery", "extra"]
        assert redis().smembers("_kombu.binding.extra") == {b"extra\x06\x16\x06\x16extra"}
        assert ask("cancel_consumer", queue="extra") == {"ok": "no longer consuming from extra"}
        assert [queue["name"] for queue in inspect("active_queues")] == ["celery"]
        # The worker looks at its lists for each of these, and would take this one from a list that is still among them.
        add.apply_async((1, 2), queue="extra")
        for _ in range(3):
            assert add.delay(1, 2).get(timeout=WAIT) == 3
        assert redis().llen("extra") == 1
        assert ask("cancel_consumer", queue="celery") and inspect("active_queues") == []
        last = add.delay(3, 4)
        assert ask("add_consumer", queue="celery", exchange="celery", routing_key="celery")["ok"]
        assert last.get(timeout=WAIT) == 7


@check(72)
def pool():
    with rust("rs@h", "-c", "1"):
        assert inspect("stats")["prefetch_count"] == 4
        assert ask("pool_grow", n=2) == {"ok": "pool will grow"}
        stats = inspect("stats")
        assert (stats["pool"]["max-concurrency"], len(stats["pool"]["processes"]), stats["prefetch_count"]) == (3, 3, 12)
        many = [sleepy.delay(600) for _ in range(20)]
        active(3)
        eventually("the prefetch limit is reached", lambda: len(inspect("reserved")) == 12)
        assert ask("pool_shrink", n=2) == {"ok": "pool will shrink"}
        app.control.revoke([result.id for result in many], terminate=True)
        eventually("all are gone", lambda: redis().hlen("unacked") == 0 and redis().llen("celery") == 0)
        again = [sleepy.delay(600) for _ in range(8)]
        active(1)
        eventually("the prefetch limit is reached", lambda: len(inspect("reserved")) == 4)
        assert redis().llen("celery") == 3
        assert "Can't shrink pool" in ask("pool_shrink", n=1)["error"]
        app.control.revoke([result.id for result in again], terminate=True)


@check(73)
def time_limit():
    with rust("rs@h"):
        assert ask("time_limit", task_name="tasks.sleepy", hard=1, soft=None) == {"ok": "time limits set successfully"}
        try:
            sleepy.delay(600).get(timeout=WAIT)
            raise AssertionError("returned")
        except TimeLimitExceeded as error:
            assert error.args == (1.0,), error
        assert ask("time_limit", task_name="tasks.sleepy", hard=None, soft=None)["ok"]
        assert sleepy.delay(1.2).get(timeout=WAIT) == 1.2
        assert ask("time_limit", task_name="none", hard=1) == {"error": "unknown task"}


@check(74)
def shutdown():
    with rust("rs@h") as worker:
        running = send("tasks.gated", "notes")
        active(1)
        assert not app.control.broadcast("shutdown", reply=True, destination=["rs@h"], timeout=0.5)
        redis().set("notes:open", 1)
        assert worker.wait(WAIT) == 0
        assert running.get(timeout=WAIT) is None and redis().hlen("unacked") == 0


@check(75)
def mingle():
    with rust("rs@h") as ours:
        app.control.revoke("known-to-rust")
        eventually("revoked", lambda: inspect("revoked") == ["known-to-rust"])
        with python("py@h") as (_, log):
            eventually("the log of the mingle", lambda: "sync with 1 nodes" in log())
            assert inspect("revoked", node="py@h") == ["known-to-rust"]
            ours.send_signal(signal.SIGTERM)
            ours.wait(WAIT)
            app.control.revoke("known-to-python")
            eventually("revoked", lambda: "known-to-python" in inspect("revoked", node="py@h"))
            clock = inspect("clock", node="py@h")["clock"]
            # It is told before it takes anything.
            unwanted = send("tasks.record", "ran", 0, task_id="known-to-python", queue="rust")
            with rust("new@h", "-Q", "rust"):
                assert set(inspect("revoked", node="new@h")) == {"known-to-rust", "known-to-python"}
                assert inspect("clock", node="new@h")["clock"] > clock
                revoked(unwanted, "revoked")
                eventually("nothing is held", lambda: redis().hlen("unacked") == 0)
                assert redis().llen("ran") == 0


main()
