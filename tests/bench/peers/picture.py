"""The share of the FMA peak that everybody reaches, drawn as SVG."""

from __future__ import annotations

from html import escape

from .cases import MODES
from .results import Results, Row
from .roster import OURS, PROGRAMS
from .table import limits

_TITLES = {mode.name: mode.title.capitalize() for mode in MODES}
WIDTH = 960
LEFT = 48
RIGHT = 16
HEADER = 84
PANEL = 250
PLOT = 150
BAR_GAP = 1
LINE = 16

STYLE = """
text { font-family: sans-serif; font-size: 12px; fill: #1f2328 }
.back { fill: #ffffff } .grid { stroke: #d1d9e0 } .axis { stroke: #818b98 }
.title { font-size: 17px; font-weight: bold }
.panel { font-size: 14px; font-weight: bold }
.soft { fill: #59636e } .small { font-size: 11px }
.value { font-size: 11px; font-weight: bold; fill: #0b57d0 }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc } .back { fill: #0d1117 } .grid { stroke: #2f3742 }
.axis { stroke: #656c76 } .soft { fill: #9198a1 } .value { fill: #79b8ff }
}
"""


def _style() -> str:
    """Each program's class is its name."""
    light, dark = (
        " ".join(
            f".{name} {{ fill: {program.colours[i]} }}"
            for name, program in PROGRAMS.items()
        )
        for i in range(2)
    )
    return (
        f"{STYLE}{light}\n"
        f"@media (prefers-color-scheme: dark) {{ {dark} }}\n"
    )


def _text(
    x: float, y: float, text: str, style: str = "", anchor: str = ""
) -> str:
    anchors = f' text-anchor="{anchor}"' if anchor else ""
    classes = f' class="{style}"' if style else ""
    place = f'x="{x:.1f}" y="{y:.1f}"'
    return f"<text {place}{classes}{anchors}>{escape(text)}</text>"


def _legend(names: list[str], y: float) -> list[str]:
    parts = []
    x = float(LEFT)
    for name in names:
        label = PROGRAMS[name].title
        parts.append(
            f'<rect x="{x:.1f}" y="{y - 10:.1f}" width="12" height="12" '
            f'rx="2" class="{name}"/>'
        )
        parts.append(_text(x + 17, y, label))
        # Sans-serif letters are some 7 wide at this size.
        x += 17 + 7 * len(label) + 16
    return parts


def _scale(rows: list[Row]) -> float:
    """What the top of the plot stands for, in percent."""
    highest = max(
        entry.peak_percent for row in rows for entry in row.entries.values()
    )
    return max(100.0, 25 * -(-highest // 25))


def _group(
    row: Row, x: float, width: float, base: float, top: float
) -> list[str]:
    """The bars of one case and what is written around them."""
    parts = []
    names = [name for name in PROGRAMS if name in row.entries]
    bar = min(16.0, (width - 12) / len(names))
    start = x + (width - bar * len(names)) / 2
    for i, name in enumerate(names):
        entry = row.entries[name]
        label = PROGRAMS[name].title
        height = PLOT * entry.peak_percent / top
        left = start + i * bar
        parts.append(
            f'<rect x="{left:.1f}" y="{base - height:.1f}" '
            f'width="{bar - BAR_GAP:.1f}" height="{height:.1f}" rx="1.5" '
            f'class="{name}"><title>{escape(label)}: '
            f"{entry.peak_percent:.0f} %, {entry.gflops:.0f} GFLOP/s</title>"
            "</rect>"
        )
        if name == OURS:
            middle = left + bar / 2
            share = f"{entry.peak_percent:.0f}"
            parts.append(
                _text(middle, base - height - 4, share, "value", "middle")
            )
    middle = x + width / 2
    batch, _, width_name = row.title.partition("  ")
    batch = batch.replace(" x ", " × ")
    parts.append(_text(middle, base + 17, batch, "", "middle"))
    parts.append(_text(middle, base + 32, width_name, "small soft", "middle"))
    ratios = [entry.ratio for entry in row.entries.values() if entry.ratio]
    if ratios:
        best = f"{min(ratios):.2f}×"
        parts.append(_text(middle, base + 50, best, "value", "middle"))
    return parts


def _panel(title: str, rows: list[Row], y: float) -> list[str]:
    top = _scale(rows)
    base = y + 36 + PLOT
    parts = [_text(LEFT, y + 16, title, "panel")]
    for percent in range(0, int(top) + 1, 25):
        line = base - PLOT * percent / top
        style = "grid" if percent else "axis"
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{line:.1f}" '
            f'y2="{line:.1f}" class="{style}"/>'
        )
        parts.append(
            _text(LEFT - 6, line + 4, f"{percent} %", "small soft", "end")
        )
    width = (WIDTH - LEFT - RIGHT) / len(rows)
    for i, row in enumerate(rows):
        parts += _group(row, LEFT + i * width, width, base, top)
    return parts


def draw(results: Results) -> str:
    """A panel for each number of threads and each mode."""
    panels: dict[str, list[Row]] = {}
    for row in results.rows:
        # Without entries where everybody failed.
        if row.entries:
            count = f"{row.threads} thread{'s' * (row.threads > 1)}"
            title = f"{_TITLES[row.mode]}, {count}"
            panels.setdefault(title, []).append(row)
    present = {name for row in results.rows for name in row.entries}
    names = [name for name in PROGRAMS if name in present]
    notes = limits(results)
    bottom = HEADER + PANEL * len(panels) + 8
    height = bottom + LINE * len(notes)
    parts = [
        _text(LEFT, 28, "Multi-head attention layer", "title"),
        _text(
            LEFT,
            48,
            "Share of the FMA peak; below each shape how many times as fast as "
            f"the best peer. {results.cpu}"
            + (f", {results.max_isa}" if results.max_isa != "any" else ""),
            "soft",
        ),
        *_legend(names, 72),
    ]
    for i, (title, rows) in enumerate(panels.items()):
        parts += _panel(title, rows, HEADER + PANEL * i)
    for i, note in enumerate(notes):
        parts.append(_text(LEFT, bottom + LINE * i + 4, note, "small soft"))
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
        f'height="{height}" viewBox="0 0 {WIDTH} {height}" role="img">\n'
        f"<style>{_style()}</style>\n"
        f'<rect class="back" width="{WIDTH}" height="{height}" rx="6"/>\n'
        f"{body}\n</svg>\n"
    )
