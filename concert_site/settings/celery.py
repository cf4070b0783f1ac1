"""Background work."""

from concert_site.settings.databases import BROKER

CELERY_BROKER_URL = BROKER["url"]
CELERY_BROKER_USE_SSL = BROKER["ssl"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "celery"
# Ticks have a worker of their own, since a line must move each second whatever else there is to do: what they do is
# short. What is long about a line is asked for by ticks, and done beside the rest.
CELERY_TASK_ROUTES = {
    "concert_site.tick_analyze": {"queue": "lines"},
    "reservations.draw_line": {"queue": "lines"},
    "reservations.record_draw": {"queue": "lines"},
    "reservations.end_line": {"queue": "lines"},
    "*.tick_*": {"queue": "ticks"},
}
CELERY_BEAT_SCHEDULER = "concert_site.operations.scheduler:SiteScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"
# Whoever enqueues gives up at once: beat finds what is owed. (Worker and beat connect with retries of their own.)
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_connect_timeout": 2,
    "socket_timeout": 2,
    "max_retries": 0,
    "visibility_timeout": 3600,
    **BROKER["options"],
}
