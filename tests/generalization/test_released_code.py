"""The convention of the authors against numbers that the authors' code gave.

The numbers are those of `get_all_measures` in robust_measures.py of nsfzyzz/Generalization_metrics_for_NLP, run with
torch 2.13.0 on the network below (its hard-wired moves to a GPU left out, `task_type="normal"`, and no path norm, whose
code knows the authors' own transformer only). Both levels of noise come out at the upper limit of its search, so that
they don't depend on the draws.
"""

import numpy as np
import pytest

import theodolite as td

pytestmark = pytest.mark.torch

RELEASED = {
    "PARAM_NORM": 2.4033989,
    "FRO_DIST": 1.7282614,
    "DIST_SPEC_INIT": 1.5298522,
    "INVERSE_MARGIN": 0.12418095,
    "LOG_PROD_OF_SPEC_OVER_MARGIN": 5.4359467,
    "LOG_SUM_OF_SPEC_OVER_MARGIN": 0.41635658,
    "LOG_PROD_OF_FRO_OVER_MARGIN": 5.73433,
    "LOG_SUM_OF_FRO_OVER_MARGIN": 0.47603323,
    "PACBAYES_INIT": 4.3646881,
    "PACBAYES_ORIG": 6.0402401,
    "PACBAYES_FLATNESS": 0.79056942,
    "PACBAYES_MAG_INIT": 2.1390199,
    "PACBAYES_MAG_ORIG": 2.2516791,
    "PACBAYES_MAG_FLATNESS": 0.79056942,
}


def waves(torch, *shape, step):
    return torch.from_numpy(2 * np.sin(step * np.arange(1, np.prod(shape) + 1))).float().reshape(shape)


def network(torch, shift):
    """A convolution with a batch normalisation to fold, a layer normalisation to count, and two linear layers."""
    net = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 2),
        torch.nn.BatchNorm2d(4),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(16, 5),
        torch.nn.LayerNorm(5),
        torch.nn.Linear(5, 3),
    )
    with torch.no_grad():
        for step, (name, tensor) in enumerate(net.state_dict().items(), 1):
            if tensor.is_floating_point():
                tensor.copy_(waves(torch, *tensor.shape, step=step + shift))
            if name.endswith("running_var"):
                tensor.abs_().add_(1)
    return net.eval()


def test_the_authors_convention_gives_the_numbers_of_the_authors_code(torch):
    net, start = network(torch, 1.3), network(torch, 1.32)
    images = 4 * waves(torch, 40, 1, 3, 3, step=1.7)
    labels = net(images).argmax(-1)
    assert torch.bincount(labels).tolist() == [6, 11, 23]
    found = td.generalization_metrics(net, start, data=(images, labels), convention="authors")
    assert (found.sigma, found.magnitude_sigma) == (0.2, 0.2)
    for name, value in RELEASED.items():
        assert found[name].value == pytest.approx(value, rel=5e-6), name
    ours = td.generalization_metrics(net, start, data=(images, labels))
    for name in ("PARAM_NORM", "PACBAYES_FLATNESS", "PACBAYES_MAG_FLATNESS"):
        assert ours[name].value != pytest.approx(RELEASED[name], rel=0.01), name
