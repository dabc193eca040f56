"""The app of the tests with queues that are bound to named exchanges, for `celery -A routing worker`."""
from app import app
from kombu import Exchange, Queue

app.conf.task_queues = [
    Queue("videos", Exchange("media", "direct"), routing_key="video"),
    Queue("news", Exchange("world", "topic"), routing_key="news.*.today"),
]
