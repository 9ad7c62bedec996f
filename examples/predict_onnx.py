"""Predict with what ``fusekit export`` wrote, without torch: ``predict_onnx.py MODEL.onnx VALUES.json [SLICES.npy]``.

``VALUES.json`` has the value of each column by its name; ``SLICES.npy`` grey levels (n, C, S, S), cut as in training.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime

known = json.loads(Path(sys.argv[1]).with_suffix(".json").read_text())
values = json.loads(Path(sys.argv[2]).read_text())
row = np.zeros(known["inputs"].get("columns", ["B", 0])[1], dtype=np.float32)
for column in known["columns"]:
    value = values.get(column["name"])
    if column["observed"] is not None:
        row[column["observed"]] = value is not None
    if value is not None and column["kind"] == "number":
        row[column["first"]] = (value - column["mean"]) / column["scale"]
    elif value in column.get("categories", ()):
        row[column["first"] + column["categories"].index(value)] = 1
given = {"image": np.load(sys.argv[3]).astype(np.float32)} if "image" in known["inputs"] else {}
if "columns" in known["inputs"]:
    given["columns"] = np.tile(row, (len(given.get("image", [row])), 1))
p = onnxruntime.InferenceSession(sys.argv[1]).run(["probabilities"], given)[0].astype(float)
p = p.mean(axis=0)  # known["rule"]["aggregate"] is mean
at, temperature = known["rule"]["threshold"], known["rule"]["temperature"] or 1.0
called = int(p.argmax()) if at is None else int(p[1] > at)
p = np.power(p, 1 / temperature) / np.power(p, 1 / temperature).sum()
print(json.dumps({**dict(zip(known["classes"], p.tolist(), strict=True)), "called": known["classes"][called]}))
