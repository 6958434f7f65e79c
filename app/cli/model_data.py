"""Which adapter reads the data given to `aki model validate`, and what its report must say of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.fhir_cohort import FhirReading, is_fhir, read_fhir
from patient_context.codes import TESTS

if TYPE_CHECKING:
    from model.training.cohort import CohortStay

Progress = Callable[[str, int, int], None]
TABLES = (".csv", ".parquet")
MOST_NAMED = 5  # files named in the report
SAME_HOSPITAL = (
    "These patients come from the Boston hospital that also gave hospital A of the training data, in part from "
    "the same years. The figures show transport to other wards, years and charting, not to another hospital, and "
    "some patients may be in both."
)


@dataclass(frozen=True, slots=True)
class LocalData:
    """What was read: the stays, how to name them in the report, what to warn of, and the files' SHA-256."""

    stays: list["CohortStay"]
    description: str
    notes: list[str] = field(default_factory=list)
    digests: frozenset[str] = frozenset()


def read_local_data(path: Path, *, site: str, progress: Progress, form: str | None = None) -> LocalData:
    """The stays of `path`, in the format named or the one recognised. Raises CohortUnreadable."""
    return FORMATS[form or recognised(path)](path, site, progress)


def recognised(path: Path) -> str:
    """The format of a file or folder, by its names. Raises CohortUnreadable when that is none or two."""
    files = _files(path)
    signs = {
        "physionet2019": any(p.name.startswith("hospital_") and p.suffix == ".parquet" for p in files),
        "physionet2012": any(p.name == "timeseries.parquet" for p in files),
        "meds": path.is_dir() and (path / "metadata" / "codes.parquet").is_file(),
        "fhir": any(is_fhir(p) for p in files),
    }
    found = [name for name, there in signs.items() if there]
    if not found and any(p.suffix in TABLES for p in files):
        found = ["hourly"]
    elif any(p.suffix in TABLES for p in files) and found == ["fhir"]:
        found.append("hourly")
    if len(found) == 1:
        return found[0]
    what = (
        f"could be {' or '.join(found)}"
        if found
        else "holds neither tables (csv, parquet) nor FHIR (ndjson, json)"
    )
    raise _unreadable(f"{path.name} {what}; give one file, or say which with --format")


def _unreadable(sentence: str) -> Exception:
    problem: Exception = import_module("model.training.cohort").CohortUnreadable(sentence)
    return problem


def _files(path: Path) -> list[Path]:
    return sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]


def _described(sources: list[Any]) -> str:
    return "; ".join(f"{source.name} (SHA-256 {source.sha256})" for source in sources)


def _physionet2019(path: Path, _site: str, progress: Progress) -> LocalData:
    reader: Any = import_module("model.training.physionet2019")
    folder = path if path.is_dir() else path.parent
    files = {hospital: folder / f"hospital_{hospital}.parquet" for hospital in reader.HOSPITALS}
    present = [h for h, file in files.items() if file.is_file() and (path.is_dir() or path.name == file.name)]
    if not present:
        raise _unreadable(f"{folder.name} holds no hospital_A.parquet or hospital_B.parquet")
    sources = [reader.source_of(folder, hospital) for hospital in present]
    stays = _counted((s for h in present for s in reader.read_stays(folder, h)), sources, progress)
    return LocalData(stays, _described(sources), digests=frozenset(s.sha256 for s in sources))


def _physionet2012(path: Path, _site: str, progress: Progress) -> LocalData:
    reader: Any = import_module("model.training.physionet2012")
    folder = path if path.is_dir() else path.parent
    source = reader.source_of(folder)
    notes = [
        SAME_HOSPITAL,
        "Each record ends 48 hours after it began, so follow-up ends before the horizon: some AKI is not seen.",
    ]
    stays = _counted(reader.read_stays(folder), [source], progress)
    return LocalData(stays, _described([source]), notes, frozenset({source.sha256}))


def _meds(path: Path, site: str, progress: Progress) -> LocalData:
    reader: Any = import_module("model.training.meds")
    sources = reader.sources_of(path)
    notes = ["Each result has one time: it counts as known when it was taken, which is kinder than a ward."]
    if "mimic" in path.name:
        notes.insert(0, SAME_HOSPITAL)
    stays = _counted(reader.read_stays(path, site, TESTS), sources, progress)
    return LocalData(stays, _described(sources), notes, frozenset(s.sha256 for s in sources))


def _hourly(path: Path, site: str, progress: Progress) -> LocalData:
    reader: Any = import_module("model.training.hourly_table")
    digest = import_module("model.training.cohort").digest
    files = [p for p in _files(path) if p.suffix in TABLES]
    if not files:
        raise _unreadable(f"{path.name} holds no hourly table (csv, parquet)")
    stays = []
    for number, file in enumerate(files):
        progress("reading tables", number, len(files))
        stays += list(reader.read_hourly_table(file, site))
    ignored = sorted({name for file in files for name in reader.ignored_columns(file)})
    notes = [f"Columns not read: {', '.join(ignored)}."] if ignored else []
    digests = {file.name: digest(file) for file in files}
    described = "; ".join(f"{name} (SHA-256 {sha256})" for name, sha256 in digests.items())
    return LocalData(stays, described, notes, frozenset(digests.values()))


def _fhir(path: Path, site: str, progress: Progress) -> LocalData:
    files = [p for p in _files(path) if is_fhir(p)]
    if not files:
        raise _unreadable(f"{path.name} holds no FHIR (ndjson, json, also packed as .gz)")
    reading = read_fhir(files, site, progress)
    if not any(a.value == "creatinine" for stay in reading.stays for a in stay.timeline.series):
        raise _unreadable(_no_creatinine(path, reading))
    digest = import_module("model.training.cohort").digest
    described = "; ".join(f"{file.name} (SHA-256 {digest(file)})" for file in files[:MOST_NAMED])
    more = f" and {len(files) - MOST_NAMED} more files" if len(files) > MOST_NAMED else ""
    return LocalData(
        reading.stays, f"{reading.patients:,} patients as FHIR: {described}{more}", _fhir_notes(reading)
    )


def _no_creatinine(path: Path, reading: FhirReading) -> str:
    refusals = ", ".join(f"{code} ({count:,})" for code, count in reading.refused.most_common(3)) or "none"
    return (
        f"no patient of {path.name} has a blood creatinine that could be read: {reading.patients:,} patients, "
        f"{reading.unreadable:,} unreadable documents, most frequent refusals: {refusals}. Laboratory results are "
        "needed as Observations with a LOINC code such as 2160-0 and a UCUM unit"
    )


def _fhir_notes(reading: FhirReading) -> list[str]:
    notes = []
    if reading.unreadable:
        notes.append(f"{reading.unreadable:,} document(s) could not be read and are not in these figures.")
    for code, count in sorted(reading.not_staged.items()):
        notes.append(f"{count:,} stay(s) left out, as on the page: {code.replace('_', ' ')}.")
    return notes


def _counted(stays: Any, sources: list[Any], progress: Progress) -> list["CohortStay"]:
    total, read = sum(source.stays for source in sources), []
    for stay in stays:
        read.append(stay)
        if len(read) % 500 == 0:
            progress("reading stays", min(len(read), total), total)
    return read


FORMATS: dict[str, Callable[[Path, str, Progress], LocalData]] = {
    "physionet2019": _physionet2019,
    "physionet2012": _physionet2012,
    "meds": _meds,
    "hourly": _hourly,
    "fhir": _fhir,
}
