"""How the files of posters are named: by what is in them, so that what is under a name never changes."""

import re

FOLDER = "posters"
# Made of hexadecimal digits alone, a name is no path to anywhere else.
NAME = re.compile(rf"{FOLDER}/(?P<content>[0-9a-f]{{64}})(?P<small>-small)?\.(?P<suffix>webp|svg)")


def poster_name(content: str, suffix: str) -> str:
    """The name of the file with this content (SHA-256, hexadecimal)."""
    return f"{FOLDER}/{content}.{suffix}"


def small_name(name: str) -> str | None:
    """The name of the small picture that belongs to a poster; None if it has none, since drawings need none."""
    found = NAME.fullmatch(name)
    if found is None or found["suffix"] == "svg":
        return None
    return f"{FOLDER}/{found['content']}-small.{found['suffix']}"


def original_name(name: str) -> str | None:
    """The name of the poster that a file belongs to; None if it is no poster's."""
    found = NAME.fullmatch(name)
    return poster_name(found["content"], found["suffix"]) if found else None
