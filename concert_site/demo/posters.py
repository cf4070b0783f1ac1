"""The posters of the demo, drawn by hand, that is by code: the same every time, and sharp at any size."""

from collections.abc import Callable
from random import Random

from concert_site.demo import programme
from concert_site.demo.pen import (
    HEIGHT,
    SERIF,
    WIDTH,
    arc,
    glow,
    gradient,
    polar,
    poster,
    sheet,
    tag,
    wave,
    words,
)

# The lines of text on Mahler's poster end here.
WRITTEN_TO = 350
# Those that the radio reaches.
FEW_STARS = [(64, 96), (150, 182), (96, 300), (470, 74), (540, 206), (506, 330), (300, 52), (212, 84), (392, 128)]
# How many in a crowd raise an arm.
CHEERING = 0.3


def mahler() -> str:
    """A moon over the half circles in which an orchestra sits."""
    night = [gradient("night", (0, "#0a1030"), (0.55, "#1c2a63"), (1, "#3b3f8f"))]
    night += [glow("moon", (0, "#fffbe8", 1), (0.62, "#fbeec1", 1), (1, "#f2d98d", 1))]
    night += [glow("halo", (0, "#fbeec1", 0.55), (0.5, "#fbeec1", 0.12), (1, "#fbeec1", 0))]
    return poster(
        programme.ON_SALE.name,
        tag("defs", *night),
        sheet("url(#night)"),
        *stars(70, Random(5)),
        tag("circle", cx=420, cy=215, r=260, fill="url(#halo)"),
        tag("circle", cx=420, cy=215, r=112, fill="url(#moon)"),
        *orchestra(300, 850),
        words("달빛 필하모닉", 44, 92, 25, "#fbeec1", font_family=SERIF, letter_spacing=1),
        words("MOONLIGHT PHILHARMONIC", 46, 120, 12.5, "#c9cdf2", letter_spacing=3.2),
        words("말러", 40, 350, 86, "#ffffff", font_family=SERIF, font_weight=700),
        words("교향곡 5번", 44, 412, 44, "#ffffff", font_family=SERIF),
        words("MAHLER  ·  SYMPHONY No. 5", 46, 446, 15, "#fbeec1", letter_spacing=3),
    )


def stars(count: int, sky: Random) -> list[str]:
    """Stars wherever nothing is written."""
    drawn: list[str] = []
    while len(drawn) < count:
        x, y = sky.uniform(0, WIDTH), sky.uniform(0, 470)
        if x < WRITTEN_TO and (60 < y < 130 or y > 270):  # noqa: PLR2004  where the lines of text are
            continue
        drawn.append(tag("circle", cx=x, cy=y, r=sky.uniform(0.6, 1.9), fill="#fff", opacity=sky.uniform(0.3, 0.9)))
    return drawn


def orchestra(x: float, y: float) -> list[str]:
    """Desks in rows around a conductor, each row a little dimmer than the one before."""
    desks = []
    for row in range(7):
        radius = 90.0 + 46 * row
        desks.append(
            arc(x, y, radius, 0.5, 1, stroke="#fbeec1", stroke_width=1.2, opacity=0.55 - 0.06 * row),
        )
        count = 5 + 3 * row
        for nth in range(count):
            cx, cy = polar(x, y, radius, 0.5 + (nth + 0.5) / count / 2)
            desks.append(tag("circle", cx=cx, cy=cy, r=7.5 - 0.5 * row, fill="#fbeec1", opacity=0.95 - 0.09 * row))
    return desks


def han_river() -> str:
    """A low sun behind a bridge, and the river that takes its light apart."""
    colors = [gradient("dusk", (0, "#2b1b4d"), (0.28, "#8a2f6b"), (0.5, "#f0644b"), (0.62, "#ffb35c"))]
    colors += [gradient("sun", (0, "#fff3c4"), (1, "#ff9a4a"))]
    return poster(
        programme.UPCOMING.name,
        tag("defs", *colors),
        sheet("url(#dusk)"),
        tag("circle", cx=300, cy=430, r=128, fill="url(#sun)"),
        *bridge(462),
        *river(),
        words("한강", 40, 128, 96, "#fff3e0", font_weight=800, letter_spacing=-2),
        words("재즈 나이트", 44, 196, 54, "#fff3e0", font_weight=800, letter_spacing=-1),
        words("HAN RIVER JAZZ NIGHT", 46, 234, 17, "#ffd9a8", letter_spacing=5, font_weight=600),
        words("강변문화재단", 44, 752, 20, "#fff3e0", font_weight=600),
        words("RIVERSIDE CULTURE FOUNDATION", 44, 774, 11.5, "#d9c7f2", letter_spacing=2.5),
    )


def bridge(y: float) -> list[str]:
    """A bridge of flat arches across the picture."""
    line = "".join(f"M{x} {y + 44}q50 -62 100 0" for x in range(-50, WIDTH, 100))
    piers = "".join(f"M{x} {y + 8}v44" for x in range(-50, WIDTH + 51, 100))
    return [
        tag("rect", x=0, y=y, width=WIDTH, height=9, fill="#1a1238"),
        tag("path", d=line, fill="none", stroke="#1a1238", stroke_width=6),
        tag("path", d=piers, stroke="#1a1238", stroke_width=9),
    ]


def river() -> list[str]:
    """Waves from the far bank to the near one, longer and darker as they come; between them lies the sun."""
    water = ["#e0564f", "#b8405f", "#8d3269", "#632a68", "#43235c", "#2a1a49", "#1a1238"]
    glints = Random(3)
    drawn = []
    for nth, color in enumerate(water):
        y = 506.0 + 8 * nth + 5 * nth**2
        drawn.append(wave(y, 6.0 + 4 * nth, 90.0 + 34 * nth, 37.0 * nth, fill=color))
        for _ in range(5 - nth // 2):
            wide = glints.uniform(20, 70) * (1 + 0.15 * nth)
            drawn.append(
                tag(
                    "rect",
                    x=300 - wide / 2 + glints.uniform(-50, 50),
                    y=y + glints.uniform(4, 14 + 6 * nth),
                    width=wide,
                    height=3.2,
                    rx=1.6,
                    fill="#ffd08a",
                    opacity=max(0.2, 0.9 - 0.12 * nth),
                )
            )
    return drawn


def midnight_radio() -> str:
    """A mast on a hill that sends its waves to a few stars, and the windows where somebody listens."""
    colors = [gradient("small_hours", (0, "#061a2b"), (0.6, "#0d3b52"), (1, "#1b6a72"))]
    waves = [
        arc(300, 330, 46.0 * nth, 0.53, 0.97, stroke="#7ff0d2", stroke_width=7, opacity=1.05 - 0.17 * nth)
        for nth in range(1, 6)
    ]
    return poster(
        programme.LOBBY.name,
        tag("defs", *colors),
        sheet("url(#small_hours)"),
        *(tag("circle", cx=x, cy=y, r=2.2, fill="#fff", opacity=0.8) for x, y in FEW_STARS),
        *waves,
        tag("circle", cx=300, cy=330, r=15, fill="#ffd166"),
        tag("path", d="M300 345L262 610H338ZM281 478H319M272 544H328", fill="none", stroke="#eafff8", stroke_width=6),
        tag("path", d=f"M0 640Q150 560 300 602T600 590V{HEIGHT}H0Z", fill="#04101b"),
        *windows(Random(17)),
        words("심야 라디오", 300, 732, 64, "#eafff8", font_weight=800, letter_spacing=-1, text_anchor="middle"),
        words("MIDNIGHT RADIO, LIVE", 300, 769, 18, "#ffd166", letter_spacing=6, text_anchor="middle"),
    )


def windows(houses: Random) -> list[str]:
    """Lit windows on the hill."""
    spots = [(x + houses.uniform(-8, 8), 640 + houses.uniform(-10, 14)) for x in range(36, WIDTH, 44)]
    return [tag("rect", x=x, y=y, width=9, height=12, rx=1.5, fill="#ffd166") for x, y in spots]


def lumina() -> str:
    """Beams of light over a crowd."""
    beams = Random(7)
    colors = ["#ff3d9a", "#8b5cff", "#22d3ee", "#ffe14d", "#ff3d9a", "#22d3ee", "#8b5cff"]
    defs = [
        gradient(f"beam{nth}", (0, color), (1, "#000000"), x1=0.5, x2=0.5)
        for nth, color in enumerate(dict.fromkeys(colors))
    ]
    order = list(dict.fromkeys(colors))
    defs += [glow("stage", (0, "#ffffff", 0.95), (0.25, "#ff8ac6", 0.55), (1, "#8b5cff", 0))]
    lights = []
    for nth, color in enumerate(colors):
        x = 30.0 + 90 * nth
        foot = 300 + (x - 300) * beams.uniform(-0.9, 0.4)
        lights.append(
            tag(
                "path",
                d=f"M{x - 5:.1f} -10H{x + 5:.1f}L{foot + 95:.1f} 690H{foot - 95:.1f}Z",
                fill=f"url(#beam{order.index(color)})",
                opacity=0.62,
            )
        )
    return poster(
        programme.IN_LINE.name,
        tag("defs", *defs),
        sheet("#07060f"),
        tag("g", *lights),
        tag("ellipse", cx=300, cy=640, rx=330, ry=150, fill="url(#stage)"),
        *crowd_of(Random(11)),
        words("LUMINA", 45, 330, 122, "#ffffff", font_weight=900, textLength=510, lengthAdjust="spacingAndGlyphs"),
        words("루미나 월드투어 서울", 300, 392, 34, "#ffffff", font_weight=700, text_anchor="middle"),
        words("WORLD TOUR IN SEOUL", 300, 428, 17, "#ffe14d", font_weight=600, letter_spacing=7, text_anchor="middle"),
    )


def crowd_of(people: Random) -> list[str]:
    """Heads and raised arms against the light, row behind row."""
    drawn = []
    for row, color in enumerate(["#1d1440", "#120c2b", "#07060f"]):
        y = 668.0 + 42 * row
        shapes = [f"M0 {HEIGHT}V{y + 26:.1f}H{WIDTH}V{HEIGHT}Z"]
        x = -14.0 * row
        while x < WIDTH + 30:
            size, top = people.uniform(12, 15) + 2 * row, y + people.uniform(-8, 10)
            shapes.append(person(x, top, size))
            if people.random() < CHEERING:
                lean = people.uniform(-14, 14)
                shapes.append(f"M{x + 1.4 * size:.1f} {top + 60:.1f}l{lean:.1f} -98q5 -7 10 0l{4 - lean:.1f} 98z")
            x += 3.1 * size + people.uniform(0, 8)
        drawn.append(tag("path", d="".join(shapes), fill=color))
    return drawn


def person(x: float, top: float, size: float) -> str:
    """A head and shoulders from behind."""
    head = f"M{x - size:.1f} {top:.1f}a{size:.1f} {size * 1.15:.1f} 0 1 1 {2 * size:.1f} 0"
    neck = f"a{size:.1f} {size * 1.15:.1f} 0 0 1 {-size * 0.55:.1f} {size:.1f}"
    shoulders = f"q{size * 1.3:.1f} {size * 0.3:.1f} {size * 1.3:.1f} {size * 2:.1f}v60h{-3.5 * size:.1f}v-60"
    return head + neck + shoulders + f"q0 {-size * 1.7:.1f} {size * 1.3:.1f} {-size * 2:.1f}z"


def small_room() -> str:
    """A chair, a guitar that leans on it, and an evening in spring behind the window."""
    return poster(
        programme.SOLD_OUT.name,
        tag("defs", gradient("evening", (0, "#f7b39b"), (0.55, "#fbd9b0"), (1, "#fdeccf"))),
        sheet("#f3e7d3"),
        tag("path", d=f"M0 640H{WIDTH}V{HEIGHT}H0Z", fill="#c98f63"),
        tag("path", d=f"M0 640H{WIDTH}M0 690H{WIDTH}M0 752H{WIDTH}", stroke="#b57b50", stroke_width=3),
        *window(330, 250),
        *guitar(),
        words("작은 방의", 40, 104, 56, "#43302b", font_family=SERIF, font_weight=700),
        words("어쿠스틱, 봄", 40, 172, 56, "#43302b", font_family=SERIF, font_weight=700),
        words("ACOUSTIC IN A SMALL ROOM, SPRING", 43, 208, 14, "#9a5b45", letter_spacing=2.6, font_weight=600),
        words("소극장 모퉁이  ·  CORNER THEATRE", 43, 780, 14, "#fdeccf", letter_spacing=1.5, font_weight=600),
    )


def window(x: float, y: float) -> list[str]:
    """A window of four panes, and a branch in blossom before it."""
    blossoms = Random(4)
    petals = []
    for _ in range(34):
        along = blossoms.random()
        cx, cy = (
            x + 225 - 190 * along + blossoms.uniform(-16, 16),
            y + 20 + 150 * along**1.6 + blossoms.uniform(-26, 22),
        )
        petals.append(
            tag(
                "circle",
                cx=cx,
                cy=cy,
                r=blossoms.uniform(4, 8.5),
                fill=blossoms.choice(["#fff5f2", "#f9c6cb", "#f28fa0"]),
            )
        )
    twigs = f"M{x + 150} {y + 56}q-20 -30 -52 -34M{x + 96} {y + 112}q22 10 34 46"
    return [
        tag("rect", x=x, y=y, width=220, height=270, rx=4, fill="url(#evening)", stroke="#8a5a44", stroke_width=10),
        tag("circle", cx=x + 70, cy=y + 196, r=34, fill="#fff6dc"),
        tag("path", d=f"M{x + 110} {y}v270M{x} {y + 135}h220", stroke="#8a5a44", stroke_width=7),
        tag(
            "path",
            d=f"M{x + 236} {y + 6}q-60 20 -104 66t-100 104{twigs}",
            fill="none",
            stroke="#6b4435",
            stroke_width=6,
            stroke_linecap="round",
        ),
        *petals,
        tag("rect", x=x - 16, y=y + 270, width=252, height=14, rx=3, fill="#7a4e3a"),
    ]


def guitar() -> list[str]:
    """A guitar against a stool."""
    wood = {"stroke": "#5b3a2e", "stroke_width": 12, "stroke_linecap": "round"}
    stool = [
        tag("path", d="M340 596L322 746M470 596L488 746M332 684H478", fill="none", **wood),
        tag("rect", x=317, y=578, width=176, height=22, rx=8, fill="#7a4e3a"),
    ]
    body = "M0 62C-50 62 -78 100 -74 140C-71 168 -56 180 -58 204C-60 226 -92 240 -92 290C-92 344 -48 372 0 372"
    body += "C48 372 92 344 92 290C92 240 60 226 58 204C56 180 71 168 74 140C78 100 50 62 0 62Z"
    strings = "".join(f"M{x:.1f} -150V300" for x in (-7.5, -4.5, -1.5, 1.5, 4.5, 7.5))
    parts = [
        tag("path", d=body, fill="#d98a3d", stroke="#7a3f1d", stroke_width=8),
        tag("circle", cx=0, cy=176, r=38, fill="#43261a", stroke="#f3d9a4", stroke_width=5),
        tag("rect", x=-12, y=-150, width=24, height=300, fill="#4a2c20"),
        tag("path", d="M-17 -212H17L13 -150H-13Z", fill="#4a2c20"),
        tag("path", d="".join(f"M-12 {y}h24" for y in range(-130, 140, 24)), stroke="#d9b98a", stroke_width=1.5),
        tag("rect", x=-44, y=296, width=88, height=14, rx=5, fill="#43261a"),
        tag("path", d=strings, stroke="#f7e9cf", stroke_width=1.1),
        *(tag("circle", cx=side * 22, cy=y, r=5, fill="#e9d3a6") for side in (-1, 1) for y in (-202, -184, -166)),
    ]
    return [*stool, tag("g", *parts, transform="translate(180 432) rotate(11) scale(.82)")]


# What is drawn for each concert of the programme.
DRAWN: dict[programme.Item, Callable[[], str]] = {
    programme.ON_SALE: mahler,
    programme.UPCOMING: han_river,
    programme.LOBBY: midnight_radio,
    programme.IN_LINE: lumina,
    programme.SOLD_OUT: small_room,
}
