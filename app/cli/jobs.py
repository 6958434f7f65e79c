"""`aki jobs run`: what a schedule must do."""

import json
from dataclasses import asdict

import click
from sqlalchemy.exc import SQLAlchemyError

from app.auditing.elapsed import ClockNotVouchedFor
from app.auditing.trail import AuditFailed
from app.cli.installation import now, open_installation
from app.cli.problems import Problem
from app.cli.watched import report_on
from app.jobs import JobsHeld, Retention, run_jobs
from app.storage.failures import cause_of
from app.watching.results import keep_results


@click.group()
def jobs() -> None:
    """Run what a schedule must run: expiry, anchors of the audit trail, retention, judging the predictions.

    \b
    aki jobs run
    """


@jobs.command("run")
@click.option(
    "--clock-is-right",
    is_flag=True,
    help="The app stood still for more than a month; its clock is right all the same.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def run(clock_is_right: bool, as_json: bool) -> None:
    """Do all of it once. Safe from several hosts at a time: one works, the others say so and exit 0.

    \b
    aki jobs run
    aki jobs run --json        # its last line also goes to the schedule's log: an anchor kept elsewhere
    """
    installation = open_installation()
    settings = installation.settings
    retention = Retention.of(
        idle_minutes=settings.session_idle_minutes,
        audit_years=settings.audit_retention_years,
        card_days=settings.card_retention_days,
        prediction_days=settings.prediction_retention_days,
    )
    try:
        done = run_jobs(
            installation.engine,
            now,
            retention,
            anchor_file=settings.anchor_file,
            judge=lambda: keep_results(installation.engine, report_on(installation)),
            clock_is_right=clock_is_right,
        )
    except JobsHeld:
        click.echo(json.dumps({"ran": False}) if as_json else "Another process runs the jobs now.")
        return
    except ClockNotVouchedFor as refused:
        raise _clock_problem(refused) from None
    except AuditFailed as error:
        raise Problem("The jobs could not be written into the audit trail.", "Check: aki db check") from error
    except (SQLAlchemyError, OSError) as error:
        raise Problem(f"The jobs did not come to their end: {cause_of(error)}.", "Then run them again.") from error
    if as_json:
        found = {name: value for name, value in asdict(done).items() if value is not None}
        if done.anchor is not None:
            found["anchor"]["at"] = done.anchor.at.isoformat()
        click.echo(json.dumps({"ran": True, **found}))
        return
    click.echo(
        f"Destroyed: {done.sessions} sessions, {done.pending_launches} unfinished launches, "
        f"{done.jwt_ids} used JWT ids; past their retention: {done.audit_events} audit events, "
        f"{done.cards} cards, {done.feedback} feedback entries, {done.predictions} predictions."
    )
    if done.anchor is not None:
        click.echo(f"Anchored the audit trail at line {done.anchor.seq}: {done.anchor.hash}")


def _clock_problem(refused: ClockNotVouchedFor) -> Problem:
    days = (refused.now - refused.vouched_until).days
    return Problem(
        f"The clock says {refused.now:%Y-%m-%d %H:%M} UTC, {days} days after the last line of the trail that "
        f"vouches for a time ({refused.vouched_until:%Y-%m-%d %H:%M} UTC). Nothing was done: under a clock that "
        "is ahead, what must still be kept would be destroyed.",
        "Compare with: date -u. If the clock is wrong, set it and run the jobs again. If the app did stand still "
        "that long, run once: aki jobs run --clock-is-right",
    )
