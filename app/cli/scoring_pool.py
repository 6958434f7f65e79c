"""Lines scored by several processes: in order, with bounded memory, surviving bad lines and dying workers."""

import json
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cache
from itertools import islice
from multiprocessing import get_context

from app.cli.bundles import load_model, score_bundle
from model.assess import RiskPredictor
from model.assessment import outcome_to_json
from model.errors import ModelError
from patient_context.errors import PatientContextError

_LINES_A_CHUNK = 8
_CHUNKS_A_WORKER = 3


@dataclass(frozen=True, slots=True)
class Line:
    """A line of input and its number, from 1."""

    number: int
    text: bytes


@dataclass(frozen=True, slots=True)
class Result:
    """A line of output; `ok` is False for an error line."""

    output: bytes
    ok: bool
    input_bytes: int


def score_lines(lines: Iterable[Line], *, workers: int) -> Iterator[Result]:
    """One result for each line, in the same order."""
    if workers == 1:
        for line in lines:
            yield score_line(line)
        return
    yield from _score_in_pool(iter(lines), workers)


def score_line(line: Line) -> Result:
    """Assess the Bundle in one line, or say what is wrong with it."""
    try:
        outcome = score_bundle(line.text, at=None, model=_model()).outcome
        output = json.dumps(outcome_to_json(outcome), ensure_ascii=False, separators=(",", ":")).encode()
    except PatientContextError as error:
        return _error(line, error.code, str(error))
    except Exception as error:  # one line must not stop the others; our own bug is named, not hidden
        return _error(line, "internal-error", f"This line could not be assessed ({type(error).__name__}).")
    return Result(output, ok=True, input_bytes=len(line.text))


def _error(line: Line, code: str, text: str) -> Result:
    body = {"status": "error", "line": line.number, "error": {"code": code, "text": text}}
    return Result(json.dumps(body).encode(), ok=False, input_bytes=len(line.text))


@cache
def _model() -> RiskPredictor | ModelError:
    """Loaded once in each process."""
    return load_model()


def _score_chunk(chunk: list[Line]) -> list[Result]:
    return [score_line(line) for line in chunk]


def _score_in_pool(lines: Iterator[Line], workers: int) -> Iterator[Result]:
    """Keep a few chunks in flight per worker; when a worker dies, score what was in flight line by line."""
    waiting: deque[tuple[list[Line], Future[list[Result]]]] = deque()
    pool = _new_pool(workers)
    try:
        while True:
            while len(waiting) < workers * _CHUNKS_A_WORKER and (chunk := list(islice(lines, _LINES_A_CHUNK))):
                waiting.append((chunk, _submit(pool, chunk)))
            if not waiting:
                return
            chunk, future = waiting.popleft()
            try:
                yield from future.result()
            except BrokenProcessPool:
                pool.shutdown(wait=False, cancel_futures=True)
                for lost in [chunk, *(other for other, _ in waiting)]:
                    yield from _score_alone(lost)
                waiting.clear()
                pool = _new_pool(workers)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _submit(pool: ProcessPoolExecutor, chunk: list[Line]) -> Future[list[Result]]:
    """A future also when the pool has just broken: it then fails like those in flight."""
    try:
        return pool.submit(_score_chunk, chunk)
    except BrokenProcessPool as broken:
        failed: Future[list[Result]] = Future()
        failed.set_exception(broken)
        return failed


def _score_alone(chunk: list[Line]) -> Iterator[Result]:
    """Each line in a process of its own, so that the one that kills its worker is known."""
    for line in chunk:
        with _new_pool(1) as pool:
            try:
                yield pool.submit(score_line, line).result()
            except BrokenProcessPool:
                yield _error(
                    line, "worker-died", "The process that assessed this line was killed, for want of memory?"
                )


def _new_pool(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=get_context("forkserver"))
