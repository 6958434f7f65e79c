"""The one error of a start that cannot be: every problem in settings and registry, named at once."""

from collections.abc import Iterable


class ConfigurationError(Exception):
    """Settings or the EHR registry cannot be used. `problems` are names and rules, never values."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))
