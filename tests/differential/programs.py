"""What pyAKI and akiFlagger really print for our series, keyed so that their answers meet our points."""

from collections.abc import Iterable, Iterator, Sequence

from tests.differential.courses import CreatinineSeries, Number, UrineSeries
from tests.differential.isolated import AKIFLAGGER, PYAKI, run
from tests.differential.window_rules import HOUR

Printed = dict[tuple[str, int], int | None]
ANY_WEIGHT_KG = 80  # pyAKI asks for one even to stage creatinine


def akiflagger(all_series: Sequence[CreatinineSeries]) -> Printed:
    """akiFlagger's stage by (series, index). Raises NotRun."""
    lines = [
        f"{number},{float(minute)!r},{float(value)!r}\n"
        for number, series in enumerate(all_series)
        for minute, value in series.points
    ]
    found: dict[tuple[int, float], int] = {}
    for number, minute, stage in run(AKIFLAGGER, "".join(lines)):
        found[int(number), float(minute)] = int(stage)
    return {
        (series.name, index): found[number, float(minute)]
        for number, series in enumerate(all_series)
        for index, (minute, _) in enumerate(series.points)
    }


def pyaki_creatinine(all_series: Sequence[CreatinineSeries]) -> Printed:
    """pyAKI's creatinine stage by (series, index): that of the clock hour of the point. Raises NotRun."""
    weight = ((0, ANY_WEIGHT_KG),)
    lines = [
        line
        for number, series in enumerate(all_series)
        for line in (*_lines(number, "weight", weight), *_lines(number, "creatinine", series.points))
    ]
    found = {(int(row[0]), int(row[1])): _stage(row[2]) for row in run(PYAKI, "".join(lines))}
    return {
        (series.name, index): found[number, int(minute // HOUR)]
        for number, series in enumerate(all_series)
        for index, (minute, _) in enumerate(series.points)
    }


def pyaki_urine(all_series: Sequence[UrineSeries]) -> Printed:
    """pyAKI's urine stage by (series, clock hour), with the first weight of the stay. Raises NotRun."""
    lines = [
        line
        for number, series in enumerate(all_series)
        for line in (*_lines(number, "weight", series.weights[:1]), *_lines(number, "urine", series.points))
    ]
    names = [series.name for series in all_series]
    return {(names[int(row[0])], int(row[1])): _stage(row[3]) for row in run(PYAKI, "".join(lines))}


def _lines(number: int, kind: str, entries: Iterable[tuple[Number, Number]]) -> Iterator[str]:
    return (f"{number},{kind},{float(minute)!r},{float(value)!r}\n" for minute, value in entries)


def _stage(text: str) -> int | None:
    return int(text) if text else None
