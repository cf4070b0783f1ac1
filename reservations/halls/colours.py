"""Colours that a stranger wrote: only what is certainly a colour gets out, and always in one notation."""

import re

from PIL import ImageColor

# Told apart by most people who see colours differently, and dark enough for white text on them.
PALETTE = ("#b91c1c", "#2563eb", "#15803d", "#a16207", "#7c3aed", "#0e7490", "#be185d", "#4d7c0f")
AREA_COLOR = "#d4d4d8"
TRANSPARENT = "transparent"
# As long as #rrggbb is.
SOLID = 7
LONGEST = 40
BARE_HEX = re.compile(r"[0-9a-f]{6}", re.ASCII)
# Pillow counts its last part to 255, CSS to 1.
RGBA = re.compile(r"rgba\(\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d*\.?\d+)\s*\)", re.ASCII)


def colour_of(raw: object) -> str:
    """The colour as #rrggbb or #rrggbbaa, or "transparent"; blank for what is none.

    Understood are hex colours, with or without their sharp, the names of CSS, rgb(), rgba(), hsl() and hsv().
    """
    if not isinstance(raw, str) or len(raw) > LONGEST:
        return ""
    text = raw.strip().lower()
    if text in {TRANSPARENT, "none"}:
        return TRANSPARENT
    try:
        rgba = RGBA.fullmatch(text)
        if rgba:
            return in_hex(*map(int, rgba.groups()[:3]), round(255 * float(rgba[4])))
        channels = ImageColor.getrgb(f"#{text}" if BARE_HEX.fullmatch(text) else text)
    except ValueError:
        return ""
    return in_hex(*channels)


def in_hex(*channels: int) -> str:
    """The notation that gets out. rgb(999, 0, 0) is understood, too, and is as red as can be."""
    return "#" + "".join(f"{min(max(channel, 0), 255):02x}" for channel in channels)


def category_colour(raw: object, nth: int) -> str:
    """The colour of the nth category, never transparent; one of ours if it has none that can be seen."""
    colour = colour_of(raw)
    return PALETTE[nth % len(PALETTE)] if colour in {"", TRANSPARENT} else colour[:SOLID]
