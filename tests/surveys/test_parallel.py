"""Side by side: the same bytes whatever the number of jobs, and a clean end on Ctrl-C."""

import os
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pytest

import theodolite as td
from theodolite.core import Array, Field, Spectrum, measure
from theodolite.numerics import threads as blas
from theodolite.surveys import Progress, read_run
from theodolite.surveys.parallel import in_parallel
from theodolite.surveys.targets import Target

joblib = pytest.importorskip("joblib")
Model = dict[str, np.ndarray]
FREE = Field(unit="1", unspecified=("scale", "permutation", "rotation", "transpose"))

calls: list[str] = []
interrupting: list[str] = []


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    calls.clear()
    interrupting.clear()


@measure(cite="none")
def interrupts(spectrum: Spectrum, /) -> Annotated[Array, FREE]:
    """Press Ctrl-C on the third matrix."""
    calls.append("asked")
    if interrupting and len(calls) == 3:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.2)
    return spectrum.eigenvalues[-1]


@dataclass(frozen=True)
class Piece:
    cost: float
    threads: int = 1


@pytest.mark.parametrize("jobs", [1, 2, -1])
def test_the_number_of_jobs_does_not_show(model: Model, jobs: int, tmp_path: Path) -> None:
    readings = td.survey(model, "standard", jobs=jobs, store=tmp_path / "run")
    assert readings.canonical() == td.survey(model, "standard").canonical()


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_other_backends_give_the_same(model: Model, backend: str) -> None:
    plain = td.survey(model, ["stable_rank", "power_law"]).canonical()
    with joblib.parallel_config(backend=backend, n_jobs=2):
        assert td.survey(model, ["stable_rank", "power_law"]).canonical() == plain
        assert td.survey(model, ["stable_rank", "power_law"], jobs=2).canonical() == plain


def test_large_tasks_come_first_and_at_most_so_many_are_under_way() -> None:
    lock, under_way, peak, order = threading.Lock(), [0], [0], []

    def work(piece: Piece) -> Piece:
        with lock:
            under_way[0] += 1
            peak[0] = max(peak[0], under_way[0])
            order.append(piece.cost)
        time.sleep(0.01)
        with lock:
            under_way[0] -= 1
        return piece

    costs = [3.0, 9.0, 1.0, 7.0, 5.0, 2.0, 8.0]
    done = list(in_parallel(work, [Piece(cost) for cost in costs], 2))
    assert sorted(piece.cost for piece in done) == sorted(costs)
    assert peak[0] == 2
    assert set(order[:2]) == {9.0, 8.0}
    assert set(order[-2:]) <= {3.0, 2.0, 1.0}


def test_tasks_run_with_the_blas_threads_that_they_ask_for() -> None:
    held = []

    def work(piece: Piece) -> int:
        with blas.blas_threads(piece.threads) as count:
            held.append((piece.threads, count))
        return count

    pieces = [Piece(1.0, 1), Piece(2.0, 2), Piece(3.0, 1), Piece(4.0, 2)]
    for jobs in (1, 2):
        assert sorted(in_parallel(work, pieces, jobs)) == [1, 1, 2, 2]
    assert all(asked == got for asked, got in held)


def test_a_matrix_decides_its_blas_threads_by_its_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    from theodolite.core import TargetRow
    from theodolite.surveys.arrays import HeldTensor

    monkeypatch.setattr(blas, "available_cores", lambda: 6)
    row = TargetRow(target="m:w", model="m", module="w")
    matrices = {4095: 1, 4096: 6}
    for side, threads in matrices.items():
        shared = np.broadcast_to(np.float32(0), (side, 5000))
        assert Target(row, HeldTensor(shared), None).threads == threads  # type: ignore[arg-type]


def test_work_counts_the_gram_and_its_decomposition() -> None:
    from theodolite.core import TargetRow
    from theodolite.surveys.arrays import HeldTensor

    row = TargetRow(target="m:w", model="m", module="w")
    flat, stack = np.zeros((20, 10)), np.zeros((3, 10, 20))
    assert Target(row, HeldTensor(flat), None).cost == 10**2 * 20 + 10**3  # type: ignore[arg-type]
    assert Target(row, HeldTensor(stack), None).cost == 3 * (10**2 * 20 + 10**3)  # type: ignore[arg-type]


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_ends_the_run_and_the_next_one_goes_on(model: Model, jobs: int, tmp_path: Path) -> None:
    run = tmp_path / "run"
    interrupting.append("yes")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(KeyboardInterrupt):
            td.survey(model, [interrupts], jobs=jobs, store=run)
    time.sleep(0.3)
    asked = len(calls)
    assert asked <= 3 + jobs
    kept = [row for row in read_run(run) if not row.target.endswith(":*")]
    assert len(kept) <= asked < 6
    interrupting.clear()
    finished = td.survey(model, [interrupts], jobs=jobs, store=run)
    assert len(calls) == asked + 6 - len(kept)
    assert finished.canonical() == td.survey(model, [interrupts]).canonical()


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_callback_that_raises_ends_the_run_and_frees_the_folder(model: Model, jobs: int, tmp_path: Path) -> None:
    run = tmp_path / "run"

    def enough(progress: Progress) -> None:
        if progress.done == 2:
            raise KeyboardInterrupt

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(KeyboardInterrupt):
            td.survey(model, ["stable_rank"], jobs=jobs, store=run, progress=enough)
    assert len([row for row in read_run(run) if not row.target.endswith(":*")]) == 2
    assert td.survey(model, ["stable_rank"], store=run).canonical() == td.survey(model, ["stable_rank"]).canonical()
