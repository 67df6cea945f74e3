"""Draw the house, house.svg, from what the package says of itself: effects, sites, contracts, detectors, read-outs.

Run it with ``.venv/bin/python docs/architecture/draw.py``.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

from obverse.detector import Detector
from obverse.detector_file import built_in
from obverse.effects import SITES, Effect, registry
from obverse.readout import KINDS

WIDTH, HEIGHT = 1240, 1054
LEFT, RIGHT = 110, 1130
INK, SOFT, WALL, PAPER = "#1d2733", "#5a6772", "#f4f1e8", "#fffdf7"
LIGHT, RAW = "#d98e04", "#3c6e9f"
CONTRACTS = {
    "Exact": "#2f6f4f",
    "Approximate": "#7aa95c",
    "Scales": "#c58a1b",
    "Subtracts": "#3c6e9f",
    "Averages": "#9a9fa6",
    "Flags": "#b5443c",
    "Lost": "#1d2733",
}
MEANS = {
    "Exact": "an inverse",
    "Approximate": "within a bound",
    "Scales": "divide by a map",
    "Subtracts": "take the mean away",
    "Averages": "a known variance",
    "Flags": "say which pixels",
    "Lost": "gone, and why",
}


def text(x: float, y: float, words: str, size: float = 14, fill: str = INK, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{fill}" {more}>{escape(words)}</text>'


def middle(x: float, y: float, words: str, size: float = 14, fill: str = INK, more: str = "") -> str:
    return text(x, y, words, size, fill, f'text-anchor="middle" {more}')


def box(x: float, y: float, w: float, h: float, fill: str, stroke: str = INK, more: str = "") -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" fill="{fill}" stroke="{stroke}" {more}/>'


def arrow(points: str, colour: str, width: float = 3, more: str = "") -> str:
    name = "light" if colour == LIGHT else "raw" if colour == RAW else "ink"
    return (
        f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{width}" '
        f'stroke-linejoin="round" marker-end="url(#{name})" {more}/>'
    )


BOLD, ITALIC = 'font-weight="600"', 'font-style="italic"'


def roof() -> list[str]:
    peak, eaves = 40, 190
    verbs = "demo  ·  simulate  ·  measure  ·  calibrate  ·  inject  ·  validate  ·  show"
    return [
        box(890, 58, 46, 90, "#c9b9a3"),
        f'<polygon points="{LEFT - 36},{eaves} {WIDTH / 2},{peak} {RIGHT + 36},{eaves}" fill="#a5563f"/>',
        middle(WIDTH / 2, 104, "the command line and pictures", 15, "#f7e9df", ITALIC),
        middle(WIDTH / 2, 136, verbs, 16.5, "#ffffff", BOLD),
        middle(WIDTH / 2, 165, "cli · jobs · view: each verb a few lines over the library below", 13, "#f7e9df"),
    ]


def floor(y: float, h: float, title: str, what: str, fill: str = WALL) -> list[str]:
    return [
        box(LEFT, y, RIGHT - LEFT, h, fill, INK, 'stroke-width="2"'),
        text(LEFT + 20, y + 27, title, 18, INK, BOLD),
        text(RIGHT - 20, y + 27, what, 14, SOFT, 'text-anchor="end"'),
    ]


def studio(y: float) -> list[str]:
    out = floor(
        y, 104, "Work with all of it", "from the sky to a raw frame, into somebody's data, before anybody observes"
    )
    rooms = (
        ("scene/", "catalogue → rate of each pixel"),
        ("level1 · sequence", "electrons → raw, one after another"),
        ("injection/", "known sources into any frame"),
        ("design/", "which read pattern"),
    )
    width = (RIGHT - LEFT - 40 - 3 * 12) / 4
    for i, (name, what) in enumerate(rooms):
        x = LEFT + 20 + i * (width + 12)
        out += [box(x, y + 41, width, 50, PAPER, SOFT, 'rx="3"'), middle(x + width / 2, y + 62, name, 14.5, INK, BOLD)]
        out += [middle(x + width / 2, y + 80, what, 12.5, SOFT)]
    return out


def detectors(y: float) -> list[str]:
    out = floor(y, 128, "Detectors are data", "detectors/*.toml: geometry, values, read-out, recipe")
    for i, name in enumerate(built_in()):  # cards in two rows
        x, top = LEFT + 20 + i // 2 * 146, y + 43 + i % 2 * 38
        out += [box(x, top, 138, 32, PAPER, SOFT, 'rx="3"'), middle(x + 69, top + 21, name, 13, INK, BOLD)]
    for x, name, fill, of in ((730, "truth", "#f6dfae", "simulates"), (930, "belief", "#cfe0ee", "calibrates")):
        out += [
            f'<ellipse cx="{x + 75}" cy="{y + 80}" rx="74" ry="37" fill="{fill}" stroke="{INK}" stroke-width="1.5"/>'
        ]
        out += [middle(x + 75, y + 78, name, 17, INK, BOLD), middle(x + 75, y + 97, of, 13, SOFT)]
    out += [arrow(f"881,{y + 80} 926,{y + 80}", INK, 2), middle(904, y + 68, "measure", 11.5, SOFT)]
    return out


def effects(y: float) -> list[str]:
    out = floor(
        y, 372, "Effects are physics", "effects/: one file each, both directions, and a contract for the way back"
    )
    found: dict[str, list[type[Effect]]] = {site: [] for site in SITES}
    for cls in registry().values():
        if cls.__module__.startswith("obverse."):
            found[cls.__dataclass_fields__["site"].default].append(cls)
    usual = [effect.name for effect in Detector.load("generic_h2rg").effects]  # within a site: as the photon meets them
    cards, gap = sum(max(len(v), 1) for v in found.values()), 9
    lone = 62.0  # a site of one card, wide enough for its name
    few = sum(len(v) <= 1 for v in found.values())
    width = (RIGHT - LEFT - 40 - gap * (len(SITES) - 1) - few * lone) / (cards - few)
    x, top = LEFT + 20.0, y + 112
    for site in SITES:
        members = sorted(found[site], key=lambda cls: usual.index(cls.name) if cls.name in usual else 99)
        w = width * len(members) if len(members) > 1 else lone
        out += [box(x, top - 24, w, 24, "#e6dfcc", "none", 'rx="3"')]
        out += [middle(x + w / 2, top - 7, site, 13, INK, BOLD)]
        each = w / max(len(members), 1)
        for i, cls in enumerate(members):
            out += card(x + i * each + 1.5, top + 6, each - 3, cls)
        if not members:
            out += [box(x, top + 6, w - 6, 158, "none", "#c9c2b0", 'stroke-dasharray="4 4" rx="3"')]
            out += [turned(x + w / 2 - 3, top + 85, "not there yet", 13, SOFT)]
        x += w + gap
    a, b = LEFT - 96, RIGHT + 88
    out += [arrow(f"{a},{y + 64} {b},{y + 64}", LIGHT, 5)]
    out += [label(WIDTH / 2, y + 64, "imprint: photons become raw reads", LIGHT)]
    back = top + 196
    out += [arrow(f"{b},{back} {a},{back}", RAW, 5)]
    out += [label(WIDTH / 2, back, "correct: raw reads become photons, with error bars", RAW)]
    x = LEFT + 22.0
    for name, colour in CONTRACTS.items():
        out += [box(x, back + 27, 13, 13, colour, "none", 'rx="2"'), text(x + 19, back + 38, name, 13.5, INK, BOLD)]
        out += [text(x + 19, back + 54, MEANS[name], 12, SOFT)]
        x += 142
    return out


def card(x: float, y: float, w: float, cls: type[Effect]) -> list[str]:
    out = [box(x, y, w, 158, PAPER, SOFT, 'rx="3"')]
    words = cls.name.split("_")
    lines = words if len(cls.name) > 15 else [" ".join(words)]
    out += [turned(x + w / 2 + 14 * (i - (len(lines) - 1) / 2), y + 70, line, 13.5) for i, line in enumerate(lines)]
    names = list(dict.fromkeys(type(contract).__name__ for contract in cls.contracts))
    step = min(13.0, (w - 5) / len(names))
    start = x + w / 2 - step * len(names) / 2 + 0.5
    return out + [
        box(start + step * i, y + 139, step - 1, 12, CONTRACTS[name], "none", 'rx="1.5"')
        for i, name in enumerate(names)
    ]


def turned(x: float, y: float, words: str, size: float, fill: str = INK) -> str:
    return middle(x, y, words, size, fill, f'transform="rotate(-90 {x:.1f} {y:.1f})" dominant-baseline="central"')


def label(x: float, y: float, words: str, colour: str) -> str:
    half = 5.0 * len(words)
    return box(x - half, y - 14, 2 * half, 28, WALL, colour, 'rx="14" stroke-width="1.5"') + middle(
        x, y + 5, words, 15, colour, BOLD
    )


def readouts(y: float) -> list[str]:
    out = floor(y, 118, "Read-outs are where shapes change", "readout/: variance is born here, once")
    words = {
        "single": ("SingleRead", "charge → one read → image"),
        "ramp": ("UpTheRamp", "gathers in strips, stores, is fitted"),
    }
    for i, kind in enumerate(sorted(KINDS, reverse=True)):
        name, how = words.get(kind, (kind, ""))
        x = LEFT + 20 + 250 * i
        out += [box(x, y + 42, 236, 60, PAPER, SOFT, 'rx="3"'), middle(x + 118, y + 67, name, 15, INK, BOLD)]
        out += [middle(x + 118, y + 88, how, 13, SOFT)]
    rooms = (
        ("ramps/", "fits, jump search"),
        ("ptc · linearity", "photon transfer"),
        ("recipe · frame", "steps, container"),
    )
    for i, (name, what) in enumerate(rooms):
        x = 650 + 156 * i
        out += [box(x, y + 42, 146, 60, PAPER, SOFT, 'rx="3"'), middle(x + 73, y + 67, name, 14.5, INK, BOLD)]
        out += [middle(x + 73, y + 88, what, 13, SOFT)]
    return out


def cellar(y: float) -> list[str]:
    out = [box(LEFT, y, RIGHT - LEFT, 84, "#3b4650", INK, 'stroke-width="2"')]
    out += [text(LEFT + 20, y + 32, "Kernels", 18, "#ffffff", BOLD)]
    out += [text(LEFT + 106, y + 32, "kernels/: loops in numba and numpy, floats in fixed units", 14, "#cfd6dc")]
    below = "no astropy, nothing from the floors above; each has a slow, obvious twin in the tests"
    out += [text(LEFT + 20, y + 60, below, 13, "#cfd6dc")]
    x = 880
    steps = " ".join(f"{x + 22 * k},{y + 14 * k} {x + 22 * (k + 1)},{y + 14 * k}" for k in range(6))
    out += [f'<polyline points="{steps} {x + 132},{y + 84}" fill="none" stroke="#f4f1e8" stroke-width="3"/>']
    out += [text(x + 62, y + 22, "the guarded stair: down only", 12.5, "#ffffff", ITALIC)]
    return out


def bricks(y: float) -> list[str]:
    out = []
    for row in range(2):
        x = LEFT - 20.0 - 24 * row
        while x < RIGHT + 20:
            left, right = max(x, LEFT - 20), min(x + 46, RIGHT + 20)
            out += [box(left, y + 17 * row, right - left, 15, "#cbbfa8", "#a89a80", 'rx="1"')]
            x += 48
    words = "tiles and random streams: bricks of 16 rows; threads change no bit"
    return [*out, box(330, y + 3, 580, 26, WALL, "#a89a80", 'rx="13"'), middle(WIDTH / 2, y + 21, words)]


def outside(y: float) -> list[str]:
    sun, file = (LEFT - 84, y + 10), (RIGHT + 88, y + 100)
    rays = "".join(
        f'<line x1="{sun[0]}" y1="{sun[1] - 25}" x2="{sun[0]}" y2="{sun[1] - 36}" stroke="{LIGHT}" stroke-width="3" '
        f'stroke-linecap="round" transform="rotate({45 * k} {sun[0]} {sun[1]})"/>'
        for k in range(8)
    )
    out = [f'<circle cx="{sun[0]}" cy="{sun[1]}" r="19" fill="{LIGHT}"/>{rays}']
    out += [middle(LEFT - 84, y + 92, "photon/s", 14, LIGHT, BOLD)]
    out += [middle(LEFT - 84, y + 338, "rate ± error", 14, RAW, BOLD)]
    fx, fy = file
    out += [f'<path d="M{fx - 24},{fy - 6} h34 l14,14 v50 h-48 z" fill="{PAPER}" stroke="{INK}" stroke-width="1.5"/>']
    out += [middle(fx, fy + 30, "raw", 14, INK, BOLD), middle(fx, fy + 47, "file", 13, SOFT)]
    out += [middle(fx, fy + 84, "io/", 15, INK, BOLD), middle(fx, fy + 102, "a safe door", 12.5, SOFT)]
    return [*out, middle(fx, fy + 118, "in, an atomic", 12.5, SOFT), middle(fx, fy + 134, "writer out", 12.5, SOFT)]


def draw() -> str:
    marks = "".join(
        f'<marker id="{name}" viewBox="0 0 10 10" refX="7" refY="5" markerWidth="{size}" markerHeight="{size}" '
        f'orient="auto"><path d="M0,0 L10,5 L0,10 z" fill="{colour}"/></marker>'
        for name, colour, size in (("light", LIGHT, 4), ("raw", RAW, 4), ("ink", INK, 6))
    )
    parts = [*bricks(996), *roof(), *studio(190), *detectors(294), *effects(422), *readouts(794), *cellar(912)]
    parts += outside(422)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-40 10 {WIDTH + 80} {HEIGHT - 10}" '
        'font-family="system-ui, -apple-system, \'Segoe UI\', Helvetica, Arial, sans-serif" role="img" '
        'aria-label="The house: command line, scenes, injection, design, detectors, effects, read-outs, kernels">'
        f'<defs>{marks}</defs><rect x="-40" y="10" width="100%" height="100%" fill="#fbfbf9"/>'
        + "\n".join(parts)
        + "</svg>\n"
    )


if __name__ == "__main__":
    Path(__file__).with_name("house.svg").write_text(draw(), encoding="utf-8")
