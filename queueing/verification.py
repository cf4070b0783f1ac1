"""Recomputing a draw from what is published of it: no database, no secret, and a line at a time.

The list of a draw is `seed,` and the seed in hex, then `number,entry` a line, by number.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from concert_site.lib.errors import Invalid

SEED = re.compile(rb"seed,([0-9a-f]{64})\r?\n?")
ENTRY = re.compile(rb"([1-9][0-9]{0,17}),([0-9a-f]{64})\r?\n?")


@dataclass(frozen=True, slots=True)
class Verified:
    """A draw whose numbers follow from its seed. `number` is that of the entry that was looked for, if it is there."""

    seed: str
    seed_hash: str
    entries_hash: str
    size: int
    number: int | None


def entry_of(token: UUID) -> str:
    """A fan's entry in the draw, in hex."""
    return sha256(str(token).encode()).hexdigest()


def rank_of(entry: str, *, seed: str) -> str:
    """What the entries are put in order by, in hex."""
    return sha256(f"{seed}:{entry}".encode()).hexdigest()


def verify(lines: Iterable[bytes], *, entry: str | None = None) -> Verified:
    """Recompute a draw, and look for an entry in it.

    Numbers must run from 1 without a gap, and what the entries are put in order by must ascend: so there is but one
    order, and no entry is there twice.

    :raises Invalid: naming the line at which the list isn't what the seed makes of it
    """
    listed = iter(lines)
    head = SEED.fullmatch(next(listed, b""))
    if head is None:
        raise Invalid("Line 1 must be `seed,` and 64 hex digits.")
    seed = head[1].decode()
    size, before, digest, found = 0, "", sha256(), None
    for size, line in enumerate(listed, 1):
        match = ENTRY.fullmatch(line)
        if match is None:
            raise Invalid(f"Line {size + 1} must be `number,entry`, the entry in 64 hex digits.")
        if int(match[1]) != size:
            raise Invalid(f"Line {size + 1} has number {int(match[1])} in place of {size}.")
        here = match[2].decode()
        rank = rank_of(here, seed=seed)
        if rank <= before:
            raise Invalid(f"Number {size} is out of order: the seed puts its entry before number {size - 1}.")
        before = rank
        digest.update(match[1] + b"," + match[2] + b"\n")
        if here == entry:
            found = size
    return Verified(seed, sha256(bytes.fromhex(seed)).hexdigest(), digest.hexdigest(), size, found)
