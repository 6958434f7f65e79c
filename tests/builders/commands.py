"""The `aki` command in an installation of its own."""

from collections.abc import Callable
from pathlib import Path

from click.testing import CliRunner, Result

from app.cli import main
from tests.builders.registrations import MASTER_KEY

Aki = Callable[..., Result]


def aki_in(folder: Path, database_url: str, ehr_id: str = "r") -> Aki:
    """Runs a command with one EHR registered; keywords change the environment."""
    registry = folder / "ehrs.toml"
    entry = f'[[ehr]]\nid = "{ehr_id}"\nname = "R"\niss = "https://ehr.example.org/fhir"\nclient_id = "aki"\n'
    registry.write_text(entry)
    environment = {
        "AKI_PUBLIC_URL": "https://aki.example.org",
        "AKI_MASTER_KEY": MASTER_KEY,
        "AKI_EHRS_FILE": str(registry),
        "AKI_STATE_DIR": str(folder / "state"),
        "AKI_DATABASE_URL": database_url,
    }

    def run(*arguments: str, **changes: str) -> Result:
        return CliRunner().invoke(main, arguments, env=environment | changes)

    return run
