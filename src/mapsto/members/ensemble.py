"""A weighted mean of members, weighed on rows none of them learned from.

Greedy selection with replacement (Caruana, Niculescu-Mizil, Crew and Ksikes, ICML 2004): begin with the best member,
then add, again and again, the one that betters the mix most; how often each was added is its weight. Few rows decide by
chance, so there the selection is repeated on rows drawn with replacement and the weights averaged (bagged selection,
section 2.3 of the same paper): members that these rows cannot tell apart share the weight.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from mapsto.errors import OptionError
from mapsto.members.base import Member, Predictions
from mapsto.members.common import nested, states
from mapsto.metrics import present

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mapsto.members.base import Work
    from mapsto.metrics import Metric
    from mapsto.schema import Encoded, Schema

_MOST_ROWS = 20_000
_DRAWS = 20
"""Selections at most, and as many as draw about `_MOST_ROWS` rows together."""
_BLOCKS, _BLOCK = 10, 20
"""Blocks at most, and rows of a block at least."""
_LEAST_ERROR = 0.01
"""Of the median error of the best member: what is added to a block's error, so that none is far better than good."""
_TINY = 1e-300
_PATIENCE = 5
"""Rounds without a better mix after which selection ends."""
_LEAST = 0.02
"""Weights below are let go: their members would cost time at every prediction and change nothing."""


def greedy_weights(
    predictions: Sequence[Predictions],
    truth: Mapping[str, np.ndarray],
    metrics: Mapping[str, Metric],
    *,
    weight: np.ndarray | None = None,
    rounds: int = 25,
) -> dict[str, np.ndarray]:
    """Weights of members, chosen for each target apart.

    Args:
        predictions: of each member, for rows it did not learn from.
        truth: of the same rows, by target, in the form of the target's task.
        metrics: by target, the figure to better.
        weight: of each row, or None.
        rounds: additions at most.

    Returns:
        By target, `(members,)` weights that sum to 1; many may be 0.
    """
    found = {}
    for name, metric in metrics.items():
        rows = np.flatnonzero(present(metric.task, truth[name]))
        rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), _MOST_ROWS)).astype(np.int64))]
        stack = np.stack([np.asarray(one[name], dtype=np.float64)[rows] for one in predictions])
        own = None if weight is None else weight[rows]
        found[name] = _Selection(metric, truth[name][rows], stack, own, rounds).weights()
    return found


class _Selection:
    """The search for one target's weights."""

    def __init__(
        self, metric: Metric, truth: np.ndarray, stack: np.ndarray, weight: np.ndarray | None, rounds: int
    ) -> None:
        self.metric, self.truth, self.stack, self.rounds = metric, truth, stack, rounds
        self.weight = np.ones(len(truth)) if weight is None else weight.astype(np.float64)
        # A few rows with errors far above all others must not decide alone: each is in one block only.
        errors = metric.task == "regression" and metric.sign < 0
        self.blocks = min(_BLOCKS, len(truth) // _BLOCK) if errors else 0
        self.order = np.random.default_rng(1).permutation(len(truth))
        self.least = 0.0
        if self.blocks:
            middle = np.median(np.abs(stack[..., 0] - truth), axis=1)
            self.least = max(_LEAST_ERROR * float(np.nan_to_num(middle, nan=np.inf).min()), _TINY)

    def weights(self) -> np.ndarray:
        """The mean weights of all selections, without the least."""
        everything = self.order
        allowed = [i for i in range(len(self.stack)) if np.isfinite(self._score(self.stack[i], everything))]
        if not allowed:
            # Nothing can be told apart (too few rows, or one class only): the first member stands for all.
            return np.asarray(np.eye(len(self.stack))[0])
        found = [self._greedy(allowed, everything)]
        draws = min(_DRAWS, _MOST_ROWS // max(1, len(self.truth)))
        if draws > 1 and len(allowed) > 1:
            rng = np.random.default_rng(0)
            drawn = (rng.integers(0, len(self.truth), len(self.truth)) for _ in range(draws))
            found += [weights for rows in drawn if np.isfinite((weights := self._greedy(allowed, rows)).sum())]
        mean = np.mean(found, axis=0)
        mean[mean < _LEAST] = 0.0
        return np.asarray(mean / mean.sum())

    def _score(self, prediction: np.ndarray, rows: np.ndarray) -> float:
        """The figure of these rows, higher is better; of errors of numbers the mean logarithm over blocks of rows."""
        scorer, weight = self.metric.scorer(self.truth[rows], prediction[rows]), self.weight[rows]
        if not self.blocks:
            return self.metric.sign * float(scorer(weight))
        apart = np.arange(len(rows)) * self.blocks // len(rows) == np.arange(self.blocks)[:, None]
        weights = apart * weight
        return -float(np.log(scorer(weights[weights.any(axis=1)]) + self.least).mean())

    def _greedy(self, allowed: list[int], rows: np.ndarray) -> np.ndarray:
        """Counts of additions at the best round, as shares; NaN where these rows tell nothing."""
        singles = [self._score(self.stack[i], rows) for i in allowed]
        if not np.isfinite(singles).all():
            return np.full(len(self.stack), np.nan)
        first = allowed[int(np.argmax(singles))]
        counts, total = np.eye(len(self.stack))[first], self.stack[first].copy()
        best, best_counts = max(singles), counts.copy()
        since = 0
        for size in range(2, self.rounds + 1):
            scores = [self._score((total + self.stack[i]) / size, rows) for i in allowed]
            chosen = allowed[int(np.argmax(scores))]
            counts[chosen] += 1
            total += self.stack[chosen]
            if max(scores) > best:
                best, best_counts, since = max(scores), counts.copy(), 0
            else:
                since += 1
            if since == _PATIENCE or len(allowed) == 1:
                break
        return np.asarray(best_counts / best_counts.sum())


class Ensemble(Member):
    """Members and their weights for each target.

    Args:
        members: fitted members; unfitted ones for `fit`.
        weights: by target, one weight a member, summing to 1; None: `fit` chooses them.
        names: what to call the members; by default the names of their kinds.

    Example:
        >>> ensemble = Ensemble([], {"price": np.array([])}, [])
        >>> ensemble.shares()
        {}
    """

    name: ClassVar[str] = "ensemble"

    def __init__(
        self,
        members: Sequence[Member],
        weights: Mapping[str, np.ndarray] | None = None,
        names: Sequence[str] | None = None,
    ) -> None:
        self.members = list(members)
        self.weights = dict(weights or {})
        self.names = [member.name for member in members] if names is None else list(names)

    def fit(self, work: Work) -> Self:
        """Learn all members, then weigh them on the validation rows. `OptionError` if there are none."""
        if work.valid is None:
            message = "an ensemble needs validation rows to weigh its members; give valid= above 0"
            raise OptionError(message)
        from dataclasses import replace

        for place, (name, member) in enumerate(zip(self.names, self.members, strict=True)):
            share = work.share(1 / (len(self.members) - place))
            member.fit(replace(work, budget=share, label=f"{work.label}{name}: "))
        found = [member.predict(work.valid, threads=work.threads) for member in self.members]
        self.weights = greedy_weights(found, work.valid.truth, work.metrics, weight=work.valid.weight)
        return self

    def predict(self, encoded: Encoded, *, threads: int | None = None) -> Predictions:
        """The weighted mean; members that count for no target are not asked."""
        used = self._used
        return self.mix([m.predict(encoded, threads=threads) if i in used else {} for i, m in enumerate(self.members)])

    def mix(self, predictions: Sequence[Predictions]) -> Predictions:
        """The weighted mean of the members' predictions, given in the order of `members`."""
        mixed = {}
        for name, weights in self.weights.items():
            used = np.flatnonzero(weights).tolist()
            mixed[name] = nested.weighted([predictions[i][name] for i in used], [float(weights[i]) for i in used])
        return mixed

    def shares(self, target: str | None = None) -> dict[str, float]:
        """Weights above 0 by member name: of one target, or the mean over all."""
        names = list(self.weights) if target is None else [target]
        mean = np.mean([self.weights[name] for name in names], axis=0)
        return {name: float(weight) for name, weight in zip(self.names, mean, strict=True) if weight > 0}

    @property
    def _used(self) -> list[int]:
        """Members that count for some target."""
        return [i for i in range(len(self.members)) if any(weights[i] > 0 for weights in self.weights.values())]

    def to_state(self) -> states.State:
        """The members that count, with their weights and names."""
        used = self._used
        json, arrays = nested.save([self.members[i] for i in used])
        weights = {name: [float(each[i]) for i in used] for name, each in self.weights.items()}
        return {"members": json, "weights": weights, "names": [self.names[i] for i in used]}, arrays

    @classmethod
    def from_state(cls, json: dict[str, Any], arrays: dict[str, np.ndarray], schema: Schema) -> Self:
        """The inverse."""
        members = nested.load(states.entry(json, "members", list), arrays, schema, most=64, without=("ensemble",))
        names = states.entry(json, "names", list)
        states.require(len(names) == len(members) and all(type(n) is str for n in names), "members are not named")
        saved = states.entry(json, "weights", dict)
        weights = {t.name: np.array(states.shares(saved, t.name, len(members))) for t in schema.targets}
        return cls(members, weights, names)
