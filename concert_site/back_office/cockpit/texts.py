"""Figures as staff read them: the same words for the page as it comes and for the script that keeps it moving.

All of it is in the language of the moment. The script writes what it gets into the page, and knows no rule.
"""

from collections.abc import Sequence
from typing import Any

from django.utils.formats import localize
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from concert_site.lib.formats import clock, day_and_time, money, thousands
from concert_site.operations.monitoring import ProcessHealth, process_warnings
from payments.queries.sale_figures import DRAWN, CategorySales, SaleFigures, Sample
from queueing.facts import SaleState
from reservations.queries.staff import ScheduleState

# The box that a line is drawn in.
WIDTH, HEIGHT = 240, 40
# From here on hours are told rather than minutes, and from here on nothing: such a pace promises nothing.
MOST_MINUTES, MOST_HOURS = 90, 48
GROWTH = {
    "waiting": "joined_lately",
    "inside": "admitted_lately",
    "entered": "entered_lately",
    "no_shows": "no_shows_lately",
    "sold": "sold_lately",
    "revenue": "revenue_lately",
}

Texts = dict[str, Any]  # Any: JSON, and what a template reads


def figures_text(figures: SaleFigures, *, sees_money: bool) -> Texts:
    """One sale, in words and numbers."""
    names = [name for name in DRAWN if sees_money or name != "revenue"]
    return {
        "id": figures.schedule_id,
        "age": round(figures.age, 1),
        "state": state_code(figures),
        "is_paused": figures.is_paused,
        "can_close": figures.state in {SaleState.OPEN, SaleState.SOLD_OUT},
        "most_inside": figures.most_inside,
        "message": figures.message,
        "texts": texts(figures, names),
        "lines": {name: line(figures.samples, name) for name in names},
        "bars": bars(figures.sold, figures.held, figures.seats),
        "categories": [category(each) for each in figures.categories],
    }


def texts(figures: SaleFigures, names: Sequence[str]) -> dict[str, str]:
    """Every text that moves, by its name in the template."""
    found = {name: value_text(name, getattr(figures, name)) for name in names}
    found |= {f"{name}_lately": lately(figures, name) for name in names if name in GROWTH}
    return found | {
        "state": state_text(figures),
        "at": clock(figures.read_at, figures.time_zone),
        "cap": thousands(figures.most_inside),
        "inside_of": _("of at most %(most)s") % {"most": thousands(figures.most_inside)},
        "remaining": thousands(figures.remaining),
        "off": thousands(figures.off),
        "share": share_text(figures),
        "sold_out": sold_out_text(figures),
        "message": figures.message or _("No message."),
        "message_until": message_end(figures),
        "when": when_text(figures),
    }


def value_text(name: str, value: int) -> str:
    return money(value) if name == "revenue" else thousands(value)


def lately(figures: SaleFigures, name: str) -> str:
    """How much came within the last minute."""
    grown: int = getattr(figures, GROWTH[name])
    return _("+%(number)s in the last minute") % {"number": value_text(name, grown)}


def state_code(figures: SaleFigures) -> str:
    """What the page is coloured by."""
    is_running = figures.state in {SaleState.OPEN, SaleState.LOBBY}
    return "PAUSED" if figures.is_paused and is_running else figures.state.value


def state_text(figures: SaleFigures) -> str:
    state = ScheduleState.of(figures.state, is_public=figures.is_public, is_canceled=figures.is_canceled)
    said = str(state.label)
    if figures.is_drawing:
        said = _("numbers are being drawn")
    if state_code(figures) == "PAUSED":
        said = _("%(state)s, paused") % {"state": said}
    return said[:1].upper() + said[1:]


def when_text(figures: SaleFigures) -> str:
    moment = figures.opens_at if figures.read_at < figures.opens_at else figures.deadline_at
    said = day_and_time(moment, figures.time_zone)
    if figures.read_at < figures.opens_at:
        return _("Sale opens %(when)s") % {"when": said}
    if figures.state is SaleState.CLOSED and figures.is_public:
        return _("Sale closed %(when)s") % {"when": said}
    return _("Sale closes %(when)s") % {"when": said}


def share_text(figures: SaleFigures) -> str:
    facts = {
        "percent": localize(round(percent(figures.sold, figures.seats), 1)),
        "sold": thousands(figures.sold),
        "seats": thousands(figures.seats),
    }
    return _("%(sold)s of %(seats)s sold (%(percent)s %%)") % facts


def sold_out_text(figures: SaleFigures) -> str:
    """When it is sold out at the pace of the last minutes."""
    if figures.state is SaleState.SOLD_OUT:
        return _("Sold out.")
    minutes = figures.minutes_to_sold_out
    if figures.state is not SaleState.OPEN or minutes is None:
        return _("Nothing was sold in the last five minutes.") if figures.state is SaleState.OPEN else ""
    if minutes < MOST_MINUTES:
        count = max(1, round(minutes))
        text = ngettext(
            "At this pace sold out in about %(count)s minute.",
            "At this pace sold out in about %(count)s minutes.",
            count,
        )
        return text % {"count": count}
    hours = round(minutes / 60)
    if hours > MOST_HOURS:
        return _("At this pace it won’t sell out within two days.")
    text = ngettext(
        "At this pace sold out in about %(count)s hour.", "At this pace sold out in about %(count)s hours.", hours
    )
    return text % {"count": hours}


def message_end(figures: SaleFigures) -> str:
    if not figures.message:
        return ""
    if figures.message_until is None:
        return _("Shown until you take it away.")
    return _("Disappears at %(when)s.") % {"when": clock(figures.message_until, figures.time_zone)}


def category(each: CategorySales) -> Texts:
    return {
        "name": each.category,
        "price": money(each.price),
        "sold": thousands(each.sold),
        "held": thousands(each.held),
        "left": thousands(each.left),
        "off": thousands(each.off),
        "bars": bars(each.sold, each.held, each.sold + each.held + each.left),
    }


def percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0


def bars(sold: int, held: int, seats: int) -> list[float]:
    """Of a bar that is the whole: how much is sold, and how much is sold or held, in percent."""
    return [round(percent(sold, seats), 2), round(percent(sold + held, seats), 2)]


def line(samples: Sequence[Sample], name: str) -> str:
    """The points of a line over the last half hour, as an SVG has them; nothing before two are known."""
    known = [(at, values[name]) for at, values in samples]
    drawn = [(at, value) for at, value in known if value is not None]
    if len(drawn) < 2:  # noqa: PLR2004  a line needs two
        return ""
    first, last = known[0][0], known[-1][0]
    values = [value for _at, value in drawn]
    lowest, highest = min(values), max(values)
    spread = max(1, highest - lowest)
    return " ".join(
        f"{WIDTH * (at - first) / max(1.0, last - first):.1f},{HEIGHT * (1 - (value - lowest) / spread):.1f}"
        for at, value in drawn
    )


# --- Whether everything is at work -----------------------------------------------------------------


def health_text(found: ProcessHealth) -> Texts:
    """The machinery in words: what is wrong with what to do about it, or that nothing is."""
    wrong = process_warnings(found)
    if wrong:
        return {"is_bad": True, "text": " ".join(f"{each.what} {each.advice}" for each in wrong)}
    ages = {"tick": round(found.tick or 0), "beat": round(found.beat or 0), "worker": round(found.worker or 0)}
    text = _("All at work: lines moved %(tick)s s ago, beat %(beat)s s ago, worker %(worker)s s ago.")
    return {"is_bad": False, "text": text % ages}
