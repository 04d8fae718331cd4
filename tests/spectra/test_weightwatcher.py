"""Numbers of WeightWatcher 0.7.7 and powerlaw 1.5 on published checkpoints, layer by layer."""

import json

import numpy as np
import pytest

import theodolite as td
from theodolite.core import Spectrum
from theodolite.spectra import (
    alpha_hat,
    correlation_traps,
    frobenius_norm,
    log_alpha_norm,
    log_norm,
    log_spectral_norm,
    marchenko_pastur,
    numerical_rank,
    power_law,
    random_distance,
    spectral_entropy,
    spectral_norm,
    stable_rank,
    trace_log_rank,
)

CHECKPOINTS = {"resnet20": "resnet20-12fca82f.th", "resnet32": "resnet32-d509ac18.th"}
WW = {"convention": "weightwatcher"}

AS_THEY_ARE = {
    "alpha": "power_law.alpha",
    "D": "power_law.distance",
    "sigma": "power_law.sigma",
    "xmin": "power_law.xmin",
    "num_pl_spikes": "power_law.tail_size",
    "alpha_weighted": "alpha_hat",
    "log_alpha_norm": "log_alpha_norm",
    "log_norm": "log_norm",
    "log_spectral_norm": "log_spectral_norm",
    "sv_max": "spectral_norm",
    "stable_rank": "stable_rank",
    "matrix_rank": "numerical_rank",
    "entropy": "spectral_entropy",
}
SQUARED = {"norm": "frobenius_norm", "spectral_norm": "spectral_norm"}
AVERAGED = ("alpha", "D", "alpha_weighted", "log_alpha_norm", "log_norm", "log_spectral_norm", "stable_rank", "entropy")


@pytest.fixture(scope="module")
def reference(shared):
    return json.loads((shared / "reference/ref_spectra.json").read_text())["models"]


def spectrum_of(state, layer):
    """Return what WeightWatcher looks at: the slices of a convolution, times the root of a half in float32, pooled."""
    weight = state[f"module.{layer}.weight"].numpy()
    if weight.ndim == 4:
        weight = weight.reshape(*weight.shape[:2], -1).transpose(2, 0, 1) * np.float32(np.sqrt(0.5))
    return Spectrum(weight)


@pytest.mark.torch
@pytest.mark.shared
@pytest.mark.parametrize("model", CHECKPOINTS)
def test_every_layer(torch, shared, reference, model):
    path = shared / "data/resnets" / CHECKPOINTS[model]
    state = torch.load(path, weights_only=True, map_location="cpu")["state_dict"]
    for layer in reference[model]["layers"]:
        spectrum = spectrum_of(state, layer["longname"])
        fit = power_law(spectrum, **WW)
        found = {
            "num_evals": spectrum.count,
            "alpha": fit.alpha,
            "D": fit.distance,
            "sigma": fit.sigma,
            "xmin": fit.xmin,
            "num_pl_spikes": fit.tail_size,
            "alpha_weighted": alpha_hat(spectrum, **WW).value,
            "log_alpha_norm": log_alpha_norm(spectrum, **WW),
            "log_norm": log_norm(spectrum),
            "log_spectral_norm": log_spectral_norm(spectrum),
            "norm": frobenius_norm(spectrum) ** 2,
            "spectral_norm": spectral_norm(spectrum) ** 2,
            "sv_max": spectral_norm(spectrum),
            "stable_rank": stable_rank(spectrum),
            "matrix_rank": numerical_rank(spectrum),
            "entropy": spectral_entropy(spectrum, **WW),
        }
        for column, value in found.items():
            assert float(value) == pytest.approx(layer[column], rel=1e-9, abs=1e-9), (layer["longname"], column)


@pytest.mark.torch
@pytest.mark.shared
def test_powerlaw_package_with_and_without_a_largest_value(torch, shared, reference):
    path = shared / "data/resnets" / CHECKPOINTS["resnet20"]
    state = torch.load(path, weights_only=True, map_location="cpu")["state_dict"]
    for key, truncated in (("alpha_PLpow_powerlaw1.5", False), ("alpha_PLforce_powerlaw1.5", True)):
        compared = 0
        for layer in reference["resnet20"][key]:
            if layer["longname"] == "linear" and not truncated:  # 10 eigenvalues: WeightWatcher's own path
                continue
            fit = power_law(spectrum_of(state, layer["longname"]), truncated=truncated, **WW)
            found = (float(fit.alpha), float(fit.distance), float(fit.xmin))
            assert found == pytest.approx((layer["alpha"], layer["D"], layer["xmin"]), rel=1e-9), layer["longname"]
            compared += 1
        assert compared == 19 + truncated


def check_survey(checkpoint, expected):
    """Survey a checkpoint under the other convention and compare every column of every layer, and every mean."""
    readings = td.survey(checkpoint, td.Survey.of("quick", **WW))
    table = readings.where(module=[layer["longname"] for layer in expected["layers"]]).pivot()
    measured = {t.module: t for t in readings.targets if not t.listed_because and t.module != "*"}
    assert measured.keys() == {layer["longname"] for layer in expected["layers"]}
    assert not [row for row in readings if row.value is None or row.chance is not None]
    for layer in expected["layers"]:
        target = measured[layer["longname"]]
        row = table.loc[target.target]
        found = {column: row[name] for column, name in AS_THEY_ARE.items()}
        found |= {column: row[name] ** 2 for column, name in SQUARED.items()}
        wanted = {column: layer[column] for column in found}
        assert found == pytest.approx(wanted, rel=1e-9, abs=1e-12), layer["longname"]
        (reading,) = readings.where("power_law.alpha", target=target.target)
        assert readings.array(reading).size == layer["num_evals"]
        assert (max(target.shape[-2:]), min(target.shape[-2:])) == (layer["N"], layer["M"])
        small = reading.outcome == "SMALL_SAMPLE_CONVENTION"
        assert small == (layer["num_evals"] < 20), layer["longname"]
    check_means(readings, expected["means"])


def check_means(readings, expected):
    """Compare the rows that speak of the whole model."""
    whole = {row.name: row.value for row in readings.where(module="*")}
    for column in AVERAGED:
        name = AS_THEY_ARE[column]
        name = name if "." in name else f"{name}.value"
        assert whole[f"{name}.mean"] == pytest.approx(expected[column], rel=1e-9), column
    assert whole["power_law.alpha.median"] == pytest.approx(expected["alpha_median"], rel=1e-9)
    assert whole["power_law.alpha.count"] == expected["n_layers"]


@pytest.mark.torch
@pytest.mark.shared
@pytest.mark.parametrize("model", CHECKPOINTS)
def test_a_survey_of_a_published_resnet(torch, shared, reference, model):
    with td.open(shared / "data/resnets" / CHECKPOINTS[model]) as checkpoint:
        check_survey(checkpoint, reference[model])


@pytest.mark.shared
def test_a_survey_of_minilm(reference, minilm):
    with td.open(minilm) as checkpoint:
        check_survey(checkpoint, reference["minilm"])


def check_bulk(spectrum, layer):
    """Compare the fitted bulk and the trace-log tail of one layer."""
    fit, tail, name = marchenko_pastur(spectrum, **WW), trace_log_rank(spectrum), layer["longname"]
    short, long = sorted(spectrum.shape)
    found = {
        "sigma_mp": fit.sigma,
        "mp_softrank": fit.soft_rank,
        "bulk_max": fit.edge,
        "bulk_min": fit.variance * (np.sqrt(long) - np.sqrt(short)) ** 2,
        "W_scale": np.sqrt(spectrum.count) / frobenius_norm(spectrum),
    }
    for column, value in found.items():
        assert float(value) == pytest.approx(layer[column], rel=1e-6, abs=1e-9), (name, column)
    assert (fit.spikes, tail.rank) == (layer["num_spikes"], layer["detX_num"]), name
    if tail.rank < spectrum.count:
        assert float(tail.eigenvalue) == pytest.approx(layer["detX_val"], rel=1e-9), name
    else:
        # Where only the product of all falls below one, it prints the second smallest eigenvalue for the smallest.
        assert float(spectrum.eigenvalues[1]) == pytest.approx(layer["detX_val"], rel=1e-9), name
        assert float(tail.eigenvalue) == float(spectrum.eigenvalues[0])


@pytest.mark.torch
@pytest.mark.shared
@pytest.mark.parametrize("model", CHECKPOINTS)
def test_bulk_and_trace_log_of_every_layer(torch, shared, reference, model):
    path = shared / "data/resnets" / CHECKPOINTS[model]
    state = torch.load(path, weights_only=True, map_location="cpu")["state_dict"]
    for layer in reference[model]["layers"]:
        check_bulk(spectrum_of(state, layer["longname"]), layer)


@pytest.mark.shared
def test_bulk_and_trace_log_of_minilm(reference, minilm):
    checkpoint = td.open(minilm)
    for layer in reference["minilm"]["layers"]:
        check_bulk(checkpoint[f"{layer['longname']}.weight"].spectrum(**WW), layer)


@pytest.mark.torch
@pytest.mark.shared
def test_what_depends_on_shuffles_agrees_within_their_spread(torch, shared, reference):
    """It shuffles once, unseeded, with a spread of about 5 %; its traps are those of one pooled fit."""
    path = shared / "data/resnets" / CHECKPOINTS["resnet20"]
    state = torch.load(path, weights_only=True, map_location="cpu")["state_dict"]
    layers = [layer for layer in reference["resnet20"]["layers"] if layer["num_evals"] >= 100]
    ours, theirs = [], []
    for layer in layers:
        spectrum = spectrum_of(state, layer["longname"])
        distance = random_distance(spectrum, shuffles=5)
        assert float(distance.value) == pytest.approx(layer["rand_distance"], rel=0.15), layer["longname"]
        ours.append(int(correlation_traps(spectrum, **WW).count))
        theirs.append(layer["rand_num_spikes"])
    assert len(layers) == 18
    assert np.mean(ours) == pytest.approx(np.mean(theirs), abs=0.7)
