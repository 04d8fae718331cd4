"""Surveys inside the real Trainer of transformers, against surveys of the checkpoints that it saved."""

import pickle

import numpy as np
import pytest

import theodolite as td
import theodolite.surveys.run
from theodolite.adapters import TrackerError
from theodolite.adapters.transformers import SurveyCallback

pytestmark = pytest.mark.torch
MEASURES = ["stable_rank", "frobenius_norm"]


@pytest.fixture(scope="session")
def transformers(torch):
    pytest.importorskip("accelerate", reason="needs the extra [transformers]")
    return pytest.importorskip("transformers", reason="needs the extra [transformers]")


@pytest.fixture
def train(torch, transformers, tmp_path):
    """Train a small BERT classifier, whose dropout draws random numbers, and give the model back."""

    def run(*callbacks, resume=False, **arguments):
        torch.manual_seed(0)
        sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}
        config = transformers.BertConfig(vocab_size=20, max_position_embeddings=8, num_labels=2, **sizes)
        model = transformers.BertForSequenceClassification(config)
        model.bert.embeddings.requires_grad_(requires_grad=False)
        data = [{"input_ids": torch.arange(6) + i % 9, "labels": torch.tensor(i % 2)} for i in range(24)]
        settings = {"max_steps": 6, "save_steps": 3, "per_device_train_batch_size": 4, "report_to": [], **arguments}
        settings |= {"learning_rate": 0.01, "logging_strategy": "no", "disable_tqdm": True, "use_cpu": True}
        made = transformers.TrainingArguments(output_dir=str(tmp_path / "out"), **settings)
        trainer = transformers.Trainer(model, made, train_dataset=data, callbacks=list(callbacks))
        trainer.train(resume_from_checkpoint=resume)
        return model

    return run


def saved(folder, step):
    return td.survey(folder / "out" / f"checkpoint-{step}", MEASURES).flat()


def test_it_surveys_what_is_saved(train, transformers, tmp_path):
    seen = []
    callback = SurveyCallback(MEASURES, to=[lambda values, step: seen.append((step, values))])
    assert isinstance(callback, SurveyCallback)
    assert isinstance(callback, transformers.TrainerCallback)
    train(callback)
    assert list(callback.history) == [3, 6]
    for step in (3, 6):
        assert callback.history[step] == saved(tmp_path, step)
    assert callback.history[3] != callback.history[6]
    assert seen == list(callback.history.items())


def test_it_surveys_every_so_many_steps(train, tmp_path):
    callback = SurveyCallback(MEASURES, every=2, fields=["stable_rank"], layers=False, store=tmp_path / "run")
    train(callback, save_strategy="steps", save_steps=2)
    assert list(callback.history) == [2, 4, 6]
    for step in (2, 4, 6):
        there = saved(tmp_path, step)
        wanted = {name: there[name] for name in there if name.startswith("model/stable_rank")}
        assert callback.history[step] == wanted
        assert wanted
    assert not (tmp_path / "out" / "training.theodolite").exists()
    assert td.read_run(tmp_path / "run").flat("stable_rank", layers=False) == callback.history[6]


def test_the_training_is_the_same_without_it(train, torch):
    bare = train().state_dict()
    surveyed = train(SurveyCallback(MEASURES, every=1)).state_dict()
    assert all(torch.equal(bare[name], surveyed[name]) for name in bare)


def test_a_resumed_training_counts_on(train):
    train(max_steps=3)
    callback = SurveyCallback(MEASURES, every=3)
    train(callback, resume=True)
    assert list(callback.history) == [6]


def test_only_the_first_process_surveys(transformers, network, tmp_path):
    callback = SurveyCallback(MEASURES, every=1)
    arguments = transformers.TrainingArguments(output_dir=str(tmp_path), use_cpu=True)
    for first in (False, True):
        state = transformers.TrainerState(global_step=1, is_world_process_zero=first)
        callback.on_train_begin(arguments, transformers.TrainerState(), None, model=network)
        callback.on_step_end(arguments, state, None, model=network)
        assert list(callback.history) == ([1] if first else [])


def test_a_tensor_that_did_not_change_is_not_measured_again(torch, network, tmp_path, monkeypatch):
    callback = SurveyCallback(MEASURES, store=tmp_path / "run")
    decomposed = []
    ask = theodolite.surveys.run._decomposed
    monkeypatch.setattr(
        theodolite.surveys.run, "_decomposed", lambda spectrum: decomposed.append(spectrum.shape) or ask(spectrum)
    )
    callback._look(network, 1, tmp_path)
    assert decomposed == [(16, 12), (8, 16), (8, 8)]
    with torch.no_grad():
        network[0].weight.mul_(2)
    callback._look(network, 2, tmp_path)
    assert decomposed[3:] == [(16, 12)]
    norm = "frobenius_norm/0"
    assert callback.history[2][norm] == pytest.approx(2 * callback.history[1][norm])


def test_mode_random_states_and_gradients_stay(torch, network, tmp_path):
    network.train()[3].eval()
    network(torch.ones(2, 12)).sum().backward()
    modes = [module.training for module in network.modules()]
    before = {name: (p.detach().clone(), p.grad) for name, p in network.named_parameters()}
    gradients = [p.grad.clone() for p in network.parameters() if p.grad is not None]
    assert len(gradients) == 4
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002 - the state that others draw from
    callback = SurveyCallback("quick", store=tmp_path / "run")
    callback._look(network, 1, tmp_path)
    assert list(callback.history) == [1]
    assert [module.training for module in network.modules()] == modes
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert (np.random.get_state()[1] == numpy_state).all()  # noqa: NPY002
    for name, parameter in network.named_parameters():
        assert torch.equal(parameter, before[name][0])
        assert parameter.grad is before[name][1]
    assert all(map(torch.equal, gradients, (p.grad for p in network.parameters() if p.grad is not None)))


def test_trouble_is_warned_about_and_the_training_goes_on(train, tmp_path):
    (tmp_path / "taken").write_text("no folder")
    barred = SurveyCallback(MEASURES, every=3, store=tmp_path / "taken")

    def refuses(values, step):
        raise TrackerError("no line")

    taken = []
    unheard = SurveyCallback(MEASURES, every=6, to=[refuses, lambda values, step: taken.append(step)])
    with pytest.warns(UserWarning, match="at step") as caught:
        train(barred, unheard)
    said = [str(warning.message) for warning in caught]
    assert sum("the survey at step 3 is left out" in text for text in said) == 1
    assert sum("the survey at step 6 is left out" in text for text in said) == 1
    assert sum("a tracker did not take the survey at step 6: no line" in text for text in said) == 1
    assert barred.history == {}
    assert taken == [6]


def test_wrong_arguments_are_met_before_the_training(transformers):
    with pytest.raises(ValueError, match="every: got 0"):
        SurveyCallback(every=0)
    with pytest.raises(ValueError, match="did you mean 'stable_rank'"):
        SurveyCallback(["stablerank"])


def test_it_can_be_sent_to_another_process(transformers):
    callback = SurveyCallback(MEASURES, every=2)
    callback.history[2] = {"a": 1.0}
    again = pickle.loads(pickle.dumps(callback))
    assert isinstance(again, transformers.TrainerCallback)
    assert type(again) is type(callback)
    assert again.history == callback.history
