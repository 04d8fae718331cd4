"""Path norms of networks with biases, normalisations, embeddings and attention, and of networks that have none."""

import numpy as np
import pytest

import theodolite as td
from theodolite.core import Outcome, Refusal
from theodolite.generalization.path_norm import path_norm

pytestmark = pytest.mark.torch


def filled(torch, module, seed=0):
    """Give every parameter entries of both signs that float32 holds exactly."""
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.from_numpy(rng.integers(-8, 9, tuple(parameter.shape)) / 8))
    return module.eval()


def test_a_rectified_network_with_biases_by_hand(torch):
    net = filled(torch, torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)))
    w1, b1, w2, b2 = (p.detach().double().numpy() ** 2 for p in net.parameters())
    hand = sum(b2[k] + sum(w2[k, j] * (b1[j] + sum(w1[j, i] for i in range(3))) for j in range(4)) for k in range(2))
    assert path_norm(net, {}, None) == pytest.approx(hand, rel=1e-12)


def test_every_path_through_a_small_network_is_counted(torch):
    """The sum over paths of the products of squared weights, path by path."""
    net = filled(torch, torch.nn.Sequential(*(torch.nn.Linear(n, m, bias=False) for n, m in ((2, 3), (3, 3), (3, 2)))))
    a, b, c = (p.detach().double().numpy() for p in net.parameters())
    paths = [(a[j, i] * b[k, j] * c[o, k]) ** 2 for i in range(2) for j in range(3) for k in range(3) for o in range(2)]
    assert path_norm(net, {}, None) == pytest.approx(sum(paths), rel=1e-12)


def test_a_convolution_sees_an_image_of_ones(torch):
    net = filled(torch, torch.nn.Sequential(torch.nn.Conv2d(2, 3, 2), torch.nn.AvgPool2d(2), torch.nn.Flatten()))
    images = torch.zeros(5, 2, 3, 3)
    w, b = (p.detach().double().numpy() ** 2 for p in net.parameters())
    assert path_norm(net, {}, (images, torch.zeros(5))) == pytest.approx(w.sum() + b.sum(), rel=1e-12)
    with pytest.raises(Refusal) as refused:
        path_norm(net, {}, None)
    assert refused.value.outcome is Outcome.NEEDS_DATA


def test_batch_normalisation_is_folded_before_squaring(torch):
    """The square is that of the product of weight and scale, and of the one number that bias and shift come to."""
    net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 1))
    filled(torch, net)
    net[1].running_mean.copy_(torch.tensor([0.5, -1.0, 2.0]))
    net[1].running_var.copy_(torch.tensor([4.0, 1.0, 0.25]))
    w1, b1, gain, shift, w2, b2 = (p.detach().double().numpy() for p in net.parameters())
    scale = gain / np.sqrt(net[1].running_var.double().numpy() + net[1].eps)
    bias = scale * (b1 - net[1].running_mean.double().numpy()) + shift
    hand = ((w2**2) @ (((scale[:, None] * w1) ** 2).sum(1) + bias**2) + b2**2).sum()
    found = td.generalization_metrics(net)
    assert dict(found.folded) == {"0.weight": "1"}
    assert found["PATH_NORM"].value == pytest.approx(np.sqrt(hand), rel=1e-6)


def test_layer_normalisation_becomes_its_gain_and_bias_or_what_the_released_code_makes_of_it(torch):
    net = filled(torch, torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.LayerNorm(3), torch.nn.Linear(3, 2)))
    w1, b1, gain, shift, w2, b2 = (p.detach().double().numpy() ** 2 for p in net.parameters())
    x = w1.sum(1) + b1
    assert path_norm(net, {}, None) == pytest.approx((w2 @ (gain * x + shift) + b2).sum(), rel=1e-12)
    released = (x + x.mean() ** 2) / (x.var() + net[1].eps)
    assert path_norm(net, {}, None, "authors") == pytest.approx((w2 @ (gain * released + shift) + b2).sum(), rel=1e-12)


def test_a_normalisation_by_the_root_mean_square_becomes_its_gain(torch):
    class NetRMSNorm(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(3))

        def forward(self, x):
            return self.weight * x / x.square().mean(-1, keepdim=True).sqrt()

    net = filled(torch, torch.nn.Sequential(torch.nn.Linear(3, 3, bias=False), NetRMSNorm()))
    w, gain = (p.detach().double().numpy() ** 2 for p in net.parameters())
    assert path_norm(net, {}, None) == pytest.approx((gain * w.sum(1)).sum(), rel=1e-12)


@pytest.mark.parametrize("kind", ["GroupNorm", "InstanceNorm2d", "BatchNorm2d"])
def test_normalisations_over_channels_become_gain_and_bias(torch, kind):
    """Without running statistics, whatever the channels are normalised together with."""
    made = {
        "GroupNorm": lambda: torch.nn.GroupNorm(2, 4),
        "InstanceNorm2d": lambda: torch.nn.InstanceNorm2d(4, affine=True),
        "BatchNorm2d": lambda: torch.nn.BatchNorm2d(4, track_running_stats=False),
    }
    net = filled(torch, torch.nn.Sequential(torch.nn.Conv2d(2, 4, 2, bias=False), made[kind]()))
    w, gain, bias = (p.detach().double().numpy() ** 2 for p in net.parameters())
    hand = 4 * (gain * w.sum((1, 2, 3)) + bias).sum()
    assert path_norm(net, {}, (torch.zeros(5, 2, 3, 3), None)) == pytest.approx(hand, rel=1e-12)


def test_weights_that_are_computed_are_refused(torch):
    net = torch.nn.Sequential(torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(3, 2)))
    with pytest.raises(Refusal, match="computed from other parameters"):
        path_norm(net.eval(), {}, None)


class Reader:
    """A one-block language model: tokens, positions, attention, a head that may be tied."""

    def __new__(cls, torch, *, tied=False):
        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.positions = torch.nn.Embedding(7, 4)
                self.tokens = torch.nn.Embedding(5, 4)
                self.attention = torch.nn.MultiheadAttention(4, 2, bias=False, batch_first=True)
                self.head = torch.nn.Linear(4, 5, bias=False)
                if tied:
                    self.head.weight = self.tokens.weight

            def forward(self, tokens):
                x = self.positions(torch.arange(tokens.shape[1])) + self.tokens(tokens)
                return self.head(x + self.attention(x, x, x, need_weights=False)[0])

        return filled(torch, Net())


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("known", [False, True])
def test_tokens_become_one_position_of_ones(torch, tied, known):
    net = Reader(torch, tied=tied)
    head = net.head.weight.detach().double().numpy() ** 2
    value = net.attention.in_proj_weight.detach().double().numpy()[8:] ** 2
    out = net.attention.out_proj.weight.detach().double().numpy() ** 2
    ones = np.ones(4)
    hand = (head @ (ones + out @ (value @ ones))).sum()
    example = (torch.zeros(3, 6, dtype=torch.long), None) if known else None
    assert path_norm(net, {}, example) == pytest.approx(hand, rel=1e-12)


def test_a_transformer_layer_of_torch_itself(torch):
    layer = torch.nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True, norm_first=True)
    net = filled(torch, torch.nn.Sequential(torch.nn.Embedding(5, 4), layer, torch.nn.Linear(4, 3)))
    p = {name: t.detach().double().numpy() ** 2 for name, t in net.named_parameters()}
    x = np.ones(4)
    normed = p["1.norm1.weight"] * x + p["1.norm1.bias"]
    attended = p["1.self_attn.in_proj_weight"][8:] @ normed + p["1.self_attn.in_proj_bias"][8:]
    x = x + p["1.self_attn.out_proj.weight"] @ attended + p["1.self_attn.out_proj.bias"]
    inner = p["1.linear1.weight"] @ (p["1.norm2.weight"] * x + p["1.norm2.bias"]) + p["1.linear1.bias"]
    x = x + p["1.linear2.weight"] @ inner + p["1.linear2.bias"]
    hand = (p["2.weight"] @ x + p["2.bias"]).sum()
    enabled = torch.backends.mha.get_fastpath_enabled()
    assert path_norm(net, {}, None) == pytest.approx(hand, rel=1e-12)
    assert torch.backends.mha.get_fastpath_enabled() is enabled


@pytest.mark.parametrize("convention", ["theodolite", "authors"])
def test_outputs_that_are_no_sums_of_paths_are_refused(torch, convention):
    for last, seen in ((torch.nn.LogSoftmax(-1), "negative"), (torch.nn.Unflatten(1, (2, 2)), "can't be evaluated")):
        net = torch.nn.Sequential(torch.nn.Linear(2, 3), last)
        with pytest.raises(Refusal, match=seen) as refused:
            path_norm(net.eval(), {}, None, convention)
        assert refused.value.outcome is Outcome.NO_PATH_NORM


def test_a_network_that_hides_its_tokens_is_refused(torch):
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = torch.nn.Embedding(5, 4), torch.nn.Embedding(5, 4)

        def forward(self, tokens):
            return self.one(tokens + 0) + self.two(tokens * 1)

    with pytest.raises(Refusal, match="no embedding looks up the inputs"):
        path_norm(Net().eval(), {}, None)


def test_the_network_itself_is_not_squared(torch):
    net = filled(torch, torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.LayerNorm(4)))
    before = [p.clone() for p in net.parameters()]
    path_norm(net, {}, None)
    assert all(torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True))
    assert isinstance(net[1], torch.nn.LayerNorm)
