"""Checks 48 and 49 of the conformance list: what becomes of what a killed worker held, whatever its kind."""
import contextlib
import os
import signal
import sys

from app import app
from harness import HERE, WAIT, Stamps, answers, check, eventually, main, process, redis, send, totals

VISIBILITY = 3


def python(name, *arguments, visibility=VISIBILITY, interval=0.5):
    """A Python worker that sweeps as often as it is told, instead of every 100 s."""
    options = (
        "import app, sys\n"
        f"app.app.conf.broker_transport_options = {{'visibility_timeout': {visibility},"
        f" 'unacked_restore_interval': {interval}, 'unacked_restore_throttle': 1}}\n"
        f"app.app.worker_main(['worker', '-n', '{name}', '-l', 'ERROR', '-P', 'threads', '-c', '1', *{arguments!r}])\n"
    )
    return process([sys.executable, "-B", "-c", options], cwd=HERE, env=dict(os.environ))


def rust(name, *arguments, visibility=VISIBILITY, interval=0.5):
    command = [os.environ["CONFORMANCE_WORKER"], "-n", name, "-c", "1"]
    command += ["--visibility-timeout", str(visibility), "--restore-interval", str(interval), *arguments]
    return process(command, env={**os.environ, "RUST_LOG": "error"})


@contextlib.contextmanager
def rescued_by(rescuer, victim):
    """Lets `rescuer` be there while `victim` is killed."""
    with rescuer("rescuer@h"):
        eventually("the rescuer is there", lambda: answers("rescuer@h"))
        victim.kill()
        victim.wait()
        yield
        eventually("nothing is held", lambda: not redis().hlen("unacked") and not redis().zcard("unacked_index"))
        assert not redis().llen("celery")


def stored(result):
    return bool(redis().exists("celery-task-meta-" + result.id))


def left_by(victim, rescuer):
    """Kills `victim` while it holds messages; `rescuer` executes those it had not begun."""
    # It does not sweep: killed while it does, a Python worker would leave the sweep locked for five minutes.
    with victim("victim@h", interval=3600) as worker:
        running = send("tasks.sleepy", 600)
        held = [send("tasks.add", number, number) for number in range(4)]
        # Acknowledged when it began, the running task is no longer in the ledger.
        eventually("four are held", lambda: redis().hlen("unacked") == 4 and redis().llen("celery") == 0)
        with rescued_by(rescuer, worker):
            assert [result.get(timeout=WAIT) for result in held] == [0, 2, 4, 6]
            assert totals("rescuer@h") == {"tasks.add": 4}
    # What ran was lost with its worker, as early acknowledgement has it.
    assert not stored(running)


@check(48)
def killed():
    for turn, rescuer in enumerate((rust, python)):
        notes = f"notes{turn}"
        with rust("victim@h", "-c", "4", interval=3600) as worker:
            kinds = ["tasks.gated", "tasks.gated", "tasks.gated_late", "tasks.gated_late"]
            running, held = ([send(kind, notes) for kind in kinds] for _ in range(2))
            # Acknowledged when they began, two of those that run are no longer in the ledger.
            eventually("four run, six are held", lambda: redis().llen(notes) == 4 and redis().hlen("unacked") == 6)
            with rescued_by(rescuer, worker):
                redis().set(f"{notes}:open", 1)
                for result in running[2:] + held:
                    result.get(timeout=WAIT)
        # Early: what ran is lost, no more than ran at once. Late: nothing is, and what ran began once more.
        assert [stored(result) for result in running] == [False, False, True, True]
        begun = [note.split()[1] for note in redis().lrange(notes, 0, -1) if note.startswith(b"begin")]
        assert sorted(begun) == sorted(result.id.encode() for result in running + running[2:] + held), begun


@check(49)
def sweeping():
    left_by(python, rust)
    left_by(rust, python)


@check("taken-over")
def taken_over():
    """A Rust worker that was stopped for a while leaves alone what a Python worker has taken over."""
    with Stamps() as stamps:
        with rust("frozen@h", visibility=1, interval=3600) as frozen:
            send("tasks.sleepy", 2)
            held = [send("tasks.stamp", stamps.path, number) for number in range(4)]
            eventually("four are held", lambda: redis().hlen("unacked") == 4 and redis().llen("celery") == 0)
            frozen.send_signal(signal.SIGSTOP)
            blocker = send("tasks.sleepy", 12, queue="python")
            with python("other@h", "-Q", "python,celery", visibility=3600):
                active = app.control.inspect(["other@h"], timeout=1).active
                eventually("the Python worker is busy", lambda: (active() or {}).get("other@h"))
                # As if the stopped worker had been silent for long; the Python worker sweeps, and holds all four.
                redis().zadd("unacked_index", {tag: 1 for tag in redis().hkeys("unacked")})

                def taken():
                    scores = [score for _, score in redis().zrange("unacked_index", 0, -1, withscores=True)]
                    return len(scores) == 4 and min(scores) > 1 and redis().llen("celery") == 0

                eventually("the Python worker holds them", taken)
                frozen.send_signal(signal.SIGCONT)
                # The Python worker holds all it may, so this runs behind whatever the other one still believes its own.
                send("tasks.noop").get(timeout=WAIT)
                assert not stamps.read() and redis().hlen("unacked") == 4, redis().hgetall("unacked")
                blocker.get(timeout=WAIT)
                for result in held:
                    result.get(timeout=WAIT)
                eventually("all are acknowledged", lambda: redis().hlen("unacked") == 0)
        assert stamps.count() == {0: 1, 1: 1, 2: 1, 3: 1}


main()
