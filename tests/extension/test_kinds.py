"""One table of kinds, which agrees with what it is about."""

from __future__ import annotations

import inspect

import pytest

import fusekit.testing
from fusekit.extension.kinds import COMPONENTS, KINDS, MODEL_PARTS
from fusekit.models import ClinicalEncoder, Injector, Pool


def test_parts_of_a_model_are_those_that_a_description_names() -> None:
    assert COMPONENTS == ("backbone", "encoder", "injector", "pool", "head")
    assert ("sites", "columns", "prior", "stack", *COMPONENTS) == MODEL_PARTS


def test_every_check_is_of_a_kind() -> None:
    checks = {name.removeprefix("check_") for name in fusekit.testing.__all__ if name.startswith("check_")}
    assert checks == {kind.name for kind in KINDS} - {"tracker"}


@pytest.mark.parametrize(("name", "interface"), [("encoder", ClinicalEncoder), ("injector", Injector), ("pool", Pool)])
def test_factories_are_those_that_the_interfaces_state(name: str, interface: type) -> None:
    (kind,) = [kind for kind in KINDS if kind.name == name]
    assert kind.factory.partition(" -> ")[0] in (inspect.getdoc(interface) or "")
