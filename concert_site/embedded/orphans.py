"""What an earlier supervisor left running, known by process id and time of start."""

import json
import os
import signal
from collections.abc import Container, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from concert_site.embedded.data_dir import DataDir, write_closed

# How far two readings of the same time of start may lie apart when the clock is set in between.
SAME_SECONDS = 2.0
GENTLE_SECONDS = 15.0


@dataclass(frozen=True)
class ProcessRecord:
    """The leader of a process group of ours."""

    name: str
    pid: int
    started_at: float
    stop_signal: int


def record_of(name: str, pid: int, stop_signal: int) -> ProcessRecord:
    """Take down who this is. It must not have been waited for yet."""
    return ProcessRecord(name, pid, psutil.Process(pid).create_time(), stop_signal)


def write_records(path: Path, processes: Iterable[ProcessRecord]) -> None:
    write_closed(path, json.dumps([asdict(process) for process in processes]))


def read_records(path: Path) -> list[ProcessRecord]:
    try:
        return [ProcessRecord(**process) for process in json.loads(path.read_text())]
    except (OSError, ValueError, TypeError):
        # No record, or one that a full disk cut short: then nothing can be said about anybody.
        return []


def end_orphans(data_dir: DataDir, names: Container[str]) -> None:
    """End the programs of these names that supervisors left which are gone. Call it with their locks held."""
    records = [process for path in data_dir.all_records() for process in read_records(path)]
    groups = {process: members(process, data_dir) for process in records if process.name in names}
    for process, found in groups.items():
        for member in found:
            # A leader with a gentle signal stops its group in order; what has no leader just ends.
            is_gentle = member.pid == process.pid
            send(member, process.stop_signal if is_gentle else signal.SIGKILL)
    everybody = [member for found in groups.values() for member in found]
    _, slow = psutil.wait_procs(everybody, timeout=GENTLE_SECONDS)
    for member in slow:
        send(member, signal.SIGKILL)
    psutil.wait_procs(slow, timeout=GENTLE_SECONDS)


def members(process: ProcessRecord, data_dir: DataDir) -> list[psutil.Process]:
    return [found for found in psutil.process_iter() if belongs(found, process, data_dir)]


def belongs(found: psutil.Process, process: ProcessRecord, data_dir: DataDir) -> bool:
    """Whether it is of this session, and the session is the one that was recorded.

    Numbers are used again. The leader is known by its time of start; once it is gone, a member is
    known by our data directory in its environment.
    """
    with suppress(psutil.Error, ProcessLookupError, PermissionError):
        if found.pid == process.pid:
            return abs(found.create_time() - process.started_at) < SAME_SECONDS
        if os.getsid(found.pid) == process.pid:
            return found.environ().get("DATA_DIR") == str(data_dir.path)
    return False


def send(process: psutil.Process, number: int) -> None:
    with suppress(psutil.Error):
        process.send_signal(number)
