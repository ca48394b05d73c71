"""Options, their checks, and the list of networks."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from dataclasses import dataclass, fields

import pytest

from mapsto import networks
from mapsto.errors import OptionError
from mapsto.networks.base import DataSize, Encoding, NetworkConfig, option


@dataclass(frozen=True, kw_only=True)
class Config(NetworkConfig):
    width: int = option(8, low=1, high=64)
    share: float = option(0.5, low=0.0, high=1.0)
    curve: str = option("relu", among=("relu", "tanh"))

    @classmethod
    def derived(cls, size: DataSize) -> dict[str, object]:
        return {"width": 4 if size.rows < 100 else 16}


SMALL, LARGE = DataSize(50, 5, 1), DataSize(5_000, 5, 1)


def test_defaults_come_from_the_size_and_what_is_given_wins() -> None:
    assert Config.for_data(SMALL).width == 4
    assert Config.for_data(LARGE).width == 16
    assert Config.for_data(LARGE, width=3).width == 3
    assert Config.for_data(LARGE, curve="tanh") == Config(width=16, curve="tanh")


def test_options_survive_json() -> None:
    config = Config(width=5, share=1)
    assert Config.of(json.loads(json.dumps(config.to_json()))) == config


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"widht": 3}, "no option 'widht'; did you mean 'width'"),
        ({"depth": 3}, "Known: width, share, curve"),
        ({"width": 0}, "'width' must be int, at least 1 and at most 64; got 0"),
        ({"width": 65}, "got 65"),
        ({"width": 3.0}, "got 3.0"),
        ({"width": True}, "got True"),
        ({"width": "3"}, "got '3'"),
        ({"width": None}, "got None"),
        ({"share": float("nan")}, "got nan"),
        ({"share": 1.5}, "got 1.5"),
        ({"curve": "step"}, "'relu' or 'tanh'; got 'step'"),
        ({"curve": ["relu"]}, "got "),
    ],
)
def test_wrong_options_are_named(given: dict[str, object], says: str) -> None:
    with pytest.raises(OptionError, match=says):
        Config.of(given)


@pytest.mark.parametrize("name", networks.NETWORKS)
@pytest.mark.parametrize("rows", [100, 20_000, 10_000_000])
@pytest.mark.parametrize("regression", [False, True])
def test_every_network_has_defaults_for_every_size(name: str, rows: int, regression: bool) -> None:
    size = DataSize(rows, 30, 2, regression)
    network = networks.get(name)
    config = network.Config.for_data(size)
    assert network.Config.of(config.to_json()) == config
    assert Encoding.of(network.Config.encoding(size))


@pytest.mark.parametrize("name", networks.NETWORKS)
def test_every_option_says_what_it_does(name: str) -> None:
    assert all(each.metadata["doc"] for each in fields(networks.get(name).Config))


def test_names_and_classes_agree() -> None:
    assert {name: cls.name for name, cls in networks.NETWORKS.items()} == {name: name for name in networks.NETWORKS}
    assert networks.TabM is networks.get("tabm")
    with pytest.raises(OptionError, match="did you mean 'perceptron'"):
        networks.get("perceptrn")
    with pytest.raises(AttributeError, match="Resnet"):
        _ = networks.Resnet


@pytest.mark.parametrize("name", networks.NETWORKS)
def test_a_network_is_its_own_definition(name: str) -> None:
    tree = ast.parse(networks.describe(name))
    documentation = ast.get_docstring(tree)
    assert documentation is not None
    assert "Shape legend" in documentation
    classes = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    assert networks.get(name).__name__ in classes


def test_naming_networks_does_not_import_torch() -> None:
    code = "import sys; from mapsto import networks; networks.describe('tabm'); list(networks.NETWORKS); "
    code += "'tabm' in networks.NETWORKS; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
