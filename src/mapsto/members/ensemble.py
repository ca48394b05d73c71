"""A weighted mean of members, weighed on rows none of them learned from.

Greedy selection with replacement (Caruana, Niculescu-Mizil, Crew and Ksikes, ICML 2004): begin with the best member,
then add, again and again, the one that betters the mix most; how often each was added is its weight. It cannot do much
harm on few rows, unlike weights fitted freely. Afterwards members are let go that do not gain more than noise: the
larger a member's share of the time that a prediction takes, the surer its gain must be.
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
_PATIENCE = 10
"""Rounds without a better mix after which selection ends."""
_GROUPS = 20
"""Groups of rows left out in turn to estimate noise."""


def greedy_weights(
    predictions: Sequence[Predictions],
    truth: Mapping[str, np.ndarray],
    metrics: Mapping[str, Metric],
    *,
    costs: Sequence[float] | None = None,
    weight: np.ndarray | None = None,
    rounds: int = 50,
) -> dict[str, np.ndarray]:
    """Weights of members, chosen for each target apart.

    Args:
        predictions: of each member, for rows it did not learn from.
        truth: of the same rows, by target, in the form of the target's task.
        metrics: by target, the figure to better.
        costs: of each member, such as microseconds to predict a row; None: all alike.
        weight: of each row, or None.
        rounds: additions at most.

    Returns:
        By target, `(members,)` weights that sum to 1; many may be 0.
    """
    each = np.ones(len(predictions)) if costs is None else np.maximum(np.asarray(costs, dtype=np.float64), 1e-9)
    found = {}
    for name, metric in metrics.items():
        rows = np.flatnonzero(present(metric.task, truth[name]))
        rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), _MOST_ROWS)).astype(np.int64))]
        stack = np.stack([np.asarray(one[name], dtype=np.float64)[rows] for one in predictions])
        own = None if weight is None else weight[rows]
        found[name] = _Selection(metric, truth[name][rows], stack, own, each, rounds).weights()
    return found


class _Selection:
    """The search for one target's weights."""

    def __init__(
        self,
        metric: Metric,
        truth: np.ndarray,
        stack: np.ndarray,
        weight: np.ndarray | None,
        costs: np.ndarray,
        rounds: int,
    ) -> None:
        self.metric, self.truth, self.stack = metric, truth, stack
        self.weight = np.ones(len(truth)) if weight is None else weight.astype(np.float64)
        self.costs, self.rounds = costs, rounds

    def weights(self) -> np.ndarray:
        """Weights after selection and letting go."""
        allowed = [i for i in range(len(self.stack)) if np.isfinite(self._score(self.stack[i]))]
        if not allowed:
            # Nothing can be told apart (too few rows, or one class only): the first member stands for all.
            return np.asarray(np.eye(len(self.stack))[0])
        while True:
            weights = self._greedy(allowed)
            dropped = self._dispensable(weights)
            if dropped is None:
                return weights
            allowed = [i for i in allowed if i != dropped and weights[i] > 0]

    def _score(self, prediction: np.ndarray) -> float:
        """The figure, higher is better."""
        return self.metric.sign * self.metric(self.truth, prediction, self.weight)

    def _greedy(self, allowed: list[int]) -> np.ndarray:
        """Counts of additions at the best round, as shares."""
        singles = [self._score(self.stack[i]) for i in allowed]
        first = allowed[int(np.argmax(singles))]
        counts, total = np.eye(len(self.stack))[first], self.stack[first].copy()
        best, best_counts = max(singles), counts.copy()
        since = 0
        for size in range(2, self.rounds + 1):
            scores = [self._score((total + self.stack[i]) / size) for i in allowed]
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

    def _dispensable(self, weights: np.ndarray) -> int | None:
        """The costliest member whose gain is not above noise; None if all earn their place."""
        used = np.flatnonzero(weights)
        if len(used) == 1:
            return None
        whole = np.tensordot(weights, self.stack, axes=1)
        share = self.costs / self.costs[used].sum()
        for i in sorted(used.tolist(), key=lambda i: -self.costs[i]):
            without = (whole - weights[i] * self.stack[i]) / (1 - weights[i])
            gain, noise = self._gain(whole, without)
            if not gain > share[i] * noise:
                return i
        return None

    def _gain(self, better: np.ndarray, than: np.ndarray) -> tuple[float, float]:
        """The difference of two predictions' figures, and its standard error (jackknife over groups of rows)."""
        rows = len(self.truth)
        group = np.random.default_rng(0).permutation(rows) % min(_GROUPS, rows)
        weights = np.where(group == np.arange(-1, min(_GROUPS, rows))[:, None], 0, self.weight)
        scores = [self.metric.scorer(self.truth, each)(weights) for each in (better, than)]
        difference = self.metric.sign * (scores[0] - scores[1])
        apart = difference[1:][np.isfinite(difference[1:])]
        if len(apart) < 2:
            return float(difference[0]), np.inf
        return float(difference[0]), float(np.sqrt((len(apart) - 1) * apart.var()))


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
        weights = {target.name: _saved_weights(saved, target.name, len(members)) for target in schema.targets}
        return cls(members, weights, names)


def _saved_weights(json: dict[str, Any], target: str, members: int) -> np.ndarray:
    found = states.entry(json, target, list)
    states.require(all(type(weight) in (int, float) for weight in found), f"weights of '{target}' are not numbers")
    weights = np.array(found, dtype=np.float64)
    fits = len(weights) == members and bool((weights >= 0).all()) and abs(float(weights.sum()) - 1) < 1e-6
    states.require(fits, f"expected {members} weights of '{target}' from 0 that sum to 1")
    return weights
