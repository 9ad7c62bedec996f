"""Does a fusion learn that the table decides which image sign matters? SYNTHETIC: docs/explanation/rbca-light.md.

    python -m benchmarks.interaction --out interaction --arms main --sizes 150,300,600,1200 --seeds 0,1,2
    python -m benchmarks.interaction --out interaction --arms ablation --sizes 1200 --seeds 0,1,2
    python -m benchmarks.interaction --out where --cohort where --arms zoo --sizes 600 --seeds 0,1,2
    python -m benchmarks.interaction --out narrow --recipe narrow --arms zoo --seeds 0,1,2

Every finished training is a row of ``trainings.csv`` and a file of scores. The same command resumes where it was
interrupted, and prints, writes and draws a summary of what is there each time (``--arms none``: only that).

In people with a marker, wide ventricles (V) mean disease; in people without it, wide temporal horns (H) do. With
``--cohort where``, wide horns of the left side do, or of the right: the same sign, at the place that the table says.
Every choice (people, batch, learning rate, network, steps) was made before any of its test scores was looked at, and is
the same for all arms.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.special import expit
from torch import nn

from benchmarks.interaction.arms import ABLATION, ARMS, MAIN, ZOO, build_arm
from benchmarks.interaction.people import COLUMNS, SIGNS, People, draw_people
from benchmarks.interaction.recipes import BATCH, LR, RECIPES, train
from fusekit.evaluation.delong import Areas, areas, logit_interval, mean_areas
from fusekit.models import channels_last
from fusekit.report.drawing.palette import BLACK, GREY, arm_styles

#: People of the test, whom no training sees, and the seed that they are drawn from; trainings have seeds below it.
TEST, TEST_SEED = 600, 1000


@torch.no_grad()
def scores_of(model: nn.Module, people: People) -> np.ndarray:
    """Log odds (N,)."""
    parts = [
        model(channels_last(image), columns)
        for image, columns in zip(people.image.split(100), people.columns.split(100), strict=True)
    ]
    logits = torch.cat(parts).double()
    return (logits[:, 1] - logits[:, 0]).numpy()


def run_all(asked: argparse.Namespace, test: People) -> None:
    """Train what is asked for and not there yet."""
    asked.out.joinpath("scores").mkdir(exist_ok=True)
    log = asked.out / "trainings.csv"
    for seed in asked.seeds:
        for size in asked.sizes:
            people = draw_people(seed, size, asked.cohort)
            for arm in asked.arms:
                path = asked.out / "scores" / f"{arm}-{size}-{seed}.npy"
                if path.exists():
                    continue
                torch.manual_seed(seed)
                model = build_arm(arm, asked.recipe, COLUMNS)
                start = time.process_time()
                train(model, people, asked.recipe, seed, mirror=asked.cohort == "which")
                row = {
                    "arm": arm, "subjects": size, "seed": seed, "backbone": asked.recipe.backbone,
                    "steps": asked.recipe.steps,
                    "train_auc": round(auc(people, scores_of(model, people)), 4),
                    "cpu_seconds": round(time.process_time() - start, 1),
                    "parameters": sum(p.numel() for p in model.parameters()),
                }  # fmt: skip
                found = scores_of(model, test)
                new = not log.exists()
                with log.open("a", newline="") as file:
                    writer = csv.DictWriter(file, row | {"test_auc": 0})
                    if new:
                        writer.writeheader()
                    writer.writerow(row | {"test_auc": round(auc(test, found), 4)})
                np.save(path, found)  # last: what is there was logged
                print(*row.values(), f"{auc(test, found):.4f}", flush=True)


def auc(people: People, scores: np.ndarray) -> float:
    return float(areas(people.label.numpy() == 1, scores[None]).area[0])


def oracles(test: People) -> dict[str, np.ndarray]:
    """Scores of who knows the truth, or a part of it; none of them can be a model's."""
    with_, without = (test.log_odds(np.full(len(test.label), marker)) for marker in (1, -1))
    return {
        "oracle": test.log_odds(test.columns[:, 0].numpy()),
        "oracle without the marker": expit(with_) + expit(without),
        "main effect alone": test.columns[:, 1].numpy(),
    }


def summarise(asked: argparse.Namespace, test: People) -> dict[str, Any]:
    """AUCs averaged over seeds with DeLong's interval, paired differences from rbca-light, and every single AUC."""
    cases = test.label.numpy() == 1
    summary: dict[str, Any] = {
        "SYNTHETIC": True, **asked.recipe._asdict(), "batch": BATCH, "lr": LR,
        "test_subjects": TEST, "cases": int(cases.sum()), "oracles": {}, "arms": [], "differences": [],
    }  # fmt: skip
    for name, values in oracles(test).items():
        summary["oracles"][name] = interval(areas(cases, values[None]))
    found: dict[tuple[int, str], dict[int, Areas]] = {}
    for path in sorted((asked.out / "scores").glob("*.npy")):
        arm, size, seed = path.stem.rsplit("-", 2)
        found.setdefault((int(size), arm), {})[int(seed)] = areas(cases, np.load(path)[None])
    for (size, arm), seeds in sorted(found.items(), key=lambda item: (item[0][0], list(ARMS).index(item[0][1]))):
        row = {"subjects": size, "arm": arm, **interval(mean_areas(list(seeds.values())))}
        summary["arms"].append(row | {"seeds": {seed: float(one.area[0]) for seed, one in sorted(seeds.items())}})
        light = found.get((size, "rbca-light"), {})
        both = sorted(seeds.keys() & light.keys())
        if arm != "rbca-light" and both:
            mean = [mean_areas([of[seed] for seed in both]) for of in (light, seeds)]
            difference = float(mean[0].area[0] - mean[1].area[0])
            half = 1.96 * float(np.sqrt(((mean[0].parts - mean[1].parts) ** 2).sum()))
            bounds = {"low": difference - half, "high": difference + half}
            of_seeds = {seed: float(light[seed].area[0] - seeds[seed].area[0]) for seed in both}
            row = {"subjects": size, "arm": arm, "light_minus_arm": difference, **bounds, "seeds": of_seeds}
            summary["differences"].append(row)
    return summary


def interval(found: Areas) -> dict[str, float]:
    low, high = logit_interval(float(found.area[0]), float(found.covariance[0, 0]))
    return {"auc": float(found.area[0]), "low": low, "high": high}


def show(summary: dict[str, Any]) -> None:
    """One table."""

    def cell(row: dict[str, Any]) -> str:
        return f"{row['auc']:.3f} ({row['low']:.3f} to {row['high']:.3f})"

    differences = {(row["subjects"], row["arm"]): row for row in summary["differences"]}
    print("\n| training subjects | arm | test AUC (95 % CI) | of each seed | rbca-light minus arm (95 % CI) |")
    print("|---|---|---|---|---|")
    for name, row in summary["oracles"].items():
        print(f"| | {name} | {cell(row)} | | |")
    for row in summary["arms"]:
        seeds = ", ".join(f"{value:.3f}" for value in row["seeds"].values())
        other = differences.get((row["subjects"], row["arm"]))
        less = f"{other['light_minus_arm']:+.3f} ({other['low']:+.3f} to {other['high']:+.3f})" if other else ""
        print(f"| {row['subjects']} | `{row['arm']}` | {cell(row)} | {seeds} | {less} |")


def draw(summary: dict[str, Any], path: Path) -> None:
    """AUC against training subjects."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.add_subplot()
    sizes = sorted({row["subjects"] for row in summary["arms"] if row["arm"] in MAIN})
    for k, (arm, style) in enumerate(arm_styles(MAIN, MAIN).items()):
        rows = [row for row in summary["arms"] if row["arm"] == arm]
        at = np.array([row["subjects"] for row in rows]) * 1.03 ** (k - 1)  # apart, so that intervals can be seen
        mean, low, high = (np.array([row[name] for row in rows]) for name in ("auc", "low", "high"))
        look: dict[str, Any] = {"color": style.colour, "linestyle": style.line, "marker": style.marker}
        axes.errorbar(at, mean, (mean - low, high - mean), capsize=3, label=arm, **look)
        for x, row in zip(at, rows, strict=True):
            ones = list(row["seeds"].values())
            axes.plot([x] * len(ones), ones, "_", color=style.colour, alpha=0.5)
    for (name, row), colour in zip(summary["oracles"].items(), (BLACK, GREY, GREY), strict=True):
        axes.axhline(row["auc"], color=colour, linewidth=1, linestyle=":" if name.startswith("main") else "-")
        axes.annotate(name, (1.01, row["auc"]), xycoords=("axes fraction", "data"), va="center", fontsize=8)
    axes.set_xscale("log", base=2)
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.set_xlabel("training subjects")
    axes.set_ylabel(f"test AUC, {summary['test_subjects']} other subjects")
    axes.set_title("SYNTHETIC: a marker decides which of two image signs means disease", fontsize=10)
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Train, summarise, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    numbers = {"type": lambda text: [int(part) for part in text.split(",")]}
    parser.add_argument("--out", type=Path, required=True, help="folder of this benchmark's people, scores and tables")
    parser.add_argument("--arms", default="main", help=f"main, ablation, zoo, none, or some of {', '.join(ARMS)}")
    parser.add_argument("--cohort", default="which", choices=list(SIGNS), help="which sign matters, or where it lies")
    parser.add_argument("--sizes", default=[150, 300, 600, 1200], help="training subjects", **numbers)
    parser.add_argument(
        "--seeds", default=[0, 1, 2], help="each draws its own training subjects and weights", **numbers
    )
    parser.add_argument("--recipe", default="plain", choices=list(RECIPES), help="how every arm is trained")
    parser.add_argument("--steps", type=int, help=f"steps of {BATCH} subjects, the same at every size")
    parser.add_argument("--backbone", help="test_resnet is timm's smallest; resnet18, resnet50, ...")
    asked = parser.parse_args()
    groups = {"main": MAIN, "ablation": ABLATION, "zoo": ZOO, "none": ()}
    asked.arms = groups.get(asked.arms, asked.arms.split(","))
    torch.set_num_threads(1)
    asked.out.mkdir(parents=True, exist_ok=True)
    given = {name: value for name in ("steps", "backbone") if (value := getattr(asked, name)) is not None}
    asked.recipe = RECIPES[asked.recipe]._replace(**given)
    settings = {**asked.recipe._asdict(), "cohort": asked.cohort}
    kept = asked.out / "settings.json"
    if kept.exists() and json.loads(kept.read_text()) != settings:
        parser.error(f"{asked.out} holds trainings with {kept.read_text().strip()}: choose another --out.")
    kept.write_text(json.dumps(settings) + "\n")
    test = draw_people(TEST_SEED, TEST, asked.cohort)
    if asked.arms:
        run_all(asked, test)
    summary = summarise(asked, test)
    show(summary)
    (asked.out / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    draw(summary, asked.out / "interaction.svg")


if __name__ == "__main__":
    main()
