"""How plugins come in. Nothing here imports torch."""

from fusekit.extension.discovery import Catalog, PluginHost, catalog
from fusekit.extension.hookspecs import hookimpl
from fusekit.extension.kinds import COMPONENTS, GIVEN_OPTIONS, MODEL_PARTS
from fusekit.extension.options import read_options
from fusekit.extension.registry import Plugin, Register, suggest

__all__ = [
    "COMPONENTS", "GIVEN_OPTIONS", "MODEL_PARTS", "Catalog", "Plugin", "PluginHost", "Register", "catalog", "hookimpl",
    "read_options", "suggest",
]  # fmt: skip
