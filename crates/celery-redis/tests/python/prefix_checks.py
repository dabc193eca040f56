"""Check 57 of the conformance list: with `global_keyprefix`, Python's and our sides still understand each other."""
import os

# Read by the app, here and in the Python worker.
os.environ["KEY_PREFIX"] = "pfx:"

from celery import chord  # noqa: E402

from app import PREFIX, add, app, echo  # noqa: E402
from harness import WAIT, Watch, check, eventually, main, python, raises, redis, rust, send  # noqa: E402


@check(57)
def prefix():
    with Watch() as watch, rust("rs@h", "-E", "-Q", "rs", "--prefix", PREFIX), python("py@h", "-E", "-Q", "py"):
        for priority in (0, 3, 6, 9):
            done = add.apply_async((1, 2), queue="rs", priority=priority)
            assert done.get(timeout=WAIT) == 3
        task = watch.task(done.id, "SUCCESS")
        assert task.worker.hostname == "rs@h"
        # Through our client, on a Python worker; and the other way round as a callback.
        spawned = send("tasks.spawn", 4, 5, "py", queue="rs").get(timeout=WAIT)
        assert app.AsyncResult(spawned).get(timeout=WAIT) == 9
        callback = echo.s().set(queue="rs", task_id="callback")
        add.apply_async((1, 2), queue="py", link=callback).get(timeout=WAIT)
        assert app.AsyncResult("callback").get(timeout=WAIT)["args"] == [3]
        for body in ("rs", "py"):
            members = [add.s(number, number).set(queue=("rs", "py")[number % 2]) for number in range(10)]
            joined = chord(members, echo.s().set(queue=body)).delay().get(timeout=WAIT)
            assert joined["args"] == [[2 * number for number in range(10)]], joined
        later = add.apply_async((1, 2), queue="rs", countdown=600)
        eventually("it is held", lambda: redis().hlen(PREFIX + "unacked") == 1)
        app.control.revoke(later.id)
        raises("TaskRevokedError", lambda: later.get(timeout=WAIT), "revoked")
    unprefixed = [key for key in redis().keys("*") if not key.startswith(PREFIX.encode())]
    assert not unprefixed, unprefixed


main()
