"""A client of Python's Celery: has our worker look at an instance and prints what it answers, as JSON."""
import json
import os
import sys

from celery import Celery

URL = os.environ["REDIS_URL"]
app = Celery("client", broker=URL, backend=URL)
result = app.send_task("send_heartbeat", args=[sys.argv[1]], queue="monitoring")
print(json.dumps(result.get(timeout=60)))
