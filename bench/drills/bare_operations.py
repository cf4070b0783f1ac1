"""docs/operations.md and docs/monitoring.md on the host that bare_host.py has installed: their commands, typed there.

What these pages have in console blocks is typed and compared, as docs/installation.md's is; what else operations.md
tells to type is tried by the rules that it gives for such a host.
"""

import re
import sys
from pathlib import Path

from bare_console import steps_of
from bare_drill import PROJECT, Drill

OPERATIONS, MONITORING = (PROJECT / "docs" / f"{name}.md" for name in ("operations", "monitoring"))
METRICS = "http://127.0.0.1:9464/metrics"
# Each of the parts of the site has counted, and what is looked up is there, too.
COUNTED = (
    'frontrow_processes{role="web"}',
    'frontrow_processes{role="ticks"}',
    'frontrow_processes{role="worker"}',
    'frontrow_processes{role="beat"}',
    "frontrow_postgres_up 1.0",
    "frontrow_redis_up 1.0",
    'frontrow_disk_free_ratio{folder="media"}',
    'frontrow_beat_sent_total{task="',
    "frontrow_tasks_total{",
)
PATIENCE_SECONDS = 40
# A part of the site by hand, beside the units: it works, and ends in order when it is told to.
BY_HAND = (
    "timeout --preserve-status --signal=INT 20 frontrow up --only {} >up.log 2>&1; code=$?; cat up.log; "
    "[ $code = 0 ] && grep -q '{}' up.log"
)


def follow_operations(drill: Drill) -> None:
    """What the page has an operator type on such a host."""
    follow_blocks(drill, OPERATIONS)
    for command in re.findall(r"(?m)^    (openssl .*) > \w+$", OPERATIONS.read_text()):
        drill.must("a key", f"{command} | wc -l")
    drill.must("workers and beat by hand", BY_HAND.format("worker,beat", "Running: worker, beat"))
    drill.must("web by hand", BY_HAND.format("web --port 8010", "Ready: http://127.0.0.1:8010/"))
    drill.must("nobody is locked out by that", "frontrow status")


def follow_blocks(drill: Drill, page: Path) -> None:
    steps, left_out = steps_of(page)
    if not steps:
        sys.exit(f"FAILED: {page} has no console block any more")
    for step in steps:
        drill.follow(step)
    for why in left_out:
        drill.say(f"left out: {why}")


def see_metrics(drill: Drill) -> None:
    """Each part tells what it has counted."""
    patterns = " ".join(f"-e '{each}'" for each in COUNTED)
    drill.must(
        f"{len(COUNTED)} of the metrics, by every part",
        f"for s in $(seq {PATIENCE_SECONDS}); do curl -sf {METRICS} >metrics.txt; "
        f"grep -oF {patterns} metrics.txt | sort -u >found.txt; [ $(wc -l <found.txt) -ge {len(COUNTED)} ] && "
        "exec wc -l metrics.txt; sleep 1; done; cat found.txt; exit 1",
    )
