"""What a workflow with options of its own sends, applied by Celery and as a callback by the Rust worker.

Prints for each workflow "same", or what each side sent. `REDIS_URL` names a Redis whose queue `rs` a Rust worker serves.
"""
import json
import re
from base64 import b64decode

from app import add, app, echo, tsum
from celery import chain, chord, group
from harness import eventually, redis

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
QUEUES = ["celery", "own", "outer", "inner", "end"]


def parked(signature, queue="own"):
    return signature.set(queue=queue)


def errback(name):
    return echo.si(name).set(task_id=name)


def two():
    return [parked(add.s(1), "own"), add.s(2)]


WORKFLOWS = {
    "a chain's queue and priority are its first call's": lambda: chain(two()).set(queue="outer", priority=3),
    "a chain's id is its last call's": lambda: chain(two()).set(task_id="the-end"),
    "a chain's errback is each call's": lambda: chain(two()).set(link_error=[errback("oops")]),
    "a chain's callback is its last call's": lambda: chain(two()).set(link=[errback("then")]),
    "a chain in a group counts with its last call": lambda: chain(two()).set(group_id="g", group_index=4),
    "a chain in a chord counts with its last call": lambda: chain(two()).set(
        group_id="g", group_index=1, chord=parked(tsum.s().set(task_id="body"), "end")),
    "a chain of one in a chord": lambda: chain([add.s(1)], app=app).set(
        group_id="g", group_index=1, chord=parked(tsum.s().set(task_id="body"), "end")),
    "what follows a chain comes after it": lambda: chain(two()).set(chain=[echo.s().set(task_id="last")]),
    "a group's options are its members'": lambda: group(two()).set(queue="outer", task_id="g"),
    "a group in a group": lambda: group([add.s(1), group([add.s(2), add.s(3)])], task_id="g"),
    "a group's members keep the chord they count in": lambda: group(
        [add.s(1).set(group_id="g", chord=tsum.s().set(task_id="body")), add.s(2)], task_id="own-group"),
    "a chord's queue is its header's and its body's": lambda: chord(two(), tsum.s()).set(queue="outer"),
    "a chord's delay is its header's": lambda: chord(two(), tsum.s()).set(countdown=1000),
    "a chord's callbacks are its body's": lambda: chord(two(), tsum.s()).set(
        link=[errback("then")], link_error=[errback("oops")]),
    "a chord in a chord counts with its body": lambda: chord(two(), tsum.s()).set(
        group_id="g", group_index=2, chord=parked(echo.s().set(task_id="body"), "end")),
    "a chord whose body is a chain": lambda: chord(two(), chain([tsum.s(), parked(add.s(5))])),
    "a call keeps its own chain and chord": lambda: add.s(1).set(
        chain=[echo.s().set(task_id="last")], group_id="g", group_index=0, chord=tsum.s().set(task_id="body")),
}


def plain(signature):
    """A signature without what differs by who wrote it, and without what its own header repeats."""
    if isinstance(signature, list):
        return [plain(one) for one in signature]
    if not isinstance(signature, dict):
        return signature
    found = {key: plain(value) for key, value in signature.items() if value not in (None, [], {}, False)}
    if "options" in found:
        hidden = ["root_id", "parent_id", "reply_to", "task_id", "group_index"]
        found["options"] = {key: value for key, value in found["options"].items() if key not in hidden}
        # Of a body that is a chain the end is told only when it is sent.
        if UUID.fullmatch(found["options"].get("group_id", "")):
            del found["options"]["group_id"]
        if signature.get("subtask_type"):
            found["options"].pop("group_id", None)
            found["options"].pop("chord", None)
        if not found["options"]:
            del found["options"]
    return found


def message(raw, queue):
    raw = json.loads(raw)
    headers, (args, kwargs, embed) = raw["headers"], json.loads(b64decode(raw["body"]))
    sent = {key: headers[key] for key in ("task", "group", "group_index") if headers[key] is not None}
    sent["id"] = "fresh" if UUID.fullmatch(headers["id"]) else headers["id"]
    if sent.get("group") and UUID.fullmatch(sent["group"]):
        sent["group"] = "fresh"
    sent |= {"delayed": headers["eta"] is not None, "queue": queue, "args": args, "kwargs": kwargs}
    sent["priority"] = raw["properties"]["priority"]
    sent |= {key: plain(value) for key, value in embed.items() if value}
    return json.loads(UUID.sub("fresh", json.dumps(sent)))


def parked_messages():
    lists = [(queue, queue) for queue in QUEUES] + [(f"{queue}\x06\x163", queue) for queue in QUEUES]
    found = [message(raw, queue) for key, queue in lists for raw in reversed(redis().lrange(key, 0, -1))]
    sizes = {key.decode(): int(redis().get(key)) for key in redis().keys("celery-taskset-meta-*.s")}
    redis().delete(*[key for key, _ in lists], *sizes)
    order = lambda sent: json.dumps([sent["queue"], sent["task"], sent["args"]])  # noqa: E731
    return sorted(found, key=order), sorted(sizes.values())


def without_index(sent):
    return [{key: value for key, value in one.items() if key != "group_index"} for one in sent[0]], sent[1]


for name, workflow in WORKFLOWS.items():
    workflow().apply_async((7,))
    theirs = parked_messages()
    add.apply_async((3, 4), queue="rs", link=workflow(), task_id="parent")
    eventually("the Rust worker ended the call", lambda: redis().get("celery-task-meta-parent"))
    eventually("it let go of it", lambda: not redis().hlen("unacked"))
    redis().delete("celery-task-meta-parent")
    ours = parked_messages()
    if name == "a group in a group":
        # Celery begins to count anew in the inner one.
        theirs, ours = without_index(theirs), without_index(ours)
    if ours == theirs:
        print("same:", name)
    else:
        print("different:", name, "\n  Celery:", json.dumps(theirs, sort_keys=True), "\n  ours:  ",
              json.dumps(ours, sort_keys=True))
