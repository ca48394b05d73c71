"""Numbers of a model file that index something are checked against it when the file is opened, whatever the verb."""

from __future__ import annotations

import struct

import numpy as np
import pytest

import model_kinds
from mapsto import modelfile
from mapsto.checked import every_array, inside
from mapsto.errors import ModelFileError
from mapsto.fitted import Fitted


def changed(kind: str, part: str, name: str, change):
    manifest, parts = modelfile.from_bytes(model_kinds.model_file(kind))
    json, arrays = parts[part]
    return modelfile.to_bytes(manifest, {**parts, part: (json, {**arrays, name: change(arrays[name].copy())})})


def set_to(value):
    def change(array):
        array.reshape(-1)[3] = value
        return array

    return change


@pytest.mark.parametrize("part", ["held", "background"])
@pytest.mark.parametrize("code", [2**63 - 1, 2**31, 6, -3, -(2**63)])
def test_classes_of_kept_rows(part, code):
    with pytest.raises(ModelFileError, match=r"truth[.]kind"):
        Fitted.from_bytes(changed("class", part, "truth.kind", set_to(code)))


@pytest.mark.parametrize("value", [2.0, -1.0, np.nan, np.inf])
def test_probabilities_of_kept_rows(value):
    with pytest.raises(ModelFileError, match=r"prediction[.]kind"):
        Fitted.from_bytes(changed("class", "held", "prediction.kind", set_to(value)))


@pytest.mark.parametrize("value", [0.5, np.inf, 1e9])
def test_labels_of_kept_rows(value):
    with pytest.raises(ModelFileError, match=r"truth[.]tags"):
        Fitted.from_bytes(changed("labels", "held", "truth.tags", set_to(value)))


def test_codes_and_offsets_of_kept_rows():
    _, parts = modelfile.from_bytes(model_kinds.model_file("class"))
    json, arrays = parts["held"]
    codes, bags = json["keys"].index("codes"), json["keys"].index("bag:tags")
    for name, value in [(f"block.{codes}", 10**6), (f"values.{bags}", 10**6), (f"offsets.{bags}", 2**40)]:
        with pytest.raises(ModelFileError):
            Fitted.from_bytes(changed("class", "held", name, set_to(value)))
    weights = changed("class", "held", f"weights.{bags}", lambda array: array.astype(np.float64))
    with pytest.raises(ModelFileError, match="weights"):
        Fitted.from_bytes(weights)
    assert f"weights.{bags}" in arrays


@pytest.mark.parametrize("part", ["held", "members", "schema", "judged"])
def test_an_array_that_nothing_reads_is_refused(part):
    manifest, parts = modelfile.from_bytes(model_kinds.model_file("class"))
    json, arrays = parts[part]
    with pytest.raises(ModelFileError, match="nothing reads"):
        Fitted.from_bytes(modelfile.to_bytes(manifest, {**parts, part: (json, {**arrays, "more": np.zeros(9)})}))


def test_a_directory_that_sums_to_more_than_a_file_can_hold_is_refused():
    data = bytearray(model_kinds.model_file("class"))
    at = struct.unpack("<I", data[-6:-2])[0]
    data[at + 20 : at + 28] = struct.pack("<2I", 2**32 - 1, 2**32 - 1)
    with pytest.raises(ModelFileError, match="more bytes than it holds"):
        modelfile.from_bytes(bytes(data))


def test_the_gate():
    ok = inside(np.arange(3), "x", kinds="int64", shape=(3,), low=0, high=2)
    assert ok.tolist() == [0, 1, 2]
    for wrong in (
        {"kinds": "int32"},
        {"kinds": "f"},
        {"shape": (2,)},
        {"shape": (None, None)},
        {"high": 1},
        {"low": 1},
    ):
        with pytest.raises(ModelFileError, match="'x'"):
            inside(np.arange(3), "x", **{"kinds": "i", "shape": (None,), **wrong})
    with pytest.raises(ModelFileError, match="not finite"):
        inside(np.array([np.nan]), "x", kinds="f", shape=(1,))
    array = np.zeros(2)
    with pytest.raises(ModelFileError, match="'x' of 'part'"), every_array({"part": ({}, {"x": array})}):
        pass
    with every_array({"part": ({}, {"x": array})}):
        inside(array, "x", kinds="f", shape=(2,))


@pytest.mark.parametrize("entry", ["height", "width"])
def test_sizes_of_a_network_fit_its_columns(entry):
    manifest, parts = modelfile.from_bytes(model_kinds.model_file("hog"))
    json, arrays = parts["members"]
    for fold in json["members"][0]["state"]["members"]:
        (sense,) = fold["state"]["composition"]["senses"].values()
        sense["options"][entry] += 1
    with pytest.raises(ModelFileError, match="does not fit its columns"):
        Fitted.from_bytes(modelfile.to_bytes(manifest, {**parts, "members": (json, arrays)}))
