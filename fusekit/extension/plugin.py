"""What is known of an installed plugin."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plugin:
    """Its entry point, and where it came from."""

    name: str
    distribution: str
    version: str
    module: str

    def __str__(self) -> str:
        return f"plugin {self.name!r} ({self.distribution} {self.version}, {self.module})"

    @property
    def bundled(self) -> bool:
        """Whether it came with FuseKit."""
        return self.distribution == "fusekit"

    @property
    def way_out(self) -> str:
        """The sentence that ends every message about a broken plugin."""
        return f"To continue without it: FUSEKIT_DISABLE={self.name}"
