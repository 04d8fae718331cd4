"""The names that people may rely on; a name that comes or goes is a decision, made here."""

import importlib
import types

import pytest

import theodolite as td

PUBLIC = {
    "theodolite": """
        Checkpoint CheckpointError Readings Recorder Refusal Spectrum Survey act compare core corpus delta
        generalization generalization_metrics gradients measures open read_run report resample smoothed_accuracy
        spectra survey testing track transfer_hyperparameters width_transfer
    """,
    "theodolite.core": """
        Array Chance Estimate Field Interval Limits Measure Missing Note Outcome ParameterError ReadingRow Readings
        Reference Refusal Result Spectrum TargetRow Traits View canonical_json closest digest fingerprint is_array
        like measure namespace parse_references reference references to_numpy
    """,
    "theodolite.spectra": """
        CorrelationTraps ExponentialTail LognormalTail MarchenkoPastur Outliers PowerLaw TailComparison TraceLogRank
        TruncatedPowerLaw alpha_hat correlation_traps effective_rank exponential_tail frobenius_norm hill log_alpha_norm
        log_norm log_spectral_norm lognormal_tail marchenko_pastur nuclear_norm numerical_rank outliers
        participation_ratio power_law random_distance spectral_entropy spectral_norm stable_rank tail_comparison
        trace_log_rank truncated_power_law
    """,
    "theodolite.delta": """
        IntruderDimensions LowRank SubspaceOverlap WeightChange WeightPair intruder_dimensions subspace_overlap
        weight_change
    """,
    "theodolite.resample": "Resampled WRAPPERS with_interval with_null with_p_value",
    "theodolite.act": """
        Allocation BlockExperts LayerRank MatrixPlan RankPlan SmoothPlan Smoothed Smoothing Trap Trial TrialRow
        TrialSettings allocate smooth_plan try_plan
    """,
    "theodolite.generalization": """
        Definition Evaluation GeneralizationMetrics LogitsError METRICS Metric MetricSettings SmoothedAccuracy evaluate
        generalization_metrics smoothed_accuracy
    """,
    "theodolite.testing": """
        Backend Check Specimens backends check_measure checks gaussian heavy_entries heavy_tailed lattice low_rank
        orthogonal pareto_eigenvalues rank_one with_eigenvalues
    """,
    "theodolite.sources": "Checkpoint CheckpointError GradientFactors Matrix Recorder Weight open_checkpoint",
    "theodolite.valuation": "GradientSample GradientSettings GradientTargets Tally gradients",
    "theodolite.surveys": """
        PRESETS Progress Request RunFolderError RunLocked Survey read_run set_aside survey
    """,
    "theodolite.study": """
        Association Coefficient Comparison Corpus Curve LayerComparison MatchedMatrix MatchedVector ParameterClass
        Partial Shift Track TransferredHyperparameters Trend WidthTransfer compare corpus track track_checkpoints
        transfer_hyperparameters width_transfer
    """,
    "theodolite.reports": """
        Judgement Summary comparison_report corpus_report figure judge report summary track_report width_report
    """,
    "theodolite.adapters": "TrackerError TrainingSurvey",
    "theodolite.adapters.lightning": "SurveyCallback",
    "theodolite.adapters.mlflow": "MLflowTracker",
    "theodolite.adapters.tensorboard": "TensorBoardTracker",
    "theodolite.adapters.transformers": "SurveyCallback",
    "theodolite.adapters.wandb": "STEP WandbTracker",
    "theodolite.catalogue": "Catalogue FAMILIES family measures",
}

FOREIGN = {
    *("Any", "Mapping", "Measure", "TrackerError", "TrainingSurvey", "annotations", "closest", "entry_points"),
    *("find_spec", "importlib", "package"),
}
"""Names that a module of its own (no package) needs itself."""


def public_names(module: types.ModuleType) -> set[str]:
    names = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    return names - (FOREIGN if not hasattr(module, "__path__") else set())


@pytest.mark.parametrize("module", sorted(set(PUBLIC) - {"theodolite"}))
def test_a_package_offers_these_names_and_no_others(module: str):
    assert sorted(public_names(importlib.import_module(module))) == sorted(PUBLIC[module].split())


def test_the_top_level_offers_these_names_and_no_others():
    wanted = PUBLIC["theodolite"].split()
    assert sorted(dir(td)) == sorted([*wanted, "__version__"])
    assert sorted(td.__all__) == sorted(wanted)
    for name in wanted:
        assert getattr(td, name) is not None
    assert td.__version__


def test_the_short_names_are_the_long_ones():
    from theodolite.sources import open_checkpoint

    assert td.open is open_checkpoint
    assert td.Spectrum is td.core.Spectrum
    assert td.survey is importlib.import_module("theodolite.surveys").survey


def test_a_wrong_name_is_answered_with_a_right_one():
    with pytest.raises(AttributeError, match=r"module 'theodolite' has no attribute 'surve'; did you mean 'survey'"):
        td.surve  # noqa: B018
    with pytest.raises(KeyError, match=r"no measure is named 'stablerank'; did you mean 'stable_rank'"):
        td.measures()["stablerank"]


@pytest.mark.parametrize(("module", "name"), [(m, n) for m, names in PUBLIC.items() for n in names.split()])
def test_every_public_name_is_documented(module: str, name: str):
    thing = getattr(importlib.import_module(module), name)
    if isinstance(thing, type | types.FunctionType | types.ModuleType):
        assert (thing.__doc__ or "").strip()
