"""A worker of Python's Celery that takes what our api queues and writes down what it was given."""
import json
import os
import sys

from celery import Celery

URL, RECORD = os.environ["REDIS_URL"], sys.argv[1]
app = Celery("stub", broker=URL, backend=URL)
app.conf.update(broker_connection_retry_on_startup=True)


@app.task(name="register_runner", bind=True)
def register_runner(self, *args, **kwargs):
    with open(RECORD + ".part", "w", encoding="utf-8") as record:
        json.dump({"name": self.name, "id": self.request.id, "args": args, "kwargs": kwargs}, record)
    os.rename(RECORD + ".part", RECORD)
    return "registered"


app.worker_main(["worker", "-Q", "celery", "-P", "solo", "-l", "INFO"])
