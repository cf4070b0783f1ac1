"""Text that staff write, as HTML: CommonMark without HTML of their own, pictures, or addresses that run something."""

from functools import cache

from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

DEEPEST = 6


@cache
def parser() -> MarkdownIt:
    """What is written as HTML is shown as it was written; a link to javascript: or data: stays text."""
    return MarkdownIt("commonmark", {"html": False}).enable("table").disable(["image", "html_block", "html_inline"])


def html_of(text: str) -> SafeString:
    """A text as HTML; its highest headings are the second of the page, which has a title."""
    tokens = parser().parse(text)
    headings = [token for token in tokens if token.type in {"heading_open", "heading_close"}]
    lower_by = 2 - min((level_of(each) for each in headings), default=2)
    for each in headings:
        each.tag = f"h{min(DEEPEST, level_of(each) + lower_by)}"
    # Whatever is in the text was escaped by the parser, which knows no HTML but its own.
    html: str = parser().renderer.render(tokens, parser().options, {})
    return mark_safe(html)  # noqa: S308


def level_of(heading: Token) -> int:
    """1 for what is written with one `#`."""
    return int(heading.tag[1:])
