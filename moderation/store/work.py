"""Long work and its reports in, its state out."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Row,
    Select,
    func,
    insert,
    select,
)

from moderation.errors import StoreError
from moderation.store.opening import Opened
from moderation.store.records import Job
from moderation.store.rows import as_json, micros, time_of
from moderation.store.schema import job_events, jobs
from moderation.tables import clean_text

__all__ = ["Work"]


class Work(Opened):
    """Long work and its reports."""

    def add_job(self, kind: str, arguments: Mapping[str, Any], at: datetime) -> int:
        """Add a piece of long work and return its id; `arguments` must be writable as JSON."""
        row = {"kind": kind, "arguments": as_json(dict(arguments)), "at": micros(at)}
        with self._write() as connection:
            return int(connection.execute(insert(jobs).values(row).returning(jobs.c.id)).scalar_one())

    def report_job(
        self, job_id: int, *, state: str, done: int, total: int, message: str, result: Any = None, at: datetime
    ) -> None:
        """Add a report on a job; its latest one is its state. Raises `StoreError` for an unknown job."""
        row = {
            "job": job_id,
            "state": state,
            "done": done,
            "total": total,
            "message": clean_text(message),
            "result": as_json(result),
            "at": micros(at),
        }
        with self._write() as connection:
            if connection.scalar(select(jobs.c.id).where(jobs.c.id == job_id)) is None:
                raise StoreError(f"{self._place}: no job {job_id}; see the list of jobs")
            connection.execute(insert(job_events).values(row))

    def job(self, job_id: int) -> Job | None:
        """Return one job with its latest report, None if there is no such job."""
        with self._read() as connection:
            row = connection.execute(_job_rows().where(jobs.c.id == job_id)).first()
        return None if row is None else _job(row)

    def jobs(self, limit: int = 20) -> list[Job]:
        """Return the latest jobs, newest first."""
        with self._read() as connection:
            return [_job(row) for row in connection.execute(_job_rows().order_by(jobs.c.id.desc()).limit(limit))]


def _job_rows() -> Select[Any]:
    newest = select(func.max(job_events.c.id)).where(job_events.c.job == jobs.c.id).correlate(jobs).scalar_subquery()
    report = (job_events.c[name] for name in ("state", "done", "total", "message", "result"))
    line = select(jobs, *report, job_events.c.at.label("updated_at"))
    return line.join(job_events, job_events.c.id == newest, isouter=True)


def _job(row: Row[Any]) -> Job:
    job = Job(row.id, row.kind, json.loads(row.arguments), time_of(row.at))
    if row.state is None:
        return job
    return replace(
        job,
        state=row.state,
        done=row.done,
        total=row.total,
        message=row.message,
        result=json.loads(row.result),
        updated_at=time_of(row.updated_at),
    )
