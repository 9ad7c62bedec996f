"""What a ``.skops`` file may hold: it is looked through before skops opens it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from math import prod
from typing import Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import numpy as np

from fusekit.errors import DataError

#: Bytes of a file: components of many slices take some MB.
LARGEST = 2**28
#: Bytes of the part that names types and holds what is plain: a kB for each column of the table.
LARGEST_SCHEMA = 2**25
_SCHEMA = "schema.json"
#: For messages.
CONTENT_KINDS = "plain values as JSON has them, arrays of numbers, and estimators that skops_file.ESTIMATORS lists"

#: Estimators whose state is numbers and arrays, and which predict in NumPy alone: strange numbers give strange
#: probabilities, or an error. Boosted trees are none of them (compiled code follows their indices unchecked, and the
#: estimator holds functions): ``Trees`` ships their arrays and checks each.
ESTIMATORS = frozenset(
    {
        "sklearn.linear_model._logistic.LogisticRegression",
        "sklearn.preprocessing._data.StandardScaler",
        "sklearn.decomposition._pca.PCA",
    }
)
#: How skops makes a value -> the types that it may make so. No node that calls a function is here.
_ALLOWED = {
    "ObjectNode": ESTIMATORS,
    "DictNode": {"builtins.dict"},
    "TypeNode": {"builtins.str"},  # of the keys of a dict
    "ListNode": {"builtins.list"},
    "TupleNode": {"builtins.tuple"},
    "JsonNode": {"builtins.str"},  # as skops calls text, numbers, true, false and none
    # Arrays, and the numbers that estimators hold.
    "NdArrayNode": {f"numpy.{name}" for name in ("ndarray", "float64", "float32", "int64", "int32", "bool")},
}


def check(content: bytes) -> None:
    """Refuse, by DataError, a file that names another type, or that would take more memory than it is long."""
    if len(content) > LARGEST:
        raise DataError(f"it is larger than {LARGEST // 2**20} MiB, which no file of this kind is.")
    try:
        with ZipFile(BytesIO(content)) as file:
            members = {one.filename: one for one in file.infolist()}
            # What is not compressed cannot swell, and parts of one file that overlap are longer than it.
            if any(one.compress_type != ZIP_STORED for one in file.infolist()):
                raise DataError("a part of it is compressed, and FuseKit's are not.")
            if sum(one.file_size for one in file.infolist()) > len(content):
                raise DataError("its parts are longer than the file.")
            if _SCHEMA not in members or members[_SCHEMA].file_size > LARGEST_SCHEMA:
                raise DataError(f"it has no {_SCHEMA}, or too large a one.")
            schema = json.loads(file.read(_SCHEMA))
            if not isinstance(schema, dict) or type(schema.get("protocol")) is not int or schema["protocol"] < 2:
                raise DataError(f"its {_SCHEMA} is of no version of skops that FuseKit uses.")
            nodes = list(_nodes(schema))
            for node in nodes:
                _check_node(node)
            for name, times in Counter(_files(nodes)).items():
                if times > 1 or name not in members:
                    raise DataError(f"the array {name!r} is used {times} times, or is not in it.")
                _check_array(name, file.read(name))
    except (BadZipFile, ValueError, RecursionError, OSError, RuntimeError, NotImplementedError, EOFError) as error:
        raise DataError(f"it is no file of skops, or a damaged one ({type(error).__name__}: {error}).") from error


def canonical(content: bytes) -> bytes:
    """The same file with its parts in order, under numbers instead of addresses in memory, and without a date."""
    with ZipFile(BytesIO(content)) as file:
        schema = json.loads(file.read(_SCHEMA))
        parts: dict[str, bytes] = {}
        for number, node in enumerate(_nodes(schema)):
            if "__id__" in node:
                node["__id__"] = number
            if node.get("type") == "numpy":
                parts[f"{len(parts)}.npy"] = file.read(node["file"])
                node["file"] = f"{len(parts) - 1}.npy"
    made = BytesIO()
    with ZipFile(made, "w", ZIP_STORED) as file:
        for name, part in {**parts, _SCHEMA: json.dumps(schema).encode()}.items():
            file.writestr(ZipInfo(name), part)
    return made.getvalue()


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Every object of a schema that says how it is made, wherever it lies."""
    left = [schema]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            if "__loader__" in one:
                yield one
            left.extend(one.values())
        elif isinstance(one, list):
            left.extend(one)


def _check_node(node: dict[str, Any]) -> None:
    loader, kind = node["__loader__"], f"{node.get('__module__')}.{node.get('__class__')}"
    if not isinstance(loader, str) or kind not in _ALLOWED.get(loader, ()):
        raise DataError(f"it holds the type {kind[:200]} ({str(loader)[:40]}), which is not among those that are read.")
    if loader == "NdArrayNode" and (node.get("type") != "numpy" or not isinstance(node.get("file"), str)):
        raise DataError("it holds an array of objects, and only arrays of numbers are read.")


def _files(nodes: list[dict[str, Any]]) -> list[str]:
    return [node["file"] for node in nodes if node["__loader__"] == "NdArrayNode"]


def _check_array(name: str, content: bytes) -> None:
    """Refuse an array of objects or text, and one whose header promises more than there is."""
    file = BytesIO(content)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    read = readers.get(np.lib.format.read_magic(file))
    if read is None:
        raise DataError(f"the array {name!r} is of a version of NumPy's format that is not read.")
    shape, _, dtype = read(file)
    plain = [dtype] if dtype.names is None else [dtype[field] for field in dtype.names]
    if any(one.kind not in "biuf" or one.shape for one in plain):
        raise DataError(f"the array {name!r} is of {dtype}, and only arrays of numbers are read.")
    if any(side < 0 for side in shape) or prod(shape) * dtype.itemsize != len(content) - file.tell():
        raise DataError(f"the array {name!r} has another length than its header says.")
