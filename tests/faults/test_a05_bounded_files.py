"""What a model file may hold is bounded, and so is what a prediction of very many classes holds at once."""

from __future__ import annotations

import json

import numpy as np
import pytest
from polars.testing import assert_frame_equal

import model_kinds
from mapsto import fitted, modelfile
from mapsto.errors import ModelFileError
from mapsto.fitted import Fitted
from mapsto.model import Model


def with_part(name, entries):
    manifest, parts = modelfile.from_bytes(model_kinds.model_file("class"))
    return modelfile.to_bytes(manifest, {**parts, name: (entries, {})})


@pytest.mark.parametrize("piece", [[], {}, 1, [1, [2]]], ids=str)
def test_very_many_entries_are_not_even_read(monkeypatch, piece):
    data = with_part("about", {"x": [piece] * 5000})
    monkeypatch.setattr(modelfile, "_MAX_NODES", 5000)
    monkeypatch.setattr(json, "loads", lambda text: pytest.fail("read") if len(text) > 10_000 else {"format": 1})
    with pytest.raises(ModelFileError):
        modelfile.from_bytes(data)


def test_sixty_megabytes_of_empty_lists_are_refused():
    files = modelfile._files({}, {})
    manifest = json.loads(files["manifest.json"])
    content = b'{"x": [' + b"[]," * 20_000_000 + b"1]}"
    import hashlib

    manifest["files"] = {"about.json": {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}}
    data = b"".join(modelfile._zip({"manifest.json": json.dumps(manifest).encode(), "about.json": content}))
    with pytest.raises(ModelFileError, match="entries"):
        modelfile.from_bytes(data)


@pytest.mark.parametrize("name", ["more", "members/0", "schemas"])
def test_an_unknown_part_is_refused(name):
    with pytest.raises(ModelFileError, match="unknown part"):
        Fitted.from_bytes(with_part(name, {"x": 1}))


@pytest.mark.parametrize("kind", ["class", "several", "number"])
def test_few_cells_at_once_give_the_same(monkeypatch, kind):
    model, rows = Model(Fitted.from_bytes(model_kinds.model_file(kind))), model_kinds.rows(kind)
    whole, by_class = model.predict(rows, interval=0.8), kind != "number" and model.predict_proba(rows)
    held = []
    predictions = Fitted.predictions
    monkeypatch.setattr(fitted, "CELLS", 40)

    def counted(self, encoded, **more):
        held.append(encoded.rows)
        return predictions(self, encoded, **more)

    monkeypatch.setattr(Fitted, "predictions", counted)
    assert_frame_equal(model.predict(rows, interval=0.8), whole, rel_tol=1e-5)
    widest = max(target.out_features for target in model._fitted.schema.targets)
    assert max(held) * widest <= 40
    if kind != "number":
        np.testing.assert_allclose(model.predict_proba(rows).to_numpy(), by_class.to_numpy(), atol=1e-6)
