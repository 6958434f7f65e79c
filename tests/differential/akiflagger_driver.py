"""Runs akiFlagger with its defaults on a table from standard input; needs pandas below 2, nothing of ours.

Input: lines `patient,minute,creatinine`, ascending. Output: lines `patient,minute,stage`, in its own order.
"""

import csv
import sys
import warnings

import pandas as pd
from akiFlagger import AKIFlagger

EPOCH = pd.Timestamp("2026-01-01")


def main() -> None:
    warnings.simplefilter("ignore")
    table = pd.read_csv(sys.stdin, names=["patient_id", "minute", "creatinine"], dtype={"patient_id": str})
    table["time"] = EPOCH + pd.to_timedelta((table.minute * 60).round(), unit="s")
    table["inpatient"] = True
    found = AKIFlagger().returnAKIpatients(table).reset_index()
    out = csv.writer(sys.stdout)
    out.writerows(zip(found.patient_id, found.minute, found.aki, strict=True))


if __name__ == "__main__":
    main()
