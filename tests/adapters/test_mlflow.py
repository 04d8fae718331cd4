"""Numbers of a survey in a real store of MLflow, read back."""

import pytest

from theodolite.adapters import TrackerError
from theodolite.adapters.mlflow import MLflowTracker


@pytest.fixture
def mlflow(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    mlflow = pytest.importorskip("mlflow", reason="needs the extra [trackers]")
    mlflow.set_tracking_uri((tmp_path / "mlruns").as_uri())
    yield mlflow
    mlflow.end_run()


def test_what_is_logged_can_be_read_back(mlflow, values):
    tracker = MLflowTracker()
    with mlflow.start_run() as run:
        tracker(values, 3)
        tracker({name: value + 1 for name, value in values.items()}, 6)
    client = mlflow.MlflowClient()
    assert client.get_run(run.info.run_id).data.metrics == {
        "model/stable_rank.value.mean": 2.5,
        "stable_rank/a.0": 2.25,
        "stable_rank/a.qkv_query": 2.75,
    }
    history = client.get_metric_history(run.info.run_id, "stable_rank/a.0")
    assert [(entry.step, entry.value) for entry in history] == [(3, 1.25), (6, 2.25)]


def test_a_run_can_be_named(mlflow, values):
    with mlflow.start_run() as run:
        pass
    MLflowTracker(run.info.run_id)(values, 1)
    assert mlflow.active_run() is None
    assert len(mlflow.MlflowClient().get_run(run.info.run_id).data.metrics) == 3


def test_more_numbers_than_one_request_takes(mlflow, monkeypatch):
    from mlflow.utils.validation import MAX_METRICS_PER_BATCH  # which servers hold to, and the store of files does not

    many = {f"stable_rank/layer.{i}": float(i) for i in range(MAX_METRICS_PER_BATCH + 5)}
    sent, log = [], mlflow.log_metrics
    monkeypatch.setattr(mlflow, "log_metrics", lambda batch, **rest: sent.append(len(batch)) or log(batch, **rest))
    with mlflow.start_run() as run:
        MLflowTracker()(many, 1)
    assert mlflow.MlflowClient().get_run(run.info.run_id).data.metrics == many
    assert sent == [MAX_METRICS_PER_BATCH, 5]


def test_refusals_are_errors_of_the_tracker(mlflow):
    with pytest.raises(TrackerError, match="differ only in signs"):
        MLflowTracker()({"a#b": 1.0, "a@b": 2.0}, 1)
    with pytest.raises(TrackerError, match="MLflow: "):
        MLflowTracker("0" * 32)({"a": 1.0}, 1)
