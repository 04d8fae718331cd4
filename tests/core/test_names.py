"""Misspelled names are answered with what was probably meant."""

from theodolite.core import closest


def test_near_names_are_suggested():
    assert closest("stablerank", ["stable_rank", "hill"]) == "did you mean 'stable_rank'?"
    assert closest("log_norm_", ["log_norm", "log_alpha_norm"]) == "did you mean 'log_norm' or 'log_alpha_norm'?"


def test_far_names_get_the_whole_list_once_and_sorted():
    assert closest("zzz", ["hill", "alpha", "hill"]) == "choose from: alpha, hill"


def test_no_names_at_all():
    assert closest("zzz", []) == "there are none"
