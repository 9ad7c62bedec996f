"""The parts of a fold's explanations, each a method that computes and writes it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from fusekit.bundle.bundle import BATCH
from fusekit.disk import write_table
from fusekit.evaluation import Rule, probabilities_of
from fusekit.explain.ablations import ablate
from fusekit.explain.answers import answers, as_text
from fusekit.explain.attribution import STEPS, attribute
from fusekit.explain.examples import choose_examples, evenly_spread
from fusekit.explain.extent import affordable
from fusekit.explain.gates import gate_table, gates_of
from fusekit.explain.maps.grad_cam import Maps, deepest, grad_cam
from fusekit.explain.maps.mean_maps import write_mean_maps
from fusekit.explain.model import Predictor
from fusekit.explain.target import explained
from fusekit.explain.tested import Fold, middle
from fusekit.explain.what_if import encoded_column, usual_levels
from fusekit.progress import Progress

#: Columns permuted one by one, those with the largest attributions, where that costs almost nothing.
SINGLE = 20

#: Patients of the what-if figure.
ASKED = 2


class Explanations:
    """What a fold's model looks at; files go into a folder, which is made."""

    def __init__(
        self,
        fold: Fold,
        predictions: pd.DataFrame,
        rule: Rule,
        folder: Path,
        work: float | None,
        asked: int | None,
        template: str | None,
        progress: Progress,
    ):
        self.fold, self.rule, self.folder, self.progress = fold, rule, folder, progress
        self.template = template if fold.oriented else None  # it has sides, so the images must say where theirs are
        self.predictor = Predictor(fold.bundle, fold.device)
        model = self.predictor.model
        self.extent = affordable(
            work,
            scans=fold.rows["scan"].nunique(),
            blocks=len({column.block for column in fold.columns}),
            image=model.reads_image,
            table=model.reads_clinical,
            injected=self.predictor.injected,
        )
        folder.mkdir(parents=True)
        classes = explained(probabilities_of(predictions), asked)
        self.targets = pd.Series(classes, index=predictions["row"])  # class by row
        self.examples = choose_examples(predictions, rule)
        self.examples["explained"] = self.targets.loc[self.examples["row"]].to_numpy()
        named = asked is not None or len(fold.bundle.classes) == 2
        self.said: dict[str, object] = {
            "target": int(classes[0]) if named else None,
            "class": fold.bundle.classes[int(classes[0])] if named else None,
            "plane": fold.bundle.slices.plane,
            "oriented": fold.oriented,
            "injector": self.predictor.injected,
            "template": self.template,
            "extent": asdict(self.extent),
        }
        self.place: str | None = None
        self.strongest: list[str] = []

    def write_examples(self) -> None:
        """Write which slices are shown."""
        write_table(self.examples, self.folder / "examples.csv")

    def facts(self) -> None:
        """Write what the files are of."""
        (self.folder / "explanation.json").write_text(json.dumps(self.said, indent=2) + "\n", encoding="utf-8")

    def maps(self) -> None:
        """Write maps of the examples, and the mean maps of the classes."""
        fold = self.fold
        image, columns = self._inputs(pd.Index(self.examples["row"].head(1)))
        assert image is not None
        self.place, size = deepest(self.predictor.model, image, columns)
        self.said |= {"site": self.place, "map_size": list(size)}
        maps = self._maps(pd.Index(self.examples["row"]), "maps of examples")
        self.examples["maximum"] = maps.maxima.cpu().numpy()
        shown = fold.images[self.examples["row"].to_numpy()]
        np.save(self.folder / "images.npy", np.rint(middle(shown, 1)).astype(np.uint8), allow_pickle=False)
        kept = middle(maps.maps.cpu().numpy(), 1).astype(np.float16)
        np.save(self.folder / "grad_cam.npy", kept, allow_pickle=False)
        scans = fold.rows["scan"].drop_duplicates()
        chosen = scans.iloc[np.linspace(0, len(scans) - 1, min(len(scans), self.extent.scans)).round().astype(int)]
        spread = evenly_spread(fold.rows[fold.rows["scan"].isin(chosen)], self.extent.slices)
        images = middle(fold.images[spread.index.to_numpy()], 1)
        on_spread = middle(self._maps(spread.index, "mean maps").maps.cpu().numpy(), 1)
        write_mean_maps(self.folder, spread, images, on_spread, fold.bundle, self.template)

    def gates(self) -> None:
        """Write what the injector's gates are on average, if it has any."""
        model, gathered = self.predictor.model, dict[int, list[np.ndarray]]()
        if model.injector is None:
            return
        rows = evenly_spread(self.fold.rows, most=1)
        starts = range(0, len(rows), BATCH)
        for start in self.progress.track(starts, "gates", len(starts), "batches"):
            for site, gates in gates_of(model, *self._inputs(rows.index[start : start + BATCH])).items():
                gathered.setdefault(site, []).append(gates.cpu().numpy())
        if gathered:
            table = gate_table(model, {site: np.concatenate(parts) for site, parts in gathered.items()}, rows)
            write_table(table, self.folder / "gates.csv")

    def attributions(self) -> None:
        """Write a slice per subject in a long table: of all subjects, or of some where that costs a lot."""
        rows = evenly_spread(self.fold.rows, most=1).drop_duplicates("subject")
        steps, most = self.extent.steps if self.predictor.injected else STEPS, self.extent.subjects
        if self.predictor.injected and len(rows) > most:
            first = rows["subject"].isin(list(self.examples["subject"]))
            # Examples first, then classes in turn, in the order of the store.
            turn = rows.groupby("label").cumcount()
            order = pd.DataFrame({"first": ~first, "turn": turn, "label": rows["label"]}).sort_values(
                ["first", "turn", "label"], kind="stable"
            )
            rows = rows.loc[order.index[:most].sort_values()]
        image, columns = self._inputs(rows.index)
        encoding = self.fold.bundle.encoding
        assert columns is not None
        assert encoding is not None
        targets = self.targets.loc[rows.index].to_numpy()
        shares = attribute(
            self.predictor.model, encoding, image, columns, target=targets, steps=steps, progress=self.progress
        )
        cells = self.fold.valued(rows.index)[list(shares.columns)].to_numpy(dtype=object)
        table = pd.DataFrame(
            {
                "subject": np.repeat(rows["subject"].to_numpy(), shares.shape[1]),
                "label": np.repeat(rows["label"].to_numpy(), shares.shape[1]),
                "explained": np.repeat(targets, shares.shape[1]),
                "column": np.tile(shares.columns.to_numpy(), len(rows)),
                "value": [as_text(cell) for line in cells for cell in line],
                "attribution": shares.to_numpy().ravel(),
            }
        )
        write_table(table, self.folder / "attributions.csv")
        self.said |= {"subjects_attributed": len(rows), "steps": steps}
        sizes = table.assign(size=table["attribution"].abs()).groupby("column", sort=False)["size"].mean()
        self.strongest = sizes.sort_values(ascending=False, kind="stable").index.tolist()

    def what_if(self) -> None:
        """Ask the surest right example of each of the first classes about the strongest columns."""
        asked = self.examples[self.examples["kind"] == "right"].drop_duplicates("label").head(ASKED)
        tables, maps = [], []
        questions = [(*one, name) for one in asked.iterrows() for name in self.strongest[: self.extent.changed]]
        for number, example, column in self.progress.track(questions, "what-if answers", len(questions), "columns"):
            rows = pd.Index([example["row"]])
            images = self.fold.shown(rows)
            table, moved = answers(
                self.predictor,
                None if images is None else images[0],
                self.fold.valued(rows),
                column,
                usual_levels(encoded_column(self.fold.bundle, column)),
                place=self.place,
                target=int(example["explained"]),
            )
            named = {"example": number, **example[["subject", "scan", "slice"]].to_dict()}
            tables.append(pd.DataFrame(named, index=table.index).join(table))
            maps += [] if moved is None else [middle(moved, 1)]
        if tables:
            write_table(pd.concat(tables), self.folder / "what_if.csv")
        if maps:
            np.save(self.folder / "what_if.npy", np.concatenate(maps).astype(np.float16), allow_pickle=False)

    def ablations(self, seed: int, slices: int | None) -> pd.DataFrame:
        """The rows of ablations.csv."""
        fold, model = self.fold, self.predictor.model
        ablated = fold.rows if slices is None else evenly_spread(fold.rows, most=slices)
        return ablate(
            self.predictor,
            fold.shown(ablated.index),
            fold.valued(ablated.index),
            ablated,
            fold.columns,
            rule=self.rule,
            seed=seed,
            grey=fold.bundle.pixels.mean,
            reads_image=model.reads_image,
            reads_clinical=model.reads_clinical,
            single=self.strongest[: self.extent.single if self.predictor.injected else SINGLE],
            hidden=self.extent.hidden,
            permuted=self.extent.permuted,
            progress=self.progress,
        )

    def _inputs(self, rows: pd.Index) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        images = self.fold.shown(rows)
        image = None if images is None else self.predictor.image(images)
        if not self.predictor.model.reads_clinical:
            return image, None
        return image, self.predictor.columns(self.fold.bundle.encode(self.fold.valued(rows)))

    def _maps(self, rows: pd.Index, label: str) -> Maps:
        parts = []
        starts = range(0, len(rows), BATCH)
        for start in self.progress.track(starts, label, len(starts), "batches"):
            own = rows[start : start + BATCH]
            image, columns = self._inputs(own)
            assert image is not None
            targets = torch.tensor(self.targets.loc[own].tolist(), device=image.device)
            parts.append(grad_cam(self.predictor.model, image, columns, place=self.place, target=targets))
        return Maps(*(torch.cat(each) for each in zip(*parts, strict=True)))
