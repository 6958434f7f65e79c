"""How a command ends when it found a problem: a cause, a cure, exit code 1. Usage errors stay click's own 2."""

from typing import IO

import click


class Problem(click.ClickException):
    """Exit 1, with what went wrong and what to do."""

    exit_code = 1

    def __init__(self, cause: str, cure: str = "") -> None:
        super().__init__(f"{cause}\n  {cure}" if cure else cause)


def name_of(stream: IO[bytes]) -> str:
    """What an input is called in a message."""
    name = str(getattr(stream, "name", "<stdin>"))
    return "standard input" if name in ("-", "<stdin>") else name
