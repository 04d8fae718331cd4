"""The names that people may rely on; a name that comes or goes is a decision, made here."""

import importlib
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

import theodolite as td

ROOT = Path(__file__).resolve().parents[1]

PUBLIC = {
    "theodolite": """
        Checkpoint CheckpointError Cloud CrossMoments Pair Readings Recorder Refusal Spectrum Survey act all_pairs
        backward_compatibility compare core corpus delta dimension dimensions generalization generalization_metrics
        gradients measures open open_features read_run record report reports resample similarity smoothed_accuracy
        spectra study survey testing text_dimension track transfer_hyperparameters update_compatibility updates
        width_transfer
    """,
    "theodolite.core": """
        Array Chance Cloud CrossMoments Estimate FeatureMapPair FeatureMaps Field Interval Limits Measure Missing
        Moments Note Outcome Pair PairMoments ParameterError ReadingRow Readings Reference Refusal Result Sample
        Spectrum TargetRow Traits View canonical_json closest digest fingerprint is_array like measure namespace
        parse_references reference references to_numpy
    """,
    "theodolite.spectra": """
        CorrelationTraps ExponentialTail LognormalTail MarchenkoPastur Outliers PowerLaw TailComparison TraceLogRank
        TruncatedPowerLaw alpha_hat correlation_traps effective_rank exponential_tail frobenius_norm hill log_alpha_norm
        log_norm log_spectral_norm lognormal_tail marchenko_pastur nuclear_norm numerical_rank outliers
        participation_ratio power_law random_distance spectral_entropy spectral_norm stable_rank tail_comparison
        trace_log_rank truncated_power_law
    """,
    "theodolite.similarity": """
        Barycentre CCA CkaTest Dissimilarities RidgePredictivity SVCCA ShiftInvariantShape SoftMatching TangentPca
        UnitMatching angular_cka angular_procrustes barycentre cca cka cka_test cknna dissimilarities
        distance_correlation gulp jaccard_knn mutual_knn procrustes pwcca rank_knn ridge_predictivity rsa
        second_order_cosine shape_distance shift_invariant_shape snr_distance soft_matching stress svcca tangent_pca
        unit_matching
    """,
    "theodolite.delta": """
        IntruderDimensions LowRank SubspaceOverlap WeightChange WeightPair intruder_dimensions subspace_overlap
        weight_change
    """,
    "theodolite.dimension": """
        ANNRecall BinomialDimension ClassSeparability CodingRate CorrelationDimension DANCo Decimation
        DiffusionSpectralEntropy DiffusionSpectralInformation ExactInductiveBias ExpectedSimplexSkewness
        FisherSeparability Gride HyperSphericity InductiveBiasComplexity KNNGraphDimension LID LabelSharpness LocalPCA
        MADA MLE MethodOfMoments MiND PCADimension PHDimension ShapeProportion TightLocal TwoNN ann_recall
        binomial_dimension class_separability coding_rate correlation_dimension danco decimation
        diffusion_spectral_entropy diffusion_spectral_information exact_inductive_bias expected_simplex_skewness
        fisher_separability gride hyper_sphericity inductive_bias_complexity knn_graph_dimension label_sharpness lid
        local_pca mada method_of_moments mind mle pca_dimension ph_dimension shape_proportion tight_local two_nn
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
        Backend Check Specimens backends check_measure checks correlated gaussian heavy_entries heavy_tailed lattice
        low_rank orthogonal pareto_eigenvalues poisson_neighbours rank_one rotated_copy shared_latent with_eigenvalues
    """,
    "theodolite.sources": """
        ActivationRecorder Checkpoint CheckpointError Features GradientFactors GradientRecorder Matrix RecordSettings
        Recorder Weight open_checkpoint open_features record_features
    """,
    "theodolite.valuation": "GradientSample GradientSettings GradientTargets Tally gradients",
    "theodolite.surveys": """
        PRESETS Progress Request RunFolderError RunLocked Survey read_run set_aside survey
    """,
    "theodolite.study": """
        AllPairs Association BestMatch Clustering Coefficient Comparison Corpus Curve DimensionProfile Distances
        Embedding GenreComparison GenreSummary LayerBound LayerComparison MatchedMatrix MatchedVector ParameterClass
        Partial Quantity Ranged ScaleCurve ScalingLaw Shift TextDimensions TextEstimate TextReading TextSettings Track
        TransferredHyperparameters Trend WidthTransfer all_pairs all_pairs_of cluster compare corpus dimensions
        dimensions_of embed load_transformer read_texts scaling_law text_dimension track track_checkpoints
        transfer_hyperparameters width_transfer
    """,
    "theodolite.reports": """
        Judgement Summary comparison_report corpus_report dimension_report figure judge report similarity_report
        summary text_dimension_report track_report width_report
    """,
    "theodolite.adapters": "TrackerError TrainingSurvey",
    "theodolite.adapters.lightning": "SurveyCallback",
    "theodolite.adapters.mlflow": "MLflowTracker",
    "theodolite.adapters.sklearn": "MeasureEstimator PairEstimator",
    "theodolite.adapters.tensorboard": "TensorBoardTracker",
    "theodolite.adapters.torch_loss": "MeasureLoss",
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
    if hasattr(module, "__all__") and not hasattr(module, "__path__"):
        return set(module.__all__)
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


@pytest.mark.parametrize("page", sorted([*ROOT.glob("docs/**/*.md"), ROOT / "README.md"]), ids=lambda page: page.stem)
def test_names_in_the_pages_exist(page: Path):
    for dotted in set(re.findall(r"\btd((?:\.[A-Za-z_]\w*)+)", page.read_text(encoding="utf-8"))):
        first, *_ = names = dotted[1:].split(".")
        # What another test has imported hangs on the package as well; people begin with the package alone.
        assert first in (*td.__all__, "__version__"), f"td.{first} is not there from the start"
        thing = td
        for name in names:
            thing = getattr(thing, name)


def test_packages_are_there_after_importing_the_one():
    calls = "; ".join(f"td.{name}" for name in td.__all__ if f"theodolite.{name}" in PUBLIC)
    told = f"import theodolite as td; {calls}; print(td.reports.dimension_report.__name__)"
    ran = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=False)
    assert (ran.stdout.strip(), ran.stderr) == ("dimension_report", "")


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
