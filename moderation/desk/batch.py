"""Batch: an uploaded export in; a scored table to download, and its comments in the desk if wanted, out."""

import secrets
import shutil
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import Any, Final

import pandas as pd
import streamlit as st

from moderation.desk import installation, markup, work
from moderation.desk.answers import LABEL_BY_NAME
from moderation.desk.installation import told
from moderation.desk.session import when
from moderation.errors import InputError
from moderation.labels import LABELS
from moderation.readers import FORMATS, LossReport, read
from moderation.store import Job
from moderation.tables import Batch
from moderation.writers import write_scores

__all__ = ["draw"]

state = st.session_state

SUFFIXES: Final = sorted({suffix for format_ in FORMATS.values() for suffix in format_.suffixes})
ROWS: Final = 5
BY_CONTENT: Final = "by content"
FIELDS: Final[Mapping[str, str]] = {
    "text": "Comment",
    "author": "Author",
    "id": "Row id",
    "posted_at": "Date",
    "article_title": "Article title",
    "article_text": "Article text",
}
WORDS: Final = {"allow": "Allow", "review": "A person looks", "reject": "Turn down"}
OUT: Final[Mapping[str, tuple[str, str]]] = {
    "csv": ("CSV", "text/csv"),
    "jsonl": ("JSON Lines", "application/jsonl"),
    "parquet": ("Parquet", "application/vnd.apache.parquet"),
}


@told
def draw() -> None:
    """Draw the page."""
    state.setdefault("upload", None)  # folder, file and shown name of what was uploaded
    state.setdefault("uploads", 0)
    left, right = st.columns([1.5, 1], gap="medium")
    with left:
        if state.upload is None:
            _choose()
        else:
            _check(state.upload)
    with right:
        _results()


# --- The upload ------------------------------------------------------------------------------------------------------


def _choose() -> None:
    st.html(
        '<div class="lead"><b>Score an export.</b> Upload a file of comments; you get the same rows back with a '
        "probability for every label and what the policy would do.</div>"
    )
    found = st.file_uploader(
        "Export of comments, or a saved page as text",
        key=f"file_{state.uploads}",
    )
    st.html('<div class="small">Larger files: <code>moderation score FILE -o scored.csv</code></div>')
    if found is None:
        return
    folder = installation.settings().home / "uploads" / secrets.token_hex(8)
    # A name from outside is shown, never used: the file's own name here is ours.
    suffix = Path(found.name).suffix.lower()
    path = folder / f"export{suffix if suffix in SUFFIXES else ''}"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)  # readers' names and words: for this user alone
        path.write_bytes(found.getbuffer())
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise InputError(f"{folder}: the upload cannot be kept ({error.strerror}); free space and try again") from error
    state.upload = {"path": str(path), "name": found.name, "size": found.size}
    state.uploads += 1  # a new uploader: the old one would keep the bytes in memory
    st.rerun()


def _check(upload: Mapping[str, Any]) -> None:
    path = Path(upload["path"])
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.html(
                f'<div class="name">{markup.foreign(upload["name"])}</div>'
                f'<div class="small">{_size(upload["size"])}</div>',
                width="stretch",
            )
            st.button("Choose another file", key="other", on_click=_forget, args=(upload,), type="tertiary")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            chosen = st.selectbox(
                "Format",
                [BY_CONTENT, *FORMATS],
                format_func=lambda name: "Found by content" if name == BY_CONTENT else FORMATS[name].title,
                key="format",
                width=260,
                filter_mode=None,
            )
        format_ = None if chosen == BY_CONTENT else chosen
        columns = _columns(path, format_)
        try:
            batch, loss = _first(path, format_, columns)
        except InputError as error:
            todo = "Name the columns above, or choose another file."
            st.html(markup.callout("error", _own_words(error, path), action=todo))
            return
        st.html(_preview(batch))
        for note in loss.notes:
            st.html(f'<div class="small">{markup.foreign(note)}</div>')
        st.button(
            "Score this file",
            key="score",
            type="primary",
            icon=":material/play_arrow:",
            on_click=_score,
            args=(upload, format_, columns),
        )


def _columns(path: Path, format_: str | None) -> dict[str, str]:
    suggested = _needs_columns(path, format_)
    with st.expander("Name the columns", expanded=suggested):
        st.html(
            '<div class="small">Only what is not found by itself: write the name of the column in your file. '
            "In nested data, dots reach inward: <code>user.name</code></div>"
        )
        chosen: dict[str, str] = {}
        places = st.columns(3)
        for number, (field, title) in enumerate(FIELDS.items()):
            with places[number % 3]:
                name = st.text_input(title, key=f"column_{field}", placeholder="found by itself")
            if name and name.strip():
                chosen[field] = name.strip()
    return chosen


def _needs_columns(path: Path, format_: str | None) -> bool:
    try:
        _first(path, format_, {})
    except InputError:
        return True
    return False


@st.cache_data(max_entries=32, show_spinner=False)
def _first(path: Path, format_: str | None, columns: dict[str, str]) -> tuple[Batch, LossReport]:
    reading = read(path, format_, columns=columns, chunk_rows=ROWS)
    batch = next(iter(reading), None)
    if batch is None or not len(batch):
        raise InputError("the file: holds no comments; choose another file or name its format")
    return batch, reading.loss


def _own_words(error: InputError, path: Path) -> str:
    # A message speaks of the path, which is ours, and of the command line's option, which the fields above stand for.
    words = str(error).replace(str(path), "this file").replace(path.name, "this file")
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
            markup.foreign(markup.shortened(text, 160), missing="no text"),
            markup.foreign(markup.shortened(titles.get(article), 60), missing="–"),
        )
        for author, at, text, article in list(zip(*columns, strict=True))[:ROWS]
    )
    rows = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in cells)
    return (
        '<div class="small gap">The first comments, as they will be read</div><div class="scroll"><table class="plain">'
        f"<thead><tr><th>Author</th><th>Date</th><th>Comment</th><th>Article</th></tr></thead><tbody>{rows}</tbody>"
        "</table></div>"
    )


def _size(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 100_000 else f"{size / 1e3:,.1f} kB"


def _forget(upload: Mapping[str, Any]) -> None:
    shutil.rmtree(Path(upload["path"]).parent, ignore_errors=True)
    state.upload = None


def _score(upload: Mapping[str, Any], format_: str | None, columns: Mapping[str, str]) -> None:
    path = Path(upload["path"])
    work.start(
        "score-upload",
        {
            "path": str(path),
            "out": str(path.parent / "scored.parquet"),
            "format": format_,
            "columns": dict(columns),
            "name": upload["name"],
        },
    )
    state.upload = None


# --- What came of it -------------------------------------------------------------------------------------------------


def _results() -> None:
    scored, busy = work.watch("score-upload")
    if scored is not None and not busy and scored.state == "done":
        _result(scored)
    elif not busy:
        labels = ", ".join(LABEL_BY_NAME[label].title for label in LABELS)
        columns = markup.facts(
            [
                ("id", "your rows, in your order"),
                ("probabilities", labels),
                ("decision", ", ".join(WORDS)),
                ("reasons", "what led to the decision"),
                ("model", "the version that scored it"),
            ]
        )
        st.html(f'<div class="panel box"><h3>What you get</h3>{columns}</div>')
    added, adding = work.watch("ingest")
    if added is not None and not adding and added.state == "done" and state.get("adding") == added.id:
        _added(added)


def _result(job: Job) -> None:
    result: dict[str, Any] = job.result
    with st.container(border=True, key="result"):
        st.html(_summary(job, result))
        table = Path(result["out"])
        if not table.exists():
            st.html('<div class="small">The files of this run have been deleted.</div>')
            return
        with st.container(horizontal=True, key="downloads"):
            for suffix, (title, mime) in OUT.items():
                st.download_button(
                    title,
                    data=_download(table, suffix),
                    file_name=f"scored.{suffix}",
                    mime=mime,
                    key=f"download_{suffix}_{job.id}",
                    icon=":material/download:",
                    on_click="ignore",
                )
        with st.container(horizontal=True):
            st.button("Add to the desk", key=f"add_{job.id}", icon=":material/inbox:", on_click=_add, args=(job,))
            st.button("Delete files", key=f"delete_{job.id}", on_click=_delete, args=(table.parent,), type="tertiary")


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
    decisions = "".join(
        f'<div class="figure"><b>{result["decisions"].get(name, 0):,}</b><span>{escape(title)}</span></div>'
        for name, title in WORDS.items()
    )
    flags = "".join(
        f'<span class="tag">{escape(LABEL_BY_NAME[label].title)} <b>{result["flags"][label]:,}</b></span>'
        for label in LABELS
        if result["flags"].get(label)
    )
    loss = result.get("loss") or {"summary": "", "lines": [], "notes": []}
    lines = "".join(f"<li>{markup.foreign(line)}</li>" for line in [*loss["lines"], *loss["notes"]])
    details = f"<details><summary>Loss report</summary><ul>{lines}</ul></details>" if lines else ""
    return (
        f'<div class="panel"><div class="name">{markup.foreign(job.arguments.get("name"), missing="the upload")}</div>'
        f'<div class="small">{markup.foreign(loss["summary"])}</div><div class="figures">{decisions}</div>'
        f'<div class="small">comments at or above the policy’s limit</div><div class="tags">{flags or "none"}</div>'
        f'<div class="small">model {escape(result["model"])}, policy {escape(result["policy"])}</div>{details}</div>'
    )


def _add(job: Job) -> None:
    arguments = {name: job.arguments.get(name) for name in ("format", "columns")}
    state.adding = work.start("ingest", {"paths": [job.arguments["path"]], **arguments})


def _delete(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _added(job: Job) -> None:
    files = job.result["files"]
    new, known = (sum(one[name] for one in files) for name in ("comments_new", "comments_known"))
    words = f"{new:,} new comment{'s are' if new != 1 else ' is'} in the desk; {known:,} there already."
    st.html(markup.callout("good", words))
    counts = installation.store().counts(installation.model())
    if counts.comments > counts.scored and state.get("scoring") != job.id:
        state.scoring = job.id  # once: whoever stops it may start it again by the button
        work.start("rescore", {})
    work.offer_scoring(counts.comments - counts.scored)


if __name__ == "__main__":
    draw()
