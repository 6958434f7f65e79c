"""What is delivered runs where the source is not: the wheel whole, installed, served; the deployment files true.

No container engine runs in these tests: what the Dockerfile does is done here by hand instead (build the project,
install it beside the locked dependencies, start it with gunicorn.conf.py from a folder that knows no source).
"""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import requests
import yaml

from app.configured.settings import Settings
from tests.builders.hosted import Hosted, hosted, installation

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("app", "launch", "cds_hooks", "patient_context", "model", "sandbox")
DEPLOY = sorted(path for path in (ROOT / "deploy").rglob("*") if path.is_file())
_SETTING = re.compile(r"\bAKI_[A-Z_]+\b")
#: Variables of the compose files themselves, not of the app.
_COMPOSE_ONLY = {
    "AKI_EHRS_SOURCE",
    "AKI_MASTER_KEY_SOURCE",
    "AKI_DATABASE_URL_SOURCE",
    "AKI_NGINX_SOURCE",
    "AKI_TLS_SOURCE",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    if not Path(uv).exists():
        pytest.skip("uv is not installed")
    built = subprocess.run(
        [uv, "build", "--wheel", "--out-dir", str(folder), str(ROOT)], capture_output=True, text=True, check=False
    )
    if built.returncode and not os.environ.get("CI"):  # noqa: TID251
        pytest.skip("the build backend cannot be fetched here")
    assert built.returncode == 0, built.stderr
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An environment with the wheel and the locked dependencies, and without the source tree."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    # A folder named in a .pth file is searched, its own .pth files are not read: no editable install is found.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return str(folder / "bin" / "python")


@pytest.fixture(scope="module")
def running(python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosted]:
    folder = tmp_path_factory.mktemp("run")
    with hosted(folder / "state", python=python, cwd=folder) as started:
        yield started


def test_the_wheel_holds_every_tracked_file_of_every_room(wheel: Path) -> None:
    """Templates, static files, migrations, the bundled model, the embedded EHR's patients."""
    tracked = subprocess.run(
        ["git", "ls-files", "--", *ROOMS], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    assert [name for name in tracked if (ROOT / name).exists() and name not in packed] == []


def test_the_installed_app_serves_pages_model_and_static_files_outside_the_source_tree(running: Hosted) -> None:
    health = requests.get(f"{running.address}/health", timeout=5).json()
    assert health["status"] == "ok"
    assert health["model"]
    assert requests.get(f"{running.address}/ready", timeout=5).json()["status"] == "ready"
    for path in ("/", "/model", "/static/page.css", "/.well-known/jwks.json", "/cds-services"):
        assert requests.get(running.address + path, timeout=5).status_code == 200, path
    metrics = requests.get(f"{running.address}/metrics", timeout=5).text
    assert "aki_model_available 1.0" in metrics
    assert 'aki_requests_total{endpoint="pages.home",status="200"}' in metrics


def test_a_start_under_gunicorn_writes_the_configuration_into_the_trail_once(python: str, running: Hosted) -> None:
    found = _aki(python, running.state, "audit", "export")
    assert found.stdout.count('"configuration-changed"') == 1
    assert _aki(python, running.state, "db", "check").returncode == 0


def test_a_tampered_model_is_refused_and_staging_goes_on(
    python: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    site = Path(python).parents[1]
    (artifact,) = site.rglob("model/bundled/aki-onset-48h.json")
    whole = artifact.read_bytes()
    artifact.write_bytes(whole.replace(b"0.", b"1.", 1))
    folder = tmp_path_factory.mktemp("tampered")
    try:
        with hosted(folder / "state", python=python, cwd=folder) as started:
            ready = requests.get(f"{started.address}/ready", timeout=5)
            metrics = requests.get(f"{started.address}/metrics", timeout=5).text
        verified = _aki(python, folder / "state", "model", "verify")
    finally:
        artifact.write_bytes(whole)
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert "aki_model_available 0.0" in metrics
    assert verified.returncode == 1


def _aki(python: str, state: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = installation(state)
    program = "from app.cli import main; main()"
    return subprocess.run(
        [python, "-c", program, *arguments],
        cwd=state,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


class _ComposeLoader(yaml.SafeLoader):
    """YAML with compose's `!reset`."""


_ComposeLoader.add_constructor("!reset", lambda *_: None)


def _documents(path: Path) -> list[Any]:
    return [each for each in yaml.load_all(path.read_text(), _ComposeLoader) if each]


@pytest.mark.parametrize("path", [ROOT / "compose.yaml", ROOT / "Dockerfile", *DEPLOY], ids=lambda path: path.name)
def test_every_setting_a_deployment_file_names_is_a_setting(path: Path) -> None:
    known = {f"AKI_{name.upper()}" for name in Settings.model_fields}
    known |= {f"{name}_FILE" for name in known} | _COMPOSE_ONLY
    assert set(_SETTING.findall(path.read_text())) <= known


@pytest.mark.parametrize("path", [path for path in DEPLOY if path.suffix == ".yaml"], ids=lambda path: path.name)
def test_every_yaml_of_the_deployment_is_read_whole(path: Path) -> None:
    assert _documents(path)


def test_the_kustomizations_name_files_that_exist_and_every_container_is_confined() -> None:
    base = ROOT / "deploy/kubernetes/base"
    (kustomization,) = _documents(base / "kustomization.yaml")
    assert sorted(kustomization["resources"]) == sorted(
        path.name for path in base.glob("*.yaml") if path.name != "kustomization.yaml"
    )
    pods = [
        _documents(base / "deployment.yaml")[0]["spec"]["template"]["spec"],
        _documents(base / "migration.yaml")[0]["spec"]["template"]["spec"],
        _documents(base / "jobs.yaml")[0]["spec"]["jobTemplate"]["spec"]["template"]["spec"],
    ]
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]


MANIFESTS = [p for p in DEPLOY if "kubernetes" in p.parts and p.suffix == ".yaml" and p.stem != "kustomization"]


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
@pytest.mark.parametrize("version", ["1.29", kubernetes_validate.latest_version()])
def test_every_manifest_is_valid_to_the_last_field_in_old_and_new_clusters(path: Path, version: str) -> None:
    for document in _documents(path):
        assert kubernetes_validate.validate(document, version, strict=True)


def test_a_misspelt_field_of_a_manifest_would_be_found() -> None:
    (service,) = _documents(ROOT / "deploy/kubernetes/base/service.yaml")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**service, "spec": {**service["spec"], "port": []}}, "1.29", strict=True)


def test_every_command_the_deployment_runs_exists() -> None:
    from app.cli import COMMANDS

    text = "\n".join(path.read_text() for path in [ROOT / "compose.yaml", *DEPLOY])
    named = re.findall(r"\[aki, ([a-z-]+)", text) + re.findall(r"/opt/aki/bin/aki ([a-z-]+)", text)
    assert len(named) >= 6
    assert set(named) <= set(COMMANDS)


def test_the_image_copies_every_room_and_nothing_ignored() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, flags=re.MULTILINE)
    names = {name for line in copied for name in line.split()}
    assert set(ROOMS) <= names
    permitted = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert names <= permitted
    assert all((ROOT / name).exists() for name in names)


def test_the_bill_of_materials_names_every_locked_component_with_a_licence_that_binds_nothing(
    tmp_path: Path,
) -> None:
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    if not Path(uv).exists():
        pytest.skip("uv is not installed")
    target = tmp_path / "sbom.json"
    wanted = ["--locked", "--no-default-groups", "--no-emit-project", "--format", "cyclonedx1.5", "--quiet"]
    exported = subprocess.run(
        [uv, "export", *wanted, "-o", str(target)], cwd=ROOT, capture_output=True, check=False
    )
    assert exported.returncode == 0, exported.stderr
    named = subprocess.run([sys.executable, str(ROOT / "deploy/licences.py"), str(target)], check=False)
    assert named.returncode == 0
    document = json.loads(target.read_text())
    assert document["bomFormat"] == "CycloneDX"
    components = {component["name"]: component for component in document["components"]}
    assert {"flask", "authlib", "fhirclient", "joserfc", "cryptography"} <= set(components)
    assert all(component["licenses"] for component in components.values())
