"""Tiers, peers and data sets in, one report out: Markdown, JSON, plots and masked errors, every figure from one run."""

import json
from pathlib import Path

from moderation.errors import InputError
from moderation.report.gallery import mask
from moderation.report.markdown import markdown
from moderation.report.peers import ROWS
from moderation.report.plots import draw
from moderation.report.run import Extras, Options, Peers, Report, fit_peers, measure
from moderation.report.sets import Scorer

__all__ = ["ROWS", "Extras", "Options", "Peers", "Report", "Scorer", "fit_peers", "mask", "measure", "write"]


def write(report: Report, folder: Path) -> list[Path]:
    """Write `report.md`, `report.json` and `plots/` into `folder` and return the files; what is there is replaced."""
    try:
        names = draw(report.figures, report.curves, folder / "plots")
        text = markdown(report.figures, [f"plots/{name}" for name in names])
        values = json.dumps(report.figures, ensure_ascii=False, indent=1, allow_nan=False)
        (folder / "report.md").write_text(text, "utf-8")
        (folder / "report.json").write_text(values + "\n", "utf-8")
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror}); give another folder") from error
    return [folder / "report.md", folder / "report.json", *(folder / "plots" / name for name in names)]
