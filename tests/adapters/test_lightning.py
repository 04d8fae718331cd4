"""Surveys inside the real Trainer of Lightning, against surveys of the checkpoints that it saved."""

import pickle

import pytest

import theodolite as td
from theodolite.adapters.lightning import SurveyCallback

pytestmark = pytest.mark.torch
MEASURES = ["stable_rank", "frobenius_norm"]


@pytest.fixture(scope="session")
def lightning(torch):
    return pytest.importorskip("lightning.pytorch", reason="needs the extra [lightning]")


@pytest.fixture
def train(torch, lightning, network, tmp_path):
    """Train the small network, whose dropout draws random numbers, and give its module back."""

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.network = network

        def training_step(self, batch, _):
            return self.network(batch).square().sum()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.05)

    def run(*callbacks, saves=3, accumulate=1, resume=None):
        torch.manual_seed(1)
        data = torch.utils.data.DataLoader(torch.eye(12).repeat(2, 1), batch_size=2)
        keep = lightning.callbacks.ModelCheckpoint(
            tmp_path / "saved", "{step}", save_top_k=-1, every_n_train_steps=saves
        )
        trainer = lightning.Trainer(
            accelerator="cpu",
            max_steps=6,
            default_root_dir=tmp_path,
            accumulate_grad_batches=accumulate,
            callbacks=[*callbacks, keep],
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        module = Module()
        trainer.fit(module, data, ckpt_path=resume)
        return module

    return run


def saved(folder, step):
    return td.survey(folder / "saved" / f"step={step}.ckpt", MEASURES).flat()


def test_it_surveys_what_is_saved(train, lightning, tmp_path):
    seen = []
    callback = SurveyCallback(MEASURES, to=[lambda values, step: seen.append((step, values))])
    assert isinstance(callback, SurveyCallback)
    assert isinstance(callback, lightning.Callback)
    train(callback)
    assert list(callback.history) == [3, 6]
    for step in (3, 6):
        assert callback.history[step] == saved(tmp_path, step)
        assert "frobenius_norm/network.0" in callback.history[step]
    assert callback.history[3] != callback.history[6]
    assert callback.history[3]["stable_rank/network.4"] == callback.history[6]["stable_rank/network.4"]
    assert seen == list(callback.history.items())
    assert td.read_run(tmp_path / "training.theodolite").flat() == callback.history[6]


@pytest.mark.parametrize("accumulate", [1, 2])
def test_it_surveys_every_so_many_optimizer_steps(train, tmp_path, accumulate):
    looks = []
    callback = SurveyCallback(MEASURES, every=2, to=[lambda values, step: looks.append(step)])
    train(callback, saves=2, accumulate=accumulate)
    assert looks == [2, 4, 6]
    for step in looks:
        assert callback.history[step] == saved(tmp_path, step)


def test_the_training_is_the_same_without_it(train, torch, network):
    start = {name: value.clone() for name, value in network.state_dict().items()}
    bare = {name: value.clone() for name, value in train().state_dict().items()}
    network.load_state_dict(start)
    surveyed = train(SurveyCallback(MEASURES, every=1)).state_dict()
    assert all(torch.equal(bare[name], surveyed[name]) for name in bare)
    assert not torch.equal(bare["network.0.weight"], start["0.weight"])


def test_a_resumed_training_counts_on(train, tmp_path):
    train()
    callback = SurveyCallback(MEASURES, every=3)
    train(callback, resume=tmp_path / "saved" / "step=3.ckpt")
    assert list(callback.history) == [6]


def test_two_checkpoints_of_one_step_are_one_survey(lightning, network, tmp_path):
    class Saving:
        global_step, is_global_zero, default_root_dir = 3, True, tmp_path

    seen = []
    callback = SurveyCallback(MEASURES, to=[lambda values, step: seen.append(step)])
    for _ in range(2):
        callback.on_save_checkpoint(Saving(), network, {})
    assert seen == [3]


def test_only_the_first_process_surveys(lightning, network, tmp_path):
    class Elsewhere:
        global_step, is_global_zero, default_root_dir = 1, False, tmp_path

    callback = SurveyCallback(MEASURES, every=1)
    callback.on_train_batch_end(Elsewhere(), network, None, None, 0)
    SurveyCallback(MEASURES).on_save_checkpoint(Elsewhere(), network, {})
    assert callback.history == {}
    assert not list(tmp_path.iterdir())


def test_it_can_be_sent_to_another_process(lightning):
    again = pickle.loads(pickle.dumps(SurveyCallback(MEASURES, every=2)))
    assert isinstance(again, lightning.Callback)
    assert again.history == {}
