"""Gunicorn's settings for the two servers of the demo (`gunicorn --config python:app.demo.server`)."""

worker_class = "gthread"
threads = 8
timeout = 60
graceful_timeout = 3
keepalive = 5
preload_app = True
errorlog = "-"
loglevel = "warning"
control_socket_disable = True
