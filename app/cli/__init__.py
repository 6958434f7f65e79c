"""The `aki` command line."""

import click


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="aki-sentinel")
def main() -> None:
    """AKI Sentinel: detect acute kidney injury and its 48-hour risk, from the EHR's own data."""
