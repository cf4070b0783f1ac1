"""Become one of Frontrow's processes: bind its life to the parent's, change the account, exec.

Run as a script (`python -I -S launch.py JSON PROGRAM ARGUMENT...`) in place of subprocess'
`preexec_fn`, which is not safe in a process that may have threads. The process id stays the same.
JSON: `{"parent": pid, "death_signal": n, "account": [uid, gid] | null, "reach": [paths]}`.
"""

import ctypes
import json
import os
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_SET_SECUREBITS = 28
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2
CAP_SETPCAP = 8
SECBIT_NO_SETUID_FIXUP = 4
CAPABILITY_VERSION_3 = 0x20080522

libc = ctypes.CDLL(None, use_errno=True)


def prctl(*arguments: int) -> None:
    if sys.platform == "linux":
        libc.prctl(*(ctypes.c_ulong(argument) for argument in (*arguments, 0, 0, 0, 0)[:5]))


def permitted_capabilities() -> int:
    with Path("/proc/self/status").open() as status:
        return next(int(line.split()[1], 16) for line in status if line.startswith("CapPrm:"))


def set_capabilities(*numbers: int) -> None:
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    bits = sum(1 << number for number in numbers)
    # Effective, permitted and inheritable, first for the capabilities 0-31, then for 32-63.
    libc.capset(header, (ctypes.c_uint32 * 6)(bits, bits, bits, 0, 0, 0))


def keep_capability(number: int) -> None:
    """Keep one capability, and no other, beyond the change of account and the exec."""
    set_capabilities(number, CAP_SETPCAP)
    # access(2), with which initdb looks for its programs, disregards capabilities otherwise.
    prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP)
    set_capabilities(number)
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number)


def change_account(uid: int, gid: int, reach: list[str]) -> None:
    """Become someone else, with the right to pass closed folders only if one lies in the way.

    A clone below root's own 0700 home is closed to everybody else, PostgreSQL's account included.
    Changing the permissions of folders that aren't ours is no answer; the capability to search them
    is, and it ends with the process. Plain containers lack the narrower of the two capabilities.
    """
    prctl(PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    if all(os.access(path, os.R_OK | os.X_OK) for path in reach) or sys.platform != "linux":
        return
    permitted = permitted_capabilities()
    for capability in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE):
        if permitted & 1 << capability and permitted & 1 << CAP_SETPCAP:
            keep_capability(capability)
            return
    sys.exit(f"uid {uid}, which PostgreSQL runs as because it refuses root, can't reach {' and '.join(reach)}")


def main() -> None:
    """Follow the orders in the first argument, then turn into the program of the others."""
    orders = json.loads(sys.argv[1])
    if orders["account"]:
        uid, gid = orders["account"]
        try:
            change_account(uid, gid, orders["reach"])
        except PermissionError:
            sys.exit("PostgreSQL refuses to run as root, and root may not change to another account here")
    # After the change of account, which clears it.
    prctl(PR_SET_PDEATHSIG, orders["death_signal"])
    if os.getppid() != orders["parent"]:
        return
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - that is what it is for


if __name__ == "__main__":
    main()
