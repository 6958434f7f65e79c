"""A request must arrive in time, head and body: who sends a byte now and then would hold a thread for ever."""

import socket
import time


class TimedReading:
    """What gunicorn reads a request from. Who is too slow is treated as gone, and `gave_up` then says so."""

    def __init__(self, connection: socket.socket, seconds: float) -> None:
        self._connection = connection
        self._ends_at = time.monotonic() + seconds
        self.gave_up = False

    def recv(self, size: int) -> bytes:
        """Some bytes; none once the other side has closed or its time is over."""
        self._connection.settimeout(max(self._ends_at - time.monotonic(), 0.0))
        try:
            return self._connection.recv(size)
        except (TimeoutError, BlockingIOError):
            self.gave_up = True
            return b""
        finally:
            self._connection.setblocking(True)
