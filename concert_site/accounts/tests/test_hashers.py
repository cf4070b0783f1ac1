"""Hashing: as Django does it, in one thread that gives way."""

import os
import sys
import threading

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher

from concert_site.accounts.hashers import NICENESS, LowPriorityPBKDF2, executor


def test_a_hash_is_djangos_own():
    encoded = LowPriorityPBKDF2().encode("front-row-2026", "salt", 1000)

    assert encoded == PBKDF2PasswordHasher().encode("front-row-2026", "salt", 1000)
    assert LowPriorityPBKDF2().verify("front-row-2026", encoded)
    assert not LowPriorityPBKDF2().verify("front-row-2027", encoded)


def test_one_thread_hashes_for_all():
    threads = {executor().submit(threading.get_ident).result() for _ in range(5)}

    assert len(threads) == 1
    assert threads != {threading.get_ident()}


@pytest.mark.skipif(sys.platform != "linux", reason="threads have priorities of their own on Linux")
def test_the_thread_that_hashes_gives_way_and_nobody_else():
    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    hashing = executor().submit(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id())).result()

    assert hashing == max(before, NICENESS)
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before


def test_a_site_hashes_with_it():
    # The plugin of the tests puts a quick hasher in its place.
    from concert_site import settings as written

    assert written.PASSWORD_HASHERS[0] == "concert_site.accounts.hashers.LowPriorityPBKDF2"
