"""What the pages say of one another."""

import re
from pathlib import Path

from concert_site.embedded.data_dir import PROJECT


def local_links_of(page):
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    return [link for link in links if "://" not in link]


def test_every_link_of_a_page_leads_somewhere():
    pages = [*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md")]
    found = [(page, link) for page in pages for link in local_links_of(page)]

    assert len(found) > 100
    assert [(page.name, link) for page, link in found if not (page.parent / link).exists()] == []


def test_the_readme_stays_readable():
    lines = Path(PROJECT / "README.md").read_text().splitlines()

    assert len(lines) <= 220
