"""What an adapter costs before it is used: nothing of anybody else's."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import theodolite.adapters

NAMES = {
    "transformers": "SurveyCallback",
    "lightning": "SurveyCallback",
    "mlflow": "MLflowTracker",
    "wandb": "WandbTracker",
    "tensorboard": "TensorBoardTracker",
}
FOREIGN = ("transformers", "lightning", "pytorch_lightning", "mlflow", "wandb", "tensorboard", "torch", "accelerate")


def foreign_after(code):
    report = f"\nimport json, sys\nprint(json.dumps([name for name in {FOREIGN!r} if sys.modules.get(name)]))"
    done = subprocess.run([sys.executable, "-c", code + report], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_nothing_foreign_is_loaded_before_an_adapter_is_made():
    lines = [f"from theodolite.adapters.{module} import {name}; {name}.__doc__" for module, name in NAMES.items()]
    assert foreign_after("\n".join(["import theodolite.adapters", *lines])) == []


@pytest.mark.parametrize(("module", "name"), NAMES.items())
def test_an_absent_package_is_named_with_its_extra(module, name):
    made = f"{name}('.')" if module == "tensorboard" else f"{name}()"
    absent = f"import sys\nfor name in {(module, 'pytorch_lightning')!r}: sys.modules[name] = None\n"
    code = f"from theodolite.adapters.{module} import {name}\ntry:\n    {made}\nexcept ImportError as error:\n"
    extra = module if module in {"transformers", "lightning"} else "trackers"
    code += f"    assert '[{extra}]' in str(error)\nelse:\n    raise AssertionError\n"
    foreign_after(absent + code)


@pytest.mark.parametrize("module", NAMES)
def test_adapters_are_short(module):
    path = Path(theodolite.adapters.__file__).with_name(f"{module}.py")
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 60
