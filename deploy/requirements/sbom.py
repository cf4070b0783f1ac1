"""What a release is made of, by `make sbom`: dist/frontrow-VERSION.cdx.json (CycloneDX 1.6) and dist/licences.txt.

What is installed in .venv tells names, licences and who needs whom; the locks say which of it is the site's (the rest
tests it), at which version, and by which hashes. What an install has otherwise than the locks is refused.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import lock
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

PROJECT = Path(__file__).resolve().parents[2]
PYTHON = PROJECT / ".venv" / "bin" / "python"
Json = dict[str, Any]  # Any: CycloneDX


def version() -> str:
    text = (PROJECT / "concert_site" / "__init__.py").read_text()
    return re.findall(r'^__version__ = "(.+)"$', text, re.MULTILINE)[0]  # type: ignore[no-any-return]


def installed() -> Json:
    """All that .venv has, as cyclonedx-py sees it."""
    words = [sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible", "--sv", "1.6"]
    done = subprocess.run([*words, str(PYTHON)], check=True, capture_output=True, text=True)
    found: Json = json.loads(done.stdout)
    return found


def materials() -> Json:
    """The list: the site, what it needs, and what demo and test need besides (`optional`).

    :raises lock.Refused: if something is installed at another version than the lock's
    """
    needed, besides = lock.locked_in(lock.PRODUCTION.lock), lock.locked_in(lock.SITE.lock)
    bom = installed()
    kept = []
    for each in bom["components"]:
        name = lock.canonical(each["name"])
        if name not in needed and name not in besides:
            continue
        block = needed.get(name) or besides[name]
        found = lock.LOCKED.match(block)
        if not found or found["version"] != each["version"]:
            raise lock.Refused(
                f"{name} {each['version']} is installed, and the lock has another: run `make demo` first"
            )
        hashes = [{"alg": "SHA-256", "content": content} for content in re.findall(r"--hash=sha256:(\w+)", block)]
        # Of every file that pip may install for it: one for each processor and version of Python.
        where = f"pkg:pypi/{name}@{each['version']}"
        files = {"type": "distribution", "url": where, "comment": "any of its files", "hashes": hashes}
        others = [one for one in each.get("externalReferences", []) if one["type"] != "distribution"]
        kept.append(
            each | {"scope": "required" if name in needed else "optional", "externalReferences": [*others, files]}
        )
    refs = {each["bom-ref"] for each in kept}
    own = {"type": "application", "bom-ref": "frontrow", "name": "frontrow", "version": version()}
    own["licenses"] = [{"license": {"id": "Apache-2.0", "acknowledgement": "declared"}}]  # type: ignore[assignment]
    direct = {pin.name for layer in (lock.PRODUCTION, lock.SITE) for pin in lock.pins_of(layer.pins)}
    bom["metadata"]["component"] = own
    bom["components"] = kept
    bom["dependencies"] = [
        {
            "ref": "frontrow",
            "dependsOn": sorted(each["bom-ref"] for each in kept if lock.canonical(each["name"]) in direct),
        },
        *(within(refs, each) for each in bom["dependencies"] if each["ref"] in refs),
    ]
    return bom


def within(refs: set[str], dependency: Json) -> Json:
    """A line of who needs whom, without those that aren't in the list."""
    needs = [ref for ref in dependency.get("dependsOn", []) if ref in refs]
    return {"ref": dependency["ref"]} | ({"dependsOn": needs} if needs else {})


def licences(components: Iterable[Json]) -> str:
    lines = []
    for each in components:
        found = [
            one.get("expression") or one["license"].get("id") or one["license"]["name"]
            for one in each.get("licenses", [])
        ]
        words = sorted({" ".join(word.split())[:80] for word in found}) or ["not declared"]
        lines.append(f"{each['name']} {each['version']}: {'; '.join(words)}")
    return "\n".join(sorted(lines, key=str.lower)) + "\n"


def main() -> None:
    bom = materials()
    text = json.dumps(bom, indent=1, ensure_ascii=False) + "\n"
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise lock.Refused(f"not what CycloneDX says: {error}")
    folder = PROJECT / "dist"
    folder.mkdir(exist_ok=True)
    path = folder / f"frontrow-{version()}.cdx.json"
    path.write_text(text)
    (folder / "licences.txt").write_text(licences(bom["components"]))
    print(f"{path.relative_to(PROJECT)}: {len(bom['components'])} packages; dist/licences.txt")


if __name__ == "__main__":
    try:
        main()
    except lock.Refused as error:
        sys.exit(str(error))
