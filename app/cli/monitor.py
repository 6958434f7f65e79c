"""`aki monitor`: whether the model still deserves its place at each site."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import click
from sqlalchemy.exc import SQLAlchemyError

from app.auditing.trail import AuditEvent, AuditFailed, operator
from app.cli.configured import configured
from app.cli.installation import now, open_installation
from app.cli.problems import Problem
from app.cli.watched import report_on
from app.storage.encryption import sealed_box
from app.watching.judging import JudgedMonth
from app.watching.outcome_file import BadLine, Joined, join, read_outcomes
from app.watching.report import MonitorReport, report_html, report_json, statistic_words

_CHECK = "Check: aki db check"
_SHOWN_BAD_LINES = 20


@click.group(invoke_without_command=True)
@click.option("--site", help="One EHR's id. Default: every site.")
@click.option("--since", type=click.DateTime(["%Y-%m-%d", "%Y-%m"]), help="From this month on.")
@click.option("--html", "page", type=click.Path(dir_okay=False, path_type=Path), help="Also write a page.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def monitor(
    context: click.Context, site: str | None, since: datetime | None, page: Path | None, as_json: bool
) -> None:
    """Judge the stored predictions by what happened, per site and month. Exit code 1 when a threshold is crossed.

    \b
    aki monitor
    aki monitor --site general --since 2026-08 --html monitor.html
    aki monitor outcomes --site general results.csv

    Calibration, discrimination, alert burden, lead time, subgroups, and whether the inputs lie where they lay.
    Outcomes come from the next read of each chart, and from files. Too few to say anything is said so.
    """
    if context.invoked_subcommand is not None:
        return
    report = _report(site, since)
    if page is not None:
        page.write_text(report_html(report), encoding="utf-8")
    if as_json:
        click.echo(json.dumps(report_json(report), indent=2, ensure_ascii=False))
    else:
        _print(report)
    sys.exit(1 if report.alarms else 0)


@monitor.command("outcomes")
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option("--site", "site", required=True, help="The EHR's id whose patient ids the file uses.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def outcomes(file: TextIO, site: str, as_json: bool) -> None:
    """Settle predictions from FILE (.csv with a header, else one JSON object a line): results, deaths, dialysis.

    \b
    aki monitor outcomes --site general results.csv
    patient_id,kind,time,value,unit
    123,creatinine,2026-08-03T06:10:00+02:00,1.1,mg/dL
    123,creatinine,2026-08-04T06:05:00+02:00,141,umol/L
    123,death,2026-08-20T11:00:00+02:00,,

    Give each patient's creatinine from seven days before the first prediction on (optional column available_at).
    Values serve to find the label and are not kept. Exit code 1 when a line was left out.
    """
    _, ehrs = configured()
    if site not in {ehr.id for ehr in ehrs}:
        raise click.UsageError(f"There is no site {site}; registered are {', '.join(e.id for e in ehrs)}.")
    patients, bad = read_outcomes(file, as_csv=file.name.lower().endswith(".csv"))
    installation = open_installation()
    at = now()
    try:
        joined = join(installation.engine, sealed_box(installation.settings), site, patients, now=at)
        event = AuditEvent("outcomes-joined", _counted(joined), ehr_id=site, who=operator())
        installation.trail.record(event, beside=lambda connection: joined.write(connection, at))
    except (SQLAlchemyError, AuditFailed) as error:
        raise Problem("The outcomes could not be written; nothing was changed.", _CHECK) from error
    _tell(joined, bad, len(patients), as_json=as_json)
    sys.exit(1 if bad else 0)


def _report(site: str | None, since: datetime | None) -> MonitorReport:
    try:
        return report_on(
            open_installation(), site=site, since=None if since is None else since.replace(tzinfo=UTC)
        )
    except SQLAlchemyError as error:
        raise Problem("The predictions cannot be read.", _CHECK) from error


def _print(report: MonitorReport) -> None:
    for month in report.months:
        click.echo(_month_line(month))
    if not report.months:
        click.echo("No prediction is stored for this choice.")
    click.echo("")
    for line in report.verdicts:
        click.echo(f"{line.level}: {line.site}, {line.month}, {line.head}: {line.text}.")
        if line.command:
            click.echo(f"  {line.command}")
    if not report.alarms:
        click.echo("No threshold was crossed.")


def _month_line(month: JudgedMonth) -> str:
    key = month.key
    head = f"{key.site} {key.month} {key.head}: {month.predictions} predictions, {month.patients} patients, "
    told = f"{month.known} outcomes known, {month.outcomes.get('event', 0)} events"
    parts = {
        "O/E": month.statistics["observed_over_expected"],
        "AUROC": month.statistics["auroc"],
        "PPV": month.statistics["ppv"],
    }
    return f"{head}{told}\n" + "\n".join(f"  {name}: {statistic_words(found)}" for name, found in parts.items())


def _counted(joined: Joined) -> str:
    return f"labels={len(joined.labels)},died={len(joined.died)},dialysed={len(joined.dialysed)}"


def _tell(joined: Joined, bad: list[BadLine], patients: int, *, as_json: bool) -> None:
    if as_json:
        found = {
            "patients": patients,
            "labels": len(joined.labels),
            "died": len(joined.died),
            "dialysed": len(joined.dialysed),
            "left_out": [{"line": one.line, "problem": one.problem} for one in bad],
        }
        click.echo(json.dumps(found, indent=2))
        return
    click.echo(
        f"{patients} patients read; {len(joined.labels)} predictions settled, {len(joined.died)} with a death and "
        f"{len(joined.dialysed)} with dialysis within 30 days."
    )
    for one in bad[:_SHOWN_BAD_LINES]:
        click.echo(f"Left out line {one.line}: {one.problem}", err=True)
    if len(bad) > _SHOWN_BAD_LINES:
        click.echo(f"... and {len(bad) - _SHOWN_BAD_LINES} more lines.", err=True)
