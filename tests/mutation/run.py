"""Write each fault of mutants.toml into a copy of the tree and run its tests: `python -m tests.mutation.run`.

Exit 1 when a fault goes unnoticed or no longer fits the source. `--only` limits them to files that hold a word.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KILLED = "killed by"
_PASSED, _FAILED = 0, 1


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault, what it would do to somebody, and the tests that must fail."""

    file: str
    old: str
    new: str
    harm: str
    tests: str


def read_mutants() -> list[Mutant]:
    """Those of mutants.toml."""
    listed = tomllib.loads((Path(__file__).parent / "mutants.toml").read_text(encoding="utf-8"))
    return [Mutant(**entry) for entry in listed["mutant"]]


def copy_tree(target: Path) -> None:
    """The tracked files as they stand in the working tree."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    subprocess.run(["git", "init", "-q"], cwd=target, check=True)  # some tests ask what is tracked


def judge(mutant: Mutant, tree: Path) -> str:
    """`killed by` the first test that noticed, or why it was not."""
    path = tree / mutant.file
    whole = path.read_text(encoding="utf-8")
    if whole.count(mutant.old) != 1:
        return f"no longer fits: its text stands {whole.count(mutant.old)} times in the file"
    path.write_text(whole.replace(mutant.old, mutant.new), encoding="utf-8")
    try:
        words = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *mutant.tests.split()]
        done = subprocess.run(words, cwd=tree, capture_output=True, text=True, check=False)
    finally:
        path.write_text(whole, encoding="utf-8")
    if done.returncode == _FAILED:
        named = re.search(r"^FAILED \S+?::([\w:]+)", done.stdout, flags=re.MULTILINE)
        return f"{KILLED} {named[1]}" if named else "an error before any test"
    return "SURVIVED" if done.returncode == _PASSED else f"pytest ended with {done.returncode}"


def run(mutants: Iterable[Mutant]) -> int:
    """How many were not killed; a line each on standard output."""
    left = 0
    with tempfile.TemporaryDirectory() as made:
        copy_tree(Path(made))
        for mutant in mutants:
            verdict = judge(mutant, Path(made))
            left += not verdict.startswith(KILLED)
            print(f"{mutant.file}: {mutant.harm}\n    {verdict}", flush=True)
    return left


def main() -> int:
    """Every fault, or those in files that hold `--only`."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--only", default="", help="a part of the names of the files to spoil")
    wanted = arguments.parse_args().only
    return 1 if run(mutant for mutant in read_mutants() if wanted in mutant.file) else 0


if __name__ == "__main__":
    sys.exit(main())
