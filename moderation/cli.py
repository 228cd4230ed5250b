"""Words typed in a terminal in, the jobs done and their results shown out: one command per job.

Results go to standard output, everything else (progress, summaries, what was lost) to standard error. An error that a
user can do something about is one line and exit 1, a wrong use exit 2, Ctrl-C exit 130.

Libraries are imported where they are used, so that `--help` and completion do not wait for pandas.
"""
# ruff: noqa: PLC0415 - see above

import contextlib
import math
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

import moderation
from moderation.errors import InputError, ModelError, ModerationError
from moderation.labels import FLAGS, LABELS, ROLES, TAXONOMY
from moderation.settings import Settings, check_files, seed_page, seeds_folder, settings_from, shipped_models

if TYPE_CHECKING:
    import pandas as pd

    from moderation.classifier import Explanation
    from moderation.finetuning import Tuned
    from moderation.jobs import Scored
    from moderation.learning import Checks
    from moderation.policy import Policy
    from moderation.readers import LossReport
    from moderation.recipe import Trained
    from moderation.registry import Registry
    from moderation.store import Store
    from moderation.tiers import Scorer

__all__ = ["app", "main"]

TITLES: Final = {label.name: label.title for label in TAXONOMY}
PACKAGE: Final = Path(__file__).resolve().parent
HOST: Final = "127.0.0.1"
PORT: Final = 8501

app = typer.Typer(
    name="moderation",
    help="Moderate comments: read any export, score on a CPU, triage by keyboard, learn from every decision.",
    epilog="Where things are kept: MODERATION_HOME (a folder), MODERATION_STORE (a file or PostgreSQL URL), "
    "MODERATION_POLICY (a TOML file). Who is at the keys: MODERATION_MODERATOR.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # its frames would show comments
    context_settings={"help_option_names": ["-h", "--help"]},
)

FormatOption = Annotated[
    str | None, typer.Option("--format", metavar="NAME", help="Read as this format instead of looking at the content.")
]
MapOption = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="OURS=THEIRS", help="A column's name in the file, e.g. text=body. May be repeated."),
]
PersonalOption = Annotated[
    bool,
    typer.Option("--keep-personal-data", help="Keep e-mail and IP addresses that stand as an author's name or link."),
]
PolicyOption = Annotated[
    Path | None, typer.Option("--policy", metavar="FILE", help="Decide by this policy (TOML) instead.")
]
ModelOption = Annotated[
    str | None, typer.Option("--model", metavar="VERSION", help="Use this version instead of the champion.")
]
SiteOption = Annotated[
    str | None,
    typer.Option("--site", metavar="NAME", help="Keep the ids of this site apart from those of others in one store."),
]
TierOption = Annotated[
    str | None,
    typer.Option(
        "--tier",
        metavar="NAME",
        help="fast, accurate, or cascade: accurate where fast is unsure. "
        "Default: fast for an export, MODERATION_TIER for the store.",
    ),
]
WorkersOption = Annotated[int, typer.Option(min=1, help="Score in this many threads.")]
DaskOption = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="Score on the Dask cluster whose scheduler is at this address.")
]
ChunkOption = Annotated[int, typer.Option(min=1, help="Comments held at a time by each worker.")]
ReasonOption = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why; kept with the promotion.")]
SeedOption = Annotated[int, typer.Option(help="Seed of the intervals around the numbers.")]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line (`arguments`, or this process's); `ModerationError` is one line and exit 1."""
    _keep_what_is_compiled()
    try:
        app(None if arguments is None else list(arguments), prog_name="moderation")
    except ModerationError as error:
        print(f"moderation: {_plain(str(error))}", file=sys.stderr)
        sys.exit(1)


def _keep_what_is_compiled() -> None:
    # The kernels are compiled once and kept beside the source; where that cannot be written to (installed for a whole
    # system, run by a service without a home folder), in this installation's own folder.
    if not os.access(PACKAGE, os.W_OK):
        os.environ.setdefault("NUMBA_CACHE_DIR", str(settings_from().home / "compiled"))


# --- Options shared by all commands ----------------------------------------------------------------------------------


def _version(wanted: bool) -> None:
    if wanted:
        print(f"moderation {moderation.__version__}")
        raise typer.Exit


@app.callback()
def _all(
    version: Annotated[  # acts when it is read
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    pass


# --- Commands: triage ------------------------------------------------------------------------------------------------


@app.command("app", epilog="Example: moderation app --port 8600", rich_help_panel="Jobs")
def app_command(
    host: Annotated[str, typer.Option(help="Address to listen on. The desk asks nobody for a password.")] = HOST,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = PORT,
) -> None:
    """Open the review desk in a web browser: queue, decisions by keyboard, batch scoring, retraining."""
    _open_desk(host, port)


def _open_desk(host: str, port: int) -> None:
    try:
        from moderation.desk import serve
    except ImportError as error:
        raise InputError(f"the desk needs {error.name}; pip install comment-moderation") from error
    shown = f"[{host}]" if ":" in host else host
    _say(f"review desk: http://{shown}:{port} (Ctrl-C ends it)")
    serve(host, port)


# --- Commands: ingest and score --------------------------------------------------------------------------------------


@app.command(epilog="Example: moderation ingest export.csv page.txt --map text=body", rich_help_panel="Jobs")
def ingest(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Exports or saved pages, packed or not, or folders of them.")
    ],
    *,
    format: FormatOption = None,  # noqa: A002 - the option's name
    map: MapOption = None,  # noqa: A002 - the option's name
    keep_personal_data: PersonalOption = False,
    site: SiteOption = None,
) -> None:
    """Read exports into the store. What is there already stays as it is; running it twice changes nothing.

    What the export's own moderators had decided is kept as imported truth: it is learned from, and reviews outrank it.
    """
    columns = _columns(map)
    from moderation import jobs

    with _store() as store, _progress("bytes") as progress:
        found = [
            one
            for path in paths
            for one in jobs.ingest(
                [path],
                store,
                at=_now(),
                format=format,
                columns=columns,
                keep_personal_data=keep_personal_data,
                site=site,
                progress=progress,
            )
        ]
    table = Table("file", "format", "new", "known", "status changed", "judged", "lost", box=None, pad_edge=False)
    for column in table.columns[2:]:
        column.justify = "right"
    for one in found:
        added = one.added
        numbers = (added.comments_new, added.comments_known, added.statuses_changed, one.judged, one.loss.lost)
        table.add_row(_text(Path(one.path).name), one.format, *(f"{number:,}" for number in numbers))
    _console().print(table)
    for one in found:
        _show_loss(one.loss, one.path)


@app.command(epilog="Example: moderation convert export.xml.gz -o comments.parquet", rich_help_panel="Jobs")
def convert(
    export: Annotated[
        Path, typer.Argument(metavar="IN", help="An export or saved page, packed or not, or a folder of them.")
    ],
    *,
    out: Annotated[
        str,
        typer.Option(
            "-o", "--out", metavar="FILE", help="Where to: .parquet, .jsonl, .csv or .tsv; - is CSV to standard output."
        ),
    ],
    format: FormatOption = None,  # noqa: A002 - the option's name
    map: MapOption = None,  # noqa: A002 - the option's name
    keep_personal_data: PersonalOption = False,
    site: SiteOption = None,
) -> None:
    """Write any export as one plain table: a comment a row, its article's fields and what is true of it beside it."""
    columns = _columns(map)
    from moderation import jobs

    with _progress("bytes") as progress:
        done = jobs.convert(
            export,
            None if out == "-" else Path(out),
            format=format,
            columns=columns,
            keep_personal_data=keep_personal_data,
            site=site,
            progress=progress,
        )
    _say(f"{done.rows:,} comments, read as {done.format}")
    _show_loss(done.loss, str(export))


@app.command(epilog="Example: moderation export --for wp-cli -o decisions.sh", rich_help_panel="Jobs")
def export(
    system: Annotated[
        str, typer.Option("--for", metavar="SYSTEM", help="wp-cli, wordpress-rest, youtube, disqus or discourse.")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FILE", help="Where to.")],
    decided_by: Annotated[
        str,
        typer.Option(
            metavar="WHO", help="people: standing answers only; policy: its decisions too, where there is none."
        ),
    ] = "people",
    site: SiteOption = None,
) -> None:
    """Write the store's decisions as the file that a comment system takes them back in. Nothing is sent."""
    if decided_by not in ("people", "policy"):
        raise typer.BadParameter(f"{decided_by!r} is neither people nor policy", param_hint="'--decided-by'")
    from moderation import jobs

    with _store(create=False) as store:
        done = jobs.export(store, system, out, decided_by_policy=decided_by == "policy", site=site)
    counts = ", ".join(f"{count:,} {verdict}" for verdict, count in done.written.items())
    _say(f"{counts}: {out}")
    if done.left_out:
        _say(f"{done.left_out:,} decisions about comments from elsewhere are left out")


@app.command(
    epilog="Examples: moderation score export.csv -o scored.parquet · moderation score page.txt -o - | head · "
    "moderation score (the store)",
    rich_help_panel="Jobs",
)
def score(
    export: Annotated[
        Path | None, typer.Argument(metavar="[EXPORT]", help="An export or saved page; without it, the store.")
    ] = None,
    *,
    out: Annotated[
        str | None,
        typer.Option(
            "-o", "--out", metavar="FILE", help="Where to: .parquet, .csv or .jsonl; - is CSV to standard output."
        ),
    ] = None,
    format: FormatOption = None,  # noqa: A002 - the option's name
    map: MapOption = None,  # noqa: A002 - the option's name
    policy: PolicyOption = None,
    model: ModelOption = None,
    tier: TierOption = None,
    workers: WorkersOption = 1,
    dask: DaskOption = None,
    chunk_rows: ChunkOption = 5000,
) -> None:
    """Score an export into a table: id, a column per label, decision, reasons, model; or score what the store holds.

    The rows keep the order and the ids of the export. Without EXPORT, every comment in the store that the model has
    not scored is scored, and every one that the policy has not decided is decided.
    """
    columns = _columns(map)
    if export is None and out is not None:
        raise typer.BadParameter("is for an export; name one, or leave -o out to score the store", param_hint="'-o'")
    if export is not None and out is None:
        raise typer.BadParameter(
            "say where to: -o scored.parquet (or .csv, .jsonl), or -o - for CSV to standard output",
            param_hint="'-o'",
        )
    from moderation import jobs

    settings = settings_from()
    rules = _policy(settings, policy)
    classifier = _scorer(settings, model, tier, rules, store=export is None)
    if export is None:
        if format is not None or columns:
            raise typer.BadParameter("is for an export; name one", param_hint="'--format' / '--map'")
        with _store() as store, _progress("comments") as progress:
            scored = jobs.score_store(
                store,
                classifier,
                rules,
                at=_now(),
                chunk_rows=chunk_rows,
                workers=workers,
                dask=dask,
                shadow=settings.policies.shadow() if policy is None else None,
                progress=progress,
            )
    else:
        with _progress("bytes") as progress:
            scored = jobs.score_file(
                export,
                None if out == "-" else Path(str(out)),
                classifier,
                rules,
                at=_now(),
                format=format,
                columns=columns,
                chunk_rows=chunk_rows,
                workers=workers,
                dask=dask,
                progress=progress,
            )
    _show_scored(scored)
    if scored.loss is not None:
        _show_loss(scored.loss, str(export))


@app.command(epilog="Example: moderation explain seed:1 --label spam", rich_help_panel="Jobs")
def explain(
    comment: Annotated[str, typer.Argument(metavar="ID", help="A comment in the store.")],
    label: Annotated[
        str | None, typer.Option(metavar="NAME", help=f"One of {', '.join(LABELS)}; default: the strongest flag.")
    ] = None,
    model: ModelOption = None,
    tier: TierOption = None,
) -> None:
    """Show how one comment of the store is scored, and what made the score."""
    from moderation import jobs
    from moderation.lookalikes import LookAlikes

    settings = settings_from()
    classifier = _scorer(settings, model, tier, _policy(settings))
    with _store(create=False) as store:
        batch = store.batch([comment])
        earlier = jobs.context_in(store, batch)
        alike = LookAlikes(store).nearest(classifier, comment)
    scores = classifier.score(batch, earlier)
    asked = label or _strongest_flag(scores.iloc[0], jobs.thresholds_of(_policy(settings_from())))
    table = Table("label", "probability", box=None, pad_edge=False)
    for name in LABELS:
        table.add_row(TITLES[name], _probability(scores[name].iloc[0]), style="bold" if name == asked else None)
    _console(sys.stdout).print(table)
    explanation = classifier.explain(batch, asked, earlier)[0]
    parts = Table("weight", "what", box=None, pad_edge=False)
    words, others = _telling_parts(str(batch.comments["text"].iloc[0]), explanation)
    for what, weight in _strongest(words | others, 12):
        parts.add_row(f"{weight:+.2f}", _text(what))
    _console(sys.stdout).print(f"\n{TITLES[asked]}: {explanation.logit:+.2f} as a logit, from", markup=False)
    _console(sys.stdout).print(parts)
    if alike:
        table = Table("decided", "comment", "alike", "begins", box=None, pad_edge=False)
        for one in alike:
            action = {"approve": "approved", "reject": "rejected"}[one.action]
            table.add_row(action, _text(one.id), f"{one.likeness:.2f}", _text(_shortened(one.text, 48)))
        _console(sys.stdout).print("\nnearest that people decided about", markup=False)
        _console(sys.stdout).print(table)


# --- Commands: learning ----------------------------------------------------------------------------------------------


@app.command(epilog="Example: moderation retrain && moderation models", rich_help_panel="Jobs")
def retrain(seed: SeedOption = 0) -> None:
    """Fit a candidate from all reviews that stand and measure it beside the champion. Nothing is promoted."""
    from moderation import jobs

    settings = settings_from()
    rules, registry = _policy(settings), _registry(settings)
    with _store(create=False) as store, _progress("steps") as progress:
        trained = jobs.retrain(
            store,
            registry,
            _checks(),
            at=_now(),
            seed=seed,
            tier=settings.tier,
            thresholds=jobs.thresholds_of(rules),
            progress=progress,
        )
    _show_candidate(registry, trained.version)


@app.command(
    epilog="Example: moderation forget --comment blog:17 --reason 'asked by its author'", rich_help_panel="Models"
)
def forget(
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept with the withdrawal.")],
    comment: Annotated[
        list[str] | None, typer.Option("--comment", metavar="ID", help="All reviews of this comment. May be repeated.")
    ] = None,
    moderator: Annotated[
        list[str] | None, typer.Option("--moderator", metavar="NAME", help="All reviews by this moderator.")
    ] = None,
    review: Annotated[
        list[int] | None, typer.Option("--review", metavar="NUMBER", help="This review. May be repeated.")
    ] = None,
) -> None:
    """Withdraw reviews from learning and fit the candidate that never saw them, byte for byte.

    What the reviews decided stays decided. Promote the candidate to put it in force.
    """
    if not (comment or moderator or review):
        raise typer.BadParameter("say which: --comment, --moderator or --review", param_hint="'--comment'")
    if not reason.strip():
        raise typer.BadParameter("is empty; write why", param_hint="'--reason'")
    from moderation import jobs

    settings = settings_from()
    rules, registry = _policy(settings), _registry(settings)
    with _store(create=False) as store:
        wanted = set(review or ())
        for one in comment or ():
            wanted.update(_answers(store.reviews(standing=False, comment_id=one)))
        for one in moderator or ():
            wanted.update(_answers(store.reviews(standing=False, moderator=one)))
        if not wanted:
            raise InputError("forget: no review fits; check the ids and names")
        with _progress("steps") as progress:
            trained = jobs.forget(
                store,
                registry,
                _checks(),
                wanted,
                by=settings.moderator,
                reason=reason,
                at=_now(),
                tier=settings.tier,
                thresholds=jobs.thresholds_of(rules),
                progress=progress,
            )
    _say(f"{len(wanted)} reviews withdrawn from learning")
    if trained is None:
        default = registry.default()
        _say(f"no review is left, so the model that never saw them is the shipped one: {default}")
        if registry.champion() != default:
            _say(f"put it in force: moderation promote {default} --reason '...'")
    else:
        _show_candidate(registry, trained.version)


@app.command(epilog="Examples: moderation models · moderation models site-0001-1a2b3c4d", rich_help_panel="Models")
def models(
    version: Annotated[str | None, typer.Argument(metavar="[VERSION]", help="Show this one's numbers.")] = None,
) -> None:
    """List the model versions, the champion marked; or show how one version measured."""
    registry = _registry(settings_from())
    if version is not None:
        _show_card(registry, version)
        return
    champion = registry.champion()
    table = Table("", "version", "made", "learned from", "worse on", box=None, pad_edge=False)
    for name in registry.versions():
        card = registry.card(name)
        learned = card.get("reviews", {}).get("comments")
        table.add_row(
            "*" if name == champion else "",
            name,
            str(card.get("created_at", ""))[:10],
            "public data" if learned is None else f"{learned:,} reviewed comments",
            _text(", ".join(card.get("worse", ()))),
        )
    _console(sys.stdout).print(table)


@app.command(
    epilog="Example: moderation promote site-0001-1a2b3c4d --reason 'spam matters more to us'",
    rich_help_panel="Models",
)
def promote(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="As `moderation models` lists it.")],
    reason: ReasonOption = None,
) -> None:
    """Make a version the champion. One that is worse on the same holdout needs a written reason."""
    settings = settings_from()
    registry = _registry(settings)
    registry.promote(version, by=settings.moderator, reason=reason, at=_now())
    _say(f"champion: {registry.champion()}; score what is there with it: moderation score")


@app.command(epilog="Example: moderation rollback --reason 'too many false alarms'", rich_help_panel="Models")
def rollback(reason: ReasonOption = None) -> None:
    """Make the champion before the present one champion again; repeat it to walk further back."""
    settings = settings_from()
    promotion = _registry(settings).rollback(by=settings.moderator, reason=reason, at=_now())
    _say(f"champion: {promotion.version} (was {promotion.previous})")


@app.command(epilog="Example: moderation train --data ../data --out models/base-2026.11", rich_help_panel="Models")
def train(
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="The data sets that the manifest names.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where the model goes; a folder that is not there yet.")
    ] = None,
    *,
    accurate: Annotated[
        bool,
        typer.Option(
            "--accurate/--fast-only",
            help="Train the encoder of the accurate tier too: minutes with a graphics card, else a day and more.",
        ),
    ] = False,
    base: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="DIR",
            help="Go on from this model: fit spam, trackback and profanity anew; incitement, toxicity and threat to its"
            " own answers and what is new; take over all else. With --accurate its encoder goes on too.",
        ),
    ] = None,
    teacher: Annotated[
        Path | None,
        typer.Option("--teacher", metavar="DIR", help="The files of all-mpnet-base-v2, which teaches the encoder."),
    ] = None,
    networks: Annotated[
        Path | None,
        typer.Option(
            "--networks",
            metavar="DIR",
            help="Where the fine-tuned networks are kept, half-way; if they are there, they are not made again.",
        ),
    ] = None,
) -> None:
    """Fit the base model from public data sets, by the recipe in this package; for maintainers of the model."""
    from moderation import recipe
    from moderation.classifier import Classifier

    folder = out or Path("models") / f"base-{_now():%Y.%m}"
    if folder.exists():
        raise InputError(f"{folder}: is there already, and a version is written once; give another --out")
    earlier = None if base is None else Classifier.load(base)
    with tempfile.TemporaryDirectory() as scratch:
        tuned = _tuned(data, Path(scratch), base, teacher, networks) if accurate else None
        with _progress("steps", hours=True) as progress:
            trained = recipe.train(
                data,
                seeds_folder(),
                # What is taken over has had its teacher.
                teacher=None if tuned is None or earlier is not None else tuned.teacher,
                base=earlier,
                progress=progress,
            )
        card = {"version": folder.name, "created_at": _now().isoformat(), "package_version": moderation.__version__}
        full = {**trained.card, **card}
        if tuned is not None and "teacher" in tuned.told:
            full["teacher"] = tuned.told["teacher"]
        try:
            trained.classifier.save(folder, full)
            if tuned is not None:
                full["encoder"] = tuned.finish(trained, folder)
            elif base is not None and earlier is not None and "encoder" in earlier.card:
                full["encoder"] = _taken_over(base, earlier.card["encoder"], trained, data, folder)
            if "encoder" in full:
                (folder / "card.json").unlink()
                trained.classifier.write_card(folder, full)
            (folder / "card.md").write_text(recipe.card_markdown(full, folder.name), "utf-8")
        except OSError as error:
            raise InputError(f"{folder}: cannot be written ({error.strerror}); give another --out") from error
    _say(f"written: {folder}")


def _taken_over(base: Path, told: Mapping[str, Any], trained: "Trained", data: Path, folder: Path) -> dict[str, Any]:
    """Copy the encoder of `base` into `folder`, weigh it beside the new classifier; return its part of the card."""
    from moderation import recipe
    from moderation.encoder import Encoder
    from moderation.tiers import HEADS_FILE, Heads

    encoder = Encoder.load(base, told["files"])
    heads = Heads.read(base / HEADS_FILE, told["heads_sha256"])
    heads, part = recipe.weighed_again(encoder, heads, trained, told, data=data, seeds=seeds_folder())
    for name in told["files"]:
        shutil.copyfile(base / name, folder / name)
    (folder / HEADS_FILE).write_bytes(heads.content())
    return part


def _tuned(data: Path, folder: Path, earlier: Path | None, teacher: Path | None, networks: Path | None) -> "Tuned":
    from moderation.encoder import TUNED

    if earlier is not None and not all((earlier / name).is_file() for name in TUNED):
        raise InputError(f"{earlier}: has no encoder to go on training; give --from a model that has one")
    try:
        from moderation import finetuning
    except ImportError as error:
        raise InputError("train: torch is not installed; pip install 'comment-moderation[train]'") from error
    with _progress("steps", hours=True) as progress:
        return finetuning.tune(
            data,
            seeds_folder(),
            folder,
            progress or (lambda *_: None),
            earlier=earlier,
            large=teacher,
            networks=networks,
        )


@app.command(epilog="Example: moderation evaluate --data ../data --out build/evaluation", rich_help_panel="Models")
def evaluate(
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", metavar="DIR", help="The data sets that the manifest names; without, own sentences alone."
        ),
    ] = None,
    *,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the report goes.")] = Path(
        "build/evaluation"
    ),
    model: ModelOption = None,
    policy: PolicyOption = None,
    peers: Annotated[bool, typer.Option(help="Fit and measure what others would use, in the same run.")] = True,
    refits: Annotated[
        bool, typer.Option(help="Fit without each blog and video in turn; minutes, kept for next time.")
    ] = True,
    sample: Annotated[
        int | None, typer.Option(min=20, metavar="ROWS", help="Measure at most so many rows of a set, to try it out.")
    ] = None,
    seed: SeedOption = 0,
) -> None:
    """Write one report of how good the model is: targets, calibration, fairness, evasion, errors (texts masked)."""
    import time

    from moderation import report
    from moderation.jobs import limits_of, thresholds_of
    from moderation.tiers import Accurate, Likeness, Sentences

    settings = settings_from()
    registry, rules = _registry(settings), _policy(settings, policy)
    version = model or registry.champion()
    if data is not None and not (data / "abuse").is_dir():
        raise InputError(f"{data}: no data sets here; give the folder that holds abuse/, blogs/ and spam/")
    options = report.Options(
        sample=sample,
        share=1.0 if sample is None else min(1.0, sample / 5000),
        cache=out / "cache",
        refits=refits,
        seed=seed,
    )
    tiers: dict[str, Scorer] = {"fast": registry.load(version)}
    extras = {}
    embedder: Callable[[Sequence[str]], Any] | str = "this version has no encoder to make its vectors"
    if registry.tier_of(version, "accurate") == "accurate":
        for name in ("accurate", "cascade"):
            tiers[name] = registry.load_tier(version, name, limits_of(rules))
        assert isinstance(tiers["accurate"], Accurate)
        encoder = tiers["accurate"].encoder
        extras["accurate"] = report.Extras(text=Sentences(encoder), context=Likeness(encoder))
        embedder = tiers["accurate"].encoder.embed
    fitted = None
    if peers and data is not None:
        _say("fitting the peers")
        fitted = report.fit_peers(
            data,
            seeds_folder(),
            rows=report.ROWS if sample is None else 10 * sample,
            embedders={"MiniLM": embedder},
        )
    with _progress("steps", hours=True) as progress:
        found = report.measure(
            data,
            seeds_folder(),
            tiers,
            thresholds=thresholds_of(rules),
            clock=time.perf_counter,
            peers=fitted,
            extras=extras,
            cards={"fast": registry.card(version)},
            options=options,
            progress=progress,
        )
    written = report.write(found, out)
    missed = sum(row["met"] is False for row in found.figures["targets"])
    asked = sum(row["met"] is not None for row in found.figures["targets"])
    _say(f"written: {written[0]} ({asked - missed} of {asked} measured targets met)")


# --- Commands: the installation --------------------------------------------------------------------------------------


@app.command(epilog="Example: moderation doctor", rich_help_panel="Installation")
def doctor() -> None:
    """Check install, model, store and policy; say what is missing and how to get it. Exit 1 on a problem."""
    findings = list(_findings())
    table = Table("", "what", "found", box=None, pad_edge=False)
    for state, what, found in findings:
        style = {"ok": "green", "note": "yellow", "problem": "bold red"}[state]
        table.add_row(Text(state, style), what, _text(found))
    _console(sys.stdout).print(table)
    if any(state == "problem" for state, _, _ in findings):
        raise typer.Exit(1)


@app.command(epilog="Example: moderation demo --no-app", rich_help_panel="Installation")
def demo(
    open_app: Annotated[bool, typer.Option("--app/--no-app", help="Open the review desk afterwards.")] = True,
    host: Annotated[str, typer.Option(help="Address the desk listens on.")] = HOST,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port the desk listens on.")] = PORT,
) -> None:
    """Read the page that came with the package, score it, show the table, and open the desk with it."""
    from moderation import jobs
    from moderation.readers import read

    settings = settings_from()
    rules = _policy(settings)
    classifier = _scorer(settings, None, None, rules)
    with _store() as store, _progress("comments") as progress:
        jobs.ingest([seed_page()], store, at=_now(), progress=progress)
        jobs.score_store(store, classifier, rules, at=_now(), progress=progress)
        ids = [name for batch in read(seed_page()) for name in batch.comments["id"]]
        batch = store.batch(ids)
        scores = store.scores(ids, classifier.version)
    limits = jobs.thresholds_of(rules)
    table = Table(
        "author", "comment", *(TITLES[flag] for flag in FLAGS), "because of", title=f"scored by {classifier.version}"
    )
    table.columns[0].min_width = 13
    for flag in range(2, 2 + len(FLAGS)):
        table.columns[flag].justify = "right"
        table.columns[flag].no_wrap = True
        table.columns[flag].min_width = len(TITLES[FLAGS[flag - 2]])
    for row in range(len(batch)):
        one = scores.iloc[row]
        text = str(batch.comments["text"].iloc[row])
        author = batch.comments["author"].iloc[row]
        strongest = _strongest_flag(one, limits)
        explanation = classifier.explain(batch, strongest)[row]
        table.add_row(
            _text(author) if isinstance(author, str) else Text("(no author)", "dim"),
            _text(_shortened(text, 48)),
            *(Text(_probability(one[flag]), "bold" if flag == strongest else "") for flag in FLAGS),
            _text(", ".join(_because(text, explanation))),
        )
    _console(sys.stdout).print(table)
    _say(f"kept in {settings.home}")
    if open_app:
        _open_desk(host, port)


people = typer.Typer(
    help="Who may sign in at the desk, and what they may do there.",
    epilog="Example: moderation people add ann --role lead",
    no_args_is_help=True,
)
app.add_typer(people, name="people", rich_help_panel="Installation")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The name the person signs in with.")]
RoleOption = Annotated[str, typer.Option(metavar="NAME", help=f"One of {', '.join(ROLES)}.")]


@people.command("add", epilog="Example: moderation people add ann --role lead")
def people_add(name: NameArgument, *, role: RoleOption = "moderator") -> None:
    """Add an account. The first one closes the desk to everybody who has none: make it an admin's."""
    from moderation import access

    with _store() as store:
        if not store.accounts() and role != "admin":
            raise InputError("people: the first account must be an admin's, or nobody could add another; --role admin")
        access.add_person(store, name, role, _password(), by=settings_from().moderator, at=_now())
    _say(f"{_plain(name)} is added as {role}")


@people.command("list", epilog="Example: moderation people list")
def people_list() -> None:
    """List who may sign in, their roles, and who last changed them."""
    with _store(create=False) as store:
        found = store.accounts()
    table = Table("name", "role", "changed", "by", box=None, pad_edge=False)
    for account in found:
        table.add_row(_text(account.name), account.role, f"{account.at:%Y-%m-%d %H:%M}", _text(account.by))
    _console(sys.stdout).print(table)
    if not found:
        _say("nobody: the desk asks nobody for a password; add an admin with: moderation people add NAME --role admin")


@people.command("role", epilog="Example: moderation people role ann lead")
def people_role(
    name: NameArgument, role: Annotated[str, typer.Argument(metavar="ROLE", help=f"One of {', '.join(ROLES)}.")]
) -> None:
    """Give a person another role; it holds at once, and ends their sessions."""
    from moderation import access

    with _store(create=False) as store:
        access.change_role(store, name, role, by=settings_from().moderator, at=_now())
    _say(f"{_plain(name)} is {role} now")


@people.command("password", epilog="Example: moderation people password ann")
def people_password(name: NameArgument) -> None:
    """Give a person another password, read from the terminal or from standard input; it ends their sessions."""
    from moderation import access

    with _store(create=False) as store:
        if store.account(name) is None:
            raise InputError(f"people: nobody of the name {name[:80]!r} is here; see: moderation people list")
        access.change_password(store, name, _password(), by=settings_from().moderator, at=_now())
    _say(f"{_plain(name)} has a new password")


@people.command("remove", epilog="Example: moderation people remove ann")
def people_remove(name: NameArgument) -> None:
    """Remove an account; what the person decided stays. Without any account the desk asks nobody for a password."""
    from moderation import access

    with _store(create=False) as store:
        access.remove_person(store, name, by=settings_from().moderator, at=_now(), last=True)
        left = len(store.accounts())
    _say(f"{_plain(name)} is removed" + ("" if left else "; the desk asks nobody for a password now"))


@app.command(epilog="Example: moderation appeal site:12 -o page.html", rich_help_panel="Jobs")
def appeal(
    comment: Annotated[str, typer.Argument(metavar="ID", help="A comment in the store.")],
    *,
    out: Annotated[Path | None, typer.Option("-o", "--out", metavar="FILE", help="Where the page goes.")] = None,
    policy: PolicyOption = None,
) -> None:
    """Write one page with everything about the decision on a comment; it stands on its own and loads nothing."""
    from moderation import jobs
    from moderation.appeal import appeal as page_of

    settings = settings_from()
    rules = _policy(settings, policy)
    with _store(create=False) as store:
        newest = store.decision(comment)
        scorer = None if newest is None else _scorer_of(settings, newest.model, rules)
        found = page_of(store, comment, now=_now(), model=None, thresholds=jobs.thresholds_of(rules), scorer=scorer)
    if out is None:
        sys.stdout.write(found)
        return
    try:
        out.write_text(found, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{out}: cannot be written ({error.strerror}); choose another place") from error
    _say(f"written: {out}")


@app.command("run-job", hidden=True, epilog="Example: moderation run-job 3")
def run_job(job: Annotated[int, typer.Argument(metavar="ID", help="A job row in the store.")]) -> None:
    """Execute a job row of the store and report on it there; the desk starts its long work this way."""
    from moderation import jobs

    def stop(_number: int, _frame: object) -> NoReturn:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    settings = settings_from()
    with _store(create=False) as store:
        registry, rules = _registry(settings), _policy(settings)
        around = jobs.Surroundings(
            store, registry, rules, _checks(), _now, settings.tier, policies=settings.policies, home=settings.home
        )
        jobs.run(job, around)


# --- What the commands share -----------------------------------------------------------------------------------------


def _now() -> datetime:
    return datetime.now(UTC)


def _store(*, create: bool = True) -> "Store":
    return moderation.Store.open(settings_from().store_url, create=create)


def _scorer(
    settings: Settings, model: str | None, tier: str | None, policy: "Policy", *, store: bool = True
) -> "Scorer":
    """Return the model asked for: in the tier asked for, else in that of the store or, for an export, the fast one."""
    from moderation.jobs import limits_of

    registry = _registry(settings)
    version = model or registry.champion()
    asked = tier or registry.tier_of(version, settings.tier if store else "fast")
    return registry.load_tier(version, asked, limits_of(policy))


def _scorer_of(settings: Settings, name: str, policy: "Policy") -> "Scorer | None":
    """Return the model that scores are kept under `name` of; None where it is no longer here."""
    from moderation.jobs import limits_of

    version, _, tier = name.partition("+")
    try:
        return _registry(settings).load_tier(version, tier or "fast", limits_of(policy))
    except ModelError:
        return None


def _password() -> str:
    """Read a password: from the terminal, unseen and twice, or else the first line of standard input."""
    import getpass

    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != first:
        raise InputError("password: the two are not the same; try again")
    return first


def _registry(settings: Settings) -> "Registry":
    return moderation.Registry(settings.models, shipped_models())


def _policy(settings: Settings, path: Path | None = None) -> "Policy":
    return settings.policies.policy() if path is None else moderation.load_policy(path)


def _checks() -> "Checks":
    return moderation.load_checks(*check_files())


def _columns(pairs: Sequence[str] | None) -> dict[str, str]:
    found = {}
    for pair in pairs or ():
        ours, equals, theirs = pair.partition("=")
        if not (ours and equals and theirs):
            raise typer.BadParameter(f"{pair!r} is not OURS=THEIRS, such as text=body", param_hint="'--map'")
        found[ours.strip()] = theirs.strip()
    return found


def _answers(events: Iterable["moderation.Review"]) -> list[int]:
    return [event.id for event in events if event.undoes is None and event.id is not None]


# --- Showing ---------------------------------------------------------------------------------------------------------


def _console(file: Any = None) -> Console:
    console = Console(file=file or sys.stderr, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = 140  # nobody looks at it line by line; do not cut names
    return console


def _say(line: str) -> None:
    _console().print(line, markup=False, soft_wrap=True)


def _plain(text: str) -> str:
    """Return `text` as one line that cannot steer a terminal: no control, format or surrogate character."""
    return "".join(letter if letter.isprintable() else " " if letter.isspace() else "�" for letter in text)


def _text(text: str) -> Text:
    return Text(_plain(text))


def _shortened(text: str, length: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"


def _probability(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.2f}"


def _strongest_flag(scores: "pd.Series", limits: Mapping[str, float]) -> str:
    """Return the flag that comes nearest to its limit in the policy, or goes furthest beyond it."""
    # Flags differ in how rare they are: 0.04 may be much for one and nothing for another.
    known = {flag: float(scores[flag]) for flag in FLAGS if not math.isnan(scores[flag])}
    if not known:
        raise InputError("explain: no flag was judged for this comment; name a --label")
    return max(known, key=lambda flag: known[flag] / max(limits.get(flag, 0.5), 1e-6))


def _telling_parts(text: str, explanation: "Explanation") -> tuple[dict[str, float], dict[str, float]]:
    """Return the weights of the words or phrases of a text, and of what is none of it (structure, author, context).

    Spans overlap (a word, its pair, its letters): each gives its weight to the characters it covers, and a word is the
    sum of its own.
    """
    places = [(match.start(), match.end(), match.group()) for match in re.finditer(r"\w[\w'’.-]*\w|\w", text)]
    weights = [0.0] * len(places)
    words: dict[str, float] = {}
    others: dict[str, float] = {}
    for span in explanation.spans:
        if span.begin is None or span.end is None:
            others[span.name] = others.get(span.name, 0.0) + span.weight
            continue
        if span.name == "phrase":
            phrase = " ".join(text[span.begin : span.end].split())
            words[phrase] = words.get(phrase, 0.0) + span.weight
            continue
        covered = [
            (place, min(end, span.end) - max(begin, span.begin))
            for place, (begin, end, _) in enumerate(places)
            if begin < span.end and end > span.begin
        ]
        total = sum(letters for _, letters in covered)
        for place, letters in covered:
            weights[place] += span.weight * letters / total
    for (_, _, word), weight in zip(places, weights, strict=True):
        if weight:
            words[word] = words.get(word, 0.0) + weight
    return words, others


def _strongest(weights: Mapping[str, float], count: int) -> list[tuple[str, float]]:
    return sorted(weights.items(), key=lambda part: -abs(part[1]))[:count]


def _because(text: str, explanation: "Explanation", count: int = 4) -> list[str]:
    """Return what spoke for the label: its words, and in brackets what is no word but weighed more than any."""
    words, others = _telling_parts(text, explanation)
    speaking = _strongest({what: weight for what, weight in words.items() if weight > 0}, count)
    found = [_shortened(what, 40) for what, weight in speaking if weight >= speaking[0][1] / 5]
    least = speaking[0][1] if speaking else 0.0
    beside = _strongest({what: weight for what, weight in others.items() if weight > least}, 2)
    return [*found[: count - len(beside)], *(f"[{what}]" for what, _ in beside)]


def _show_scored(scored: "Scored") -> None:
    console = _console()
    _say(f"{scored.rows:,} comments, scored by {scored.model}, decided by policy {scored.policy}")
    decisions = Table("decision", "comments", box=None, pad_edge=False)
    decisions.columns[1].justify = "right"
    for action, count in scored.decisions.items():
        decisions.add_row(action, f"{count:,}")
    console.print(decisions)
    flags = Table("flagged as", "comments", box=None, pad_edge=False)
    flags.columns[1].justify = "right"
    for label, count in scored.flags.items():
        flags.add_row(label, f"{count:,}")
    console.print(flags)


def _show_loss(loss: "LossReport", path: str) -> None:
    _say(f"{_plain(Path(path).name)}: {_plain(loss.summary())}")
    for line in loss.lines:
        _say(f"  lost: {_plain(str(line))}")
    for note in loss.notes:
        _say(f"  note: {_plain(note)}")


def _show_candidate(registry: "Registry", version: str) -> None:
    _show_card(registry, version)
    worse = registry.card(version).get("worse")
    if version == registry.champion():
        _say(f"{version} is the champion already")
    elif worse:
        _say(f"worse on {', '.join(worse)}; put it in force all the same: moderation promote {version} --reason '...'")
    else:
        _say(f"put it in force: moderation promote {version}")


def _show_card(registry: "Registry", version: str) -> None:
    card = registry.card(version)
    console = _console(sys.stdout)
    console.print(f"{version}, made {str(card.get('created_at', ''))[:19]}", markup=False)
    for name, title in (("holdout", "kept aside on this site"), ("checks", "functional checks")):
        if isinstance(card.get(name), Mapping):
            console.print(f"\n{title}: {card[name]['rows']:,} comments, against {card.get('champion')}", markup=False)
            console.print(_measured_table(card[name]))


def _measured_table(measured: Mapping[str, Any]) -> Table:
    table = Table("label", "n", "yes", "AUC", "log loss", "verdict", box=None, pad_edge=False)
    after = {each["label"]: each for each in measured["after"]["labels"]}
    verdicts = {each["label"]: each["verdict"] for each in measured["comparison"]["labels"]}
    for before in measured["before"]["labels"]:
        label = before["label"]
        if before["n"]:
            table.add_row(
                TITLES.get(label, label),
                f"{before['n']:,}",
                f"{before['positives']:,}",
                *(f"{_value(before, metric)} → {_value(after[label], metric)}" for metric in ("auc", "log_loss")),
                verdicts[label],
            )
    return table


def _value(metrics: Mapping[str, Any], name: str) -> str:
    found = metrics.get(name)
    return "–" if found is None else f"{found['value']:.3f}"


@contextlib.contextmanager
def _progress(unit: str, *, hours: bool = False) -> Iterator[Callable[[int, int | None, str], None] | None]:
    """Yield a callback that draws a bar on standard error, or None where nobody would see it.

    What takes `hours` is told line by line then: whoever reads the log wants to know how far it is.
    """
    console = _console()
    if not console.is_terminal:
        yield (lambda done, total, message: _say(f"{done} of {total}: {message}")) if hours else None
        return
    from rich import progress as bars

    numbers = bars.DownloadColumn() if unit == "bytes" else bars.MofNCompleteColumn()
    columns = (
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(),
        numbers,
        bars.TimeRemainingColumn(),
    )
    # Not redirected: what goes to standard output is data.
    with bars.Progress(*columns, console=console, transient=True, redirect_stdout=False) as shown:
        tasks: dict[str, bars.TaskID] = {}

        def tell(done: int, total: int | None, message: str) -> None:
            if message not in tasks:
                tasks[message] = shown.add_task(_plain(message), total=total)
            shown.update(tasks[message], completed=done, total=total)

        yield tell


# --- Doctor ----------------------------------------------------------------------------------------------------------

Finding = tuple[str, str, str]


def _findings() -> Iterator[Finding]:
    settings = settings_from()
    yield "ok", "moderation", moderation.__version__
    yield "ok", "Python", ".".join(map(str, sys.version_info[:3]))
    yield from _found_libraries()
    yield from _attempt("model", lambda: _found_model(settings))
    yield from _attempt("policy", lambda: _found_policy(settings))
    yield from _attempt("store", lambda: _found_store(settings))
    yield from _attempt("checks", lambda: f"{len(_checks().batch)} sentences with known truth")


def _attempt(what: str, look: Callable[[], str]) -> Iterator[Finding]:
    try:
        yield "ok", what, look()
    except ModerationError as error:
        yield "problem", what, str(error)


def _found_model(settings: Settings) -> str:
    registry = _registry(settings)
    classifier = registry.load()
    return f"{classifier.version}, {len(classifier.labels)} labels; versions here: {len(registry.versions())}"


def _found_policy(settings: Settings) -> str:
    from moderation.policy import shipped_policy

    policy = _policy(settings)
    file = settings.policies.file
    return f"{policy.digest}, from {'the package' if file == shipped_policy() else file}"


def _found_store(settings: Settings) -> str:
    if "://" not in settings.store_url and not Path(settings.store_url).expanduser().exists():
        return f"{settings.store_url} is not there yet; ingest makes it"
    with _store(create=False) as store:
        counts = store.counts()
        return f"{store.url}, {counts.comments:,} comments, {counts.reviewed:,} reviewed, schema {store.schema_version}"


# Extra -> what it is for, and what must be importable.
EXTRAS: Final = {
    "dask": ("score on a cluster", "distributed"),
    "postgres": ("a PostgreSQL store", "psycopg"),
}


def _found_libraries() -> Iterator[Finding]:
    import importlib.util
    from importlib import metadata

    try:
        needed = [line for line in metadata.requires("comment-moderation") or () if "extra ==" not in line]
    except metadata.PackageNotFoundError:
        yield "problem", "install", "the package is not installed; pip install . (in the clone)"
        needed = []
    missing = []
    for line in needed:
        match = re.match(r"([A-Za-z0-9._-]+)[^>=]*(?:>=([0-9.]+))?", line)
        assert match is not None
        name, least = match[1], match[2]
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            missing.append(f"{name} is missing")
            continue
        if least is not None and _numbers(version) < _numbers(least):
            missing.append(f"{name} is {version}, needs {least}")
    if missing:
        yield "problem", "libraries", f"{'; '.join(missing)}; pip install --upgrade comment-moderation"
    elif needed:
        yield "ok", "libraries", f"all {len(needed)}"
    for extra, (purpose, module) in EXTRAS.items():
        if importlib.util.find_spec(module) is not None:
            yield "ok", f"extra {extra}", purpose
        else:
            yield "note", f"extra {extra}", f"not installed ({purpose}); pip install 'comment-moderation[{extra}]'"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:3])


if __name__ == "__main__":
    main()
