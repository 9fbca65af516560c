"""Small SVG charts for the report: data marks only, coloured by the page's style sheet.

Positions along an axis are percentages and sizes are pixels, so that a chart fills whatever width
its table cell has while its text and marks keep their size. Colours are classes (``audio``, ``midi``,
``none``, …), so that they follow light and dark mode. A chart next to a table row that says the same
in numbers is hidden from screen readers; a chart that stands alone has a label.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

ROW_HEIGHT = 26  # px of a chart in a table row
MARK_SIZE = {"audio": 5.0, "midi": 6.5, "none": 4.5}  # px: radius, half diagonal, half side


@dataclass(frozen=True)
class Axis:
    """A linear axis; values outside are drawn at its ends."""

    low: float
    high: float

    def percent(self, value: float) -> str:
        """Position of a value, for an SVG attribute."""
        share = (value - self.low) / (self.high - self.low)
        return f"{100 * min(max(share, 0.0), 1.0):.2f}%"

    def contains(self, value: float) -> bool:
        return self.low <= value <= self.high


def tag(name: str, *children: Markup | str, **attributes: str | float) -> Markup:
    """An element; ``class_`` and ``text_anchor`` become ``class`` and ``text-anchor``."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"' for key, value in attributes.items()
    )
    inside = "".join(escape(child) for child in children)
    return Markup(f"<{name}{written}>{inside}</{name}>") if inside else Markup(f"<{name}{written}/>")


def _svg(
    children: Iterable[Markup], class_: str, label: str | None = None, **attributes: str | float
) -> Markup:
    spoken = {"role": "img", "aria_label": label} if label else {"aria_hidden": "true"}
    return tag("svg", *children, class_=class_, focusable="false", **spoken, **attributes)


def mark(kind: str, x: str, y: str | float, hollow: bool = False) -> Markup:
    """A point: a circle (audio), a diamond (midi) or a square (none), so that colour is never needed."""
    style = f"mark {kind}" + (" hollow" if hollow else "")
    size = MARK_SIZE[kind]
    if kind == "audio":
        return tag("circle", cx=x, cy=y, r=size, class_=style)
    if kind == "midi":
        shape = tag("path", d=f"M0 {-size}L{size} 0L0 {size}L{-size} 0Z", class_=style)
    else:
        shape = tag("path", d=f"M{-size} {-size}H{size}V{size}H{-size}Z", class_=style)
    # A nested svg is the only thing that can stand at a percentage.
    return tag("svg", shape, x=x, y=y, class_="anchor")


def _grid(axis: Axis, ticks: Sequence[float]) -> list[Markup]:
    return [
        tag("line", x1=axis.percent(tick), x2=axis.percent(tick), y1="0", y2="100%",
            class_="zero" if tick == 0 else "grid")
        for tick in ticks
    ]  # fmt: skip


def tick_row(axis: Axis, ticks: Sequence[float]) -> Markup:
    """The numbers of an axis, to stand above the rows it belongs to."""
    texts = []
    for tick in ticks:
        anchor = "start" if tick == axis.low else "end" if tick == axis.high else "middle"
        texts.append(
            tag("text", f"{tick:g}".replace("-", "−"), x=axis.percent(tick), y=13, text_anchor=anchor)
        )
    return _svg(texts, "ticks", height=18)


def score_row(
    axis: Axis,
    ticks: Sequence[float],
    ceiling: float | None,
    points: Sequence[tuple[str, bool, float]],
    interval: tuple[float, float] | None = None,
) -> Markup:
    """Scores on an axis that is shaded up to the noise ceiling, where it is known.

    points: (kind, hollow, value), drawn in order; the last is on top.
    interval: low and high of the last point.
    """
    middle = ROW_HEIGHT / 2
    parts = _grid(axis, ticks)
    if ceiling is not None:
        width = f"{float(axis.percent(ceiling)[:-1]) - float(axis.percent(0)[:-1]):.2f}%"
        track = tag("rect", x=axis.percent(0), y=4, width=width, height=ROW_HEIGHT - 8, class_="track")
        end = tag("line", x1=axis.percent(ceiling), x2=axis.percent(ceiling), y1=2, y2=ROW_HEIGHT - 2,
                  class_="ceiling")  # fmt: skip
        parts = [track, *parts, end]
    if interval is not None:
        low, high = (axis.percent(value) for value in interval)
        parts.append(tag("line", x1=low, x2=high, y1=middle, y2=middle, class_=f"whisker {points[-1][0]}"))
    for kind, hollow, value in points:
        if axis.contains(value):
            parts.append(mark(kind, axis.percent(value), middle, hollow))
        else:  # an arrow says that the value lies beyond the end
            arrow = tag("path", d="M9 -5L1 0L9 5Z", class_=f"mark {kind}")
            parts.append(tag("svg", arrow, x="0", y=middle, class_="anchor"))
    return _svg(parts, "row", height=ROW_HEIGHT)


def rating_row(rated: float, predicted: float, middle: float) -> Markup:
    """What raters said and what was predicted, between the low and the high pole, with the middle answer marked."""
    axis, y = Axis(0, 1), ROW_HEIGHT / 2
    ends = {"x1": axis.percent(rated), "x2": axis.percent(predicted)}
    parts = [tag("line", x1="0", x2="100%", y1=y, y2=y, class_="scale"), *_grid(axis, (middle,))]
    parts.append(tag("line", **ends, y1=y, y2=y, class_="gap"))
    parts.append(tag("circle", cx=axis.percent(rated), cy=y, r=5, class_="mark rated"))
    parts.append(mark("audio", axis.percent(predicted), y, hollow=True))
    return _svg(parts, "row", height=ROW_HEIGHT)


def scatter(rated: Sequence[float], predicted: Sequence[float], label: str, radius: float) -> Markup:
    """Predicted (upwards) against rated (to the right), both from 0 to 1, with the line of equality."""
    parts = [tag("line", x1="0", y1="100%", x2="100%", y2="0", class_="equal")]
    parts += [
        tag("circle", cx=f"{100 * x:.1f}%", cy=f"{100 - 100 * y:.1f}%", r=radius, class_="dot")
        for x, y in zip(rated, predicted, strict=True)
    ]
    return _svg(parts, "scatter", label)


def learning_curve(
    steps: Sequence[int], train: Sequence[float], held_out: Sequence[float], kept: int, last_step: int,
    loss_range: tuple[float, float], label: str, unit: str = "epoch",
) -> Markup:  # fmt: skip
    """Training and held-out loss by step on a logarithmic axis, with the step whose weights are kept marked.

    kept: position in ``steps``. last_step, loss_range: of all charts that are to be compared. unit: of steps.
    """
    low, high = (math.log(max(value, 1e-9)) for value in loss_range)
    across, up = (
        Axis(min(steps), max(last_step, min(steps) + 1)),
        Axis(low, high if high > low else low + 1),
    )

    def position(step: float, loss: float) -> tuple[float, float]:
        x, y = float(across.percent(step)[:-1]), float(up.percent(math.log(max(loss, 1e-9)))[:-1])
        return x, 100 - y

    def line(losses: Sequence[float], class_: str) -> Markup:
        points = (position(step, loss) for step, loss in zip(steps, losses, strict=True))
        return tag("polyline", points=" ".join(f"{x:g},{y:g}" for x, y in points), class_=class_)

    x, y = position(steps[kept], held_out[kept])
    plot = tag("svg", line(train, "train"), line(held_out, "validation"), viewBox="0 0 100 100",
               preserveAspectRatio="none", x="0", y=18, width="100%", height=96, class_="plot")  # fmt: skip
    texts = [
        tag("line", x1="0", x2="100%", y1=18, y2=18, class_="grid"),
        tag("line", x1="0", x2="100%", y1=114, y2=114, class_="zero"),
        tag("text", f"loss {loss_range[1]:.3g}", x="0", y=13),
        tag("text", f"{loss_range[0]:.3g}", x="0", y=110),
        tag("text", f"{min(steps):,}", x="0", y=129),
        tag("text", f"{unit} {last_step:,}", x="100%", y=129, text_anchor="end"),
    ]
    point = tag("circle", cx=f"{x:g}%", cy=f"{18 + 0.96 * y:.1f}", r=4, class_="mark audio")
    return _svg([*texts[:2], plot, point, *texts[2:]], "curve", label, height=134)


def hairpin(ceiling: float | None, best: Sequence[tuple[str, float, str]]) -> Markup:
    """The scale from guessing (0) to perfect (1) as a crescendo, filled up to the noise ceiling, where it is known.

    best: (kind, R², label) of the best row that hears audio and of the best that reads MIDI; the
        first label stands above the scale, the others below it.
    """
    axis = Axis(0, 1)
    x = 0.0 if ceiling is None else float(axis.percent(ceiling)[:-1])
    reachable = tag("path", d=f"M0 50L{x} {50 - x / 2}V{50 + x / 2}Z", class_="reachable")
    shape = tag(
        "svg",
        *([] if ceiling is None else [reachable]),
        tag("path", d="M100 0L0 50L100 100", class_="hairpin"),
        viewBox="0 0 100 100", preserveAspectRatio="none", x="0", y=26, width="100%", height=76,
    )  # fmt: skip
    parts, known = [shape], ""
    if ceiling is not None:
        parts.append(tag("line", x1=f"{x}%", x2=f"{x}%", y1=26, y2=102, class_="ceiling"))
        parts.append(tag("text", f"ceiling {ceiling:.2f}", x=f"{x}%", y=120, text_anchor="start", class_="note"))
        known = f"noise ceiling {ceiling:.2f}; "
    for index, (kind, r2, label) in enumerate(best):
        share = min(max(r2, 0.0), 1.0)
        half = max(38 * share, 6)
        above = index == 0
        parts.append(tag("line", x1=axis.percent(share), x2=axis.percent(share), y1=64 - half, y2=64 + half,
                         class_=f"stem {kind}"))  # fmt: skip
        parts.append(mark(kind, axis.percent(share), 64))
        anchor = "start" if share < 0.3 else "end"
        parts.append(tag("text", label, x=axis.percent(share), y=16 if above else 120, text_anchor=anchor,
                         class_=f"label {kind}"))  # fmt: skip
    spoken = f"Scale from 0, guessing the mean, to 1, perfect: {known}" + "; ".join(
        label for _, _, label in best
    )
    return _svg(parts, "hero", spoken, height=126)
