"""A run that is killed, at any step and at any moment, resumes to the same bytes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = 50
"""SIGKILLs at random moments, for each number of jobs."""

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

# Each child is a fork of a process that has imported everything, so that a kill costs milliseconds and falls into the
# run instead of into the imports.
PROGRAM = '''
import os, random, signal, sys, time
from pathlib import Path
import theodolite as td
from theodolite.surveys import journal, read_run

mode, checkpoint, place, jobs, kills = sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])
MEASURES = ["stable_rank", "power_law", "hill"]
if jobs > 1:
    import joblib


def survey(run):
    return td.survey(checkpoint, MEASURES, store=run, jobs=jobs)


expected = td.survey(checkpoint, MEASURES).canonical()


def child(run, prepare=lambda: None):
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            prepare()
            survey(run)
            status = 0
        finally:
            os._exit(status)
    return pid


def consistent(run):
    if (run / "survey.json").exists():
        known = set(expected.splitlines())
        rows = [line for line in read_run(run).canonical().splitlines() if '":*"' not in line and "*" not in line]
        assert set(rows) <= known, set(rows) - known


def at_random_moments():
    chance = random.Random(20 + jobs)
    begun = time.perf_counter()
    assert os.waitpid(child(place / "timed"), 0)[1] == 0
    whole = time.perf_counter() - begun
    count = number = 0
    while count < kills:
        run = place / f"run{number}"
        number += 1
        for _ in range(4):
            pid = child(run)
            time.sleep(chance.random() * whole)
            os.kill(pid, signal.SIGKILL)
            killed = os.WIFSIGNALED(os.waitpid(pid, 0)[1])
            count += killed
            consistent(run)
            if not killed:
                break
        assert survey(run).canonical() == expected, run
    print("killed", count, "runs", number)


WRITING, ELSE = 9, 8


def at_every_step():
    """Die before, and in the middle of, the n-th call that changes a file."""
    names = ["write", "fsync", "ftruncate", "replace", "mkdir", "open"]
    real = {name: getattr(os, name) for name in names}
    step = 0
    while True:
        status = WRITING
        for half in (False, True):
            if status != WRITING:
                break
            def dying(limit=step, half=half):
                left = [limit]
                def wrap(name):
                    def call(*args, **kwargs):
                        if left[0] == 0:
                            if half and name == "write":
                                real["write"](args[0], bytes(args[1])[: len(args[1]) // 2])
                            os._exit(WRITING if name == "write" else ELSE)
                        left[0] -= 1
                        return real[name](*args, **kwargs)
                    return call
                for name in names:
                    setattr(os, name, wrap(name))
            run = place / f"step{step}-{half}"
            status = os.waitstatus_to_exitcode(os.waitpid(child(run, dying), 0)[1])
            assert status in (0, WRITING, ELSE), status
            consistent(run)
            assert survey(run).canonical() == expected, run
        if status == 0:
            break
        step += 1
    print("steps", step)


at_every_step() if mode == "steps" else at_random_moments()
'''


def run_program(mode: str, checkpoint: Path, place: Path, jobs: int) -> list[str]:
    place.mkdir()
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM, mode, str(checkpoint), str(place), str(jobs), str(KILLS)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.split()


@pytest.mark.parametrize("jobs", [1, 2])
def test_killed_at_random_moments(checkpoint: Path, tmp_path: Path, jobs: int) -> None:
    said, kills, _, runs = run_program("moments", checkpoint, tmp_path / "place", jobs)
    assert said == "killed"
    assert int(kills) >= KILLS
    assert int(runs) > 5


def test_killed_at_every_step(checkpoint: Path, tmp_path: Path) -> None:
    said, steps = run_program("steps", checkpoint, tmp_path / "place", 1)
    assert said == "steps"
    assert int(steps) > 20
