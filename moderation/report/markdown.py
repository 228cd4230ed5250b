"""Figures in, the report for people to read out."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

__all__ = ["markdown"]

MEASURES: Final[Mapping[str, str]] = {
    "auc": "AUC",
    "average_precision": "AP",
    "false_alarms": "flagged, of the harmless",
    "f1": "F1",
    "f1_median": "F1, median",
    "f1_worst": "F1, worst",
    "f1_mean": "F1, mean",
    "ece_worst": "ECE at the base rate, worst set",
    "largest_shift": "largest change of a probability",
}
Rows = Iterable[Sequence[object]]


def markdown(figures: Mapping[str, Any], plots: Sequence[str] = ()) -> str:
    """Return the whole report as Markdown; `plots` are the pictures' paths beside it."""
    parts = [
        _opening(figures),
        _targets(figures),
        _pictures(plots),
        _sets(figures),
        _calibration(figures),
        _left_out(figures),
        _fairness(figures),
        _evasion(figures),
        _cascade(figures),
        _sources(figures),
        _gallery(figures),
    ]
    return "\n".join(part for part in parts if part)


def _opening(figures: Mapping[str, Any]) -> str:
    rows = [
        (name, one["kind"], one["version"], f"{one['comments_per_s']:,.0f}", ", ".join(one["labels"]))
        for name, one in figures["scorers"].items()
    ]
    rows += [(name, "skipped", reason, "", "") for name, reason in figures["skipped"].items()]
    sample = figures["sample"]
    lines = [
        "# Evaluation",
        "",
        (
            f"Intervals are 95 % by bootstrap ({figures['resamples']} resamples, seed {figures['seed']}). All "
            "scorers saw the same rows in the same run. Development sets are chosen and calibrated on, never "
            "fitted; of own sentences only the halves that nothing was fitted on count."
        ),
    ]
    if sample is not None:
        lines += ["", f"**Only a sample was measured: at most {sample} rows of a set.** Not figures to quote."]
    if figures["peer_rows"]:
        lines += [
            "",
            (
                f"The fitted peers learned from {figures['peer_rows']:,} of the base model's training rows, "
                "picked by digest."
            ),
        ]
    lines += ["", *_table(("scorer", "kind", "version", "comments/s", "labels"), rows), ""]
    return "\n".join(lines)


def _targets(figures: Mapping[str, Any]) -> str:
    rows = []
    for row in figures["targets"]:
        asked = row["target"]
        sign = "≤" if row["at_most"] else "≥"
        met = {None: "", True: "yes", False: "**no**"}[row["met"]]
        if row["met"] and not row["sure"]:
            met = "yes, not surely"
        rows.append(
            (
                row["label"],
                row["set"],
                MEASURES[row["measure"]],
                row["scorer"],
                "" if asked is None else f"{sign} {asked:g}",
                "not measured" if row["reached"] is None else _interval(row["reached"]),
                met,
            )
        )
    lines = [
        "## Targets",
        "",
        (
            "“Yes, not surely”: the value meets the target, its interval does not wholly. Trackback, spam "
            "and off-topic are fits of the same recipe without the blog or video; the shipped weights saw "
            "them all. The threshold behind each F1 is chosen on the other blogs or videos."
        ),
        "",
        *_table(("label", "set", "measure", "scorer", "target", "reached", "met"), rows),
        "",
    ]
    return "\n".join(lines)


def _pictures(plots: Sequence[str]) -> str:
    names = [plot.rpartition("/")[2].removesuffix(".png").replace("-", " ") for plot in plots]
    return "\n".join(f"![{name}]({plot})\n" for name, plot in zip(names, plots, strict=True))


def _sets(figures: Mapping[str, Any]) -> str:
    lines = ["## Every label on every set", ""]
    for name, one in figures["sets"].items():
        rows = [
            (
                label,
                scorer,
                row["n"],
                row["positives"],
                *(_interval(row.get(measure)) for measure in ("auc", "average_precision", "log_loss")),
                "" if row.get("threshold") is None else f"{row['threshold']:g}",
                *(_interval(row.get(measure)) for measure in ("precision", "recall", "f1")),
                _interval(figures["false_alarms"].get(name, {}).get(scorer, {}).get(label)),
            )
            for scorer, labels in one["scorers"].items()
            for label, row in labels.items()
        ]
        kind = f"{one['kind']}, {one['rows']} rows"
        artificial = "; its makers chose how many are a yes" if one["artificial"] else ""
        head = (
            "label",
            "scorer",
            "n",
            "yes",
            "AUC",
            "AP",
            "log loss",
            "threshold",
            "precision",
            "recall",
            "F1",
            "flagged",
        )
        lines += [f"### {name} ({kind}{artificial})", "", *_table(head, sorted(rows, key=lambda row: str(row[0]))), ""]
    return "\n".join(lines)


def _calibration(figures: Mapping[str, Any]) -> str:
    rows = [
        (
            row["label"],
            row["set"] + (" *" if row["artificial"] else ""),
            row["scorer"],
            f"{row['share_of_yes']:.1%}",
            _interval(row["as_it_is"]),
            f"{row['base_rate']:.1%}",
            _interval(row["natural"]),
        )
        for row in sorted(figures["calibration"], key=lambda row: (row["label"], row["kind"], row["set"]))
    ]
    if not rows:
        return ""
    head = ("label", "set", "scorer", "yes here", "ECE as it is", "base rate", "ECE at the base rate")
    return "\n".join(
        [
            "## Calibration",
            "",
            (
                "Probabilities are made for the base rate named. A set with another share of yes cannot fit "
                "them as it is (*: its makers chose the share), so the error is stated twice: as the set is, "
                "and with its answers weighed to the base rate. A resample's error leans high: chance adds "
                "to it."
            ),
            "",
            *_table(head, rows),
            "",
        ]
    )


def _left_out(figures: Mapping[str, Any]) -> str:
    if not figures["left_out"]:
        return ""
    lines = ["## Blogs and videos left out", ""]
    for name, one in figures["left_out"].items():
        trackback, spam, off_topic = one["trackback"], one["spam"], one["off_topic"]
        lines += [
            f"### {name}",
            "",
            (
                f"Trackback over all blogs: AUC {_interval(trackback['auc'])}; F1 median "
                f"{_interval(trackback['f1']['median'])}, worst {_interval(trackback['f1']['worst'])}. The "
                "worst's lower bound leans low: in every resample some blog is unlucky."
            ),
            "",
            *_table(
                ("blog", "comments", "trackbacks", "F1"),
                (
                    (blog, *trackback["counts"][blog], _interval(f1))
                    for blog, f1 in sorted(trackback["f1"]["groups"].items())
                ),
            ),
            "",
            (
                f"Spam, fitted on blogs alone and measured on videos: F1 {_interval(spam['across'])} at the "
                f"threshold chosen on blogs, AUC {_interval(spam['across_auc'])}; at the best threshold, "
                f"which nobody could know, F1 {spam['across_ceiling']:.3f}. With each video left out:"
            ),
            "",
            *_table(("video", "F1"), ((v, _interval(f1)) for v, f1 in sorted(spam["videos"]["groups"].items()))),
            "",
            (
                f"Off-topic ({off_topic['n']} comments, {off_topic['positives']} under a swapped article): "
                f"AUC {_interval(off_topic['auc'])}; by length alone {_interval(off_topic['length_only'])}."
            ),
            "",
            *_table(("blog", "AUC"), ((blog, _interval(auc)) for blog, auc in sorted(off_topic["blogs"].items()))),
            "",
        ]
    return "\n".join(lines)


def _fairness(figures: Mapping[str, Any]) -> str:
    lines = ["## Fairness", ""]
    for name, one in figures["fairness"].items():
        lines += [
            f"### {name}",
            "",
            (
                f"{one['terms']} terms in {one['neutral_templates']} neutral and {one['hostile_templates']} "
                "hostile sentences of our own. Subgroup: AUC within the term's sentences; BPSN: its neutral "
                "ones against the others' hostile ones (low: the name raises scores); BNSP: its hostile ones "
                "against the others' neutral ones."
            ),
            "",
            *_table(
                ("label", "measure", "median", "worst", "worst term"),
                (
                    (
                        label,
                        measure.upper() if measure != "subgroup" else "subgroup",
                        f"{row['median']:.3f}",
                        f"{row['worst']:.3f}",
                        row["worst_term"],
                    )
                    for label, measures in one["summary"].items()
                    for measure, row in measures.items()
                ),
            ),
            "",
        ]
        for label, biases in one["biases"].items():
            lines += [
                f"<details><summary>{label}, every term</summary>",
                "",
                *_table(
                    ("term", "subgroup", "BPSN", "BNSP"),
                    (
                        (b["group"], *(_interval(b[measure]) for measure in ("subgroup", "bpsn", "bnsp")))
                        for b in biases
                    ),
                ),
                "",
                "</details>",
                "",
            ]
        lines += [
            "Exchanging nothing but a name in a neutral sentence:",
            "",
            *_table(
                ("name of a", "label", "largest change", "from", "to", "mean change"),
                (
                    (
                        s["kind"],
                        s["label"],
                        f"{s['largest']:.3f}",
                        s["lowest_name"],
                        s["highest_name"],
                        f"{s['mean']:.3f}",
                    )
                    for s in one["shifts"]
                ),
            ),
            "",
            "Harmless mentions in news language that are flagged at the policy's thresholds:",
            "",
            *_table(
                ("sentences about", "label", "n", "flagged"),
                ((m["group"], m["label"], m["n"], _interval(m["flagged"])) for m in one["mentions"]),
            ),
            "",
        ]
    return "\n".join(lines)


def _evasion(figures: Mapping[str, Any]) -> str:
    rows = [
        (
            row["label"],
            row["dataset"],
            row["kind"],
            row["scorer"],
            row["n"],
            _interval(row["auc_before"]),
            _interval(row["auc_after"]),
            _interval(row["found_before"]),
            _interval(row["found_after"]),
        )
        for row in figures["evasion"]
    ]
    if not rows:
        return ""
    head = ("label", "set", "disguise", "scorer", "changed", "AUC before", "after", "found before", "after")
    return "\n".join(
        [
            "## Evasion",
            "",
            (
                "Telling words of the texts with a yes are disguised; measured are the texts that this "
                "changes, against every no of the set as it was written. Found: at or above the policy's "
                "threshold."
            ),
            "",
            *_table(head, rows),
            "",
        ]
    )


def _cascade(figures: Mapping[str, Any]) -> str:
    found = figures["cascade"]
    if not found:
        return ""
    rows = [
        (
            "all" if row["width"] is None else f"{row['width']:g}",
            f"{row['share']:.1%}",
            f"{row['comments_per_s']:,.0f}",
            "" if row["errors"] is None else f"{row['errors']:.3f}",
            f"{row['mean_auc']:.4f}",
            *(f"{row[key]:.3f}" for key in found["keys"]),
        )
        for row in found["curve"]
    ]
    width = "all" if found["width"] is None else f"{found['width']:g}"
    return "\n".join(
        [
            "## Cascade",
            "",
            (
                "The fast tier scores everything; what lies within a band around the policy's threshold "
                "(in logits) is scored again by the accurate tier. Errors: what those at the thresholds cost at the "
                "base rates, as a part of the fast tier's, mean over sets. The knee of the curve is at "
                f"**{width}**: the width whose gain in errors lies furthest above its cost (logarithm of "
                "seconds a comment), both scaled between the ends. The share is the mean over these sets, "
                "which hold more hard cases than a site does. The shipped cascade has a width for each label, chosen "
                "with the share of comments as they come; they are on the card."
            ),
            "",
            *_table(("width", "scored again", "comments/s", "errors", "mean AUC", *found["keys"]), rows),
            "",
        ]
    )


def _sources(figures: Mapping[str, Any]) -> str:
    rows = [
        (label, source, row["n"], row["positives"], _interval(row.get("auc")), _interval(row.get("ece")))
        for labels in figures["card"].values()
        for label, one in labels.items()
        for source, row in [("**all, pooled**", one["left_out_pooled"]), *sorted(one["left_out"].items())]
        if row.get("auc") is not None
    ]
    if not rows:
        return ""
    return "\n".join(
        [
            "## Each source left out",
            "",
            "From the model's card: the same recipe, fitted without the source.",
            "",
            *_table(("label", "source", "n", "yes", "AUC", "ECE"), rows),
            "",
        ]
    )


def _gallery(figures: Mapping[str, Any]) -> str:
    if not figures["gallery"]:
        return ""
    lines = [
        "## Worst errors",
        "",
        (
            "The surest mistakes on development sets. Texts are masked: ▇ a letter, # a digit, • another "
            "sign, ⏎ a new line; `group` is the set's own finer label."
        ),
        "",
    ]
    found: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for one in figures["gallery"]:
        found.setdefault((one["label"], one["dataset"], one["scorer"]), []).append(one)
    for (label, dataset, scorer), mistakes in sorted(found.items()):
        rows = [
            ("yes" if one["answer"] else "no", f"{one['probability']:.3f}", one["group"], one["words"], one["masked"])
            for one in mistakes
        ]
        lines += [
            f"### {label} on {dataset}, {scorer}",
            "",
            *_table(("answer", "probability", "group", "words", "shape"), rows),
            "",
        ]
    return "\n".join(lines)


def _interval(value: Mapping[str, float] | None) -> str:
    return "" if value is None else f"{value['value']:.3f} ({value['low']:.3f} to {value['high']:.3f})"


def _table(head: Sequence[str], rows: Rows) -> list[str]:
    return [_line(head), "|" + "---|" * len(head), *(_line(row) for row in rows)]


def _line(cells: Sequence[object]) -> str:
    escaped = (
        str(cell).replace("\\", "\\\\").replace("|", "\\|").replace("`", "\\`").replace("<", "&lt;").replace("\n", " ")
        for cell in cells
    )
    return f"| {' | '.join(escaped)} |"
