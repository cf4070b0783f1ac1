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


def test_wherever_django_is_set_up_the_current_application_is_ours_in_every_thread():
    named = "from celery import current_app; print(current_app.main, current_app.conf.task_default_queue)"
    code = f"import django, threading; django.setup(); threading.Thread(target=exec, args=[{named!r}]).start()"
    assert said_by(code) == "frontrow celery"


def test_tasks_belong_to_it():
    code = "import django; django.setup(); from reservations.tasks import tick_release; print(tick_release.app.main)"
    assert said_by(code) == "frontrow"


def test_the_keeper_of_a_lone_command_loads_neither_celery_nor_django():
    code = "import sys, concert_site.embedded.daemon; print({'celery', 'django'} & sys.modules.keys())"
    assert said_by(code) == "set()"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the whole process gives way")
@pytest.mark.parametrize(("queues", "niceness"), [("ticks", 0), ("lines,celery", 5)])
def test_a_worker_of_anything_but_ticks_gives_way_to_the_sale(queues, niceness):
    code = (
        "import os; from concert_site.celery import app; os.setpriority(os.PRIO_PROCESS, 0, 0);"
        f"app.Worker(queues='{queues}', pool='threads', without_mingle=True, quiet=True);"
        "print(os.getpriority(os.PRIO_PROCESS, 0))"
    )
    assert said_by(code) == str(niceness)
