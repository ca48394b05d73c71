"""A6, A10: recipes that expand, nest or count without end are refused; seeds and run folders that cannot be."""

from __future__ import annotations

import pytest

import mapsto
from mapsto.errors import MapstoError, OptionError
from mapsto.recipe import Recipe

BOMB = "a: &a [1, 1]\n" + "".join(
    f"{y}: &{y} [*{x}, *{x}, *{x}, *{x}]\n" for x, y in zip("abcdefg", "bcdefgh", strict=True)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, "repeats another entry"),
        ("networks: {resnet: {widths: " + "[" * 500 + "]" * 500 + "}}", "nested more than"),
        ("a: " * 3, "not valid YAML"),
        ("seed: " + "9" * 5000, "cannot be read|bits"),
        (f"learning: {{epochs: {10**30}}}", "bits"),
        (f"seed: {2**70}", "bits"),
        (f"seed: {2**31}", "seed"),
        ("x" * (2 << 20), "letters"),
        ("networks: {resnet: {widths: [" + "1," * 30_000 + "]}}", "entries"),
        ("seed: 2024-01-01", "seed"),
        ("? [a, b]\n: 1", "recipe"),
    ],
)
def test_hostile_recipes(text, said):
    with pytest.raises(OptionError, match=said):
        Recipe.from_yaml(text)


def test_a_mapping_is_bounded_too():
    deep: dict = {}
    for _ in range(5000):
        deep = {"a": deep}
    with pytest.raises(OptionError, match="nested"):
        Recipe.parse({"networks": deep})


def test_recipes_still_go_round():
    recipe = Recipe(network=["resnet", "boosting"], seed=2**31 - 1)
    assert Recipe.from_yaml(recipe.to_yaml()) == recipe


ROWS = {"x": list(range(40)), "y": [n % 2 for n in range(40)]}


@pytest.mark.parametrize("seed", [2**70, -1, 2**31])
def test_seeds_that_cannot_be(seed):
    with pytest.raises(OptionError, match="seed"):
        mapsto.fit(ROWS, "y", seed=seed, network="boosting", progress=False)


def test_the_largest_seed():
    names = ["linear", "boosting", "forest"]
    model = mapsto.fit(ROWS, "y", seed=2**31 - 1, network=names, time="6s", progress=False)
    assert model.recipe.seed == 2**31 - 1


@pytest.mark.parametrize("below", ["", "inner"])
def test_a_run_folder_that_is_a_file(tmp_path, below):
    path = tmp_path / "taken"
    path.write_text("mine")
    with pytest.raises(OptionError, match="cannot be a run folder"):
        mapsto.fit(ROWS, "y", output=path / below, network="boosting", progress=False)
    assert path.read_text() == "mine"


def test_a_model_is_not_saved_where_nothing_is(tmp_path):
    model = mapsto.fit(ROWS, "y", network="linear", time="4s", progress=False)
    with pytest.raises(MapstoError, match="cannot write"):
        model.save(tmp_path / "nowhere" / "m.mapsto")
