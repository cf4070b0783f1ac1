"""Plans inside of something else: what an API answers, what an editor saves around them."""

from collections import deque
from collections.abc import Callable, Iterator

from django.utils.translation import gettext as _

from reservations.halls.plans.problems import PlanRefused
from reservations.halls.values import Json

DEEPEST = 5
# How many objects are looked into; a plan by itself is not looked through.
MOST_LOOKED_AT = 2_000
KEYS_LISTED, LONGEST_KEY = 12, 40
PLANS_LISTED = 5
# Keys that other makers' charts have at their top.
MAKERS = {"subChart": "seats.io", "blocks": "seatmap-canvas", "seatingLayout": "Eventbrite", "subMaps": "seats.io"}


def unwrapped(found: object, parse: Callable[[str], object]) -> tuple[Json, str]:
    """The plan in what a file says, and where it stands in it: blank if at its top.

    :param parse: reads JSON that is the text of a value, as pretix's API answers a plan's layout
    :raises PlanRefused: if there is none, naming what is missing, or there are several
    """
    if is_plan(found):
        return found, ""  # type: ignore[return-value]  # is_plan has seen that it is an object
    plans = list(plans_in(found, parse))
    if len(plans) == 1:
        return plans[0]
    if plans:
        names = "; ".join(f"{path} ('{plan.get('name', '')}')" for plan, path in plans[:PLANS_LISTED])
        counts = {"count": len(plans), "places": names + ("; …" if len(plans) > PLANS_LISTED else "")}
        raise PlanRefused([_("The file holds %(count)d plans; save one of them by itself: %(places)s") % counts])
    raise PlanRefused([lacking(found)])


def is_plan(found: object) -> bool:
    return isinstance(found, dict) and "zones" in found


def plans_in(found: object, parse: Callable[[str], object]) -> Iterator[tuple[Json, str]]:
    """The plans inside, each with its place: layout, or results[0].layout."""
    looked = 0
    waiting = deque([(found, "", 0)])
    while waiting and looked < MOST_LOOKED_AT:
        each, path, depth = waiting.popleft()
        looked += 1
        if isinstance(each, str):
            each = parse(each) if each.lstrip().startswith("{") and '"zones"' in each else None
        if isinstance(each, dict) and is_plan(each):
            yield each, path
        elif depth < DEEPEST:
            waiting.extend((inner, step, depth + 1) for inner, step in inside(each, path))


def inside(found: object, path: str) -> Iterator[tuple[object, str]]:
    """What an object or a list holds, each with its place."""
    if isinstance(found, dict):
        yield from ((value, f"{path}.{key[:LONGEST_KEY]}".lstrip(".")) for key, value in found.items())
    elif isinstance(found, list):
        yield from ((value, f"{path}[{nth}]") for nth, value in enumerate(found))


def lacking(found: object) -> str:
    """What to say of JSON without a plan: what is missing, and what is there instead."""
    if not isinstance(found, dict):
        kind = _("a list") if isinstance(found, list) else _("a single value")
        return _("The file is JSON, but no seating plan: 'zones' is missing. It is %(kind)s, and no plan is in it") % {
            "kind": kind
        }
    if maker := next((name for key, name in MAKERS.items() if key in found), ""):
        text = _("The file seems to be a chart of %(maker)s: 'zones' is missing. Export it in the format of pretix")
        return text % {"maker": maker}
    keys = ", ".join(f"'{key[:LONGEST_KEY]}'" for key in list(found)[:KEYS_LISTED])
    if not keys:
        return _("The file is JSON, but no seating plan: it is empty, and 'zones' is missing")
    return _("The file is JSON, but no seating plan: 'zones' is missing. It has: %(keys)s") % {"keys": keys}
