"""Mails that nobody's answer waits for, so that how long it takes doesn't tell whether one was sent.

They go out of a thread of this process: what they hold is good for minutes, so one that is lost with the process is
asked for again rather than kept in a table.
"""

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings
from django.core.mail import EmailMessage

log = logging.getLogger(__name__)

# How many may wait, while the mail server is slow or away.
MOST_WAITING = 500
PAUSES_SECONDS = (1, 5)
# Mails that stay in memory, as in tests, are there at once.
IN_MEMORY = "django.core.mail.backends.locmem.EmailBackend"

_sender = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mails")
_room = threading.BoundedSemaphore(MOST_WAITING)


def send_in_background(message: EmailMessage) -> None:
    """Send a mail, without waiting for it and without a word if that fails: it is tried three times, and logged."""
    if settings.EMAIL_BACKEND == IN_MEMORY:
        message.send()
    elif _room.acquire(blocking=False):
        _sender.submit(_send, message)
    else:
        log.error("A mail of the accounts was dropped: %d others wait for the mail server.", MOST_WAITING)


def wait() -> None:
    """Come back once everything that waits has been tried."""
    _sender.submit(lambda: None).result()


def _send(message: EmailMessage) -> None:
    try:
        for pause in (*PAUSES_SECONDS, None):
            try:
                message.send()
            except OSError as error:
                # Every failure of smtplib and of sockets is one.
                log.warning("A mail of the accounts could not be sent: %s", error)
                if pause is not None:
                    time.sleep(pause)
            else:
                return
    except Exception:
        log.exception("A mail of the accounts could not be sent.")
    finally:
        _room.release()
