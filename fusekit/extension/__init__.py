"""How plugins come in. Nothing here imports torch."""

from fusekit.extension.catalog import Catalog, catalog
from fusekit.extension.discovery import PluginHost
from fusekit.extension.hookspecs import hookimpl
from fusekit.extension.options import read_options
from fusekit.extension.registry import Plugin, Register

__all__ = ["Catalog", "Plugin", "PluginHost", "Register", "catalog", "hookimpl", "read_options"]
