"""One table of kinds, which agrees with what it is about."""

from __future__ import annotations

import inspect

import fusekit.models.parts as parts
import fusekit.testing
from fusekit.experiment.config import MODEL_PARTS as CONFIGURED
from fusekit.experiment.config import PARTS
from fusekit.extension.kinds import KINDS, MODEL_PARTS


def test_parts_of_options_are_parts_of_the_configuration() -> None:
    assert {kind.part for kind in KINDS} - {""} <= set(PARTS)
    assert MODEL_PARTS == CONFIGURED


def test_every_check_exists_and_every_check_is_of_a_kind() -> None:
    checks = {name for name in fusekit.testing.__all__ if name.startswith("check_")}
    assert {kind.check for kind in KINDS} - {""} == checks


def test_factories_are_those_that_the_interfaces_state() -> None:
    for kind, interface in (("encoder", parts.ClinicalEncoder), ("injector", parts.Injector)):
        (given,) = [k.factory.partition(" -> ")[0] for k in KINDS if k.name == kind]
        assert given in (inspect.getdoc(interface) or "")
