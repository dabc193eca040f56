"""Checks 58 to 64 of the conformance list: events, as Python's receivers, State and Flower see them."""
import base64
import json
import os
import signal
import statistics
import sys
import time
import urllib.parse
import urllib.request

from app import add, app, boom, noop
from harness import HERE, WAIT, Watch, check, eventually, main, process, redis, reserved_port, rust, send


@check(58)
def worker_events():
    with Watch() as watch:
        took = []

        def seen_online(name, started):
            online = eventually("worker-online", lambda: watch.of("worker-online", name))[0]
            took.append(online["timestamp"] - started)
            return online

        started = time.time()
        with rust("live@h", wait=False) as worker:
            online = seen_online("live@h", started)
            for field, kind in (("freq", float), ("active", int), ("processed", int), ("loadavg", list), ("pid", int)):
                assert isinstance(online[field], kind), (field, online)
            assert {"sw_ident", "sw_ver", "sw_sys", "utcoffset", "clock"} <= online.keys(), online
            beats = eventually("heartbeats", lambda: len(b := watch.of("worker-heartbeat", "live@h")) >= 4 and b)
            gaps = [after["timestamp"] - before["timestamp"] for before, after in zip(beats, beats[1:])]
            # The median, for the machine may be busy now and then.
            assert 1.9 < statistics.median(gaps) < 2.1, gaps
            assert watch.state.workers["live@h"].alive
            worker.send_signal(signal.SIGTERM)
            eventually("worker-offline", lambda: watch.of("worker-offline", "live@h"))
            assert not watch.state.workers["live@h"].alive, "its last heartbeat has not lapsed yet"
        started = time.time()
        with rust("dead@h", wait=False) as worker:
            seen_online("dead@h", started)
            eventually("alive", lambda: "dead@h" in watch.state.workers and watch.state.workers["dead@h"].alive)
            worker.kill()
            worker.wait()
            killed = time.time()
            eventually("not alive", lambda: not watch.state.workers["dead@h"].alive)
            # It counts as alive up to an instant that its heartbeats set, however late that is looked at.
            assert watch.state.workers["dead@h"].heartbeat_expires - killed <= 4
            assert not watch.of("worker-offline", "dead@h")
        # The better of two starts, for the same reason.
        assert min(took) < 2, took


@check(59)
def one_task():
    with Watch() as watch, rust("rs@h", "-E"):
        result = add.delay(2, 3)
        assert result.get(timeout=WAIT) == 5
        task = watch.task(result.id, "SUCCESS")
        assert watch.types(result.id) == ["task-received", "task-started", "task-succeeded"]
        assert (task.name, task.args, task.kwargs, task.result) == ("tasks.add", "(2, 3)", "{}", "5"), task.info()
        assert isinstance(task.runtime, float) and 0 <= task.runtime < 5, task.runtime
        assert task.received and task.started and task.succeeded and task.worker.hostname == "rs@h"
        assert (task.root_id, task.parent_id, task.retries) == (result.id, None, 0)


@check(60)
def bad_ends():
    with Watch() as watch, rust("rs@h", "-E"):
        failed, retried, rejected = boom.delay(), send("tasks.flaky", 2), send("tasks.rejecter")
        revoked = add.apply_async((1, 2), countdown=60)
        expired = add.apply_async((1, 2), expires=-1)
        watch.task(revoked.id, "RECEIVED")
        app.control.revoke(revoked.id)
        task = watch.task(failed.id, "FAILURE")
        assert task.exception == "ValueError('bad', 3)" and "ValueError" in task.traceback, task.info()
        watch.task(retried.id, "SUCCESS")
        types = watch.types(retried.id)
        assert types == ["task-received", "task-started", "task-retried"] * 2 + ["task-received", "task-started", "task-succeeded"], types
        watch.task(revoked.id, "REVOKED")
        assert [e["expired"] for e in watch.of("task-revoked") if e["uuid"] == revoked.id] == [False]
        watch.task(expired.id, "REVOKED")
        assert [e["expired"] for e in watch.of("task-revoked") if e["uuid"] == expired.id] == [True]
        # Celery tells of a rejection that it failed and then that it was rejected; to State the failure counts.
        eventually("rejected", lambda: watch.types(rejected.id)[-2:] == ["task-failed", "task-rejected"])
        assert watch.state.tasks[rejected.id].rejected and watch.state.tasks[rejected.id].state == "FAILURE"


@check(61)
def batches():
    raw = redis().pubsub()
    raw.psubscribe("/0.celeryev/task.*")
    with Watch() as watch, rust("rs@h", "-E", "-c", "16"):
        ids = [noop.delay().id for _ in range(300)]
        eventually("all events", lambda: len(watch.of("task-succeeded")) == 300)
        for uuid in ids:
            assert watch.types(uuid) == ["task-received", "task-started", "task-succeeded"], watch.types(uuid)
    sizes = []
    while (message := raw.get_message(timeout=0.2)) is not None:
        if message["type"] == "pmessage":
            envelope = json.loads(message["data"])
            assert message["channel"] == b"/0.celeryev/task.multi", message["channel"]
            assert envelope["headers"] == {"hostname": "rs@h"}
            assert envelope["properties"]["delivery_info"] == {"exchange": "celeryev", "routing_key": "task.multi"}
            body = json.loads(base64.b64decode(envelope["body"]))
            assert isinstance(body, list), body
            sizes.append(len(body))
    assert sum(sizes) == 900 and max(sizes) <= 24, sizes


@check(62)
def clocks():
    with Watch() as watch, rust("rs@h", "-E"):
        for _ in range(50):
            noop.delay()
        eventually("all events", lambda: len(watch.of("task-succeeded")) == 50)
        app.clock.value = 1_000_000
        with app.connection_for_write() as connection, app.events.Dispatcher(connection, hostname="other@h") as other:
            other.send("worker-heartbeat", freq=2)
        ours = lambda: [event["clock"] for event in watch.seen if event["hostname"] == "rs@h"]  # noqa: E731
        eventually("the other clock is adopted", lambda: ours()[-1] > 1_000_000)
        clocks = ours()
        assert clocks == sorted(set(clocks)), clocks


@check(63)
def switched():
    with Watch() as watch, rust("rs@h"):
        quiet = add.delay(1, 1)
        quiet.get(timeout=WAIT)
        beats = len(watch.of("worker-heartbeat", "rs@h"))
        # Whatever was sent before this heartbeat has arrived with it.
        eventually("a heartbeat", lambda: len(watch.of("worker-heartbeat", "rs@h")) > beats)
        assert watch.types(quiet.id) == []

        def ask(method):
            return [reply["rs@h"] for reply in app.control.broadcast(method, reply=True, destination=["rs@h"], timeout=WAIT)]

        assert ask("enable_events") == [{"ok": "task events enabled"}]
        assert ask("enable_events") == [{"ok": "task events already enabled"}]
        loud = add.delay(1, 1)
        watch.task(loud.id, "SUCCESS")
        assert ask("disable_events") == [{"ok": "task events disabled"}]
        assert ask("disable_events") == [{"ok": "task events already disabled"}]
        quiet = add.delay(1, 1)
        quiet.get(timeout=WAIT)
        assert ask("heartbeat") == [None]
        asked = eventually("the asked heartbeat", lambda: [e for e in watch.of("worker-heartbeat") if e["freq"] == 5])
        assert "active" not in asked[0]
        assert watch.types(quiet.id) == []


@check(64)
def flower():
    with reserved_port() as port:
        command = [sys.executable, "-B", "-m", "celery", "-A", "app", "flower", f"--port={port}", "--address=127.0.0.1"]
        environment = {**os.environ, "FLOWER_UNAUTHENTICATED_API": "true"}

        def get(path, **posted):
            data = urllib.parse.urlencode(posted).encode() if posted else None
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", data, timeout=20) as response:
                assert response.status == 200, (path, response.status)
                return response.read().decode()

        def there(path):
            try:
                return get(path)
            except OSError:
                return None

        with rust("rs@h", "-c", "2"), process(command, cwd=HERE, env=environment):
            eventually("flower is up", lambda: there("/healthcheck"))
            # Flower turns the events of tasks on by itself.
            conf = lambda: (app.control.inspect(["rs@h"], timeout=5).conf() or {}).get("rs@h", {})  # noqa: E731
            eventually("flower enabled events", lambda: conf().get("worker_send_task_events"))
            shown_by_flower(get)


def shown_by_flower(get):
    listed = lambda: [w for w in json.loads(get("/workers?json=1"))["data"] if w["hostname"] == "rs@h" and w["status"] is True]  # noqa: E731
    eventually("listed as online", listed)
    done, bad = add.delay(20, 3), boom.delay()
    assert done.get(timeout=WAIT) == 23
    task = lambda uuid: json.loads(get("/api/tasks")).get(uuid, {"state": None})  # noqa: E731
    ended = eventually("the task is finished", lambda: (t := task(done.id))["state"] == "SUCCESS" and t)
    assert (ended["name"], ended["args"], ended["result"]) == ("tasks.add", "(20, 3)", "23"), ended
    assert ended["runtime"] is not None and ended["worker"] == "rs@h", ended
    failed = eventually("the other has failed", lambda: (t := task(bad.id))["state"] == "FAILURE" and t)
    assert (failed["name"], failed["exception"]) == ("tasks.boom", "ValueError('bad', 3)"), failed

    def asked():
        """What Flower knows, once the worker has answered within the second that Flower gives it."""
        known = json.loads(get("/api/workers?refresh=1"))["rs@h"]
        return known.get("stats", {}).get("total", {}).get("tasks.add") == 1 and known

    details = eventually("the worker has told Flower of itself", asked)
    assert details["stats"]["pool"]["max-concurrency"] == 2, details
    assert {"tasks.add", "tasks.boom"} <= set(details["registered"]), details
    assert [queue["name"] for queue in details["active_queues"]] == ["celery"], details
    assert details["conf"]["worker_concurrency"] == 2, details
    for page in ("/worker/rs@h", f"/task/{bad.id}"):
        assert "rs@h" in get(page), page
    metrics = eventually("counted", lambda: 'type="task-succeeded",worker="rs@h"' in (m := get("/metrics")) and m)
    assert 'flower_events_total{task="tasks.add",type="task-received",worker="rs@h"} 1.0' in metrics, metrics
    # Its buttons.
    running = send("tasks.sleepy", 600)
    eventually("the task runs", lambda: task(running.id)["state"] == "STARTED")
    get(f"/api/task/revoke/{running.id}", terminate="true")
    eventually("it is terminated", lambda: running.state == "REVOKED")
    get("/api/worker/pool/grow/rs@h", n=3)
    grown = lambda: json.loads(get("/api/workers?refresh=1"))["rs@h"]["stats"]["pool"]["max-concurrency"] == 5  # noqa: E731
    eventually("the pool has grown", grown)


# An exporter is another reader of the same events.
@check("exporter")
def exporter():
    with reserved_port() as port:
        command = [sys.executable, "-B", "-m", "celery_prometheus_exporter", "--broker", os.environ["REDIS_URL"]]

        def metrics():
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as response:
                    return response.read().decode()
            except OSError:
                return ""

        def counted(*lines):
            text = metrics()
            return all(line in text for line in lines)

        with rust("rs@h", "-E"), process([*command, "--addr", f"127.0.0.1:{port}"]):
            eventually("the exporter sees the worker", lambda: counted("celery_workers 1.0"), 60)
            done = [add.delay(1, number) for number in range(3)]
            bad = boom.delay()
            assert [result.get(timeout=WAIT) for result in done] == [1, 2, 3]
            bad.get(timeout=WAIT, propagate=False)
            expected = (
                'celery_tasks{state="SUCCESS"} 3.0',
                'celery_tasks{state="FAILURE"} 1.0',
                'celery_tasks_by_name{name="tasks.add",state="SUCCESS"} 3.0',
            )
            eventually("all are counted", lambda: counted(*expected) or print(metrics()))


main()
