"""Variables of the environment that look like settings and are none: most are misspelt, and do nothing."""

from collections.abc import Collection, Iterable, Iterator
from difflib import get_close_matches

LIKENESS = 0.87
# Of what other programs have; a word so short is like many.
SHORTEST = 6


def lookalikes(environ: Iterable[str], known: Collection[str]) -> Iterator[str]:
    """What to say of each; nothing of a value is shown."""
    for name in sorted(set(environ) - set(known)):
        if name.removesuffix("_FILE") in known:
            yield f"{name} is no setting: only secrets are taken from files"
        elif len(name) >= SHORTEST and (near := get_close_matches(name, known, n=1, cutoff=LIKENESS)):
            yield f"{name} is no setting, and nobody reads it: did you mean {near[0]}?"
