"""How a command ends when it found a problem: a cause, a cure, exit code 1. Usage errors stay click's own 2."""

import click


class Problem(click.ClickException):
    """Exit 1, with what went wrong and what to do."""

    exit_code = 1

    def __init__(self, cause: str, cure: str = "") -> None:
        super().__init__(f"{cause}\n  {cure}" if cure else cause)
