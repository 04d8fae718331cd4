"""A small network, its training in three trainers' hands, and the numbers of a survey."""

import pytest


@pytest.fixture
def values():
    return {"model/stable_rank.value.mean": 1.5, "stable_rank/a.0": 1.25, "stable_rank/a.qkv#query": 1.75}


@pytest.fixture
def network(torch):
    """Two trained layers and a frozen one."""
    torch.manual_seed(0)
    layers = torch.nn.Sequential(
        torch.nn.Linear(12, 16), torch.nn.Tanh(), torch.nn.Dropout(0.5), torch.nn.Linear(16, 8)
    )
    layers.append(torch.nn.Linear(8, 8).requires_grad_(requires_grad=False))
    return layers
