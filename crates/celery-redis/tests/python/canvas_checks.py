"""Checks 35 to 44 of the conformance list: workflows of a Python client, on Rust workers alone and beside Python's."""
import json

from app import add, app, boom, echo, mul, tsum
from celery import chain, chord, group
from harness import WAIT, Watch, both, check, eventually, main, python, raises, redis, rust, send, totals


@check(35)
def chains():
    with Watch() as watch, both("-E"):
        for queues in ("rs", "rs", "rs"), ("rs", "py", "rs"), ("py", "rs", "py"):
            steps = [step.set(queue=queue) for step, queue in zip((add.s(1, 2), add.s(3), mul.s(4)), queues)]
            last = chain(*steps).delay()
            assert last.get(timeout=WAIT) == 24
            ids = [last.parent.parent.id, last.parent.id, last.id]
            told = [watch.task(uuid, "SUCCESS") for uuid in ids]
            assert [task.worker.hostname for task in told] == [f"{queue}@h" for queue in queues]
            assert {task.root_id for task in told} == {ids[0]}, told
            assert [task.parent_id for task in told] == [None, *ids[:2]], told


@check(36)
def failing_chain():
    with rust("rs@h"):
        last = chain(boom.si(), add.s(1), add.s(2)).delay()
        for step in (last, last.parent, last.parent.parent):
            error = raises("ValueError", lambda: step.get(timeout=WAIT))
            assert error.args == ("bad", 3), error
            meta = eventually("its own state", lambda: json.loads(redis().get("celery-task-meta-" + step.id) or "null"))
            assert (meta["status"], meta["task_id"]) == ("FAILURE", step.id), meta
        assert totals("rs@h") == {"tasks.boom": 1}


@check(37)
def children():
    with rust("rs@h", wait=False):
        linked = add.apply_async((1, 2), link=[add.s(10), mul.s(10)])
        assert linked.get(timeout=WAIT) == 3
        assert [child.get(timeout=WAIT) for child in linked.children] == [[13, 30]]
        # What a task sends itself is listed before what is linked to it.
        spawning = send("tasks.spawn", 4, 5, link=echo.s())
        spawned = spawning.get(timeout=WAIT)
        own, callback = spawning.children
        assert own.id == spawned and own.get(timeout=WAIT) == 9
        assert app.backend.get_task_meta(spawned)["parent_id"] == spawning.id
        assert callback.get(timeout=WAIT)["args"] == [spawned]


@check(38)
def errback():
    with rust("rs@h", wait=False):
        failed = boom.apply_async(link_error=echo.s("more").set(task_id="errback"))
        raises("ValueError", lambda: failed.get(timeout=WAIT))
        assert app.AsyncResult("errback").get(timeout=WAIT)["args"] == [failed.id, "more"]


@check(39)
def shared_chords():
    # Both workers take from one queue; one member and one body in two are each side's own, so that both take part.
    # One thread of Python's, as two may count a task at once and lose one of the counts.
    with rust("rs@h", "-Q", "rs,celery", "-c", "2"), python("py@h", "-Q", "py,celery", "-c", "1"):
        for run in range(20):
            members = [add.s(number, number) for number in range(50)]
            members[0].set(queue="py")
            members[-1].set(queue="rs")
            result = chord(members, echo.s().set(queue=("py", "rs")[run % 2])).delay().get(timeout=WAIT * 2)
            assert result["args"] == [[2 * number for number in range(50)]], result
        eventually("nothing is held", lambda: not redis().hlen("unacked"))
        ran = [totals("rs@h"), totals("py@h")]
        assert [side["tasks.echo"] for side in ran] == [10, 10], ran
        assert sum(side["tasks.add"] for side in ran) == 1000 and min(side["tasks.add"] for side in ran) >= 20, ran


@check(40)
def failing_chord():
    with rust("rs@h"):
        told = echo.s().set(task_id="told")
        started = chord([add.s(1, 2), boom.s().set(task_id="bad")], tsum.s().set(task_id="body").on_error(told)).delay()
        # The member's own error is raised only if it is there when the waiting begins.
        eventually("the chord has failed", started.ready)
        raises("ValueError", lambda: started.get(timeout=WAIT))
        meta = eventually("the body's own state", lambda: json.loads(redis().get("celery-task-meta-body") or "null"))
        assert meta["status"] == "FAILURE" and meta["result"]["exc_type"] == "ChordError", meta
        assert meta["result"]["exc_message"] == ["Dependency bad raised ValueError('bad', 3)"], meta
        assert app.AsyncResult("told").get(timeout=WAIT)["args"] == ["body"]
        assert "tasks.tsum" not in totals("rs@h")


@check(41)
def every_position():
    with both():
        for ours in (0, 1, 2, 3, None):
            side = ["py"] * 4
            if ours is not None:
                side[ours] = "rs"
            fan = group(add.s(1).set(queue=side[1]), add.s(2).set(queue=side[1]))
            flow = add.s(1, 1).set(queue=side[0]) | fan | tsum.s().set(queue=side[2]) | mul.s(2).set(queue=side[3])
            assert flow.delay().get(timeout=WAIT) == 14, side
        # Once at the first position, twice in the group.
        assert totals("rs@h") == {"tasks.add": 3, "tasks.tsum": 1, "tasks.mul": 1}
    with rust("all@h", wait=False):
        assert (add.s(1, 1) | group(add.s(1), add.s(2)) | tsum.s() | mul.s(2)).delay().get(timeout=WAIT) == 14


@check(42)
def nested():
    with rust("rs@h", wait=False):
        joined = lambda *members: chord(members, echo.s()).delay().get(timeout=WAIT)["args"]  # noqa: E731
        # One value per member, whatever the member is.
        assert joined(chord([add.s(1, 2), add.s(3, 4)], tsum.s()), add.s(5, 6)) == [[10, 11]]
        assert joined(chain(add.s(1, 2), mul.s(2)), add.s(1, 4)) == [[6, 5]]
        # A group within becomes a chord whose body counts for the outer one.
        fan = add.s(1, 1) | group(add.s(1), add.s(2)) | tsum.s()
        assert joined(fan, add.s(3, 3)) == [[7, 6]]
        assert joined(fan | mul.s(2), add.s(3, 3)) == [[14, 6]]


@check(43)
def duplicate_member():
    result = chord([add.s(number, number) for number in range(4)], tsum.s()).delay()
    messages = redis().lrange("celery", 0, -1)
    assert len(messages) == 4
    # As a sweep would give it back while its worker still runs it.
    redis().rpush("celery", messages[-1], messages[0])
    with rust("rs@h", "-c", "4"):
        assert result.get(timeout=WAIT) == 12
        total = lambda: totals("rs@h")  # noqa: E731
        eventually("all six members ran", lambda: total()["tasks.add"] == 6 and redis().hlen("unacked") == 0)
        assert total()["tasks.tsum"] == 1, total()
        assert redis().llen("celery") == 0
        group = eventually("the chord is done", lambda: redis().keys("celery-taskset-meta-*"))
        assert all(key.endswith(b".c") for key in group), group


@check(44)
def stamps():
    callback = echo.s().set(queue="parked")
    callback.options.update(stamped_headers=["tenant"], tenant="acme")
    with rust("rs@h", wait=False):
        assert add.apply_async((1, 2), link=callback).get(timeout=WAIT) == 3
    message = json.loads(redis().lindex("parked", 0))
    assert message["headers"]["stamped_headers"] == ["tenant"], message
    assert message["headers"]["stamps"] == {"tenant": "acme"}, message


main()
