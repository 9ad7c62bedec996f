"""Run folders with simulated predictions: known effects, no training.

Every subject has a piece of evidence a class and source (image, two blocks of the table): a unit normal, ``d`` higher
for its own class. A model that reads sources of strengths d_1, d_2, ... rightly, and has no noise of its own, has an
AUC of Phi(sqrt(d_1^2 + d_2^2 + ...)).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

#: Source -> strength d.
STRENGTHS = {"image": 0.7, "CSF": 0.9, "APOE": 0.5}
BLOCKS = ("CSF", "APOE")
COLUMNS = {"CSF": ("ABETA", "TAU"), "APOE": ("APGEN1",)}
FUSIONS: dict[str, tuple[str, ...]] = {
    "image-only": ("image",),
    "clinical-only": BLOCKS,
    "concat": ("image", *BLOCKS),
    "rbca": ("image", *BLOCKS),
}
BASELINES: dict[str, tuple[str, ...]] = {"logistic": BLOCKS, "gbdt": BLOCKS}
PUBLISHED = [
    {
        "arm": arm,
        "fusion": fusion,
        "scores": dict(zip(("accuracy", "sensitivity", "specificity", "ppv", "npv"), scores, strict=True)),
        "source": "Yang et al. 2021, table 1",
        "note": "ADNI1 at 1.5 T; slice level, mean over 5 folds",
    }
    for arm, fusion, scores in (
        ("image only", "image-only", (0.6673, 0.5429, 0.7368, 0.5305, 0.7464)),
        ("image + clinical", "concat", (0.9270, 0.8618, 0.9574, 0.9035, 0.9374)),
        ("full (RBCA)", "rbca", (0.9552, 0.9241, 0.9696, 0.9325, 0.9653)),
    )
]
FINDINGS = [
    {
        "code": "strong-column",
        "severity": "warning",
        "message": "single columns tell the classes apart almost alone (AUC above 0.98)",
        "advice": "Make sure that they are known before the diagnosis is made, and show the scores without them.",
        "dropped": "",
        "count": 1,
        "items": ["TAU"],
    },
    {
        "code": "scan-without-diagnosis",
        "severity": "note",
        "message": "scans whose visit has no diagnosis",
        "advice": "",
        "dropped": "scans",
        "count": 7,
        "items": [f"I{n}" for n in range(7)],
    },
]


def fake_runs(
    folder: Path,
    *,
    arms: Sequence[str] = (*FUSIONS, *BASELINES),
    seeds: int = 1,
    folds: int = 5,
    subjects: int = 120,
    classes: Sequence[str] = ("CN", "AD"),
    noise: Mapping[str, float] | None = None,
    reads: Mapping[str, tuple[str, ...]] | None = None,
    validation: bool = True,
    ablations: bool = True,
    explanations: bool = False,
    synthetic: bool = True,
    published: bool = True,
    hostile: str = "",
    people: int = 0,
) -> list[Path]:
    """Write ``folder`` as a comparison, with one run folder an arm and seed.

    Args:
        folder: to write; becomes a comparison's folder.
        arms: names; those of FUSIONS read what they say, others the table.
        seeds: so many, from 0; each with folds of its own.
        folds: 1 tests one fifth, K everybody once.
        subjects: of the cohort.
        classes: names, two or more.
        noise: arm -> standard deviation of what its logits have at random, beside what they read.
        reads: arm -> sources that it reads, in place of the usual ones; ``()`` knows nothing.
        validation: whether each fold set subjects aside.
        ablations, explanations: whether these files are written.
        synthetic: what the manifest says.
        published: whether rows of a paper stand in the manifest.
        hostile: text put into the names of the first subject, a finding and a subgroup.
        people: seed of the cohort: another one is another cohort.

    Returns:
        The run folders, arm by arm, seed by seed.
    """
    rng = np.random.default_rng([people, 1])
    labels = np.arange(subjects) % len(classes)
    evidence = {
        source: rng.normal(size=(subjects, len(classes))) + strength * np.eye(len(classes))[labels]
        for source, strength in STRENGTHS.items()
    }
    names = [f"{hostile}S{n:03d}" if n == 0 else f"S{n:03d}" for n in range(subjects)]
    scans = _scans(names, labels, hostile, rng)
    written = []
    for arm in arms:
        sources = (reads or {}).get(arm, {**FUSIONS, **BASELINES}.get(arm, BLOCKS))
        for seed in range(seeds):
            out = folder / "runs" / f"{arm}-seed-{seed}"
            out.mkdir(parents=True)
            run = _FakeRun(
                arm, sources, seed, folds, tuple(classes), labels, evidence, names, (noise or {}).get(arm, 0.6)
            )
            run.write(out, scans, validation=validation, ablations=ablations)
            if explanations and "image" in sources:
                run.explain(out / "explanations" / "fold-0")
            manifest = run.manifest(synthetic, validation, PUBLISHED if published else [], hostile, people)
            (out / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
            written.append(out)
    comparison = {"task": "adni-ad", "arms": {arm: {} for arm in arms}, "seeds": list(range(seeds)), "folds": folds}
    (folder / "comparison.json").write_text(json.dumps(comparison, indent=2) + "\n", encoding="utf-8")
    return written


def _scans(names: list[str], labels: np.ndarray, hostile: str, rng: np.random.Generator) -> pd.DataFrame:
    """One or two scans a subject, with sex, age and site."""
    rows = []
    for n, (name, label) in enumerate(zip(names, labels, strict=True)):
        age = round(float(rng.normal(74, 6)), 1)
        sex = "Female" if rng.random() < 0.5 else "Male"
        rows += [(f"{name}-v{visit}", name, int(label), 0, sex, age) for visit in range(1 + n // len(STRENGTHS) % 2)]
    table = pd.DataFrame(rows, columns=["scan", "subject", "label", "fold", f"{hostile}PTGENDER", "AGE"])
    table["SITE"] = (table["subject"].factorize()[0] // 2 % 3).astype(str)
    return table


class _FakeRun:
    """One arm with one seed."""

    def __init__(
        self,
        arm: str,
        sources: tuple[str, ...],
        seed: int,
        folds: int,
        classes: tuple[str, ...],
        labels: np.ndarray,
        evidence: Mapping[str, np.ndarray],
        names: list[str],
        noise: float,
    ):
        self.arm, self.sources, self.seed, self.folds, self.classes = arm, sources, seed, folds, classes
        self.labels, self.evidence, self.names, self.noise = labels, evidence, names, noise
        self.rng = np.random.default_rng([seed, sum(map(ord, arm))])
        order = np.random.default_rng(seed)  # folds are the seed's, whatever the arm
        self.fold = np.empty(len(labels), dtype=int)
        for label in range(len(classes)):
            own = order.permutation(np.flatnonzero(labels == label))
            self.fold[own] = np.arange(len(own)) % max(folds, 5)
        self.own = self.rng.normal(scale=noise, size=(len(labels), len(classes)))
        self.shift = self.rng.normal(
            scale=0.3, size=(max(folds, 5), len(classes))
        )  # models of folds are on scales of their own

    def logits(self, subjects: np.ndarray, fold: np.ndarray, evidence: Mapping[str, np.ndarray]) -> np.ndarray:
        """Of subjects (N,), by the models of folds (N,): (N, K). Fusions are too sure of themselves."""
        base = self.own[subjects] + self.shift[fold]
        total = sum((STRENGTHS[s] * evidence[s][subjects] for s in self.sources), start=base)
        return np.asarray(total) * (1.8 if self.arm in FUSIONS else 1.0)

    def table(self, scans: pd.DataFrame, chosen: np.ndarray, fold: np.ndarray) -> pd.DataFrame:
        """Predictions of four slices a scan of the chosen subjects (N,), by the models of folds (N,)."""
        number = {name: n for n, name in enumerate(self.names)}
        of = dict(zip(chosen.tolist(), fold.tolist(), strict=True))
        rows = []
        logits = dict(zip(chosen.tolist(), self.logits(chosen, fold, self.evidence), strict=True))
        for position, scan in enumerate(scans.itertuples()):
            n = number[str(scan.subject)]
            if n not in of:
                continue
            for slice_ in range(4):
                p = _softmax(logits[n] + self.rng.normal(scale=0.4, size=len(self.classes)))
                rows.append(
                    (position * 4 + slice_, scan.subject, scan.scan, 60 + slice_, of[n], int(self.labels[n]), *p)
                )
        return pd.DataFrame(
            rows,
            columns=["row", "subject", "scan", "slice", "fold", "label", *(f"p_{k}" for k in range(len(self.classes)))],
        )

    def tested(self) -> np.ndarray:
        return np.arange(len(self.labels)) if self.folds > 1 else np.flatnonzero(self.fold == 0)

    def aside(self, fold: int) -> np.ndarray:
        """A fifth of the fold's training subjects, of every class."""
        return np.flatnonzero(self.fold == (fold + 1) % max(self.folds, 5))

    def write(self, out: Path, scans: pd.DataFrame, *, validation: bool, ablations: bool) -> None:
        from fusekit.evaluation import Rule

        tested = self.tested()
        predictions = self.table(scans, tested, self.fold[tested])
        predictions.to_csv(out / "predictions.csv", index=False, lineterminator="\n")
        number = {name: n for n, name in enumerate(self.names)}
        self.scans = scans.assign(fold=[self.fold[number[name]] for name in scans["subject"]])
        self.scans.to_csv(out / "cohort.csv", index=False, lineterminator="\n")
        self._metrics(out, predictions)
        self.rule = Rule()
        if validation:
            parts = [self.table(scans, a, np.full(len(a), k)) for k in range(self.folds) for a in [self.aside(k)]]
            aside = pd.concat(parts)
            aside.to_csv(out / "validation.csv", index=False, lineterminator="\n")
            self.rule = Rule.fit(aside)
        if ablations:
            self._ablations().to_csv(out / "ablations.csv", index=False, lineterminator="\n")
        if self.arm in FUSIONS:
            rows = [
                (k, e, 0.7 * np.exp(-0.9 * e) + 0.02 * self.rng.random(), 1 - 0.45 * np.exp(-0.2 * e), 1e-4, 1.5, 900.0)
                for k in range(self.folds)
                for e in range(1, 9)
            ]
            columns = ["fold", "epoch", "loss", "accuracy", "lr", "seconds", "images_per_second"]
            pd.DataFrame(rows, columns=columns).to_csv(out / "history.csv", index=False, lineterminator="\n")

    def _metrics(self, out: Path, predictions: pd.DataFrame) -> None:
        """Values as they are; limits by Wilson's formula for all of them, which a bootstrap would take seconds for."""
        from fusekit.evaluation import Rule, probabilities_of, wilson
        from fusekit.extension import catalog

        scores = []
        for level, table in (("slice", predictions), ("subject", Rule().subjects(predictions))):
            subjects = int(table["subject"].nunique())
            for name in self.metrics:
                value = catalog().metrics.get(name)().value(table["label"].to_numpy(), probabilities_of(table))
                low, high = wilson(value, subjects)
                row = {"level": level, "metric": name, "value": value, "low": low, "high": high}
                scores.append({**row, "rows": len(table), "subjects": subjects})
        (out / "metrics.json").write_text(json.dumps({"synthetic": True, "scores": scores}, indent=2), encoding="utf-8")

    @property
    def metrics(self) -> tuple[str, ...]:
        if len(self.classes) == 2:
            return ("accuracy", "sensitivity", "specificity", "ppv", "npv", "auc")
        return ("accuracy", "balanced-accuracy", "macro-auc")

    def _ablations(self) -> pd.DataFrame:
        tested = self.tested()
        table = list(BLOCKS)
        conditions: dict[str, tuple[list[str], str]] = {
            "as-is": ([], ""),
            "image:drop": (["image"], "drop"),
            "image:permute": (["image"], "permute"),
            "table:drop": (table, "drop"),
            "table:permute": (table, "permute"),
            "both:drop": (["image", *table], "drop"),
            **{f"block:{block}:{how}": ([block], how) for block in BLOCKS for how in ("drop", "permute")},
            **{f"column:{c}:permute": ([b], "half") for b in BLOCKS for c in COLUMNS[b]},
            **{f"hidden:{k / 10:.1f}": (table, f"{k / 10:.1f}") for k in range(1, 10)},
        }
        rng, parts = np.random.default_rng([self.seed, 7]), []
        for condition, (changed, how) in conditions.items():
            evidence = {s: self._changed(e, how if s in changed else "", tested, rng) for s, e in self.evidence.items()}
            p = _softmax(self.logits(tested, self.fold[tested], evidence))
            part = pd.DataFrame(p, columns=[f"p_{k}" for k in range(len(self.classes))])
            part.insert(0, "label", self.labels[tested])
            part.insert(0, "subject", [self.names[n] for n in tested])
            part.insert(0, "condition", condition)
            part.insert(0, "fold", self.fold[tested])
            parts.append(part)
        return pd.concat(parts)

    def _changed(self, evidence: np.ndarray, how: str, tested: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Evidence (N, K) without it, with another subject's of the fold, or partly without it."""
        changed = evidence.copy()
        if how == "drop":
            changed[:] = 0
        elif how in ("permute", "half"):
            for fold in np.unique(self.fold[tested]):
                own = tested[self.fold[tested] == fold]
                changed[own] = evidence[rng.permutation(own)]
            if how == "half":
                changed = (changed + evidence) / 2
        elif how:
            changed[rng.random(len(evidence)) < float(how)] = 0
        return changed

    def explain(self, out: Path) -> None:
        """A disc with a hot spot, wherever the class is."""
        out.mkdir(parents=True)
        tested = np.flatnonzero(self.fold == 0)
        p = _softmax(self.logits(tested, self.fold[tested], self.evidence))
        right = p.argmax(axis=1) == self.labels[tested]
        chosen = [*np.flatnonzero(right)[:4], *np.flatnonzero(~right)[:4]]
        rows = [
            (i, self.names[tested[i]], f"{self.names[tested[i]]}-v0", 60, int(self.labels[tested[i]]), *p[i],
             int(p[i].argmax()), "right" if right[i] else "wrong")
            for i in chosen
        ]  # fmt: skip
        columns = [
            "row",
            "subject",
            "scan",
            "slice",
            "label",
            *(f"p_{k}" for k in range(len(self.classes))),
            "called",
            "kind",
        ]
        pd.DataFrame(rows, columns=columns).to_csv(out / "examples.csv", index=False, lineterminator="\n")
        y, x = np.mgrid[-1:1:64j, -1:1:64j]
        disc = ((y**2 + (x * 1.2) ** 2) < 0.8) * (120 + 60 * np.cos(6 * y) * np.cos(5 * x))
        hot = np.exp(-((y - 0.2) ** 2 + (x - 0.3) ** 2) / 0.05)
        np.save(out / "images.npy", np.stack([disc] * len(chosen)).astype(np.uint8))
        np.save(out / "grad_cam.npy", np.stack([hot] * len(chosen)).astype(np.float16))
        np.save(out / "mean_image.npy", np.stack([disc] * len(self.classes)).astype(np.uint8))
        np.save(out / "mean_map.npy", np.stack([hot] * len(self.classes)).astype(np.float16))
        rows = [
            (
                self.names[n],
                column,
                round(float(self.evidence[block][n, 1]), 3),
                round(float(self.evidence[block][n, 1] / 3), 4),
            )
            for n in tested
            for block in BLOCKS
            for column in COLUMNS[block]
        ]
        pd.DataFrame(rows, columns=["subject", "column", "value", "attribution"]).to_csv(
            out / "attributions.csv", index=False, lineterminator="\n"
        )

    def _model(self) -> dict[str, Any]:
        reads = {"image": "image" in self.sources, "encoder": "mlp" if set(self.sources) & set(BLOCKS) else None}
        return {"fusion": self.arm, "backbone": "resnet10t", "recipe": {**reads, "head": "concat"}}

    def manifest(
        self, synthetic: bool, validation: bool, published: list[dict[str, Any]], hostile: str, people: int
    ) -> dict[str, Any]:
        fusion, tested, numbered = self.arm in FUSIONS, self.tested(), list(enumerate(self.classes))
        findings = [{**finding, "message": hostile + str(finding["message"])} for finding in FINDINGS]
        return {
            "arm": self.arm,
            "kind": "fusion" if fusion else "baseline",
            "synthetic": synthetic,
            "config": {
                "task": "adni-ad", "fusion": self.arm, "backbone": "resnet10t", "epochs": 8, "batch_size": 16,
                "lr": 1e-4, "image_size": 64, "seed": self.seed, "folds": self.folds, "device": "auto",
                "precision": "32-true", "validation": 0.2 if validation else 0.0, "threshold": "argmax",
                "aggregate": "mean",
                "out": f"/home/somebody/runs/{self.arm}-seed-{self.seed}", "allow": [],
                "options": {"synthetic": {"subjects": 120}},
            },
            "task": {
                "name": "adni-ad",
                "title": "Alzheimer's disease or normal cognition, from MRI and biospecimens",
                "classes": list(self.classes),
                "metrics": list(self.metrics),
            },
            "slices": {"plane": "axial", "count": 4},
            **({"model": self._model()} if fusion else {}),
            "evaluation": {
                "folds": self.folds, "threshold": "argmax", **self.rule.as_json(),
                "validation": 0.2 if validation else 0.0,
                "epochs": {str(k): 8 for k in range(self.folds)} if fusion else {},
            },
            "flow": {
                "found": {"scans": len(self.scans) + 7 + 12, "subjects": len(self.labels) + 3 + 12},
                "dropped": [
                    {"reason": f"{hostile}scans whose visit has no diagnosis", "code": "scan-without-diagnosis",
                     "scans": 7, "subjects": 3},
                    {"reason": "subjects with mild cognitive impairment", "code": "other-diagnosis", "scans": None,
                     "subjects": 12},
                ],
                "kept": {"scans": len(self.scans), "subjects": len(self.labels), "slices": 4 * len(self.scans)},
                "folds": [
                    {"fold": k, "subjects": {c: int((self.labels[self.fold == k] == n).sum()) for n, c in numbered}}
                    for k in range(max(self.folds, 5))
                ],
            },
            "findings": findings,
            "published": published,
            "data": {
                "fingerprint": {"labels": f"{people:064x}", "clinical": "b" * 64, "slices": "c" * 64},
                "numbers": ["AGE"],
                "train": {c: {"subjects": 1} for c in self.classes},
                "test": {c: {"subjects": int((self.labels[tested] == n).sum())} for n, c in enumerate(self.classes)},
            },
            "versions": {"python": "3.12.3", "fusekit": "0.1.0", "torch": "2.9.0", "scikit-learn": "1.7.2"},
            "plugins": [{"name": "rbca", "distribution": "fusekit", "version": "0.1.0"}],
            "machine": {"device": "cpu", "device_name": "x86_64", "system": "Linux", "cores": 2, "threads": 1},
            "seconds": {"data": 1.0, "training": 12.0, "total": 13.0},
            "peak_memory_mib": 900,
        }  # fmt: skip


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))
