"""Password hashing that gives way to the sale: one thread of low priority in each process computes."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from django.contrib.auth.hashers import PBKDF2PasswordHasher

# Of two that want a processor, one of this niceness gets about a tenth of the time.
NICENESS = 10


@cache
def executor() -> ThreadPoolExecutor:
    """The thread that computes, in the process that asks (a forked one makes its own).

    A hash is half a second of a processor without the interpreter's lock, so the thread can't hold up the others of
    its process, save for the microseconds around it.
    """
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="hashing", initializer=lower_priority)


def stop_thread() -> None:
    """End the thread: a process that has one can't be forked safely. The next hash starts another."""
    executor().shutdown()
    executor.cache_clear()


def lower_priority() -> None:
    """Lower the priority of this thread alone, where the system knows of such (Linux)."""
    if hasattr(os, "setpriority") and os.uname().sysname == "Linux":
        thread = threading.get_native_id()
        # A process that gives way already may not be asked to take more.
        os.setpriority(os.PRIO_PROCESS, thread, max(os.getpriority(os.PRIO_PROCESS, thread), NICENESS))


class LowPriorityPBKDF2(PBKDF2PasswordHasher):
    """Django's default, computed where it can't take the processors from holds and polls."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        return executor().submit(super().encode, password, salt, iterations).result()


os.register_at_fork(after_in_child=executor.cache_clear)
