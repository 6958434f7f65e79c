"""Settings and EHR registry for a command, with every problem of both named at once."""

from app.cli.problems import Problem
from app.configured.ehrs import Ehrs, load_configuration
from app.configured.problems import ConfigurationError
from app.configured.settings import Settings


def configured() -> tuple[Settings, Ehrs]:
    """Settings and registered EHRs. Raises Problem with the list of what is wrong."""
    try:
        return load_configuration()
    except ConfigurationError as error:
        raise Problem(
            problem_list(error.problems),
            "Set the variables and mend the registry's entries named above (docs/operations.md), "
            "then run: aki check-config",
        ) from None


def problem_list(problems: tuple[str, ...]) -> str:
    """One line each, with their number first."""
    many = f"{len(problems)} problem{'s' if len(problems) != 1 else ''} in the configuration:"
    return "\n".join([many, *(f"  - {problem}" for problem in problems)])
