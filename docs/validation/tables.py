"""Tables of the validation page, in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from docs.validation.measure import DECADES, HIT_RATES, SIZES, Found, Point

Rows = Iterable[Sequence[str]]


def markdown(head: Sequence[str], rows: Rows) -> str:
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows))


def summary(points: list[Point]) -> str:
    """Worst case of each estimator, over all patterns and rates; pulls and coverage from 1 electron/s on."""

    def extremes(metric: Callable[[Point], float], here: list[Point], form: str) -> str:
        values = [metric(p) for p in here]
        return f"{min(values):{form}} to {max(values):{form}}"

    rows = []
    for estimator in ("likelihood", "covariance", "ols", "casertano"):
        here = [p for p in points if p.estimator == estimator]
        bright = [p for p in here if p.rate >= 1 and not ("low noise" in p.pattern and p.rate < 10)]
        rows.append(
            [
                f"`{estimator}`",
                extremes(lambda p: p.got["bias"], here, "+.4f"),
                f"{max(abs(p.got['bias'] - p.shift.get('bias', 0.0)) for p in here):.4f}",
                extremes(lambda p: p.got["pull_std"], bright, ".3f"),
                extremes(lambda p: 100 * p.got["cover_68"], bright, ".1f"),
                extremes(lambda p: 100 * p.got["cover_95"], bright, ".1f"),
                extremes(lambda p: p.got["rms_error"], bright, ".3f"),
                f"{max(p.got['efficiency'] for p in here):.3f}",
            ]
        )
    head = "estimator, bias / sigma, of which not calculated, pull scatter, within 68.27 %, within 95 %, "
    return markdown((head + "stated error / perfect, variance / perfect").split(", "), rows)


def likelihood(points: list[Point]) -> str:
    rows = [
        [
            f"{p.pattern.replace(', ', ' with ')}, {p.rate:g}",
            f"{p.got['bias']:+.4f}",
            f"{p.got['pull_std']:.3f}",
            f"{100 * p.got['cover_68']:.1f}",
            f"{100 * p.got['cover_95']:.1f}",
            f"{p.got['chi2']:.3f}" if "chi2" in p.got else "",
            f"{p.got['rms_error']:.3f}",
            f"{p.got['efficiency']:.4f}",
        ]
        for p in points
        if p.estimator == "likelihood" and p.rate in DECADES
    ]
    head = ["pattern, electron/s", "bias / sigma", "pull scatter", "within 68.27 %", "within 95 %"]
    return markdown([*head, "chi-square / dof", "stated error / perfect", "variance / perfect"], rows)


def mission(points: list[Point], with_hit: dict[tuple[str, float], float]) -> str:
    at = {p.rate: p.got["pull_std"] for p in points if p.pattern == "20 single reads" and p.estimator == "mission"}
    own = {p.rate: p.got["pull_std"] for p in points if p.pattern == "20 single reads" and p.estimator == "ols"}
    columns = [
        ("`jwst`, clean", at),
        ("`jwst`, one hit flagged", {rate: with_hit["jwst", rate] for rate in DECADES}),
        ("`exact`, clean", own),
        ("`exact`, one hit flagged", {rate: with_hit["exact", rate] for rate in DECADES}),
    ]
    rows = [[name, *(f"{values[rate]:.3f}" for rate in DECADES)] for name, values in columns]
    return markdown(["variance", *(f"{rate:g}" for rate in DECADES)], rows)


def detection(found: list[Found]) -> str:
    rows = [
        [f"{rate:g}", f.search, *(f"{share:.4f}" for share in f.share)]
        for rate in HIT_RATES
        for f in found
        if f.rate == rate
    ]
    return markdown(["electron/s", "search", *(f"{size:g} sigma" for size in SIZES)], rows)


def left(found: list[Found]) -> str:
    rows = [
        [f"{rate:g}", f.search, *(f"{value:+.3f}" for value in f.left)]
        for rate in HIT_RATES
        for f in found
        if f.rate == rate
    ]
    return markdown(["electron/s", "search", *(f"{size:g} sigma" for size in SIZES)], rows)


def alarms(found: list[Found]) -> str:
    searches = list(dict.fromkeys(f.search for f in found))
    rates = sorted({f.rate for f in found})
    share = {(f.search, f.rate): f.alarms for f in found}
    rows = [[search, *(f"{1e4 * share[search, rate]:.2f}" for rate in rates)] for search in searches]
    return markdown(["search", *(f"{rate:g} electron/s" for rate in rates)], rows)


def combination(made: dict[tuple[str, float], tuple[float, float]]) -> str:
    rates = sorted({rate for _, rate in made})
    names = {
        "read_noise": "`read_noise`",
        "total_variance": "`total_variance`",
        "own light": "the photon noise of each segment's own rate",
    }
    rows = [[names[rule], *(f"{made[rule, rate][0]:+.4f}" for rate in rates)] for rule in names]
    return markdown(["weights from", *(f"{rate:g} electron/s" for rate in rates)], rows)
