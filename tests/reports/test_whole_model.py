"""The rows of a whole model, kept apart by how its convolutions were seen."""

import numpy as np

import theodolite as td
from theodolite.reports.sections.whole_model import whole_model


def test_views_of_one_model_stand_apart(tmp_path):
    rng = np.random.default_rng(0)
    kernels = {"conv.weight": rng.normal(size=(16, 8, 3, 3)), "head.weight": rng.normal(size=(16, 16))}
    np.savez(tmp_path / "net.npz", **kernels)
    runs = [td.survey(tmp_path / "net.npz", td.Survey.of(["stable_rank"], view=view)) for view in ("unfold", "slices")]
    both = {one.name: one.statistics for one in whole_model(runs[0] + runs[1], "net")}
    each = [whole_model(run, "net")[0].statistics for run in runs]
    assert both == {"stable_rank": each[0], "stable_rank (slices)": each[1]}
    assert each[0]["mean"] != each[1]["mean"]
