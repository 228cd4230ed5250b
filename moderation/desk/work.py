"""A job row in, a child process that does it out; pages watch the row.

The desk never works long itself: a script run is interrupted by the next key. A child is started per job, at lower
priority, and writes its progress into the store, so a reload of the page, another moderator's page and a restarted
desk all see the same.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import streamlit as st

from moderation import jobs
from moderation.desk import installation, markup, rights
from moderation.desk.voice import speaker
from moderation.store import Job

__all__ = ["cancel", "latest", "offer_scoring", "running", "start", "watch"]

say = speaker("work")

PREFIX: Final = "moderation: "  # how the command line begins the line that says why it ends
RECENT: Final = 200  # jobs looked through for the newest of a kind
NICENESS: Final = 10  # the next card comes first: measured, half the delay that training causes in a thread


TITLES: Final = ("act", "back-test", "campaigns", "decide", "ingest", "rescore", "retrain", "score-upload")
BYTES: Final = frozenset({"ingest", "score-upload"})  # what is counted; the others count comments, or steps
STEPS: Final = frozenset({"retrain"})


def _children() -> dict[int, "subprocess.Popen[bytes]"]:
    return _children_of(installation.settings().store_url)


@st.cache_resource(show_spinner=False)
def _children_of(store_url: str) -> dict[int, "subprocess.Popen[bytes]"]:  # noqa: ARG001 - job ids are a store's own
    return {}


def start(kind: str, arguments: Mapping[str, Any]) -> int:
    """Add a job row, start the child that does it, and return the row's id."""
    job_id = installation.seat().add_job(kind, dict(arguments), installation.now())
    log = _log(job_id)
    log.parent.mkdir(parents=True, exist_ok=True)
    _reap()
    with log.open("wb") as output:
        _children()[job_id] = subprocess.Popen(  # noqa: S603 - our own interpreter and our own words
            [sys.executable, "-m", "moderation.cli", "run-job", str(job_id)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C at the desk's terminal ends the desk, not a training that runs for it
            env={**os.environ, "MODERATION_HOME": str(installation.settings().home)},
        )
    if hasattr(os, "setpriority"):
        with suppress(ProcessLookupError):  # it may have ended already
            os.setpriority(os.PRIO_PROCESS, _children()[job_id].pid, NICENESS)
    return job_id


def latest(kinds: Iterable[str]) -> Job | None:
    """Return the newest job of these kinds, if there is one among the latest."""
    wanted = set(kinds)
    return next((job for job in installation.store().jobs(RECENT) if job.kind in wanted), None)


def running(job: Job | None) -> bool:
    """Say whether a job is still to be waited for.

    A child of ours that has ended without saying so (killed, out of memory) is not waited for.
    """
    if job is None or jobs.state(job, installation.now()) not in {"queued", "running"}:
        return False
    child = _children().get(job.id)
    if child is None or child.poll() is None:
        return True
    again = installation.store().job(job.id)  # it may have written its end between the two looks
    if again is not None and again.state in {"queued", "running"}:
        _say_ended(again)
    return False


def cancel(job_id: int) -> None:
    """Stop a job's process; what it has kept so far stays, and starting it again is safe."""
    job = installation.store().job(job_id)
    if job is None or job.state not in {"queued", "running"}:
        return
    child = _children().get(job_id)
    if child is not None:
        child.terminate()
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    elif isinstance(job.result, dict) and _is_ours(job.result.get("pid"), job_id):
        os.kill(int(job.result["pid"]), signal.SIGTERM)
        return  # a desk that was restarted is not its parent: the process reports its own end
    again = installation.store().job(job_id)
    if again is not None and again.state in {"queued", "running"}:
        _say_ended(again)


def _say_ended(job: Job) -> None:
    said = _last_words(job.id)
    installation.store().report_job(
        job.id,
        state="failed" if said else "interrupted",
        done=job.done,
        total=job.total,
        message=said or "stopped; starting it again is safe",
        at=installation.now(),
    )


def _log(job_id: int) -> Path:
    return installation.settings().home / "jobs" / f"{job_id}.log"


def _last_words(job_id: int) -> str:
    # A child that fails before it has its row in hand (no model, a faulty policy) says why in its one line.
    try:
        lines = _log(job_id).read_text(encoding="utf-8", errors="replace").strip().split("\n")
    except OSError:
        return ""
    return lines[-1].removeprefix(PREFIX) if lines[-1].startswith(PREFIX) else ""


def _is_ours(pid: object, job_id: int) -> bool:
    # A process id is given to somebody else after its process has ended: look at what runs under it.
    if not isinstance(pid, int):
        return False
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"run-job" in words and str(job_id).encode() in words


def _reap() -> None:
    for job_id, child in list(_children().items()):
        if child.poll() is not None:
            del _children()[job_id]


def watch(*kinds: str) -> tuple[Job | None, bool]:
    """Draw the newest job of these kinds, live while it runs; return it, and whether it runs.

    When it ends the whole page is drawn again, once, and the timer is gone.
    """
    job = latest(kinds)
    busy = running(job)

    @st.fragment(run_every="1s" if busy else None)
    def panel() -> None:
        now = None if job is None else installation.store().job(job.id)
        if now is None:
            return
        if busy and not running(now):
            st.rerun()
        _draw(now)

    panel()
    return job, busy


def _draw(job: Job) -> None:
    title = say(f"job_{job.kind.replace('-', '_')}") if job.kind in TITLES else job.kind
    state = jobs.state(job, installation.now())
    if running(job):
        share = min(1.0, job.done / job.total) if job.total else 0.0
        with st.container(horizontal=True, vertical_alignment="center", key=f"job_{job.id}"):
            st.progress(share, text=f"{title} … {share:.0%}" if job.total else f"{title} …")
            st.button(
                say("cancel"), key=f"cancel_{job.id}", on_click=cancel, args=(job.id,), icon=":material/close:",
                disabled=not rights.may("moderator"),
            )  # fmt: skip
        st.html(f'<div class="small">{markup.foreign(" · ".join([job.message, *_pace(job)]))}</div>')
    elif state == "failed":
        st.html(markup.callout("error", say("failed", title=title, why=job.message)))
    elif state != "done":
        st.html(markup.callout("warning", say("stopped", title=title), action=say("stopped_todo")))


def _pace(job: Job) -> list[str]:
    """Return how fast a job goes and how long it will still take, once that can be told."""
    last = job.updated_at
    took_s = 0.0 if last is None else (last - job.at).total_seconds()
    if took_s < 2 or not job.done or job.kind in STEPS:
        return []
    rate = job.done / took_s
    words = [say("bytes_rate", n=f"{rate / 1e6:,.1f}") if job.kind in BYTES else say("rate", n=round(rate))]
    if job.total > job.done:
        left_s = (job.total - job.done) / rate
        words.append(say("left_s", n=round(left_s)) if left_s < 90 else say("left_min", n=round(left_s / 60)))
    return words


def offer_scoring(missing: int) -> None:
    """Say that comments have no scores of the model in force, and offer to score them."""
    if not missing and not running(latest(["rescore"])):
        return
    job, busy = watch("rescore")
    if busy:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="unscored"):
        st.html(
            markup.callout(
                "warning",
                say("unscored", n=missing),
                action=say("unscored_todo"),
            ),
            width="stretch",
        )
        st.button(say("score_now"), key=f"score_store_{job.id if job else 0}", on_click=_score, type="primary")


def _score() -> None:
    if not running(latest(["rescore"])):
        start("rescore", {})
