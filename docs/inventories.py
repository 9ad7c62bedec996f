"""What Sphinx needs to link to the documentation of others, without a network: the names that our pages mention.

intersphinx fetches inventories of whole projects. These are small ones, made from the list below when the pages are
built: a name and the pattern of its address.
"""

from __future__ import annotations

import zlib
from pathlib import Path

#: Project -> where its documentation is, and address (``{}``: the name) -> kind -> names. A name
#: as our modules import it, such as ``nn.Module``, has the address of the name behind the sign of equality.
PROJECTS: dict[str, tuple[str, dict[str, dict[str, str]]]] = {
    "python": (
        "https://docs.python.org/3",
        {
            "library/functions.html#{}": {"class": "int float bool"},
            "library/stdtypes.html#{}": {"class": "str bytes list tuple dict set frozenset"},
            "library/exceptions.html#{}": {"exception": "ValueError TypeError KeyError RuntimeError OSError"},
            "library/constants.html#{}": {"data": "None True False"},
            "library/pathlib.html#{}": {"class": "pathlib.Path Path=pathlib.Path"},
            "library/collections.abc.html#{}": {
                "class": "collections.abc.Callable collections.abc.Collection collections.abc.Iterable "
                "collections.abc.Iterator collections.abc.Mapping collections.abc.Sequence"
            },
            "library/typing.html#{}": {"data": "typing.Any Any=typing.Any", "class": "typing.Literal"},
        },
    ),
    "numpy": (
        "https://numpy.org/doc/stable",
        {"reference/generated/{0}.html#{0}": {"class": "numpy.ndarray np.ndarray=numpy.ndarray"}},
    ),
    "pandas": (
        "https://pandas.pydata.org/docs",
        {
            "reference/api/{0}.html#{0}": {
                "class": "pandas.DataFrame pd.DataFrame=pandas.DataFrame pandas.Series pd.Series=pandas.Series "
                "pandas.Index pd.Index=pandas.Index"
            }
        },
    ),
    "torch": (
        "https://docs.pytorch.org/docs/stable",
        {
            "tensors.html#{}": {"class": "torch.Tensor Tensor=torch.Tensor"},
            "tensor_attributes.html#{}": {"class": "torch.device torch.dtype"},
            "generated/{0}.html#{0}": {
                "class": "torch.nn.Module nn.Module=torch.nn.Module torch.nn.modules.module.Module=torch.nn.Module "
                "torch.nn.parallel.DistributedDataParallel",
                "function": "torch.compile",
            },
            "optim.html#{}": {"class": "torch.optim.Optimizer"},
            "checkpoint.html#{}": {"function": "torch.utils.checkpoint.checkpoint"},
        },
    ),
    "timm": (
        "https://huggingface.co/docs/timm",
        {"reference/models#{}": {"function": "timm.create_model timm.list_models"}},
    ),
    "lightning": (
        "https://lightning.ai/docs/fabric/stable",
        {"api/fabric_methods.html": {"class": "lightning_fabric.Fabric Fabric"}},
    ),
}


def write(folder: Path) -> dict[str, tuple[str, str]]:
    """Write every project's inventory, in Sphinx's format 2, and return the setting ``intersphinx_mapping``."""
    folder.mkdir(parents=True, exist_ok=True)
    mapping = {}
    for project, (home, patterns) in PROJECTS.items():
        lines = [
            f"{name.partition('=')[0]} py:{kind} 1 {address.format(name.rpartition('=')[2])} -"
            for address, kinds in patterns.items()
            for kind, names in kinds.items()
            for name in names.split()
        ]
        head = f"# Sphinx inventory version 2\n# Project: {project}\n# Version: \n# The rest is compressed by zlib.\n"
        path = folder / f"{project}.inv"
        path.write_bytes(head.encode() + zlib.compress("\n".join([*lines, ""]).encode()))
        mapping[project] = (home, str(path))
    return mapping
