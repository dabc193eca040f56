"""Checks 43 and 44 of the conformance list: a chord's duplicate member, and stamps on their way."""
import json

from app import add, app, echo, tsum
from celery import chord
from harness import WAIT, check, eventually, main, redis, rust


@check(43)
def duplicate_member():
    result = chord([add.s(number, number) for number in range(4)], tsum.s()).delay()
    messages = redis().lrange("celery", 0, -1)
    assert len(messages) == 4
    # As a sweep would give it back while its worker still runs it.
    redis().rpush("celery", messages[-1], messages[0])
    with rust("rs@h", "-c", "4"):
        assert result.get(timeout=WAIT) == 12
        total = lambda: app.control.inspect(["rs@h"]).stats()["rs@h"]["total"]  # noqa: E731
        eventually("all six members ran", lambda: total()["tasks.add"] == 6 and redis().hlen("unacked") == 0)
        assert total()["tasks.tsum"] == 1, total()
        assert redis().llen("celery") == 0
        group = eventually("the chord is done", lambda: redis().keys("celery-taskset-meta-*"))
        assert all(key.endswith(b".c") for key in group), group


@check(44)
def stamps():
    callback = echo.s().set(queue="parked")
    callback.options.update(stamped_headers=["tenant"], tenant="acme")
    with rust("rs@h"):
        assert add.apply_async((1, 2), link=callback).get(timeout=WAIT) == 3
    message = json.loads(redis().lindex("parked", 0))
    assert message["headers"]["stamped_headers"] == ["tenant"], message
    assert message["headers"]["stamps"] == {"tenant": "acme"}, message


main()
