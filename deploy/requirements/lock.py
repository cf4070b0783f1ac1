"""Write the locks of what is installed, by `make lock`; compare them with the pins, by `make lint` (no network).

The pins, each with what it is for, are in the `.in` files beside this one. A lock has those and all that they bring,
each with the SHA-256 of every file that may be installed for it, so that pip takes no other. One lock holds for Python
3.11 to 3.14 on any processor. Each layer's lock includes the one below it, and repeats none of it.
"""

import hashlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
# The oldest Python that is supported.
PYTHON = "3.11"
DIGEST = "# Of these pins: sha256:"
PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?P<extras>\[[^\]]*\])?==(?P<version>[^\s;]+)[^#]*?(?:\s+#\s*(?P<why>.+))?")
LOCKED = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(?P<version>[^\s;\\]+)")
# How uv begins the line that says who wants a package; a package has one such line, or a list below it.
VIA = "    # via"
VIA_CONSTRAINT = re.compile(r", -c \S+|-c \S+, ")


class Refused(Exception):
    """A pin or a lock is not as it should be; the message says which and what to do."""


@dataclass(frozen=True)
class Layer:
    """A file of pins, and the lock made of it, on top of that of another layer."""

    pins: Path
    lock: Path
    what: str
    below: "Layer | None" = None

    @property
    def inputs(self) -> list[Path]:
        return [*(self.below.inputs if self.below else []), self.pins]


PRODUCTION = Layer(HERE / "production.in", HERE / "production.txt", "What the container image has: no server of data")
SITE = Layer(HERE / "embedded.in", PROJECT / "requirements.txt", "What `make demo` installs", PRODUCTION)
DEV = Layer(HERE / "dev.in", PROJECT / "requirements-dev.txt", "What `make test` installs", SITE)
# In an environment of their own (`make tools`): the site and its tests need none of them.
TOOLS = Layer(HERE / "tools.in", HERE / "tools.txt", "What checks deployments and makes releases")
INSTALLER = Layer(HERE / "pip.in", HERE / "pip.txt", "What installs the rest")
# Beside any of them, at the same versions: for who has a Sentry or a collector of traces.
OBSERVABILITY = Layer(HERE / "observability.in", HERE / "observability.txt", "What sends errors and traces away")
LAYERS = (PRODUCTION, SITE, DEV, TOOLS, INSTALLER, OBSERVABILITY)


@dataclass(frozen=True)
class Pin:
    """What is to be installed, and what for."""

    name: str
    version: str
    why: str


def canonical(name: str) -> str:
    """A package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins_of(path: Path) -> list[Pin]:
    """The pins of a file.

    :raises Refused: if a line is no exact version with a comment
    """
    found = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        pin = PIN.fullmatch(line)
        if not pin or not pin["why"]:
            raise Refused(
                f"{path.relative_to(PROJECT)}:{number}: write `name==version  # what it is for`, not {line!r}"
            )
        found.append(Pin(canonical(pin["name"]), pin["version"], pin["why"]))
    return found


def digest_of(layer: Layer) -> str:
    """The SHA-256 of what a lock was made from: pins and versions, not what they are for."""
    pins = [line.partition("#")[0].strip() for path in layer.inputs for line in path.read_text().splitlines()]
    return hashlib.sha256("\n".join(sorted(filter(None, pins))).encode()).hexdigest()


def blocks_of(text: str) -> Iterator[tuple[str, str]]:
    """Each locked package's canonical name, and its lines: the requirement, its hashes, who wants it."""
    for block in re.split(r"(?m)^(?=[A-Za-z0-9])", text):
        if found := LOCKED.match(block):
            yield canonical(found["name"]), block


def locked_in(path: Path) -> dict[str, str]:
    """The lines of each package that a lock has itself, without the one below."""
    lines = path.read_text().splitlines(keepends=True)
    return dict(blocks_of("".join(line for line in lines if not line.startswith(("#", "-r")))))


def complaints() -> Iterator[str]:
    """Where pins and locks disagree."""
    below: dict[str, str] = {}
    for layer in LAYERS:
        if not layer.lock.exists() or f"{DIGEST}{digest_of(layer)}" not in layer.lock.read_text():
            yield f"{layer.lock.relative_to(PROJECT)} was not made from the pins as they are"
            continue
        locked = locked_in(layer.lock)
        if layer.below is None:
            below = {}
        for name in sorted(locked.keys() & below.keys()):
            yield f"{layer.lock.relative_to(PROJECT)}: {name} is in a lock below it already"
        yield from complaints_of(layer, locked, below)
        below |= locked


def complaints_of(layer: Layer, locked: dict[str, str], below: dict[str, str]) -> Iterator[str]:
    """What is wrong with a lock's packages: one that anybody could change, one that isn't the pin."""
    where = layer.lock.relative_to(PROJECT)
    for name, block in locked.items():
        if "--hash=sha256:" not in block:
            yield f"{where}: {name} has no hash"
        if "://" in block:
            yield f"{where}: {name} comes from an address"
    for pin in pins_of(layer.pins):
        block = locked.get(pin.name, "")
        found = LOCKED.match(block or below.get(pin.name, ""))
        if not found or found["version"] != pin.version:
            yield f"{where}: {pin.name} is not locked to {pin.version}"
        # What a layer below brings along already has its line there.
        elif block and pin.why not in block:
            yield f"{where}: {pin.name} doesn't say what it is for"


def check() -> None:
    """Compare locks with pins.

    :raises Refused: naming all that is wrong
    """
    for layer in LAYERS:
        pins_of(layer.pins)
    if found := list(complaints()):
        raise Refused("\n".join([*found, "Change the .in files, and run `make lock`."]))


def lock(options: Iterable[str]) -> None:
    """Resolve the pins and write the locks; what is locked already stays, unless `--upgrade` is among the options."""
    options = list(options)
    everything = resolve(DEV.inputs, [layer.lock for layer in (PRODUCTION, SITE, DEV)], options)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as resolved:
        resolved.write(everything)
        resolved.flush()
        # Each layer alone, at the versions that go with the others.
        for layer in (PRODUCTION, SITE, DEV):
            write(layer, resolve(layer.inputs, [], ["--constraints", resolved.name]))
        write(OBSERVABILITY, resolve(OBSERVABILITY.inputs, [], ["--constraints", resolved.name]))
    for layer in (TOOLS, INSTALLER):
        write(layer, resolve(layer.inputs, [layer.lock], options))


def resolve(inputs: Iterable[Path], known: Iterable[Path], options: Iterable[str]) -> str:
    """Every package that the pins need, with hashes, as uv writes them."""
    with tempfile.NamedTemporaryFile("r+", suffix=".txt") as output:
        # What uv finds there it prefers.
        output.write("".join(block for path in known if path.exists() for block in locked_in(path).values()))
        output.flush()
        words = ["uv", "pip", "compile", "--quiet", "--universal", "--python-version", PYTHON, "--generate-hashes"]
        words += ["--no-header", "--no-emit-index-url", "--no-emit-find-links", "--annotation-style", "line"]
        names = [str(path.relative_to(PROJECT)) for path in inputs]
        subprocess.run([*words, *options, "--output-file", output.name, *names], check=True, cwd=PROJECT)
        return Path(output.name).read_text()


def write(layer: Layer, resolved: str) -> None:
    """Write a layer's lock: what it adds to the one below."""
    below = layer.below
    included: set[str] = set()
    lines = [f"# {layer.what}. Written by `make lock`;", "# pins: deploy/requirements/, with what each is for."]
    lines.append(f"{DIGEST}{digest_of(layer)}")
    while below:
        included |= locked_in(below.lock).keys()
        below = below.below
    if layer.below:
        lines.append(f"-r {layer.below.lock.relative_to(PROJECT)}")
    why = {pin.name: pin.why for pin in pins_of(layer.pins)}
    blocks = [say_why(block, why.get(name)) for name, block in blocks_of(resolved) if name not in included]
    layer.lock.write_text("\n".join(lines) + "\n" + "".join(blocks))


def say_why(block: str, why: str | None) -> str:
    """A package's lines, the last of them with what it is for."""
    if why is None:
        return VIA_CONSTRAINT.sub("", block)
    kept = [line for line in block.rstrip("\n").splitlines() if not line.startswith(VIA)]
    return "\n".join([*kept, f"    # {why}"]) + "\n"


if __name__ == "__main__":
    command, *rest = sys.argv[1:] or ["check"]
    try:
        if command == "lock":
            lock(rest)
        check()
    except Refused as error:
        sys.exit(str(error))
