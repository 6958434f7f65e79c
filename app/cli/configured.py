"""Settings and EHR registry for a command, with every problem of both named at once."""

from app.cli.problems import Problem
from app.configuration import ConfigurationError
from app.ehrs import Ehrs, load_ehrs
from app.settings import Settings, load_settings


def configured() -> tuple[Settings, Ehrs]:
    """Settings and registered EHRs. Raises Problem with the list of what is wrong."""
    try:
        settings = load_settings()
    except ConfigurationError as error:
        raise Problem(
            problem_list(error.problems), "Set the variables named above (docs/operations.md)."
        ) from None
    try:
        return settings, load_ehrs(settings.ehrs_file, development=settings.development)
    except ConfigurationError as error:
        raise Problem(
            problem_list(error.problems), f"Mend {settings.ehrs_file}, then run: aki check-config"
        ) from None


def problem_list(problems: tuple[str, ...]) -> str:
    """One line each, with their number first."""
    many = f"{len(problems)} problem{'s' if len(problems) != 1 else ''} in the configuration:"
    return "\n".join([many, *(f"  - {problem}" for problem in problems)])
