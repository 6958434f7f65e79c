"""Writes docs/staging-differential.md: `python -m tests.differential.report --data ../shared/data`.

Three minutes of one processor. Only counts are written, never a row of the data sets.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.differential import courses, epocakir, programs, rederivation, urine_rules, window_rules
from tests.differential.isolated import AKIFLAGGER, PYAKI, NotRun, Program
from tests.differential.window_rules import AGREE, UNEXPLAINED

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DOCUMENT = ROOT / "docs" / "staging-differential.md"
EVERY = 8  # pyAKI needs most of a tenth of a second for each stay: one stay in eight of PhysioNet 2012

HEAD = (HERE / "report_head.md").read_text(encoding="utf-8")

REASONS = (HERE / "report_reasons.md").read_text(encoding="utf-8")


@dataclass
class Report:
    """The document while it grows; `unexplained` decides the exit code."""

    lines: list[str] = field(default_factory=lambda: [HEAD])
    unexplained: int = 0

    def derived(self, title: str, engine: str, counts: Counter[str]) -> None:
        """A row of the re-derivation table."""
        self.unexplained += counts["disagree"]
        words = sorted((word, n) for word, n in counts.items() if word not in ("compared", "disagree"))
        told = ", ".join(f"{word}: {n:,}" for word, n in words)
        self.lines.append(f"| {title} | {engine} | {counts['compared']:,} | {counts['disagree']:,} | {told} |")

    def compared(self, title: str, counts: Counter[str]) -> None:
        """A table of causes."""
        total = sum(counts.values())
        self.unexplained += counts[UNEXPLAINED]
        self.lines += [
            f"\n### {title}\n",
            f"{total:,} points, {counts[AGREE]:,} agree ({counts[AGREE] / total:.1%}).\n",
        ]
        self.lines += ["| disagreements | cause |", "| --- | --- |"]
        causes = [(n, cause) for cause, n in counts.items() if cause not in (AGREE, UNEXPLAINED)]
        self.lines += [f"| {n:,} | {cause} |" for n, cause in sorted(causes, key=lambda pair: (-pair[0], pair[1]))]
        self.lines.append(f"| **{counts[UNEXPLAINED]:,}** | **unexplained** |")

    def run(self, title: str, count: Callable[[], Counter[str]]) -> None:
        """A table of causes, or why there is none."""
        print(title, file=sys.stderr)
        try:
            self.compared(title, count())
        except NotRun as reason:
            self.lines.append(f"\n### {title}\n\nNot run: {reason}.")


@dataclass(frozen=True)
class Data:
    """Everything read once."""

    flagger: dict[str, list[courses.CreatinineSeries]]
    mimic: list[courses.CreatinineSeries]
    y2012: courses.Physionet2012
    y2019: list[courses.CreatinineSeries]

    def creatinine(self) -> Iterator[tuple[str, Sequence[courses.CreatinineSeries]]]:
        yield "MIMIC-IV demo", self.mimic
        yield "PhysioNet 2012", self.y2012.creatinine
        yield "PhysioNet 2019", self.y2019
        yield from self.flagger.items()


def read(data: Path) -> Data:
    """All data sets below one folder."""
    return Data(
        courses.akiflagger_files(data),
        courses.mimic_demo(data),
        courses.physionet_2012(data),
        courses.physionet_2019(data),
    )


def written(data: Data) -> Report:
    """The whole report."""
    report = Report()
    _rederivation(report, data)
    _akiflagger(report, data)
    _pyaki(report, data)
    report.lines.append("\n## epocakir (R, MIT): its example rows\n")
    report.lines.append("Its 12 urine rows carry mL/kg/h without charting: nothing our engine could be asked.")
    report.compared("Its 15 creatinine rows", epocakir.compare())
    report.lines.append("\n" + REASONS)
    return report


def _rederivation(report: Report, data: Data) -> None:
    report.lines += [
        "## Re-derived in exact fractions\n",
        "Every creatinine with its patient's stays, every urine entry with the weight known then. Values outside",
        f"the plausible range are refused before staging ({data.y2012.refused:,} in PhysioNet 2012).\n",
        "| data | engine | points | disagree | answers |",
        "| --- | --- | ---: | ---: | --- |",
    ]
    for title, series in data.creatinine():
        print(title, file=sys.stderr)
        report.derived(
            f"{title}, {len(series):,} patients", "KDIGO creatinine", rederivation.compare_kdigo(series)
        )
        report.derived(title, "NHS", rederivation.compare_nhs(series))
    urine = data.y2012.urine
    report.derived(f"PhysioNet 2012, {len(urine):,} stays", "KDIGO urine", rederivation.compare_urine(urine))


def _akiflagger(report: Report, data: Data) -> None:
    report.lines += [f"\n## akiFlagger, {_how(AKIFLAGGER)}"]
    sets = [*data.flagger.items(), ("MIMIC-IV demo", data.mimic), ("PhysioNet 2012", data.y2012.creatinine)]
    for title, series in sets:
        report.run(
            f"akiFlagger on {title}",
            lambda s=series: window_rules.compare(window_rules.AKIFLAGGER, s, programs.akiflagger(s)),  # type: ignore[misc]
        )


def _pyaki(report: Report, data: Data) -> None:
    report.lines += [
        f"\n## pyAKI, {_how(PYAKI)}",
        f"\nEach stay by itself. Of PhysioNet 2012 one stay in {EVERY}.",
    ]
    sets = [
        ("akiflagger_toy.csv.gz", data.flagger["akiflagger_toy.csv.gz"]),
        ("MIMIC-IV demo", data.mimic),
        ("PhysioNet 2012", data.y2012.creatinine[::EVERY]),
    ]
    for title, series in sets:
        report.run(
            f"pyAKI, creatinine, on {title}",
            lambda s=series: window_rules.compare(window_rules.PYAKI, s, programs.pyaki_creatinine(s)),  # type: ignore[misc]
        )
    urine = data.y2012.urine[::EVERY]
    report.run(
        "pyAKI, urine output (6, 12 and 24 h means), on PhysioNet 2012",
        lambda: urine_rules.compare(urine, programs.pyaki_urine(urine)),
    )


def _how(program: Program) -> str:
    return f"run on Python {program.python} with `{' '.join(program.packages)}`, its defaults"


def main() -> int:
    """Write the document; 1 when anything is unexplained."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    report = written(read(parser.parse_args().data))
    report.lines.insert(1, f"**Unexplained disagreements: {report.unexplained}.**\n")
    DOCUMENT.write_text("\n".join(report.lines).rstrip() + "\n", encoding="utf-8")
    return int(report.unexplained > 0)


if __name__ == "__main__":
    sys.exit(main())
