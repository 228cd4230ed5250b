"""Batch score: an upload or a file on the server in; a scored table to look at, download, write back or queue out."""

import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

import pandas as pd
import streamlit as st

from moderation.desk import installation, markup, plots, rights, work
from moderation.desk.answers import LABEL_BY_NAME
from moderation.desk.installation import told
from moderation.desk.session import begin, safely, tell, when
from moderation.desk.voice import listen, speaker
from moderation.errors import InputError
from moderation.labels import LABELS
from moderation.readers import FORMATS, LossReport, read
from moderation.store import Job
from moderation.tables import Batch
from moderation.write_back import BACK, write_back
from moderation.writers import write_scores

__all__ = ["draw", "files_in", "inside"]

state = st.session_state
say = speaker("batch")

SUFFIXES: Final = sorted({suffix for format_ in FORMATS.values() for suffix in format_.suffixes})
ROWS: Final = 5
SHOWN: Final = 60  # of the strongest comments on the page
LISTED: Final = 500  # files of the server's folder
BY_CONTENT: Final = "by content"
WHOLE: Final = "."
FIELDS: Final = ("text", "author", "id", "posted_at", "article_title", "article_text")
DECISIONS: Final = ("allow", "review", "reject")
OUT: Final[Mapping[str, tuple[str, str]]] = {
    "csv": ("CSV", "text/csv"),
    "jsonl": ("JSON Lines", "application/jsonl"),
    "parquet": ("Parquet", "application/vnd.apache.parquet"),
}


@told
def draw() -> None:
    """Draw the page."""
    begin()
    listen()
    tell()
    state.setdefault("upload", None)  # folder, files and shown name of what was chosen
    state.setdefault("uploads", 0)
    st.html(markup.headline(say("title"), say("meaning")))
    left, right = st.columns([1.25, 1], gap="medium")
    with left:
        if state.upload is None:
            _choose()
        else:
            _check(state.upload)
    with right:
        table = _results()
    if table is not None:
        _look(*table)


# --- What is to be scored --------------------------------------------------------------------------------------------


def _choose() -> None:
    root = installation.settings().files
    where = "upload"
    if root is not None and rights.may("lead"):
        chosen = st.segmented_control(
            say("where"), ("upload", "server"), format_func=lambda name: say(f"where_{name}"), default="upload",
            required=True, key="batch_where", label_visibility="collapsed",
        )  # fmt: skip
        where = chosen or "upload"
    if where == "server" and root is not None:
        _choose_on_server(root)
        return
    found = st.file_uploader(say("upload"), key=f"file_{state.uploads}", disabled=not rights.may("moderator"))
    st.html(f'<div class="small">{escape(say("larger"))} <code>moderation score FILE -o scored.csv</code></div>')
    if found is None:
        return
    folder = _new_folder()
    # A name from outside is shown, never used: the file's own name here is ours.
    suffix = Path(found.name).suffix.lower()
    path = folder / f"export{suffix if suffix in SUFFIXES else ''}"
    try:
        path.write_bytes(found.getbuffer())
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise InputError(f"{folder}: the upload cannot be kept ({error.strerror}); free space and try again") from error
    state.upload = {"paths": [str(path)], "folder": str(folder), "name": found.name, "size": found.size}
    state.uploads += 1  # a new uploader: the old one would keep the bytes in memory
    st.rerun()


def _new_folder() -> Path:
    folder = installation.settings().home / "uploads" / secrets.token_hex(8)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)  # readers' names and words: for this user alone
    except OSError as error:
        raise InputError(f"{folder}: the upload cannot be kept ({error.strerror}); free space and try again") from error
    return folder


def _choose_on_server(root: Path) -> None:
    names = files_in(root)
    if not names:
        st.html(markup.empty(say("no_files"), say("no_files_todo", suffixes=", ".join(SUFFIXES[:8]))))
        return
    shown = [{"head": name, "side": _size((root / name).stat().st_size), "text": ""} for name in names[:40]]
    rows = "".join(
        f'<tr><td>{markup.foreign(row["head"])}</td><td class="n">{escape(row["side"])}</td></tr>' for row in shown
    )
    st.html(markup.scrolled(f'<table class="plain"><tbody>{rows}</tbody></table>'))
    st.selectbox(
        say("which"), [WHOLE, *names], format_func=lambda name: say("whole", n=len(names)) if name == WHOLE else name,
        key="batch_server_file", index=1,
    )  # fmt: skip
    st.button(
        say("take"),
        key=f"take_{state.uploads}",
        icon=":material/arrow_forward:",
        on_click=_take,
        args=(str(root),),
    )


def files_in(root: Path) -> list[str]:
    """Return the files of a folder, and of the folders in it, that may be exports: their places inside it, sorted."""
    try:
        home = root.resolve(strict=True)
        found = [
            str(path.relative_to(home))
            for path in home.rglob("*")
            if path.suffix.lower() in SUFFIXES
            and not any(part.startswith(".") for part in path.relative_to(home).parts)
            and path.resolve().is_relative_to(home)  # a link that leads out of the folder is not in it
            and path.is_file()
        ]
    except OSError as error:
        raise InputError(f"{root}: cannot be read ({error.strerror}); check MODERATION_FILES") from error
    return sorted(found)[:LISTED]


def inside(root: Path, name: str) -> list[Path]:
    """Return the file at `name` inside the folder, or every file of the folder; nothing outside is ever opened."""
    if name == WHOLE:
        return [path for each in files_in(root) for path in inside(root, each)]
    try:
        home = root.resolve(strict=True)
        path = (home / name).resolve(strict=True)
    except (OSError, ValueError) as error:
        raise InputError(f"{root}: holds no such file; choose one of its files") from error
    if not path.is_relative_to(home) or not path.is_file():
        raise InputError(f"{root}: holds no such file; choose one of its files")
    return [path]


def _take(root: str) -> None:
    def act() -> None:
        rights.need("lead")
        name: str = state.batch_server_file
        paths = inside(Path(root), name)
        size = sum(path.stat().st_size for path in paths)
        shown = say("whole", n=len(paths)) if name == WHOLE else name
        state.upload = {"paths": [str(path) for path in paths], "folder": None, "name": shown, "size": size}

    safely(act)


# --- How it is read --------------------------------------------------------------------------------------------------


def _check(upload: Mapping[str, Any]) -> None:
    path = Path(upload["paths"][0])
    with st.container(border=True, key="check"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.html(
                f'<div class="name">{markup.foreign(upload["name"])}</div>'
                f'<div class="small">{_size(upload["size"])}</div>',
                width="stretch",
            )
            st.button(say("other"), key="other", on_click=_forget, args=(upload,), type="tertiary")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.selectbox(
                say("format"),
                [BY_CONTENT, *FORMATS],
                format_func=lambda name: say("by_content") if name == BY_CONTENT else FORMATS[name].title,
                key="format",
                width=260,
                filter_mode=None,
            )
        format_ = _format()
        _name_columns(path, format_)
        columns = _columns()
        try:
            batch, loss, found = _first(path, format_, columns)
        except InputError as error:
            st.html(markup.callout("error", _own_words(error, path), action=say("name_columns_todo")))
            return
        st.html(f'<div class="small gap">{escape(say("read_as", format=_title(found)))}</div>{_preview(batch)}')
        for note in loss.notes:
            st.html(f'<div class="small">{markup.foreign(note)}</div>')
        busy = work.running(work.latest(["score-upload"]))
        st.button(
            say("score"), key="score", type="primary", icon=":material/play_arrow:", on_click=_score,
            args=(upload,), disabled=busy,
        )  # fmt: skip


def _title(format_: str) -> str:
    return FORMATS[format_].title if format_ in FORMATS else format_


def _format() -> str | None:
    chosen: str = state["format"]
    return None if chosen == BY_CONTENT else chosen


def _columns() -> dict[str, str]:
    return {field: name for field in FIELDS if (name := (state.get(f"column_{field}") or "").strip())}


def _name_columns(path: Path, format_: str | None) -> None:
    suggested = _needs_columns(path, format_)
    with st.expander(say("name_columns"), expanded=suggested):
        st.html(f'<div class="small">{escape(say("columns_hint"))} <code>user.name</code></div>')
        places = st.columns(3)
        for number, field in enumerate(FIELDS):
            with places[number % 3]:
                st.text_input(say(f"field_{field}"), key=f"column_{field}", placeholder=say("found_by_itself"))


def _needs_columns(path: Path, format_: str | None) -> bool:
    try:
        _first(path, format_, {})
    except InputError:
        return True
    return False


@st.cache_data(max_entries=32, show_spinner=False)
def _first(path: Path, format_: str | None, columns: dict[str, str]) -> tuple[Batch, LossReport, str]:
    reading = read(path, format_, columns=columns, chunk_rows=ROWS)
    batch = next(iter(reading), None)
    if batch is None or not len(batch):
        raise InputError("the file: holds no comments; choose another file or name its format")
    return batch, reading.loss, reading.format


def _own_words(error: InputError, path: Path) -> str:
    # A message speaks of the path, which is ours, and of the command line's option, which the fields above stand for.
    words = str(error).replace(str(path), say("this_file")).replace(path.name, say("this_file"))
    for option in ("; name it with --map", "; correct --map", "; name one of"):
        words = words.split(option, 1)[0]
    return words


def _preview(batch: Batch) -> str:
    titles = dict(zip(batch.articles["id"], batch.articles["title"], strict=True))
    columns = (batch.comments[name] for name in ("author", "posted_at", "text", "article_id"))
    cells = (
        (
            markup.foreign(markup.shortened(author, 40), missing="–"),
            escape(when(at)) or "–",
            markup.foreign(markup.shortened(text, 160), missing=say("no_text")),
            markup.foreign(markup.shortened(titles.get(article), 60), missing="–"),
        )
        for author, at, text, article in list(zip(*columns, strict=True))[:ROWS]
    )
    rows = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in cells)
    heads = "".join(
        f"<th>{escape(say(f'field_{name}'))}</th>" for name in ("author", "posted_at", "text", "article_title")
    )
    return markup.scrolled(f'<table class="plain"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>')


def _size(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 100_000 else f"{size / 1e3:,.1f} kB"


def _forget(upload: Mapping[str, Any]) -> None:
    if upload["folder"]:
        shutil.rmtree(upload["folder"], ignore_errors=True)
    state.upload = None


def _score(upload: Mapping[str, Any]) -> None:
    def act() -> None:
        # As the fields say now: what was typed last may have come with the press, after the page was drawn.
        format_, columns = _format(), _columns()
        first = Path(upload["paths"][0])
        try:
            _first(first, format_, columns)
        except InputError as error:
            raise InputError(_own_words(error, first)) from error
        folder = Path(upload["folder"]) if upload["folder"] else _new_folder()
        told_of = {
            "paths": list(upload["paths"]),
            "out": str(folder / "scored.parquet"),
            "format": format_,
            "columns": columns,
            "name": upload["name"],
            "by": rights.name(),
        }
        work.start("score-upload", told_of)
        state.upload = None

    safely(act)


# --- What came of it -------------------------------------------------------------------------------------------------


def _results() -> tuple[Job, Path] | None:
    shown = None
    scored, busy = work.watch("score-upload")
    if scored is not None and not busy and scored.state == "done":
        shown = _result(scored)
    elif not busy:
        facts = [
            (say("get_id"), say("get_id_is")),
            (say("get_probabilities"), ", ".join(LABEL_BY_NAME[label].title for label in LABELS)),
            (say("get_decision"), ", ".join(say(f"decision_{name}") for name in DECISIONS)),
            (say("get_reasons"), say("get_reasons_is")),
            (say("get_model"), say("get_model_is")),
        ]
        st.html(f'<div class="panel box"><h3>{escape(say("you_get"))}</h3>{markup.facts(facts)}</div>')
    added, adding = work.watch("ingest")
    if added is not None and not adding and added.state == "done" and state.get("adding") == added.id:
        _added(added)
    return shown


def _result(job: Job) -> tuple[Job, Path] | None:
    """Draw what came of a file, and return its table if it is still there."""
    result: dict[str, Any] = job.result
    with st.container(border=True, key="result"):
        st.html(_summary(job, result))
        table = Path(result["out"])
        if not table.exists():
            st.html(f'<div class="small">{escape(say("deleted"))}</div>')
            return None
        with st.container(horizontal=True, key="downloads"):
            for suffix, (title, mime) in OUT.items():
                st.download_button(
                    title, data=_download(table, suffix), file_name=f"scored.{suffix}", mime=mime,
                    key=f"download_{suffix}_{job.id}", icon=":material/download:", on_click="ignore",
                )  # fmt: skip
            for system in _systems(str(table)):
                st.download_button(
                    say("back", system=BACK[system].title if system != "wp-cli" else "WP-CLI"),
                    data=_back(table, system), file_name=f"decisions-{system}.txt", mime="text/plain",
                    key=f"back_{system}_{job.id}", icon=":material/undo:", on_click="ignore", help=say("back_help"),
                )  # fmt: skip
        with st.container(horizontal=True):
            may = rights.may("moderator")
            st.button(
                say("add"), key=f"add_{job.id}", icon=":material/inbox:", type="primary", on_click=_add, args=(job,),
                disabled=not may,
            )  # fmt: skip
            st.button(
                say("delete"), key=f"delete_{job.id}", on_click=_delete, args=(table.parent,), type="tertiary",
                disabled=not may,
            )  # fmt: skip
    return job, table


def _look(job: Job, table: Path) -> None:
    """Draw how the scores lie, and the comments with the highest ones."""
    histograms: dict[str, list[int]] = job.result.get("histograms") or {}
    limits = installation.policy().labels
    rows = ""
    for label in LABELS:
        if label in histograms:
            of = limits.get(label)
            marks = {"review": None if of is None else of.review, "reject": None if of is None else of.reject}
            counts = histograms[label]
            spoken = say("distribution", label=LABEL_BY_NAME[label].title, n=sum(counts))
            rows += (
                f"<tr><td>{escape(LABEL_BY_NAME[label].title)}</td>"
                f"<td>{plots.histogram(counts, spoken, marks=marks, small=True)}</td>"
                f'<td class="n">{job.result["flags"].get(label, 0):,}</td></tr>'
            )
    left, right = st.columns([1, 1.6], gap="medium")
    with left:
        if rows:
            heads = "".join(
                f"<th{kind}>{escape(say(name))}</th>"
                for name, kind in (("label", ""), ("scores", ""), ("over", ' class="n"'))
            )
            labels = f'<table class="labels"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
            st.html(f'<div class="panel box">{markup.scrolled(labels)}</div>')
    strongest = table.with_name("strongest.parquet")
    if not strongest.exists():
        return
    with right:
        st.html(_table(_strongest(str(strongest))))


def _table(frame: pd.DataFrame) -> str:
    """Return the comments with the highest scores, each with its decision and what speaks most clearly of it.

    Drawn as HTML: a grid of Streamlit's own would offer its cells as a file, formulas of strangers and all.
    """
    rows = ""
    for row in frame.head(SHOWN).to_dict("records"):
        scores = sorted(
            ((label, float(row[label])) for label in LABELS if not pd.isna(row[label])), key=lambda each: -each[1]
        )
        tags = "".join(
            f'<span class="tag">{escape(LABEL_BY_NAME[label].title)} <b>{markup.percent(p)}</b></span>'
            for label, p in scores[:3]
            if p >= 0.05
        )
        decision = str(row["decision"])
        rows += (
            f"<tr><td>{markup.foreign(markup.shortened(row['text'], 200), missing=say('no_text'))}"
            f'<div class="small">{markup.foreign(markup.shortened(row["author"], 60), missing="–")}</div></td>'
            f'<td class="change"><span class="to {escape(decision)}">{escape(say(f"decision_{decision}"))}</span></td>'
            f'<td><div class="tags">{tags}</div></td></tr>'
        )
    heads = "".join(f"<th>{escape(say(name))}</th>" for name in ("field_text", "get_decision", "get_probabilities"))
    words = say("strongest", n=min(SHOWN, len(frame)))
    return (
        f'<div class="panel box"><h3>{escape(words)}</h3><div class="scroll tall" tabindex="0" role="group" '
        f'aria-label="{escape(words)}"><table class="plain"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div></div>"
    )


@st.cache_data(max_entries=8, show_spinner=False)
def _strongest(path: str) -> pd.DataFrame:
    return pd.read_parquet(path)


@st.cache_data(max_entries=8, show_spinner=False)
def _systems(table: str) -> list[str]:
    """Return the systems that take decisions about comments of this table back."""
    names = pd.read_parquet(table, columns=["id"])["id"].astype(str)
    return [
        system
        for system, known in BACK.items()
        if any(names.str.startswith(f"{source}:").any() for source in known.sources)
    ]


def _verdicts(table: Path) -> "pd.Series[Any]":
    frame = pd.read_parquet(table, columns=["id", "decision", "reasons", "spam"]).set_index("id")
    frame = frame[frame["decision"].isin(["allow", "reject"])]
    words = frame["decision"].map({"allow": "approved", "reject": "rejected"})
    why = frame["reasons"].map(lambda reasons: any(str(reason).startswith("spam ") for reason in reasons))
    return words.where(~((words == "rejected") & why), "spam")


def _back(table: Path, system: str) -> Callable[[], bytes]:
    """Return what makes the file that a system takes decisions back in, when its button is pressed."""

    def content() -> bytes:
        path = table.with_name(f"back-{system}.txt")
        write_back(_verdicts(table), system, path)
        return path.read_bytes()

    return content


def _download(parquet: Path, suffix: str) -> Callable[[], bytes]:
    """Return what makes the file when its button is pressed, from the one table that the job has written."""

    def content() -> bytes:
        path = parquet.with_suffix(f".{suffix}")
        if not path.exists():
            table = pd.read_parquet(parquet).set_index("id")
            decided = table[["decision"]].assign(reasons=table["reasons"].map(list))
            write_scores([(table[[*LABELS, "model"]], decided)], path)
        return path.read_bytes()

    return content


def _summary(job: Job, result: Mapping[str, Any]) -> str:
    counts = {name: int(result["decisions"].get(name, 0)) for name in DECISIONS}
    words = {name: say(f"decision_{name}") for name in DECISIONS}
    decisions = "".join(
        f'<div class="figure"><b>{count:,}</b><span>{escape(words[name])}</span></div>'
        for name, count in counts.items()
    )
    spoken = ", ".join(f"{words[name]}: {count:,}" for name, count in counts.items())
    bar = plots.stacked({"pass" if name == "allow" else name: count for name, count in counts.items()},
                        {"pass": words["allow"], **words}, spoken)  # fmt: skip
    loss = result.get("loss") or {"summary": "", "lines": [], "notes": []}
    lines = "".join(f"<li>{markup.foreign(line)}</li>" for line in [*loss["lines"], *loss["notes"]])
    details = f"<details><summary>{escape(say('loss'))}</summary><ul>{lines}</ul></details>" if lines else ""
    took = float(result.get("took_s") or 0)
    rate = f" · {escape(say('rate', n=round(result['rows'] / took)))}" if took >= 0.5 else ""
    return (
        f'<div class="panel"><div class="name">{markup.foreign(job.arguments.get("name"), missing="–")}</div>'
        f'<div class="small">{markup.foreign(loss["summary"])}{rate}</div><div class="figures">{decisions}</div>{bar}'
        f'<div class="small gap">{escape(say("made_by", model=result["model"], policy=result["policy"]))}</div>'
        f"{details}</div>"
    )


def _add(job: Job) -> None:
    def act() -> None:
        arguments = {name: job.arguments.get(name) for name in ("format", "columns")}
        paths: Sequence[str] = job.arguments.get("paths") or [job.arguments["path"]]
        state.adding = work.start("ingest", {"paths": list(paths), **arguments})

    safely(act)


def _delete(folder: Path) -> None:
    def act() -> None:
        rights.need("moderator")
        if folder.parent == installation.settings().home / "uploads":  # never what stands on the server
            shutil.rmtree(folder, ignore_errors=True)

    safely(act)


def _added(job: Job) -> None:
    files = job.result["files"]
    new, known = (sum(one[name] for one in files) for name in ("comments_new", "comments_known"))
    st.html(markup.callout("good", say("added", n=new, known=known)))
    counts = installation.store().counts(installation.model())
    if counts.comments > counts.scored and state.get("scoring") != job.id:
        state.scoring = job.id  # once: whoever stops it may start it again by the button
        work.start("rescore", {})
    work.offer_scoring(counts.comments - counts.scored)


if __name__ == "__main__":
    draw()
