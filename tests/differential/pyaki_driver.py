"""Runs pyAKI, each stay by itself, on tables from standard input; needs Python 3.12 and `pyaki`, nothing of ours.

Input: lines `stay,kind,minute,value`, the stay a number, kind being creatinine, urine or weight. Output: lines
`stay,hour,creatinine_stage,urine_stage`, hours counted from the epoch of the input, empty where it says nothing.
"""

import csv
import logging
import sys
from collections import defaultdict
from collections.abc import Iterator

import pandas as pd
from pyaki.kdigo import Analyser
from pyaki.preprocessors import (
    CreatininePreProcessor,
    DemographicsPreProcessor,
    TimeIndexCreator,
    UrineOutputPreProcessor,
)
from pyaki.probes import AbsoluteCreatinineProbe, RelativeCreatinineProbe, UrineOutputProbe
from pyaki.utils import Dataset, DatasetType

EPOCH = pd.Timestamp("2026-01-01")
Rows = dict[str, list[tuple[float, float]]]


def staged(stay: int, rows: Rows) -> Iterator[tuple[int, int, str, str]]:
    """pyAKI's stages of one stay, by hour, with its defaults."""
    data = [Dataset(DatasetType.DEMOGRAPHICS, pd.DataFrame({"stay_id": [stay], "weight": [rows["weight"][0][1]]}))]
    kinds = ((DatasetType.CREATININE, "creatinine", "creat"), (DatasetType.URINEOUTPUT, "urine", "urineoutput"))
    for dataset, kind, column in kinds:
        if rows[kind]:
            times = [EPOCH + pd.Timedelta(seconds=round(60 * minute)) for minute, _ in rows[kind]]
            frame = pd.DataFrame({"stay_id": stay, "charttime": times, column: [value for _, value in rows[kind]]})
            data.insert(0, Dataset(dataset, frame))
    steps = [TimeIndexCreator(), UrineOutputPreProcessor(), CreatininePreProcessor(), DemographicsPreProcessor()]
    probes = [UrineOutputProbe(), AbsoluteCreatinineProbe(), RelativeCreatinineProbe()]
    found = Analyser(data=data, probes=probes, preprocessors=steps).process_stay(stay)
    for index, row in zip(found.index, found.to_dict("records"), strict=True):
        hour = int((index[1] - EPOCH) / pd.Timedelta(hours=1))
        by_creatinine = max_of(row.get("abs_creatinine_stage"), row.get("rel_creatinine_stage"))
        yield stay, hour, by_creatinine, max_of(row.get("urineoutput_stage"))


def max_of(*stages: float | None) -> str:
    known = [stage for stage in stages if stage is not None and stage == stage]
    return str(int(max(known))) if known else ""


def main() -> None:
    logging.disable(logging.WARNING)
    stays: dict[int, Rows] = defaultdict(lambda: {"creatinine": [], "urine": [], "weight": []})
    for stay, kind, minute, value in csv.reader(sys.stdin):
        stays[int(stay)][kind].append((float(minute), float(value)))
    out = csv.writer(sys.stdout)
    for stay, rows in stays.items():
        out.writerows(staged(stay, rows))


if __name__ == "__main__":
    main()
