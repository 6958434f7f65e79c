"""The one error of a start that cannot be: every problem in settings and registry, named at once."""

from collections.abc import Iterable


class ConfigurationError(Exception):
    """Settings or the EHR registry cannot be used. `problems` are names and rules, never values."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))

    @property
    def told(self) -> str:
        """Every problem on a line of its own, for a terminal or the service's log."""
        lines = (f"  - {problem}" for problem in self.problems)
        return "\n".join(["The configuration cannot be used:", *lines, "Then try: aki check-config; aki db check"])
