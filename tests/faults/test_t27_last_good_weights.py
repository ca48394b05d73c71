"""A validation that says nothing, or a loss that is no number, leads back to the last good weights, not the first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from mapsto.recipe import Learning
from mapsto.tensors import threads_within
from mapsto.training.loop import train
from mapsto.training.run import Run
from test_training_loop import Fit, weights

# Where precision is a question, a first step is made and undone to count what it computes, and `Fit` counts it as well.
LEARNING = Learning(learning_rate=1e-2, epochs=6, optimizer="adam", precision="float32")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    with threads_within(1):
        yield


class Unjudged(Fit):
    """Validation finds nothing to say: no rows, or rows without a figure."""

    figure: float | None = None

    def validate(self) -> float | None:
        return self.figure


def after(steps: int) -> torch.Tensor:
    """The weights after so many steps in which nothing went wrong; it is looked after them every 15."""
    objective = Unjudged()
    ends = []
    objective.at = {steps: lambda: ends.append(weights(objective).clone())}
    train(objective, LEARNING, Run(), "net")
    return ends[0]


@pytest.mark.parametrize("figure", [None, float("nan")])
@pytest.mark.parametrize("averaging", [None, 0.9])
def test_it_goes_back_to_the_last_steps_that_went_well(figure: float | None, averaging: float | None) -> None:
    run, objective = Run(), Unjudged(spoil=95)
    objective.figure = figure
    history = train(objective, LEARNING.model_copy(update={"averaging": averaging}), run, "net")
    (event,) = [event for event in run.events if event["kind"] == "diverged"]
    assert (event["step"], event["back_to"]) == (105, 90)
    assert history.rollbacks == 1
    assert torch.isfinite(weights(objective)).all()


def test_the_weights_are_those_of_that_step() -> None:
    objective = Unjudged(spoil=115)
    train(objective, LEARNING, Run(), "net")
    assert torch.equal(weights(objective), after(105))


def test_weights_that_are_no_numbers_are_seen_even_if_the_loss_was_one() -> None:
    objective = Unjudged()

    def spoil() -> None:
        with torch.no_grad():
            next(iter(objective.modules.parameters())).fill_(float("nan"))

    objective.at = {120: spoil}
    train(objective, LEARNING, Run(), "net")
    assert torch.equal(weights(objective), after(105))
