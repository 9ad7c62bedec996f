"""What a fold's model looks at, written while the model is there: ``RUN/explanations/fold-K/``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from fusekit.bundle.bundle import BATCH, Bundle
from fusekit.data import Column
from fusekit.evaluation import Rule
from fusekit.explain.ablations import ablate
from fusekit.explain.answers import answers, as_text
from fusekit.explain.attribution import STEPS, attribute
from fusekit.explain.examples import choose_examples, evenly_spread
from fusekit.explain.forward import TARGET
from fusekit.explain.gates import gate_table, gates_of
from fusekit.explain.grad_cam import Maps, deepest, grad_cam
from fusekit.explain.mean_maps import write_mean_maps
from fusekit.explain.model import Predictor
from fusekit.explain.what_if import usual_levels
from fusekit.progress import Progress, Quiet

#: Subjects whose values are attributed, and steps, where every step costs a forward and a backward pass.
SUBJECTS_INJECTED, STEPS_INJECTED = 16, 16

#: Columns permuted one by one, those with the largest attributions: a pass over the fold each where the table enters
#: the backbone, almost nothing elsewhere.
SINGLE_INJECTED, SINGLE = 6, 20

#: Examples and columns of the what-if figure.
ASKED, CHANGED = 2, 3


@dataclass(frozen=True)
class Fold:
    """A fold's tested slices and the model that has not seen them.

    Args:
        bundle: the model.
        images: of the whole store, (N, H, W) or (N, S, S, S); ``rows`` counts in it.
        values: typed clinical values, one line a row.
        rows: index ``row``; subject, scan, slice, fold, label.
        columns: describe ``values``.
        device: where the model runs.
        oriented: whether every image's file says how it lies in the body; else no figure may name the patient's sides.
    """

    bundle: Bundle
    images: np.ndarray
    values: pd.DataFrame
    rows: pd.DataFrame
    columns: tuple[Column, ...]
    device: str | torch.device = "cpu"
    oriented: bool = False

    def shown(self, rows: pd.Index) -> np.ndarray | None:
        """Grey levels of some rows, for the model; None if it reads no image."""
        return self.images[rows.to_numpy()] if self.bundle.model.reads_image else None

    def valued(self, rows: pd.Index) -> pd.DataFrame:
        """Clinical values of some rows, one line each."""
        return self.values.iloc[self.rows.index.get_indexer(rows)].reset_index(drop=True)


def explain_fold(
    fold: Fold,
    predictions: pd.DataFrame,
    folder: Path,
    *,
    seed: int,
    rule: Rule = Rule(),  # noqa: B008 (it cannot be changed)
    template: str | None = None,
    slices: int | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Write a fold's explanations, and return its ablations.

    Which files there are depends on what the model reads; docs/reference/files.md describes them.

    Args:
        fold: model and tested slices.
        predictions: of these slices, as in predictions.csv.
        folder: to write into; it is made.
        seed: of the ablations' draws.
        rule: the fold's: how slices become subjects, and what is called.
        template: the task's, if it names one.
        slices: so many of a scan's slices are ablated, evenly spread; None: all, so that ``as-is`` is what predictions
            say. Where the table enters the backbone an ablation costs about 30 passes over them, elsewhere 4. Arms are
            compared on the same number.
        progress: shows the parts.

    Returns:
        The rows of ablations.csv.
    """
    progress = progress or Quiet()
    model = fold.bundle.model
    predictor = Predictor(fold.bundle, fold.device)
    folder.mkdir(parents=True)
    examples = choose_examples(predictions, rule)
    if not fold.oriented:
        template = None  # a template has sides
    facts: dict[str, object] = {
        "target": TARGET,
        "class": fold.bundle.classes[TARGET],
        "plane": fold.bundle.slices.plane,
        "oriented": fold.oriented,
        "injector": model.injector is not None,
        "template": template,
    }
    place = None
    if model.reads_image:
        place, size = _place(predictor, fold, examples)
        facts |= {"site": place, "map_size": list(size)}
        maps = _maps(predictor, fold, pd.Index(examples["row"]), place)
        examples["maximum"] = maps.maxima.cpu().numpy()
        shown = fold.images[examples["row"].to_numpy()]
        np.save(folder / "images.npy", np.rint(middle(shown, 1)).astype(np.uint8), allow_pickle=False)
        np.save(folder / "grad_cam.npy", middle(maps.maps.cpu().numpy(), 1).astype(np.float16), allow_pickle=False)
        spread = evenly_spread(fold.rows)
        on_spread = _maps(predictor, fold, spread.index, place).maps.cpu().numpy()
        write_mean_maps(
            folder, spread, middle(fold.images[spread.index.to_numpy()], 1), middle(on_spread, 1), fold.bundle, template
        )
        _write_gates(predictor, fold, folder)
    _write(examples, folder / "examples.csv")
    strongest: list[str] = []
    if model.reads_clinical:
        attributions, steps = _attributions(predictor, fold, examples)
        _write(attributions, folder / "attributions.csv")
        facts |= {"subjects_attributed": int(attributions["subject"].nunique()), "steps": steps}
        sizes = attributions.assign(size=attributions["attribution"].abs()).groupby("column", sort=False)["size"].mean()
        strongest = sizes.sort_values(ascending=False, kind="stable").index.tolist()
        _write_what_if(predictor, fold, examples, strongest[:CHANGED], place, folder)
    (folder / "explanation.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    ablated = fold.rows if slices is None else evenly_spread(fold.rows, most=slices)
    return ablate(
        predictor,
        fold.shown(ablated.index),
        fold.valued(ablated.index),
        ablated,
        fold.columns,
        seed=seed,
        rule=rule,
        grey=fold.bundle.pixels.mean,
        reads_image=model.reads_image,
        reads_clinical=model.reads_clinical,
        single=strongest[: SINGLE_INJECTED if predictor.injected else SINGLE],
        progress=progress,
    )


def middle(items: np.ndarray, first: int) -> np.ndarray:
    """Of whole volumes (..., z, y, x) the middle axial plane; slices as they are. ``first``: axes before the space."""
    return items if items.ndim == first + 2 else items.take(items.shape[first] // 2, axis=first)


def _place(predictor: Predictor, fold: Fold, examples: pd.DataFrame) -> tuple[str, tuple[int, ...]]:
    rows = pd.Index(examples["row"].head(1))
    image, columns = _inputs(predictor, fold, rows)
    assert image is not None
    return deepest(predictor.model, image, columns)


def _inputs(predictor: Predictor, fold: Fold, rows: pd.Index) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    images = fold.shown(rows)
    image = None if images is None else predictor.image(images)
    if not predictor.model.reads_clinical:
        return image, None
    return image, predictor.columns(fold.bundle.encode(fold.valued(rows)))


def _maps(predictor: Predictor, fold: Fold, rows: pd.Index, place: str) -> Maps:
    parts = []
    for start in range(0, len(rows), BATCH):
        image, columns = _inputs(predictor, fold, rows[start : start + BATCH])
        assert image is not None
        parts.append(grad_cam(predictor.model, image, columns, place=place))
    return Maps(*(torch.cat(each) for each in zip(*parts, strict=True)))


def _write_gates(predictor: Predictor, fold: Fold, folder: Path) -> None:
    gathered: dict[int, list[np.ndarray]] = {}
    rows = evenly_spread(fold.rows, most=1)
    for start in range(0, len(rows), BATCH):
        for site, gates in gates_of(
            predictor.model, *_inputs(predictor, fold, rows.index[start : start + BATCH])
        ).items():
            gathered.setdefault(site, []).append(gates.cpu().numpy())
    if gathered:
        table = gate_table(predictor.model, {site: np.concatenate(parts) for site, parts in gathered.items()}, rows)
        _write(table, folder / "gates.csv")


def _attributions(predictor: Predictor, fold: Fold, examples: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Long table of a slice a subject: of all subjects, or of some where that costs a lot. And the steps."""
    rows = evenly_spread(fold.rows, most=1).drop_duplicates("subject")
    steps = STEPS_INJECTED if predictor.injected else STEPS
    if predictor.injected and len(rows) > SUBJECTS_INJECTED:
        first = rows["subject"].isin(list(examples["subject"]))
        # Examples first, then classes in turn, in the order of the store.
        turn = rows.groupby("label").cumcount()
        order = pd.DataFrame({"first": ~first, "turn": turn, "label": rows["label"]}).sort_values(
            ["first", "turn", "label"], kind="stable"
        )
        rows = rows.loc[order.index[:SUBJECTS_INJECTED].sort_values()]
    image, columns = _inputs(predictor, fold, rows.index)
    encoding = fold.bundle.encoding
    assert columns is not None
    assert encoding is not None
    shares = attribute(predictor.model, encoding, image, columns, steps=steps)
    values = fold.valued(rows.index)
    long = pd.DataFrame(
        {
            "subject": np.repeat(rows["subject"].to_numpy(), shares.shape[1]),
            "label": np.repeat(rows["label"].to_numpy(), shares.shape[1]),
            "column": np.tile(shares.columns.to_numpy(), len(rows)),
            "value": [as_text(cell) for line in values[list(shares.columns)].to_numpy(dtype=object) for cell in line],
            "attribution": shares.to_numpy().ravel(),
        }
    )
    return long, steps


def _write_what_if(
    predictor: Predictor, fold: Fold, examples: pd.DataFrame, columns: list[str], place: str | None, folder: Path
) -> None:
    """The surest right example of each of the first classes, asked about a few columns each."""
    asked = examples[examples["kind"] == "right"].drop_duplicates("label").head(ASKED)
    encoding = fold.bundle.encoding
    assert encoding is not None
    tables, maps = [], []
    for number, example in asked.iterrows():
        rows = pd.Index([example["row"]])
        images, values = fold.shown(rows), fold.valued(rows)
        for column in columns:
            levels = usual_levels(next(c for c in encoding.columns if c.name == column))
            table, moved = answers(
                predictor, None if images is None else images[0], values, column, levels, place=place
            )
            named = {"example": number, **example[["subject", "scan", "slice"]].to_dict()}
            tables.append(pd.DataFrame(named, index=table.index).join(table))
            maps += [] if moved is None else [middle(moved, 1)]
    if tables:
        _write(pd.concat(tables), folder / "what_if.csv")
    if maps:
        np.save(folder / "what_if.npy", np.concatenate(maps).astype(np.float16), allow_pickle=False)


def _write(table: pd.DataFrame, path: Path) -> None:
    table.to_csv(path, index=False, lineterminator="\n")
