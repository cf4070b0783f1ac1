#!/usr/bin/python3 -I
"""Run Frontrow's commands on a host where it is installed: as the site's user, with the site's environment.

    frontrow createsuperuser        any manage.py command
    frontrow status                 the units, and what the site says of itself
    frontrow restart                one process after the other, so that the site goes on serving
    frontrow wait --port N          until the site answers there; what the units wait for
    frontrow setting NAME           a setting, as the site reads it

Installed as /usr/local/bin/frontrow by deploy/install.sh. The system's Python runs it, so that it also works while
the site's own is being changed.
"""

import argparse
import http.client
import json
import os
import pwd
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

USER = "frontrow"
CURRENT = Path("/opt/frontrow/current")
ENV_FILE = Path("/etc/frontrow/frontrow.env")
WEB_PORTS = {"frontrow-web@1": 8001, "frontrow-web@2": 8002}
OTHERS = ("frontrow-ticks", "frontrow-worker", "frontrow-beat")
# Where somebody has switched it on.
METRICS = "frontrow-metrics"
EMBEDDED = "frontrow-embedded"
WAIT_SECONDS = 60.0
POLL_SECONDS = 0.25
# What a terminal and a language need; everything else comes from the file alone, as it does for the units.
PASSED_ON = ("TERM", "LANG", "LC_ALL", "COLUMNS", "LINES", "EDITOR", "PAGER")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
BLANK, LINE_END, COMMENT, ESCAPED_IN_QUOTES = " \t\r\n", "\r\n", "#;", '"\\`$'


def read_env(text: str) -> dict[str, str]:
    """The variables of an EnvironmentFile by systemd's rules (systemd.exec(5)), as its own reader goes through it.

    They are not a shell's: nothing is expanded, and a backslash outside of quotes goes away. Within single quotes it
    stays; within double quotes it goes away before one of "\\`$ and at the end of a line. Pieces may follow each other.
    """
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        if text[at] in BLANK:
            at += 1
        elif text[at] in COMMENT:
            # To the end of its line, wherever a backslash stands.
            at = first(text, LINE_END, at)
        else:
            line = first(text, LINE_END, at)
            equals = text.find("=", at, line)
            if equals < 0:
                at = line
                continue
            name = text[at:equals].rstrip(BLANK)
            found[name], at = take_value(text, equals + 1)
    return found


def first(text: str, signs: str, start: int) -> int:
    """Where the first of these signs is; the end if there is none."""
    return min((where for sign in signs if (where := text.find(sign, start)) >= 0), default=len(text))


def take_value(text: str, at: int) -> tuple[str, int]:
    """The value that begins there, and where it ends. A quote that isn't closed takes in the rest, as with systemd."""
    value = ""
    # So much of it keeps the blanks at its end; whether a quote may open here.
    kept, is_before = 0, True
    while at < len(text) and text[at] not in LINE_END:
        sign = text[at]
        if is_before and sign in "'\"":
            piece, at = take_quoted(text, at)
            value += piece
            kept = len(value)
        elif sign == "\\":
            value += text[at + 1 : at + 2].strip(LINE_END)
            kept, is_before = len(value), False
            at += 2
        else:
            is_before = is_before and sign in BLANK
            value += "" if is_before else sign
            at += 1
    return value[:kept] + value[kept:].rstrip(BLANK), at


def take_quoted(text: str, at: int) -> tuple[str, int]:
    """What is in the quotes that open there, and where they end."""
    quote, at = text[at], at + 1
    value = ""
    while at < len(text) and text[at] != quote:
        if quote == '"' and text[at] == "\\":
            following = text[at + 1 : at + 2]
            value += following if following in ESCAPED_IN_QUOTES else "" if following == "\n" else "\\" + following
            at += 2
        else:
            value += text[at]
            at += 1
    return value, at + 1


def main() -> None:
    """Do what the command line says."""
    command, *rest = sys.argv[1:] or ["help"]
    if command in ("help", "-h", "--help") and not rest:
        print(__doc__)
    if command == "wait":
        wait(rest)
    elif command == "setting":
        print(site_environment().get(rest[0] if rest else "", ""))
    elif command == "status":
        status()
    elif command == "restart":
        restart()
    else:
        run([command, *rest])


def run(words: Sequence[str]) -> NoReturn:
    """Become manage.py with these words."""
    environment = site_environment()
    release = CURRENT.resolve()
    become_site_user()
    # As the units: a relative STATIC_ROOT is the release's own.
    os.chdir(release)
    python = str(release / ".venv" / "bin" / "python")
    os.execve(python, [python, "manage.py", *words], environment)  # noqa: S606  that is what it is for


def site_environment() -> dict[str, str]:
    """What the units have."""
    try:
        text = ENV_FILE.read_text()
    except FileNotFoundError:
        sys.exit(f"frontrow: {ENV_FILE} is missing: install Frontrow first (deploy/install.sh)")
    except PermissionError:
        sys.exit("frontrow: run it as root: sudo frontrow ...")
    passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    account = {"HOME": pwd.getpwnam(USER).pw_dir, "USER": USER, "LOGNAME": USER}
    return {"PATH": PATH} | passed_on | account | {"PYTHONUNBUFFERED": "1"} | read_env(text)


def become_site_user() -> None:
    """Give up root, so that no file is made that the site can't write."""
    account = pwd.getpwnam(USER)
    if os.geteuid() == account.pw_uid:
        return
    if os.geteuid() != 0:
        sys.exit("frontrow: run it as root: sudo frontrow ...")
    os.initgroups(USER, account.pw_gid)
    os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
    os.setresuid(account.pw_uid, account.pw_uid, account.pw_uid)
    os.umask(0o027)


def wait(words: Sequence[str]) -> None:
    """Wait until the site answers; exit code 1, and what it said last, if it doesn't."""
    parser = argparse.ArgumentParser(prog="frontrow wait", description="Wait until the site can serve.")
    parser.add_argument("--port", type=int, action="append", required=True, help="where a web process listens")
    parser.add_argument("--seconds", type=float, default=WAIT_SECONDS, help="for how long at most")
    parser.add_argument("--with-ticks", action="store_true", help="until the lines are moved on, too")
    parser.add_argument("--unit", action="append", default=[], help="that must be active then")
    asked = parser.parse_args(words)
    deadline = time.monotonic() + asked.seconds
    while complaint := missing(asked.port, asked.unit, with_ticks=asked.with_ticks):
        if is_main_process_gone() or time.monotonic() > deadline:
            sys.exit(f"frontrow: {complaint}")
        time.sleep(POLL_SECONDS)


def missing(ports: Sequence[int], units: Sequence[str], *, with_ticks: bool) -> str:
    """What keeps the site from serving; empty if nothing does."""
    for port in ports:
        status_code, said = ask(port)
        if status_code != http.client.OK:
            return f"the site doesn't serve on port {port}: {said}"
        if with_ticks and said.get("ticks") != "ok":
            return f"nobody moves the lines on: {said} (journalctl -u frontrow-beat -u frontrow-ticks)"
    idle = [unit for unit in units if unit_state(unit) != "active"]
    return f"{', '.join(idle)} not active: journalctl -u {' -u '.join(idle)}" if idle else ""


def ask(port: int) -> tuple[int, dict[str, object]]:
    """What /readyz answers: its code (0 if nobody listens) and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    except (OSError, ValueError, http.client.HTTPException) as error:
        return 0, {"error": str(error)}
    finally:
        connection.close()


def is_main_process_gone() -> bool:
    """Whether the process that systemd asks us to wait for has ended meanwhile."""
    pid = os.environ.get("MAINPID", "")
    return bool(pid) and not Path(f"/proc/{pid}").exists()


def unit_state(unit: str) -> str:
    done = subprocess.run(["systemctl", "is-active", unit], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def is_enabled(unit: str) -> bool:
    done = subprocess.run(["systemctl", "is-enabled", "--quiet", unit], check=False, stderr=subprocess.DEVNULL)
    return done.returncode == 0


def enabled_units() -> list[str]:
    """The site's processes on this host, web first."""
    if is_enabled(EMBEDDED):
        return [EMBEDDED]
    return [*WEB_PORTS, *OTHERS, *([METRICS] if is_enabled(METRICS) else [])]


def status() -> None:
    """Show each unit and what the site says; exit code 1 if any part doesn't work."""
    units = enabled_units()
    ports = {EMBEDDED: 8001} if EMBEDDED in units else WEB_PORTS
    print(f"release  {CURRENT.resolve().name}")
    for unit in units:
        print(f"{unit_state(unit):<8} {unit}")
    for port in ports.values():
        print(f"port {port}: {json.dumps(ask(port)[1])}")
    if complaint := missing([*ports.values()], units, with_ticks=True):
        sys.exit(f"frontrow: {complaint}")
    print("Frontrow serves.")


def restart() -> None:
    """Restart what runs, one process after the other; stop at the first that doesn't come back."""
    if os.geteuid() != 0:
        sys.exit("frontrow: run it as root: sudo frontrow restart")
    for unit in enabled_units():
        # It returns once the process works: the unit says when.
        if subprocess.run(["systemctl", "restart", unit], check=False).returncode:
            sys.exit(f"frontrow: {unit} does not start: journalctl -u {unit} -n 30")
        print(f"restarted {unit}", flush=True)


if __name__ == "__main__":
    main()
