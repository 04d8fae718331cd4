"""What an import loads: nothing heavy before there is work to do."""

import json
import subprocess
import sys

import pytest

HEAVY = ("numpy", "scipy", "pandas", "torch", "altair", "sklearn", "matplotlib", "jinja2", "msgspec", "safetensors")
REPORT = "\nimport json, sys\nsys.stderr.write('\\n' + json.dumps(sorted(sys.modules)))\n"


def loaded(code: str) -> set[str]:
    """Names of the modules that stand in a fresh interpreter after it ran the code."""
    done = subprocess.run([sys.executable, "-c", code + REPORT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1]))


def heavy(modules: set[str]) -> list[str]:
    return [name for name in HEAVY if name in modules]


@pytest.mark.parametrize(
    "code",
    [
        "import theodolite",
        "import theodolite as td; dir(td); td.__version__",
        "import theodolite.cli.app",
        "from theodolite.cli.app import main; main(['--help'])",
        "from theodolite.cli.app import main; main(['survey', '--help'])",
        "from theodolite.cli.app import main; main(['--version'])",
    ],
)
def test_nothing_heavy_is_loaded_before_there_is_work(code: str):
    assert heavy(loaded(code)) == []


def test_a_survey_loads_no_tables_no_statistics_and_no_torch():
    modules = loaded(
        "import numpy as np, theodolite as td\n"
        "readings = td.survey({'a.weight': np.random.default_rng(0).normal(size=(40, 30))}, measures='standard')\n"
        "assert len(readings) > 5"
    )
    for name in ("pandas", "scipy.stats", "torch", "altair", "sklearn", "matplotlib"):
        assert name not in modules


def test_the_families_and_the_suite_load_no_torch():
    modules = loaded(
        "import theodolite.testing, theodolite.spectra, theodolite.catalogue; theodolite.testing.backends()"
    )
    assert "torch" not in modules
    assert "pytest" not in modules
    assert "pandas" not in modules


def test_the_check_sees_what_is_loaded():
    assert heavy(loaded("import numpy")) == ["numpy"]
