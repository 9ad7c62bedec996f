"""What a fold's model looks at, written while the model is there: ``RUN/explanations/fold-K/``."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from fusekit.disk import write_table
from fusekit.errors import attempt
from fusekit.evaluation import Rule
from fusekit.evaluation.predictions import outputs_of
from fusekit.explain.ablations import ablate
from fusekit.explain.attribution import STEPS, attribute
from fusekit.explain.examples import CLOSE, choose_close, choose_examples, evenly_spread
from fusekit.explain.extent import affordable
from fusekit.explain.fold import Fold, middle
from fusekit.explain.gates import Place, gate_table, gates_of
from fusekit.explain.maps.grad_cam import Maps, deepest, grad_cam
from fusekit.explain.maps.mean_maps import write_mean_maps
from fusekit.explain.model import Averaged, Predictor
from fusekit.explain.prior import shares_of
from fusekit.explain.slice_weights import heaviest, weight_table
from fusekit.explain.target import explained
from fusekit.explain.what_if import answers, as_text, encoded_column, usual_levels
from fusekit.progress import Progress, Quiet

#: Columns permuted one by one, those with the largest attributions, where that costs almost nothing.
SINGLE = 20


def explain_fold(
    fold: Fold,
    predictions: pd.DataFrame,
    folder: Path,
    *,
    seed: int,
    rule: Rule = Rule(),  # noqa: B008 (it cannot be changed)
    template: str | None = None,
    slices: int | None = None,
    asked: int | None = None,
    work: float | None = None,
    seconds: float = 0.0,
    failed: Callable[[str], None] | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame | None:
    """Write a fold's explanations, and return its ablations.

    docs/reference/files.md describes the files.

    Args:
        predictions: of these slices, as in predictions.csv.
        rule: the fold's: how slices become subjects, and what is called.
        slices: ablated per scan, evenly spread; None: all, so that ``as-is`` is what predictions say.
        asked: the class to explain; None: the positive of two, of more the one that each slice is called. There is
            one thing to explain of what is no class.
        work: forward passes of a slice that all of it may take; None: as many as it takes.
        seconds: of a slice's forward pass, if known: then the time of the whole is estimated first.
        failed: gets a sentence for each part that cannot be made, and the others are; without it, errors are raised.

    Returns:
        The rows of ablations.csv; None if they failed.
    """
    folder.mkdir(parents=True)
    made = _Explanations(fold, predictions, rule, folder, work, asked, progress or Quiet())
    if seconds and made.passes:
        time = f"about {made.passes * seconds:,.0f} s, {made.passes:,} forward passes of a slice"
        made.progress.say(f"explanations: {time}; --explain none leaves them out")
    if fold.scans is not None:
        with attempt("weights of slices", failed):
            made.slice_weights()
    if made.model.reads_image:
        with attempt("maps", failed):
            made.maps(template if fold.oriented else None)  # it has sides, so the images must say where theirs are
        with attempt("gates", failed):
            made.gates()
    with attempt("examples", failed):
        write_table(made.examples, folder / "examples.csv")
    if made.model.reads_clinical:
        with attempt("attributions", failed):
            made.attributions()
        with attempt("what-if answers", failed):
            made.what_if()
    facts = {**made.facts, "template": template if fold.oriented else None}
    (folder / "explanation.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    with attempt("ablations", failed):
        return made.ablations(rule, seed, slices)
    return None


class _Explanations:
    """The parts of a fold's explanations, each a method that computes and writes it."""

    def __init__(
        self,
        fold: Fold,
        predictions: pd.DataFrame,
        rule: Rule,
        folder: Path,
        work: float | None,
        asked: int | None,
        progress: Progress,
    ):
        self.fold, self.folder, self.progress = fold, folder, progress
        self.predictor = Predictor(fold.bundle, fold.device)
        self.model = self.predictor.model
        self.extent, self.passes = affordable(
            work,
            scans=fold.rows["scan"].nunique(),
            blocks=len({column.block for column in fold.columns}),
            image=self.model.reads_image,
            table=self.model.reads_clinical,
            injected=self.predictor.injected,
        )
        target = fold.bundle.target
        classes = explained(outputs_of(predictions), target, asked)
        self.targets = pd.Series(classes, index=predictions["row"])  # class by row
        if fold.scans is not None:  # predictions are of scans, and each of their rows means the scan
            of_scans = pd.Series(classes, index=predictions["scan"])
            self.targets = fold.rows["scan"].map(of_scans)
        chosen = [choose(predictions, target, rule) for choose in (choose_examples, choose_close)]
        self.examples = pd.concat(chosen, ignore_index=True)
        self.examples["explained"] = self.targets.loc[self.examples["row"]].to_numpy()
        named = int(classes[0]) if asked is not None or len(target.classes) == 2 else None
        self.facts: dict[str, object] = {
            "target": named,
            "class": None if named is None else target.classes[named],
            "groups": list(fold.groups),
            "plane": fold.bundle.slices.plane,
            "channels": [channel._asdict() for channel in fold.bundle.channels],
            "oriented": fold.oriented,
            "injector": self.predictor.injected,
            "extent": asdict(self.extent),
            "networks": 1 + len(fold.others),
        }
        self.place: str | None = None
        self.strongest: list[str] = []

    def slice_weights(self) -> None:
        """Write the weight of every slice, and show each example's heaviest."""
        table = weight_table(self.predictor, self.fold, self.progress)
        write_table(table.reset_index(), self.folder / "slice_weights.csv")
        shown = heaviest(table).loc[self.examples["scan"]]
        self.examples = self.examples.assign(row=shown["row"].to_numpy(), slice=shown["slice"].to_numpy())

    def maps(self, template: str | None) -> None:
        """Write maps of the examples, and the mean maps of the groups."""
        fold, examples = self.fold, pd.Index(self.examples["row"])
        image, columns = self._inputs(fold.rows.index[:1])
        assert image is not None
        self.place, size = deepest(self.model, image, columns)
        self.facts |= {"site": self.place, "map_size": list(size)}
        if len(examples):  # of times there may be no one whose outcome is known
            maps = self._maps(examples, "maps of examples")
            self.examples["maximum"] = maps.maxima.cpu().numpy()
            shown, kept = middle(fold.images[examples.to_numpy()], 2), middle(maps.maps.cpu().numpy(), 1)
            np.save(self.folder / "images.npy", np.rint(shown).astype(np.uint8), allow_pickle=False)
            np.save(self.folder / "grad_cam.npy", kept.astype(np.float16), allow_pickle=False)
        scans = fold.rows["scan"].drop_duplicates()
        chosen = scans.iloc[np.linspace(0, len(scans) - 1, min(len(scans), self.extent.scans)).round().astype(int)]
        spread = evenly_spread(fold.grouped[fold.grouped["scan"].isin(chosen)], self.extent.slices)
        images = middle(fold.images[spread.index.to_numpy()], 2)
        on_spread = middle(self._maps(spread.index, "mean maps").maps.cpu().numpy(), 1)
        write_mean_maps(self.folder, spread, images, on_spread, fold.groups, fold.bundle, template)

    def gates(self) -> None:
        """Write what the gates of injector and head are on average, if they have any."""
        gathered: dict[Place, list[np.ndarray]] = {}
        rows = evenly_spread(self.fold.grouped, most=1)
        if not gates_of(self.model, *self._inputs(rows.index[:1])):
            return
        for own in self.progress.track(batches := self._batches(rows.index), "gates", len(batches), "batches"):
            for place, gates in gates_of(self.model, *self._inputs(own)).items():
                of_scans = gates.reshape(len(own), -1, gates.shape[1]).mean(dim=1) if self.fold.scans else gates
                gathered.setdefault(place, []).append(of_scans.cpu().numpy())
        found = {place: np.concatenate(parts) for place, parts in gathered.items()}
        write_table(gate_table(self.fold.bundle, found, rows), self.folder / "gates.csv")

    def attributions(self) -> None:
        """Write a slice per subject in a long table: of all subjects, or of some where that costs a lot."""
        rows = evenly_spread(self.fold.grouped, most=1).drop_duplicates("subject")
        steps, most = self.extent.steps if self.predictor.injected else STEPS, self.extent.subjects
        if self.predictor.injected and len(rows) > most:
            # Examples first, then groups in turn, in the order of the store.
            later = ~rows["subject"].isin(list(self.examples["subject"]))
            turns = rows.assign(later=later, turn=rows.groupby("group").cumcount())
            order = turns.sort_values(["later", "turn", "group"], kind="stable").index
            rows = rows.loc[order[:most].sort_values()]
        targets, values = self.targets.loc[rows.index].to_numpy(), self.fold.of(rows.index)[1]
        shares = self._shares(rows.index, steps)
        cells = values[list(shares.columns)].to_numpy(dtype=object)
        table = pd.DataFrame(
            {
                "subject": np.repeat(rows["subject"].to_numpy(), shares.shape[1]),
                "group": np.repeat(rows["group"].to_numpy(), shares.shape[1]),
                "explained": np.repeat(targets, shares.shape[1]),
                "column": np.tile(shares.columns.to_numpy(), len(rows)),
                "value": [as_text(cell) for line in cells for cell in line],
                "attribution": shares.to_numpy().ravel(),
            }
        )
        write_table(table, self.folder / "attributions.csv")
        self.facts |= {"subjects_attributed": len(rows), "steps": steps}
        sizes = table.assign(size=table["attribution"].abs()).groupby("column", sort=False)["size"].mean()
        self.strongest = sizes.sort_values(ascending=False, kind="stable").index.tolist()

    def _shares(self, rows: pd.Index, steps: int) -> pd.DataFrame:
        encoding, parts = self.fold.bundle.encoding, []
        assert encoding is not None
        one_by_one = self.fold.scans is not None  # scans have different numbers of slices
        groups = [rows[[number]] for number in range(len(rows))] if one_by_one else [rows]
        whole, within = (self.progress, Quiet()) if one_by_one else (Quiet(), self.progress)
        for own in whole.track(groups, "attributions", len(groups), "subjects"):
            image, columns = self._inputs(own)
            assert columns is not None
            part = attribute(
                self.model,
                encoding,
                image,
                columns,
                target=self.targets.loc[own].to_numpy(),
                score=self.fold.bundle.target.explained,
                prior=shares_of(self.fold.bundle, self.fold.of(own)[1]),
                steps=steps,
                progress=within,
            )
            parts.append(part)
        return pd.concat(parts, ignore_index=True)

    def what_if(self) -> None:
        """Ask those near the threshold, or in the middle, about the strongest columns."""
        asked = self.examples[self.examples["kind"] == CLOSE]
        tables, maps = [], []
        questions = [(*one, name) for one in asked.iterrows() for name in self.strongest[: self.extent.changed]]
        for number, example, column in self.progress.track(questions, "what-if answers", len(questions), "columns"):
            images, values = self.fold.of(pd.Index([example["row"]]))
            levels = usual_levels(encoded_column(self.fold.bundle, column))
            how = {
                "place": self.place,
                "target": int(example["explained"]),
                "shown": self._place_in_scan(example["row"]),
            }
            image = None if images is None else images[0]
            table, moved = answers(self.predictor, image, values, column, levels, **how)
            named = {"example": number, **example[["subject", "scan", "slice"]].to_dict()}
            tables.append(pd.DataFrame(named, index=table.index).join(table))
            maps += [] if moved is None else [middle(moved, 1)]
        if tables:
            write_table(pd.concat(tables), self.folder / "what_if.csv")
        if maps:
            np.save(self.folder / "what_if.npy", np.concatenate(maps).astype(np.float16), allow_pickle=False)

    def ablations(self, rule: Rule, seed: int, slices: int | None) -> pd.DataFrame:
        """The rows of ablations.csv."""
        fold = self.fold
        each = 1 if fold.scans is not None else slices  # any row of a scan means all of it
        ablated = fold.rows if each is None else evenly_spread(fold.rows, most=each)
        images, values = fold.of(ablated.index)
        return ablate(
            Averaged([Predictor(bundle, fold.device, images) for bundle in (fold.bundle, *fold.others)]),
            images,
            values,
            ablated,
            fold.columns,
            target=fold.bundle.target,
            rule=rule,
            seed=seed,
            grey=fold.bundle.pixels.mean,
            reads_image=self.model.reads_image,
            reads_clinical=self.model.reads_clinical,
            single=self.strongest[: self.extent.single if self.predictor.injected else SINGLE],
            hidden=self.extent.hidden,
            permuted=self.extent.permuted,
            progress=self.progress,
        )

    def _inputs(self, rows: pd.Index) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        return self.predictor.inputs(*self.fold.of(rows))

    def _maps(self, rows: pd.Index, label: str) -> Maps:
        parts, score = [], self.fold.bundle.target.explained
        for own in self.progress.track(batches := self._batches(rows), label, len(batches), "batches"):
            image, columns = self._inputs(own)
            assert image is not None
            targets = torch.tensor(self.targets.loc[own].tolist(), device=image.device)
            made = grad_cam(self.model, image, columns, place=self.place, target=targets, score=score)
            if self.fold.scans is not None:  # the maps of a whole scan: that of the row
                place = self._place_in_scan(own[0])
                made = Maps(made.maps[:, place], made.maxima[:, place], made.outputs)
            parts.append(made)
        return Maps(*(torch.cat(each) for each in zip(*parts, strict=True)))

    def _batches(self, rows: pd.Index) -> list[pd.Index]:
        each = self.fold.bundle.together
        return [rows[start : start + each] for start in range(0, len(rows), each)]

    def _place_in_scan(self, row: int) -> int | None:
        """Which slice of its scan a row is, from 0; None where each slice is a sample of its own."""
        return None if self.fold.scans is None else int(row - self.fold.scans.of(row)[0])
