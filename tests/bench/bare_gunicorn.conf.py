"""The product's own gunicorn configuration, serving the bare endpoint."""

import runpy
from pathlib import Path
from typing import Any

_product = runpy.run_path(str(Path(__file__).resolve().parents[2] / "gunicorn.conf.py"))
globals().update({name: value for name, value in _product.items() if not name.startswith("_")})
wsgi_app = "tests.bench.bare_cds:create_app()"


def when_ready(server: Any) -> None:
    """As the product does, without its audit trail."""
    _product["spare_the_collector"]()
