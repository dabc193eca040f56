"""Check 49: each kind of worker gives back what a killed worker of the other kind held.
Check 85: a Rust worker that was stopped for a while leaves alone what a Python worker has taken over."""
import os
import pathlib
import signal
import sys
import tempfile

from app import app
from harness import HERE, WAIT, check, eventually, main, process, redis, send

VISIBILITY = 3


def python(name, *arguments, visibility=VISIBILITY):
    """A Python worker that sweeps every few seconds instead of every 100."""
    options = (
        "import app, sys\n"
        f"app.app.conf.broker_transport_options = {{'visibility_timeout': {visibility},"
        " 'unacked_restore_interval': 0.5, 'unacked_restore_throttle': 1}\n"
        f"app.app.worker_main(['worker', '-n', '{name}', '-l', 'ERROR', '-P', 'threads', '-c', '1', *{arguments!r}])\n"
    )
    return process([sys.executable, "-B", "-c", options], cwd=HERE, env=dict(os.environ))


def rust(name, visibility=VISIBILITY, interval=0.5):
    command = [os.environ["CONFORMANCE_WORKER"], "-n", name, "-c", "1"]
    return process([*command, "--visibility-timeout", str(visibility), "--restore-interval", str(interval)])


def left_by(victim, rescuer):
    """Kills `victim` while it holds messages; `rescuer`, alive all the time, executes those it had not begun."""
    with victim("victim@h") as worker:
        running = send("tasks.sleepy", 600)
        held = [send("tasks.add", number, number) for number in range(4)]
        # Acknowledged when it began, the running task is no longer in the ledger.
        eventually("four are held", lambda: redis().hlen("unacked") == 4 and redis().llen("celery") == 0)
        with rescuer("rescuer@h"):
            eventually("the rescuer is there", lambda: app.control.ping(destination=["rescuer@h"], timeout=1))
            worker.kill()
            worker.wait()
            assert [result.get(timeout=WAIT) for result in held] == [0, 2, 4, 6]
            assert redis().hlen("unacked") == 0 and redis().zcard("unacked_index") == 0
    # What ran was lost with its worker, as early acknowledgement has it.
    assert app.backend.client.get("celery-task-meta-" + running.id) is None


@check(49)
def sweeping():
    left_by(python, rust)
    left_by(rust, python)


@check(85)
def taken_over():
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "stamps"
        with rust("frozen@h", visibility=1, interval=3600) as frozen:
            send("tasks.sleepy", 2)
            held = [send("tasks.stamp", str(path), number) for number in range(4)]
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
                assert not path.exists() and redis().hlen("unacked") == 4, redis().hgetall("unacked")
                blocker.get(timeout=WAIT)
                for result in held:
                    result.get(timeout=WAIT)
                eventually("all are acknowledged", lambda: redis().hlen("unacked") == 0)
        assert sorted(line.split()[0] for line in path.read_text().splitlines()) == ["0", "1", "2", "3"]


main()
