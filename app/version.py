"""The installed version."""

from importlib.metadata import PackageNotFoundError, version


def product_version() -> str:
    """The installed version, or "unknown" outside an installation."""
    try:
        return version("aki-sentinel")
    except PackageNotFoundError:
        return "unknown"
