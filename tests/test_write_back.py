"""Verdicts in, the files that systems take back out: what is written, and what can never become a command."""

import csv
import json
import re
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.errors import InputError
from moderation.write_back import BACK, VERDICTS, write_back

SOURCE = {
    "discourse": "discourse",
    "disqus": "disqus",
    "wordpress-rest": "wordpress",
    "wp-cli": "wordpress",
    "youtube": "youtube",
}


def verdicts(pairs) -> pd.Series:
    index = pd.Index([name for name, _ in pairs], dtype="string[pyarrow]", name="id")
    return pd.Series([verdict for _, verdict in pairs], index=index, dtype="string[pyarrow]")


def told(path: Path, system: str) -> list[tuple[str, str]]:
    """Return the pairs of id and word that a file of `system` says, read as that system would."""
    text = path.read_text("utf-8")
    match system:
        case "wp-cli":
            commands = [line for line in text.split("\n") if line.startswith("wp ")]
            parts = [re.fullmatch(r'wp comment (\w+) ([0-9 ]+) "\$@" \|\| failed=1', line) for line in commands]
            return [(own, part[1]) for part in parts for own in part[2].split()]
        case "wordpress-rest":
            bodies = [json.loads(line) for line in text.splitlines()]
            assert all(len(body["requests"]) <= 25 for body in bodies)
            return [
                (each["path"].removeprefix("/wp/v2/comments/"), each["body"]["status"])
                for body in bodies
                for each in body["requests"]
            ]
        case "youtube":
            calls = [json.loads(line)["params"] for line in text.splitlines()]
            assert all(len(call["id"].split(",")) <= 50 for call in calls)
            return [(own, call["moderationStatus"]) for call in calls for own in call["id"].split(",")]
        case _:
            return [tuple(row) for row in csv.reader(text.splitlines())][1:]


@pytest.mark.parametrize("system", BACK)
def test_every_verdict_reaches_its_system(tmp_path, golden, system):
    source = SOURCE[system]
    pairs = [(f"{source}:{number}", VERDICTS[number % 3]) for number in range(1, 130)]
    done = write_back(verdicts([*pairs, ("elsewhere:1", "spam")]), system, tmp_path / "out")
    assert (done.written, done.left_out) == ({"approved": 43, "spam": 43, "rejected": 43}, 1)
    got = told(tmp_path / "out", system)
    assert sorted(int(own) for own, _ in got) == list(range(1, 130))
    golden(f"write-back-{system}", (tmp_path / "out").read_text("utf-8").split("\n"))


# What is before a slash names a site; those have a test of their own.
ODD = st.text(max_size=12).filter(lambda name: "/" not in name) | st.sampled_from(
    ["1; rm -rf /", "$(id)", "`id`", "-1", "--force", "=1+1", "1\n2", "01", "٣", "1,2", "a b"]
)


@pytest.mark.parametrize("system", BACK)
@given(names=st.lists(ODD, max_size=6, unique=True))
def test_no_id_becomes_a_command_a_path_or_a_formula(tmp_path_factory, system, names):
    out = tmp_path_factory.mktemp("odd") / "out"
    pairs = [(f"{SOURCE[system]}:{name}", "spam") for name in names] + [(f"{SOURCE[system]}:77", "spam")]
    write_back(verdicts(dict(pairs).items()), system, out)
    form = r"[A-Za-z0-9_][A-Za-z0-9_.-]*" if system == "youtube" else r"[1-9][0-9]*"
    assert all(re.fullmatch(form, own, re.ASCII) for own, _ in told(out, system))
    assert "77" in dict(told(out, system))


def test_the_script_runs_and_says_when_something_failed(tmp_path):
    write_back(
        verdicts([("wordpress:1", "approved"), ("wordpress:2", "spam"), ("wordpress:3", "rejected")]),
        "wp-cli",
        tmp_path / "x.sh",
    )
    wp = tmp_path / "bin" / "wp"
    wp.parent.mkdir()
    for code in (0, 1):
        wp.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/log\nexit {code}\n')
        wp.chmod(0o755)
        done = subprocess.run(
            ["/bin/sh", tmp_path / "x.sh", "--url=a b"],
            env={"PATH": f"{wp.parent}:/usr/bin:/bin"},
            check=False,
            timeout=30,
        )
        assert done.returncode == code
    assert (tmp_path / "log").read_text().splitlines()[:3] == [
        "comment approve 1 --url=a b",
        "comment spam 2 --url=a b",
        "comment trash 3 --url=a b",
    ]


def test_what_cannot_be_written_back_is_refused_in_one_line(tmp_path):
    with pytest.raises(
        InputError, match=r"unknown system 'myspace'; known: discourse, disqus, wordpress-rest, wp-cli, youtube"
    ):
        write_back(verdicts([("wordpress:1", "spam")]), "myspace", tmp_path / "x")
    with pytest.raises(InputError, match=r"no decision is about a comment from YouTube \(ids youtube:\.\.\.\)"):
        write_back(verdicts([("wordpress:1", "spam")]), "youtube", tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_two_sites_in_one_store_stay_apart(tmp_path):
    pairs = [("wordpress:harbour/7", "spam"), ("wordpress:hill/7", "approved")]
    for site, word in (("harbour", "spam"), ("hill", "approve")):
        done = write_back(verdicts(pairs), "wp-cli", tmp_path / "out", site)
        assert done.left_out == 1
        assert told(tmp_path / "out", "wp-cli") == [("7", word)]
    with pytest.raises(InputError, match="several sites: harbour, hill; name one with --site"):
        write_back(verdicts(pairs), "wp-cli", tmp_path / "out")
    write_back(
        verdicts([*pairs[:1], ("wordpress:a b/8", "spam"), ("wordpress:$(id)/9", "spam")]), "wp-cli", tmp_path / "out"
    )
    assert told(tmp_path / "out", "wp-cli") == [("7", "spam")]
