"""Calls a hook over some connections at once, and says how long calls took and what the workers spent on them."""

import http.client
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median
from urllib.parse import urlsplit

import psutil


@dataclass(frozen=True, slots=True)
class Measured:
    """What one burst of calls showed."""

    connections: int
    calls_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float

    def __str__(self) -> str:
        spent = f"{self.cpu_ms:5.2f} ms CPU a call"
        times = f"p50 {self.p50_ms:6.1f} ms  p99 {self.p99_ms:6.1f} ms"
        return f"{self.connections:3d} connections  {self.calls_per_second:6.0f} calls/s  {times}  {spent}"


def measure(
    address: str, workers: Callable[[], Sequence[int]], body: bytes, bearers: Sequence[str], connections: int
) -> Measured:
    """One burst: a call for each bearer token, shared out over the connections. Every answer must be 200."""
    shares = [bearers[n::connections] for n in range(connections)]
    spent, started = _cpu_seconds(workers()), time.perf_counter()
    with ThreadPoolExecutor(len(shares)) as pool:
        times = sorted(
            one for share in pool.map(lambda share: _call(address, body, share), shares) for one in share
        )
    seconds = time.perf_counter() - started
    cpu = _cpu_seconds(workers()) - spent
    n = len(times)
    return Measured(connections, n / seconds, median(times), times[int(n * 0.99)], cpu / n * 1000)


def _call(address: str, body: bytes, bearers: Sequence[str]) -> list[float]:
    """Milliseconds of each call, one after the other on one connection."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
    spent = []
    for bearer in bearers:
        headers = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"}
        started = time.perf_counter()
        connection.request("POST", "/cds-services/aki-patient-view", body, headers)
        answer = connection.getresponse()
        said = answer.read()
        spent.append((time.perf_counter() - started) * 1000)
        assert answer.status == 200, said
    connection.close()
    return spent


def _cpu_seconds(pids: Sequence[int]) -> float:
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return sum(one.user + one.system for one in times)
