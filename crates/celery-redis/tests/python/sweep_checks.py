"""Check 49: each kind of worker gives back what a killed worker of the other kind held."""
import os
import sys

from app import app
from harness import HERE, WAIT, check, eventually, main, process, redis, send

VISIBILITY = 3


def python(name):
    """A Python worker that sweeps every few seconds instead of every 100."""
    options = (
        "import app, sys\n"
        f"app.app.conf.broker_transport_options = {{'visibility_timeout': {VISIBILITY},"
        " 'unacked_restore_interval': 0.5, 'unacked_restore_throttle': 1}\n"
        f"app.app.worker_main(['worker', '-n', '{name}', '-l', 'ERROR', '-P', 'threads', '-c', '1'])\n"
    )
    return process([sys.executable, "-B", "-c", options], cwd=HERE, env=dict(os.environ))


def rust(name):
    command = [os.environ["CONFORMANCE_WORKER"], "-n", name, "-c", "1"]
    return process([*command, "--visibility-timeout", str(VISIBILITY), "--restore-interval", "0.5"])


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


main()
