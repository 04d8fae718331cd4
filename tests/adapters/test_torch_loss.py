"""MeasureLoss: gradients against finite differences and closed forms, and nets that learn by it."""

import copy
import json
import pickle
import re
import subprocess
import sys
from functools import partial
from itertools import pairwise
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from theodolite.adapters.torch_loss import MeasureLoss
from theodolite.catalogue import measures
from theodolite.core import Pair, ParameterError, Refusal
from theodolite.similarity import (
    angular_cka,
    angular_procrustes,
    barycentre,
    cca,
    cka,
    mutual_knn,
    procrustes,
    shape_distance,
    shift_invariant_shape,
    soft_matching,
    svcca,
)
from theodolite.spectra import stable_rank

pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("torch")]

FIELDS = [
    (name, field)
    for name, measure in sorted(measures().items())
    if measure.traits.views == (Pair,) and measure.traits.runs == "array"
    for field, promise in measure.traits.fields.items()
    if promise.of_itself in {0.0, 1.0}
]


@pytest.fixture
def draw(torch):
    def drawn(rows, features, seed=0, grad=True):
        values = np.random.default_rng(seed).standard_normal((rows, features))
        return torch.tensor(values, requires_grad=grad)

    return drawn


def test_there_are_losses():
    assert {("cka", "value"), ("procrustes", "value"), ("cca", "mean"), ("soft_matching", "distance")} <= set(FIELDS)


@pytest.mark.parametrize(("name", "field"), FIELDS)
def test_gradcheck_of_every_measure(torch, draw, name, field):
    loss = MeasureLoss(measures()[name], field=field, weight=0.7)
    # Widths of equal number, for measures that compare feature with feature.
    assert torch.autograd.gradcheck(loss, (draw(11, 3), draw(11, 3, seed=1)))


@pytest.mark.parametrize("measure", [cka, procrustes])
@pytest.mark.parametrize("target", ["dissimilar", 0.3])
def test_gradcheck_of_every_target(torch, draw, measure, target):
    assert torch.autograd.gradcheck(MeasureLoss(measure, target=target), (draw(6, 2), draw(6, 3, seed=1)))


@pytest.mark.parametrize(
    ("measure", "similar", "dissimilar"),
    [(cka, lambda v: 1 - v, lambda v: v), (procrustes, lambda v: v, lambda v: -v)],
)
def test_what_the_targets_mean(draw, measure, similar, dissimilar):
    x, y = draw(20, 5, grad=False), draw(20, 6, seed=1, grad=False)
    value = measure(x, y)
    assert MeasureLoss(measure)(x, y) == similar(value)
    assert MeasureLoss(measure, target="dissimilar", weight=3.0)(x, y) == 3 * dissimilar(value)
    assert MeasureLoss(measure, target=0.25, weight=2.0)(x, y) == 2 * (value - 0.25) ** 2


def test_a_partial_fixes_keywords(draw):
    x, y = draw(20, 5, grad=False), draw(20, 5, seed=1, grad=False)
    chosen = partial(shape_distance, whitening=0.5)
    assert MeasureLoss(chosen)(x, y) == chosen(x, y) != shape_distance(x, y)


def test_the_gradient_of_procrustes_goes_through_the_polar_factor(torch, draw):
    # Its square is |A|^2 + |B|^2 - 2 |A'B|_* of the centred clouds, and the nuclear norm's gradient the polar factor.
    x, y = draw(30, 5), draw(30, 7, seed=1)
    MeasureLoss(procrustes)(x, y).backward()
    a, b = (one.detach() - one.detach().mean(0) for one in (x, y))
    left, sizes, right = torch.linalg.svd(a.T @ b, full_matrices=False)
    polar = left @ right
    distance = torch.sqrt((a**2).sum() + (b**2).sum() - 2 * sizes.sum())
    torch.testing.assert_close(x.grad, (a - b @ polar.T) / distance)
    torch.testing.assert_close(y.grad, (b - a @ polar) / distance)


@pytest.mark.parametrize("measure", [procrustes, angular_procrustes])
def test_equal_singular_values_do_no_harm(torch, measure):
    rng = np.random.default_rng(2)
    basis = np.linalg.qr(rng.standard_normal((40, 8)) - rng.standard_normal((40, 8)).mean(axis=0))[0]
    basis = np.linalg.qr(basis - basis.mean(axis=0))[0]
    a, b = basis[:, :4], 0.6 * basis[:, :4] + 0.8 * basis[:, 4:]
    assert np.ptp(np.linalg.svd(a.T @ b, compute_uv=False)) < 1e-14
    x, y = (torch.tensor(one, requires_grad=True) for one in (a, b))
    MeasureLoss(measure)(x, y).backward()
    # A'B is 0.6 times the identity, whose polar factor is the identity; off the sphere nothing changes the angle.
    direction = a - b if measure is procrustes else 0.6 * a - b
    size = np.linalg.norm(a - b) if measure is procrustes else np.linalg.norm(a) ** 2 * 0.8
    np.testing.assert_allclose(x.grad.numpy(), direction / size, atol=1e-13)
    assert torch.autograd.gradcheck(lambda given: MeasureLoss(measure)(given, y.detach()), (x,), atol=1e-6)


@pytest.mark.parametrize("measure", [procrustes, angular_procrustes, cka, angular_cka, shape_distance])
@pytest.mark.parametrize("shape", [(30, 6), (6, 10)])
def test_rank_deficiency_keeps_gradients_finite(torch, draw, measure, shape):
    x = draw(*shape)
    low = (draw(shape[0], 2, seed=3, grad=False) @ draw(2, shape[1], seed=4, grad=False)).requires_grad_()
    MeasureLoss(measure)(x, low).backward()
    for given in (x, low):
        assert torch.isfinite(given.grad).all()
        assert given.grad.abs().max() < 100


@pytest.mark.parametrize(("name", "field"), [case for case in FIELDS if case[0] != "pwcca"])
@pytest.mark.parametrize("copied", ["the same", "turned", "reordered", "larger"])
def test_no_gradient_is_undefined_where_the_clouds_are_alike(torch, draw, name, field, copied):
    x = draw(24, 4)
    order = [2, 0, 3, 1]
    y = x.detach() @ torch.linalg.qr(draw(4, 4, seed=5, grad=False))[0] if copied == "turned" else x.detach().clone()
    y = 2.0 * (y[:, order] if copied == "reordered" else y) if copied in {"reordered", "larger"} else y
    y.requires_grad_()
    MeasureLoss(measures()[name], field=field)(x, y).backward()
    assert torch.isfinite(x.grad).all()
    assert torch.isfinite(y.grad).all()


@pytest.mark.parametrize("metric", ["angular", "euclidean"])
@pytest.mark.parametrize("group", ["rotation", "permutation", "none"])
def test_at_distance_zero_there_is_no_pull(torch, draw, group, metric):
    x = draw(12, 3)
    loss = MeasureLoss(partial(shape_distance, group=group, metric=metric))(x, x.detach().clone())
    loss.backward()
    assert loss < 1e-13
    assert torch.isfinite(x.grad).all()
    assert group == "rotation" or not x.grad.any()


def test_unbiased_cka_is_the_one_that_is_not_raised_by_small_batches(draw):
    pairs = [(draw(8, 40, seed, grad=False), draw(8, 40, 1000 + seed, grad=False)) for seed in range(40)]
    biased, unbiased = (
        np.mean([float(MeasureLoss(partial(cka, estimator=estimator))(*pair)) for pair in pairs])
        for estimator in ("biased", "unbiased")
    )
    assert biased < 0.2
    assert unbiased == pytest.approx(1, abs=0.1)


def test_maps_are_flattened_or_taken_by_position(torch, draw):
    maps = torch.tensor(np.random.default_rng(6).standard_normal((10, 3, 4, 5)))
    other = torch.tensor(np.random.default_rng(7).standard_normal((10, 2, 4, 5)))
    flat = MeasureLoss(cka, features="flatten")
    assert flat(maps, other) == 1 - cka(maps.reshape(10, -1), other.reshape(10, -1))
    by_position = MeasureLoss(cka, features="positions")
    expected = 1 - cka(maps.permute(0, 2, 3, 1).reshape(-1, 3), other.permute(0, 2, 3, 1).reshape(-1, 2))
    assert by_position(maps, other) == pytest.approx(float(expected))
    # An embedding against maps: one row for each example of both.
    assert 0 < flat(maps, draw(10, 6, grad=False)) < 1.5
    with pytest.raises(ValueError, match=r"y: its rows are examples and those of x positions 4 x 5"):
        by_position(maps, draw(10, 6, grad=False))


def test_tokens_that_are_masked_don_t_count(torch):
    rng = np.random.default_rng(8)
    x, y = (torch.tensor(rng.standard_normal((6, 5, width)), requires_grad=True) for width in (4, 3))
    mask = torch.tensor(rng.random((6, 5)) < 0.7)
    mask[:, 0] = True
    each = MeasureLoss(cka, tokens="each")
    assert each(x, y, mask) == 1 - cka(x[mask], y[mask])
    each(x, y, mask).backward()
    assert not x.grad[~mask].any()
    assert x.grad[mask].any()
    mean = MeasureLoss(cka, tokens="mean")(x, y, mask)
    means = [(one * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True) for one in (x, y)]
    assert mean.item() == pytest.approx((1 - cka(*means)).item(), rel=1e-12)


@pytest.mark.parametrize(("given", "made"), [("float64", "float64"), ("float32", "float32"), ("bfloat16", "float32")])
def test_the_loss_adds_to_others_without_widening_them(torch, draw, given, made):
    x = draw(16, 3, grad=False).to(getattr(torch, given)).requires_grad_()
    loss = MeasureLoss(cka)(x, draw(16, 3, seed=1, grad=False).to(getattr(torch, given)))
    assert loss.dtype == getattr(torch, made)
    assert loss.shape == ()
    loss.backward()
    assert x.grad.dtype == x.dtype
    assert torch.isfinite(x.grad).all()


def test_measures_without_gradient_are_refused():
    with pytest.raises(ParameterError, match=r"mutual_knn runs on the host and has no gradient; choose one of .*cka"):
        MeasureLoss(mutual_knn)
    with pytest.raises(ParameterError, match="stable_rank looks at a Spectrum, not at a Pair; choose one of "):
        MeasureLoss(stable_rank)
    with pytest.raises(ParameterError, match="shift_invariant_shape looks at a FeatureMapPair"):
        MeasureLoss(shift_invariant_shape)
    with pytest.raises(ParameterError, match="barycentre looks at a Cloud"):
        MeasureLoss(barycentre)
    with pytest.raises(ParameterError, match="expected a measure of two clouds, got <function"):
        MeasureLoss(lambda x, y: (x - y).sum())
    # No choice that the message offers is refused in turn.
    with pytest.raises(ParameterError) as refused:
        MeasureLoss(mutual_knn)
    for name in str(refused.value).partition("one of ")[2].split(", "):
        MeasureLoss(measures()[name], field=next(iter(measures()[name].traits.fields)), target=0.5)


def test_fields_and_targets_that_make_no_loss():
    with pytest.raises(ParameterError, match="field: cca gives mean, mean_square, count; choose one"):
        MeasureLoss(cca)
    with pytest.raises(ParameterError, match="field is 'means'; did you mean 'mean'"):
        MeasureLoss(cca, field="means")
    with pytest.raises(ParameterError, match=r"svcca\.dimensions_x is neither a distance nor a similarity"):
        MeasureLoss(svcca, field="dimensions_x")
    with pytest.raises(ParameterError, match="target is 'alike'"):
        MeasureLoss(cka, target="alike")
    with pytest.raises(ParameterError, match="tokens is 'all'"):
        MeasureLoss(cka, tokens="all")
    with pytest.raises(ParameterError, match="'shift-invariant'; a measure of rows takes"):
        MeasureLoss(cka, features="shift-invariant")


def test_batches_that_the_measure_declines(torch, draw):
    with pytest.raises(Refusal, match=r"^cka: All rows of a cloud are the same"):
        MeasureLoss(cka)(draw(10, 3), torch.ones(10, 4, dtype=torch.float64))
    with pytest.raises(Refusal, match=r"^soft_matching: All rows of a cloud are the same"):
        MeasureLoss(soft_matching, field="correlation")(draw(10, 4), torch.ones(10, 4, dtype=torch.float64))
    with pytest.raises(ValueError, match="y: it has 9 examples and x has 10"):
        MeasureLoss(cka)(draw(10, 3), draw(9, 3))


def test_is_a_module_like_any_other(torch, draw):
    loss = MeasureLoss(cka, weight=0.5)
    assert isinstance(loss, torch.nn.Module)
    assert isinstance(loss, MeasureLoss)
    assert repr(loss) == "MeasureLoss(cka.value, target='similar', weight=0.5)"
    assert not list(loss.parameters())
    assert not loss.state_dict()
    x, y = draw(10, 3, grad=False), draw(10, 3, seed=1, grad=False)
    for again in (copy.deepcopy(loss), pickle.loads(pickle.dumps(loss)), torch.nn.ModuleList([loss])[0]):
        assert again(x, y) == loss(x, y)
    assert torch.nn.ModuleDict({"similar": loss}).to(torch.float32)["similar"](x, y) == loss(x, y)


def net(torch, widths, seed):
    torch.manual_seed(seed)
    layers = [torch.nn.Linear(*sides) for sides in pairwise(widths)]
    return torch.nn.Sequential(*[part for layer in layers for part in (layer, torch.nn.Tanh())])


@pytest.mark.parametrize(
    ("measure", "parameters", "reached"),
    [(cka, {}, 0.97), (angular_procrustes, {}, 0.9), (soft_matching, {"field": "correlation"}, 0.8)],
    ids=["cka", "angular_procrustes", "soft_matching"],
)
def test_a_small_net_learns_to_be_like_its_teacher(torch, measure, parameters, reached):
    teacher, student = net(torch, (10, 24, 12), 0), net(torch, (10, 24, 12), 1)
    data = torch.randn(512, 10, generator=torch.Generator().manual_seed(2))
    held_out = torch.randn(512, 10, generator=torch.Generator().manual_seed(3))
    loss = MeasureLoss(measure, **parameters)
    optimizer = torch.optim.Adam(student.parameters(), lr=0.01)
    with torch.no_grad():
        before = cka(student(held_out), teacher(held_out))
    for step in range(150):
        batch = data[(step % 4) * 128 : (step % 4 + 1) * 128]
        optimizer.zero_grad()
        loss(student(batch), teacher(batch).detach()).backward()
        optimizer.step()
    with torch.no_grad():
        after = cka(student(held_out), teacher(held_out))
    assert before < 0.65
    assert after > reached


def test_a_net_can_be_kept_away_from_another(torch):
    first, second = net(torch, (10, 16), 0), net(torch, (10, 16), 1)
    data = torch.randn(256, 10, generator=torch.Generator().manual_seed(2))
    optimizer = torch.optim.Adam(second.parameters(), lr=0.01)
    before = float(cka(first(data), second(data)))
    loss = MeasureLoss(cka, target="dissimilar")
    for _ in range(60):
        optimizer.zero_grad()
        loss(second(data), first(data).detach()).backward()
        optimizer.step()
    assert float(cka(first(data), second(data))) < before - 0.2


def test_the_example_of_the_documentation(capsys):
    page = Path(__file__).resolve().parents[2] / "docs" / "howto" / "losses.md"
    (example, *_) = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(example, "losses.md", "exec"), {"__name__": "losses"})
    teacher, alone, taught = json.loads(capsys.readouterr().out)
    assert teacher > 0.85
    assert alone < 0.6
    assert taught > 0.75


def test_torch_comes_with_the_loss_and_not_with_its_module():
    code = """
        import sys
        from theodolite.adapters.torch_loss import MeasureLoss
        assert "torch" not in sys.modules
        sys.modules["torch"] = None
        try:
            MeasureLoss(None)
        except ImportError as error:
            assert "[torch]" in str(error)
        else:
            raise AssertionError
    """
    done = subprocess.run([sys.executable, "-c", dedent(code)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
