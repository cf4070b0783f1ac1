"""Which Celery application a process has, and which processes need none."""

import os
import subprocess
import sys

import pytest

from concert_site.embedded.data_dir import PROJECT

pytestmark = pytest.mark.processes


def said_by(code):
    """What a Python of its own prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, env=os.environ, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_wherever_django_is_set_up_the_application_is_ours_and_who_works_off_anything_but_ticks_gives_way_to_the_sale():
    named = "from celery import current_app; print(current_app.main, current_app.conf.task_default_queue)"
    code = "import django, os, threading; django.setup();"
    code += "from reservations.tasks import tick_release; print(tick_release.app.main);"
    # In every thread.
    code += f"thread = threading.Thread(target=exec, args=[{named!r}]); thread.start(); thread.join();"
    code += "from concert_site.celery import app; os.setpriority(os.PRIO_PROCESS, 0, 0);"
    for queues in ("ticks", "lines,celery"):
        code += f"app.Worker(queues='{queues}', pool='threads', without_mingle=True, quiet=True);"
        code += "print(os.getpriority(os.PRIO_PROCESS, 0));"
    of_tasks, of_threads, of_ticks, of_others = said_by(code).splitlines()
    assert (of_tasks, of_threads) == ("frontrow", "frontrow celery")
    # Elsewhere the whole process gives way.
    if sys.platform == "linux":
        assert (of_ticks, of_others) == ("0", "5")


def test_the_daemon_of_a_lone_command_loads_neither_celery_nor_django():
    code = "import sys, concert_site.embedded.daemon; print({'celery', 'django'} & sys.modules.keys())"
    assert said_by(code) == "set()"
