"""Builds the data set: `python -m sandbox.build_patients --data ../shared/data --out sandbox/patients`.

Needs the `train` dependency group (pyarrow). Running it again writes the same bytes.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from sandbox.building import mimic, synthea
from sandbox.building.moments import choose_moments
from sandbox.building.names import fictional_name
from sandbox.building.writing import DATA_FILE, Chart, write


def build(data: Path, out: Path) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """Write the data set; returns counts of resources written, patients by category, rows left out."""
    dropped: Counter[str] = Counter()
    categories: Counter[str] = Counter()
    charts = [*_mimic_charts(data, dropped), *_synthea_charts(data / "synthea-r4", dropped)]
    categories.update(chart.category for chart in charts)
    return write(charts, out), categories, dropped


def _mimic_charts(data: Path, dropped: Counter[str]) -> Iterator[Chart]:
    source = mimic.read_mimic(data / "mimic-iv-demo-fhir", data / "mimic-iv-demo-meds", dropped)
    moments = choose_moments(mimic.course_of(patient) for patient in source.patients.values())
    taken: set[str] = set()
    for record, patient in source.patients.items():
        moment = moments[record]
        name = fictional_name(record, patient.patient["gender"], taken)
        resources = mimic.resources_of(patient, source, moment, name, dropped)
        yield Chart(record, "MIMIC-IV demo", moment.category, _iso(moment.at), resources)


def _synthea_charts(folder: Path, dropped: Counter[str]) -> Iterator[Chart]:
    for record, resources in synthea.read_synthea(folder):
        moment = synthea.moment_of(resources)
        built = synthea.resources_of(record, resources, moment, dropped)
        yield Chart(record, "Synthea", "outpatient", _iso(moment.at), built)


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


@click.command()
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True,
              help="Folder with mimic-iv-demo-fhir, mimic-iv-demo-meds and synthea-r4.")  # fmt: skip
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder to write into."
)
def main(data: Path, out: Path) -> None:
    """Build the embedded EHR's patients from the public MIMIC-IV demo and Synthea records."""
    written, categories, dropped = build(data, out)
    for title, counts in (("Written", written), ("Patients by category", categories), ("Left out", dropped)):
        click.echo(f"{title}:")
        for name, number in counts.most_common():
            click.echo(f"  {number:8,}  {name}")
    click.echo(f"{(out / DATA_FILE).stat().st_size / 1e6:.2f} MB in {out / DATA_FILE}")


if __name__ == "__main__":
    main()
