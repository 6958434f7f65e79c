# syntax=docker/dockerfile:1
# Builds the locked environment in one stage and carries only that environment into the next:
# no compiler, no package manager's cache, no root.
FROM python:3.11-slim-bookworm AS build
ENV UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1 UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=/opt/aki
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /build
COPY pyproject.toml uv.lock README.md LICENSE NOTICE ./
RUN uv sync --locked --no-default-groups --no-install-project
COPY app app
COPY launch launch
COPY cds_hooks cds_hooks
COPY patient_context patient_context
COPY model model
COPY sandbox sandbox
RUN uv sync --locked --no-default-groups --no-editable

FROM python:3.11-slim-bookworm
# One thread per worker: two OpenMP threads in two workers raise p99 twentyfold (docs/adr/0011).
ENV PATH=/opt/aki/bin:$PATH \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 \
    AKI_STATE_DIR=/var/lib/aki AKI_EHRS_FILE=/etc/aki/ehrs.toml AKI_BIND=0.0.0.0:8080
RUN useradd --system --uid 10001 --home-dir /var/lib/aki --create-home aki
COPY --from=build /opt/aki /opt/aki
COPY gunicorn.conf.py /etc/aki/gunicorn.conf.py
COPY LICENSE NOTICE /usr/share/doc/aki-sentinel/
USER 10001
WORKDIR /var/lib/aki
VOLUME /var/lib/aki
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/health', timeout=2)"]
CMD ["gunicorn", "--config", "/etc/aki/gunicorn.conf.py"]
