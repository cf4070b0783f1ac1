"""docs/backup.md on the host that bare_host.py has installed: tried out, and the site put back in place of itself.

What stands there to be typed on such a host is typed, in its order and its folder; names that only the reader's own
archive and database have are put in.
"""

import re
import sys

from bare_drill import EMAIL, PROJECT, Drill

PAGE = PROJECT / "docs" / "backup.md"
NIGHTLY, PUT_BACK = "### Each night", "### On a host that install.sh made"
# As the page names them, and how they are found.
NAMES = {
    r"frontrow-\d{8}T\d{6}Z\.tar\.age": "ls /root | grep '^frontrow-.*age$' | tail -n 1",
    r"frontrow_until_\.\.\.": "runuser -u postgres -- psql -Atl | grep -o '^frontrow_until[^|]*'",
}
LOSE_ACCOUNT = (
    "frontrow shell -c 'from concert_site.accounts.models import User; "
    f'print(User.objects.filter(email="{EMAIL}").update(email="lost@example.com"))\''
)
KEY = "/var/lib/frontrow/backup-key.txt"
TRY_OUT = f"frontrow backup --verify newest --identity {KEY}; code=$?; rm {KEY}; exit $code"
WHERE = "/root/where"


def follow_backup(drill: Drill) -> None:
    """The alarm for a backup that nobody made, a backup tried out by its key, and one put in place of the site."""
    for command in commands_below(NIGHTLY):
        typed = command.replace("manage.py", "frontrow")
        drill.must(f"# {typed}", typed)
    drill.must("its archive and the key", "cp /var/backups/frontrow/frontrow-*.tar.age . && ls backup-key.txt")
    drill.must(
        "its right to a database beside the site's", "runuser -u postgres -- psql -c 'alter role frontrow createdb'"
    )
    drill.must("tried out", f"install -o frontrow -m 600 backup-key.txt {KEY}; {TRY_OUT}")
    drill.must("an account is lost", LOSE_ACCOUNT)
    drill.must("where it is typed", f"echo /root >{WHERE}")
    for command in commands_below(PUT_BACK):
        key = re.search(r"keys/\w+", command)
        if key and drill.machine.run(f"cd $(cat {WHERE}) && ls {key[0]}").returncode:
            drill.say(f"left out, there is no such key: {command}")
            continue
        drill.must(f"# {command}", f"cd $(cat {WHERE}) && {named(drill, command)} && pwd >{WHERE}")


def commands_below(heading: str) -> list[str]:
    """What one section has the reader type."""
    text = PAGE.read_text()
    begins = text.find(f"\n{heading}")
    if begins < 0:
        sys.exit(f"FAILED: {PAGE} has no '{heading}' any more")
    section = re.split(r"\n##+ ", text[begins + len(heading) :])[0]
    return [line.partition("   #")[0].strip() for line in re.findall(r"(?m)^    (\S.*)$", section)]


def named(drill: Drill, command: str) -> str:
    """A command with the names of what is there."""
    for pattern, how in NAMES.items():
        if re.search(pattern, command):
            command = re.sub(pattern, drill.machine.run(how).stdout.strip(), command)
    return command
