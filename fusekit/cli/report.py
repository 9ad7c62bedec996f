"""``fusekit report``."""

from pathlib import Path
from typing import Annotated

import typer

from fusekit.disk import read_json
from fusekit.terminal import Terminal, styled


def report(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...",
            help="Run folders of one cohort; a comparison's folder is all its runs.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for report.html and figures/. Default: the folder given, or `report` if several are."
        ),
    ] = None,
) -> None:
    """Write one page on runs of one cohort: scores, comparisons, figures, a checklist. No network.

    Built from run folders alone, without images or models. The same runs give the same bytes.
    """
    from fusekit.report.kept import PAGE, fingerprint, is_current, run_folders
    from fusekit.report.records import Manifest

    folders = [run for folder in runs for run in run_folders(folder)]
    target = out or (runs[0] if len(runs) == 1 else Path("report"))
    page = target / PAGE
    if not is_current(target, fingerprint(folders)):
        from fusekit.experiment.evidence import gather_evidence, write_report
        from fusekit.report.run import Run

        page = write_report(gather_evidence([Run(folder) for folder in folders], target), target)
    console = Terminal()
    if any(read_json(folder / "manifest.json", Manifest).get("synthetic") for folder in folders):
        console.print(styled(("SYNTHETIC cohort", "bold yellow"), ": nothing in the report is about patients."))
    lies = styled("The report lies in ", (page, "bold"), ", its figures in ", page.parent / "figures")
    console.print(lies, soft_wrap=True)
