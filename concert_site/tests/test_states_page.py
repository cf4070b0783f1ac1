"""docs/states.md shows what the code says."""

import pytest
from django.core.management import CommandError, call_command

from concert_site.management.commands import draw_states
from reservations.models import Reservation


def test_the_page_is_up_to_date():
    call_command("draw_states", "--check")


def test_a_stale_page_fails_the_check_and_is_drawn_anew(settings, tmp_path):
    settings.BASE_DIR = tmp_path
    (tmp_path / "docs").mkdir()

    with pytest.raises(CommandError, match="stale"):
        call_command("draw_states", "--check")
    assert list((tmp_path / "docs").iterdir()) == []
    call_command("draw_states")
    call_command("draw_states", "--check")

    assert "stateDiagram-v2" in (tmp_path / "docs" / "states.md").read_text()


def test_a_diagram_has_every_step_with_its_reason():
    assert list(draw_states.arrows(Reservation)) == [
        "[*] --> RESERVING",
        "RESERVED --> CANCELED: refunded",
        "RESERVING --> CANCELED: lapsed or given up",
        "RESERVING --> RESERVED: paid",
        "CANCELED --> [*]",
    ]


def test_no_step_lacks_its_reason_and_no_reason_its_step():
    assert draw_states.page().count("\n    ") - draw_states.page().count("[*]") == len(draw_states.REASONS)
