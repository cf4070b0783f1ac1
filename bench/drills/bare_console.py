"""Console blocks of a page: the commands that it tells the reader to type, and what it says they print.

    ```console
    # command
    what it prints, `...` standing for anything
    ```

A comment `<!-- not in the drill: why -->` right before a block leaves it out.
"""

import re
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(
    r"(?:<!-- not in the drill: (?P<why>[^>]*) -->\s*)?^```console\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL
)
PROMPT = "# "


@dataclass(frozen=True)
class Step:
    """A command, and the lines that it prints by the page."""

    command: str
    printed: tuple[str, ...]

    def complaint(self, output: str) -> str:
        """What the page says and the output doesn't; empty if they agree."""
        pattern = r"\n".join(line_pattern(line) for line in self.printed)
        # "..." on a line of its own is any number of lines, none included.
        pattern = pattern.replace(r"\n<any lines>", r"(\n.*)*?").replace(r"<any lines>\n", r"(.*\n)*?")
        pattern = pattern.replace("<any lines>", r"[^\0]*")
        text = "\n".join(line.rstrip() for line in output.replace("\r", "").strip().splitlines())
        if re.fullmatch(pattern, text):
            return ""
        return f"the page says it prints\n{chr(10).join(self.printed)}\nand it printed\n{text}"


def line_pattern(line: str) -> str:
    return "<any lines>" if line == "..." else ".*".join(re.escape(part) for part in line.split("..."))


def steps_of(page: Path) -> tuple[list[Step], list[str]]:
    """The steps of a page in order, and why blocks were left out."""
    steps: list[Step] = []
    left_out = []
    for block in BLOCK.finditer(page.read_text()):
        if block["why"]:
            left_out.append(block["why"])
            continue
        steps += steps_in(block["text"])
    return steps, left_out


def steps_in(text: str) -> list[Step]:
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith(PROMPT):
            found.append((line.removeprefix(PROMPT), []))
        else:
            found[-1][1].append(line.rstrip())
    return [Step(command, tuple(printed)) for command, printed in found]
