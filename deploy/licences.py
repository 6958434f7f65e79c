"""Adds each component's licence to a CycloneDX file, from what is installed:  licences.py SBOM.json

Exits 1 when a component has none, or one that would bind what this project is distributed with.
"""

import json
import sys
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

#: Copyleft that reaches beyond its own files. The LGPL of psycopg does not: it is used as an unchanged library.
_BINDING = ("AGPL", "GPL", "Affero", "SSPL")
#: Installed on other systems only, so that no metadata is here to be read.
_ELSEWHERE = {"colorama": "BSD-3-Clause", "exceptiongroup": "MIT", "win32-setctime": "MIT"}


def licence_of(name: str) -> str | None:
    """The licence a distribution declares, or None. A whole licence text is no name."""
    try:
        declared = metadata(name)
    except PackageNotFoundError:
        return _ELSEWHERE.get(name)
    classified = [
        each.rpartition(" :: ")[2]
        for each in declared.get_all("Classifier") or []
        if each.startswith("License ::")
    ]
    plain = (declared.get("License-Expression") or declared.get("License") or "").strip().splitlines()
    is_name = bool(plain) and len(plain[0]) < 100 and not plain[0].startswith("Copyright")
    return plain[0] if is_name else ", ".join(classified) or None


def binds(licence: str) -> bool:
    """Whether a licence is copyleft beyond its own files."""
    words = licence.replace("LGPL", "").replace("GNU Lesser General Public License", "")
    return any(each in words for each in _BINDING)


def complete(document: dict[str, Any]) -> list[str]:
    """Write the licences into the components; the names of those that need a person's eye."""
    doubtful = []
    for component in document["components"]:
        licence = licence_of(component["name"])
        if licence is None or binds(licence):
            doubtful.append(f"{component['name']}: {licence or 'no licence found'}")
        if licence is not None:
            component["licenses"] = [{"license": {"name": licence}}]
    return doubtful


def main(path: Path) -> int:
    """Complete the file in place and print the report."""
    document = json.loads(path.read_text(encoding="utf-8"))
    doubtful = complete(document)
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    for component in document["components"]:
        names = [each["license"]["name"] for each in component.get("licenses", [])]
        print(f"{component['name']} {component['version']}: {', '.join(names) or 'unknown'}")
    for each in doubtful:
        print(f"LOOK AT {each}", file=sys.stderr)
    return 1 if doubtful else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
