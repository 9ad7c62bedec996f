"""The plugin: its names, and what is said where MONAI is missing."""

from __future__ import annotations

import sys

import pytest

import fusekit_monai
from fusekit.errors import OptionError
from fusekit.extension.kinds import KINDS
from fusekit.extension.registry import Plugin, Register, Registry


def backbones() -> Registry:
    registries = {kind.name: Registry(kind) for kind in KINDS}
    fusekit_monai.register(Register(registries.values(), Plugin("monai", "fusekit", "0", "fusekit_monai")))
    return registries["backbone"]


def test_names_are_listed_without_monai(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "monai", None)
    registry = backbones()
    assert registry.names() == ["monai_segresnet", "monai_swin_unetr"]
    assert registry.find("monai_resnet18").name == "monai-resnet"
    assert registry.find("monai_densenet264").name == "monai-densenet"


def test_where_monai_is_missing_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "fusekit_monai.backbones", raising=False)
    for module in [name for name in sys.modules if name.partition(".")[0] == "monai"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "monai", None)
    with pytest.raises(OptionError, match=r"pip install 'fusekit\[monai\]'"):
        backbones().get("monai_resnet18")
