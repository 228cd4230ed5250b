"""Words typed in, results and one-line errors out: every command, as a user runs it."""

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
import typer

import moderation
from moderation import access, cli
from moderation.labels import FLAGS, LABELS
from moderation.registry import Registry
from moderation.settings import seed_page, settings_from, shipped_models
from moderation.store import Review, Store

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
COLUMNS = ["id", *LABELS, "decision", "reasons", "model"]
MODERATION = [sys.executable, "-m", "moderation.cli"]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An installation of its own; nothing of the user's is read."""
    for name in list(os.environ):
        if name.startswith("MODERATION_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MODERATION_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MODERATION_MODERATOR", "ada")
    monkeypatch.setenv("MODERATION_TIER", "fast")  # these are about everything but the model
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def run(home, capsys):
    """Run one command line in this process; return (exit code, standard output, standard error)."""

    def run(*arguments):
        try:
            cli.main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = end.code
        else:
            code = 0
        told = capsys.readouterr()
        return code or 0, told.out, told.err

    return run


@pytest.fixture
def ran(run):
    """Run one command line that must succeed; return its standard output and standard error."""

    def ran(*arguments):
        code, out, err = run(*arguments)
        assert code == 0, err
        return out, err

    return ran


@pytest.fixture
def export(tmp_path):
    path = tmp_path / "export.csv"
    rows = [
        ("17", "Ida", "The lighthouse keeper retired after forty years."),
        ("3", "Bo", "Buy lamps http://lamps.example cheap cheap cheap"),
        ("9", "Ida", "Does anyone know who follows him?"),
    ]
    path.write_text("id,author,body\n" + "".join(f'{a},{b},"{c}"\n' for a, b, c in rows))
    return path


def store_of(home):
    return Store.open(home / "store.db", create=False)


def answer(home, comment, **labels):
    with store_of(home) as store:
        store.add_review(Review(comment, "ada", "reject", labels, store.version(comment), AT))


def seed_ids(home):
    with store_of(home) as store:
        return store.thread(next(store.pending("nobody")).comments["id"].iloc[0])["id"].tolist()


# --- Asking for help


def commands():
    return typer.main.get_command(cli.app).commands


def test_help_names_every_command_and_variable(ran):
    out, _ = ran("--help")
    for name, command in commands().items():
        assert (re.search(rf"│ {name}\b", out) is not None) != command.hidden
    for variable in ("HOME", "STORE", "POLICY", "MODERATOR"):
        assert f"MODERATION_{variable}" in out


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_has_help_with_an_example(ran, name):
    out, _ = ran(name, "--help")
    words = " ".join(out.split())
    assert re.search(rf"Examples?: .*moderation {name}\b", words)
    assert commands()[name].help


def test_version_is_one_line(ran):
    assert ran("--version")[0] == f"moderation {moderation.__version__}\n"


def test_no_words_show_the_help(run):
    code, out, err = run()
    assert code == 2
    assert "Usage: moderation" in out + err


@pytest.mark.parametrize(
    "words",
    [
        ["bake"],
        ["score", "--bake"],
        ["score", "x.csv"],
        ["score", "-o", "x.csv"],
        ["score", "x.csv", "-o", "y.csv", "--workers", "0"],
        ["score", "x.csv", "-o", "y.csv", "--chunk-rows", "many"],
        ["score", "--format", "csv"],
        ["score", "x.csv", "-o", "y.csv", "--map", "text"],
        ["score", "x.csv", "-o", "y.csv", "--map", "=body"],
        ["ingest"],
        ["promote"],
        ["forget", "--reason", "asked to"],
        ["forget", "--comment", "c:1"],
        ["forget", "--comment", "c:1", "--reason", " "],
        ["app", "--port", "99999"],
    ],
    ids=" ".join,
)
def test_wrong_use_is_exit_2_and_touches_nothing(run, home, words):
    code, out, err = run(*words)
    assert code == 2
    assert out == ""
    assert "Usage: moderation" in err
    assert not home.exists()


def test_completion_is_offered():
    for shell in ("bash", "zsh", "fish"):
        shown = subprocess.run(
            MODERATION,
            env={**os.environ, "_MODERATION_COMPLETE": f"source_{shell}"},
            capture_output=True,
            text=True,
            check=True,
        )
        assert "moderation" in shown.stdout


def test_help_does_not_load_the_heavy_libraries():
    code = (
        "import sys\nfrom moderation import cli\n"
        "try:\n cli.main(['--help'])\nexcept SystemExit: pass\n"
        "print(sorted({'pandas', 'numpy', 'sklearn', 'numba', 'sqlalchemy', 'streamlit'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.rstrip().endswith("[]")


# --- Score


def test_score_writes_each_kind_of_file(ran, export, tmp_path):
    tables = []
    for suffix, opened in (("csv", pd.read_csv), ("parquet", pd.read_parquet)):
        ran("score", export, "--map", "text=body", "-o", tmp_path / f"out.{suffix}")
        tables.append(opened(tmp_path / f"out.{suffix}"))
    ran("score", export, "--map", "text=body", "-o", tmp_path / "out.jsonl")
    tables.append(pd.DataFrame([json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]))
    for table in tables:
        assert list(table.columns) == COLUMNS
        assert [str(name) for name in table["id"]] == ["17", "3", "9"], "the input's ids, in the input's order"
        assert set(table["decision"]) <= {"allow", "review", "reject"}


def test_score_to_standard_output_is_csv_and_nothing_else(ran, export):
    out, err = ran("score", export, "--map", "text=body", "-o", "-")
    table = pd.read_csv(io.StringIO(out))
    assert list(table.columns) == COLUMNS
    assert len(table) == 3
    assert "3 comments" in err
    assert "3 records read, 3 comments, nothing lost" in err


def test_the_seed_page_is_ranked_as_it_must_be(ran):
    out, _ = ran("score", seed_page(), "-o", "-")
    table = pd.read_csv(io.StringIO(out))
    (batch,) = moderation.read(seed_page())
    table["author"] = batch.comments["author"].to_numpy()
    assert len(table) == 6
    notices = table["author"].isna() | (table["author"] == "David m")
    threshold = moderation.load_policy().labels["trackback"].review
    assert ((table["trackback"] >= threshold) == notices).all()
    assert table.sort_values("incitement")["author"].iloc[-1] == "jeandon"


def test_losses_are_told_and_do_not_fail_the_rest(ran, tmp_path):
    path = tmp_path / "holes.csv"
    path.write_text("id,text\n1,fine words\n2,\n1,the same id\n3,more words\n")
    out, err = ran("score", path, "-o", "-")
    assert pd.read_csv(io.StringIO(out))["id"].tolist() == [1, 3]
    assert "4 records read, 2 comments, 2 lost" in err
    assert "lost: row 2: no text" in err
    assert "lost: row 3: its id repeats an earlier record's" in err


def test_score_without_an_export_scores_the_store(ran, home, export):
    ran("ingest", export, "--map", "text=body")
    assert "3 comments" in ran("score")[1]
    assert "0 comments" in ran("score")[1]
    with store_of(home) as store:
        assert store.counts(Registry(home, shipped_models()).champion()).scored == 3


def test_another_policy_and_another_model_can_be_named(run, ran, export, tmp_path):
    strict = tmp_path / "strict.toml"
    strict.write_text('[labels.others]\nreview = 0.0\nunscored = "review"\n')
    out, _ = ran("score", export, "--map", "text=body", "-o", "-", "--policy", strict)
    assert set(pd.read_csv(io.StringIO(out))["decision"]) == {"review"}
    code, _, err = run("score", export, "-o", "-", "--model", "base-9")
    assert code == 1
    assert "unknown model version 'base-9'" in err


def test_the_policy_of_the_environment_is_used(ran, export, tmp_path, monkeypatch):
    strict = tmp_path / "strict.toml"
    strict.write_text('[labels.others]\nreview = 0.0\nunscored = "review"\n')
    monkeypatch.setenv("MODERATION_POLICY", str(strict))
    out, _ = ran("score", export, "--map", "text=body", "-o", "-")
    assert set(pd.read_csv(io.StringIO(out))["decision"]) == {"review"}


def test_nothing_hostile_reaches_the_terminal(ran, home, tmp_path):
    path = tmp_path / "hostile.jsonl"
    row = {"id": "h:1", "author": "\x1b[31mred\x07", "text": "\x1b]0;title\x07 bad \u202e words [bold]markup[/bold]"}
    path.write_text(json.dumps(row) + "\n")
    out, err = ran("ingest", path)
    more, err_too = ran("explain", "h:1", "--label", "spam")
    for shown in (out, err, more, err_too):
        assert "\x1b" not in shown
        assert "\x07" not in shown
        assert "\u202e" not in shown


# --- Ingest, explain, demo


def test_ingest_tells_new_from_known(ran, export):
    assert re.search(r"export\.csv +csv +3 +0", ran("ingest", export)[1])
    assert re.search(r"export\.csv +csv +0 +3", ran("ingest", export)[1])


def test_ingest_tells_what_was_judged_already_and_keeps_addresses_if_asked(ran, tmp_path):
    path = tmp_path / "export.csv"
    path.write_text("id,text,author,status\nx:1,hm,ada@example.org,spam\nx:2,oh,Ben,approved\nx:3,ah,,pending\n")
    assert re.search(r"export\.csv +csv +3 +0 +0 +2 +0", ran("ingest", path, "--keep-personal-data")[1])
    with Store.open(settings_from().store_url) as store:
        assert store.batch(["x:1"]).comments["author"].tolist() == ["ada@example.org"]


def test_convert_writes_any_export_as_one_plain_table(ran, run, tmp_path):
    path = tmp_path / "spam.json"
    path.write_text(json.dumps([{"comment_ID": "7", "comment_content": "Buy", "comment_approved": "spam"}, {"x": 1}]))
    out, err = ran("convert", path, "-o", "-")
    table = pd.read_csv(io.StringIO(out))
    assert table[["id", "text", "status"]].to_numpy().tolist() == [["wordpress:7", "Buy", "spam"]]
    assert "1 comments, read as wp-cli" in err
    assert "2 records read, 1 comment, 1 lost" in err
    for suffix in ("csv", "jsonl", "parquet"):
        ran("convert", path, "-o", tmp_path / f"x.{suffix}")
        assert (tmp_path / f"x.{suffix}").stat().st_size
    assert run("convert", path, "-o", tmp_path / "x.doc")[0] == 1


def test_export_writes_decisions_as_their_system_takes_them(ran, run, tmp_path):
    path = tmp_path / "spam.json"
    path.write_text(json.dumps([{"comment_ID": "7", "comment_content": "Buy", "comment_approved": "0"}]))
    ran("ingest", path)
    code, _, err = run("export", "--for", "wp-cli", "-o", tmp_path / "x.sh")
    assert code == 1
    assert "no decision is about a comment from WordPress" in err
    with Store.open(settings_from().store_url) as store:
        store.add_review(Review("wordpress:7", "ada", "reject", {"spam": True}, 0, datetime.now(UTC)))
    _, err = ran("export", "--for", "wp-cli", "-o", tmp_path / "x.sh")
    assert "0 approved, 1 spam, 0 rejected: " in err
    assert "wp comment spam 7 " in (tmp_path / "x.sh").read_text()
    assert run("export", "--for", "myspace", "-o", tmp_path / "y")[0] == 1
    assert run("export", "--for", "wp-cli", "-o", tmp_path / "y", "--decided-by", "me")[0] == 2


def test_explain_tells_what_made_a_score(ran, export):
    ran("ingest", export)
    out, _ = ran("explain", "3", "--label", "spam")
    assert re.search(r"Spam +\d\.\d\d", out)
    assert "lamps" in out


def test_demo_can_be_run_twice(ran, home):
    first, err = ran("demo", "--no-app")
    second, _ = ran("demo", "--no-app")
    assert first == second
    for flag in FLAGS:
        assert cli.TITLES[flag] in first
    for author in ("Rhyno327/lrsd", "Gerry", "jeandon", "David m", "(no author)"):
        assert author in first
    assert len(re.findall(r"\d\.\d\d", first)) >= 24
    assert str(home) in err
    with store_of(home) as store:
        assert store.counts().comments == 6


# --- Retrain, promote, roll back, forget


def test_the_loop_of_learning(run, ran, home):
    ran("demo", "--no-app")
    ids = seed_ids(home)
    for place, labels in ((0, {"incitement": True}), (3, {"trackback": True}), (1, {"spam": False})):
        answer(home, ids[place], **labels)
    base = Registry(home / "models", shipped_models()).default()
    out, err = ran("retrain")
    version = re.search(r"site-0001-[0-9a-f]{8}", out)[0]
    assert f"functional checks: {len(moderation.load_checks(*cli.check_files()).batch):,} comments" in out
    assert f"moderation promote {version}" in err
    listed, _ = ran("models")
    assert re.search(rf"\* +{base} .*public data", listed)
    assert re.search(rf"{version} .*3 reviewed comments", listed)
    assert ran("models", version)[0] == out
    assert f"champion: {version}" in ran("promote", version)[1]
    assert "6 comments" in ran("score")[1]
    assert re.search(rf"\* +{version}", ran("models")[0])
    assert f"champion: {base} (was {version})" in ran("rollback")[1]
    code, _, err = run("rollback")
    assert code == 1
    assert err == f"moderation: {base} is the first champion; there is nothing to roll back to\n"
    lines = [json.loads(line) for line in (home / "models" / "promotions.jsonl").read_text().splitlines()]
    assert [(line["by"], line["action"]) for line in lines] == [("ada", "promote"), ("ada", "rollback")]


def test_forget_withdraws_and_fits_without(run, ran, home):
    ran("demo", "--no-app")
    ids = seed_ids(home)
    answer(home, ids[0], incitement=True)
    first = re.search(r"site-\S{13}", ran("retrain")[0])[0]
    answer(home, ids[1], spam=True)
    ran("retrain")
    out, err = ran("forget", "--comment", ids[1], "--reason", "asked by its author")
    assert "1 reviews withdrawn" in err
    assert first in out, "without that review the version is the one from before it"
    _, err = ran("forget", "--moderator", "ada", "--reason", "has left")
    assert "no review is left" in err
    code, _, err = run("forget", "--moderator", "nobody", "--reason", "has left")
    assert (code, err) == (1, "moderation: forget: no review fits; check the ids and names\n")


def test_retrain_without_reviews_says_what_to_do(run, ran):
    ran("demo", "--no-app")
    code, _, err = run("retrain")
    assert code == 1
    assert err.count("\n") == 1
    assert "moderation app" in err


# --- Doctor


def test_doctor_is_content_with_a_fresh_installation(ran):
    out, _ = ran("doctor")
    for what in ("moderation", "Python", "libraries", "model", "policy", "store", "checks"):
        assert re.search(rf"ok +{what} ", out)
    assert "problem" not in out


def test_doctor_names_each_problem_and_fails(run, home, tmp_path, monkeypatch):
    (home / "models").mkdir(parents=True)
    (home / "models" / "promotions.jsonl").write_text("nonsense\n")
    (home / "store.db").write_text("this is not a database, but long enough to be looked at as one" * 20)
    monkeypatch.setenv("MODERATION_POLICY", str(tmp_path / "none.toml"))
    code, out, _ = run("doctor")
    assert code == 1
    for what in ("model", "policy", "store"):
        assert re.search(rf"problem +{what} ", out)


# --- As a process


def process(*arguments, **options):
    return subprocess.Popen(
        [*MODERATION, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def test_a_reader_that_goes_away_is_no_error(home, tmp_path):
    path = tmp_path / "long.csv"
    path.write_text("id,text\n" + "".join(f"{n},the tide table of day {n}\n" for n in range(30_000)))
    with process("score", path, "-o", "-", "--chunk-rows", 500) as running:
        assert running.stdout.readline().startswith("id,")
        running.stdout.close()
        err = running.stderr.read()
        running.wait(timeout=60)
    assert "Traceback" not in err
    assert "BrokenPipe" not in err
    assert "Errno" not in err


def test_ctrl_c_is_exit_130_without_a_traceback(home, tmp_path):
    slow = tmp_path / "slow.csv"
    slow.write_text("id,text\n" + "".join(f"{n},the tide table of day {n}\n" for n in range(60_000)))
    # Whoever started the tests in the background had Ctrl-C ignored, and their children inherit that.
    heard = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)}
    with process("score", slow, "-o", "-", "--chunk-rows", 50, **heard) as running:
        assert running.stdout.readline().startswith("id,"), "it is at work"
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) <= 1


def test_colour_is_for_terminals_that_want_it(home):
    pty = pytest.importorskip("pty", reason="pseudo-terminals are not to be had on this system")
    colours = {}
    for name, more in (("wanted", {}), ("unwanted", {"NO_COLOR": "1"})):
        ours, theirs = pty.openpty()
        environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", **more}
        environment.pop("FORCE_COLOR", None)
        with subprocess.Popen([*MODERATION, "doctor"], stdout=theirs, stderr=theirs, env=environment) as running:
            os.close(theirs)
            shown = b""
            while True:
                try:
                    part = os.read(ours, 65536)
                except OSError:
                    break
                if not part:
                    break
                shown += part
            assert running.wait(timeout=60) == 0
        os.close(ours)
        colours[name] = b"\x1b[32m" in shown
    assert colours == {"wanted": True, "unwanted": False}


def test_a_progress_bar_is_drawn_on_a_terminal_and_data_stays_clean(home, export):
    pty = pytest.importorskip("pty", reason="pseudo-terminals are not to be had on this system")
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*MODERATION, "score", export, "-o", "-"],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm"},
    ) as running:
        os.close(theirs)
        out = running.stdout.read()
        assert running.wait(timeout=60) == 0
    assert b"export.csv" in os.read(ours, 65536)
    os.close(ours)
    assert len(pd.read_csv(io.BytesIO(out))) == 3


def test_a_service_without_a_home_folder_can_run_a_system_wide_installation(home):
    root = Path(moderation.__file__).resolve().parent.parent
    read_only = f"mount --bind '{root}' '{root}' && mount -o remount,bind,ro '{root}'"
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "-m", "sh", "-c", read_only], check=False).returncode != 0:
        pytest.skip("only root can make the installation read-only for one process")
    shown = subprocess.run(
        [unshare, "-m", "sh", "-c", f'{read_only} && cd / && exec "$@"', "sh", *MODERATION, "doctor"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(root), "HOME": "/proc/none", "MODERATION_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    assert "problem" not in shown.stdout


def test_run_job_executes_a_row(ran, run, home, export):
    ran("ingest", export)
    with store_of(home) as store:
        number = store.add_job("rescore", {}, datetime.now(UTC))
    ran("run-job", number)
    with store_of(home) as store:
        job = store.job(number)
    assert (job.state, job.result["rows"]) == ("done", 3)
    code, _, err = run("run-job", number)
    assert (code, err) == (1, f"moderation: job {number}: is done; start a new one\n")


def test_train_refuses_a_folder_that_is_there(run, tmp_path):
    (tmp_path / "base-1").mkdir()
    code, _, err = run("train", "--data", tmp_path, "--out", tmp_path / "base-1")
    assert code == 1
    assert "is there already" in err


def test_train_goes_on_only_from_a_model(run, tmp_path):
    code, _, err = run("train", "--data", tmp_path, "--out", tmp_path / "base-1", "--from", tmp_path, "--accurate")
    assert code == 1
    assert "no model here" in err


def test_train_goes_on_training_only_an_encoder_that_is_there(run, tmp_path):
    bare = tmp_path / "bare"
    registry = Registry(tmp_path / "models", shipped_models())
    shutil.copytree(registry.folder(registry.default()), bare)
    (bare / "encoder-2.onnx").unlink()
    code, _, err = run("train", "--data", tmp_path, "--out", tmp_path / "base-1", "--from", bare, "--accurate")
    assert code == 1
    assert "has no encoder to go on training" in err


def test_train_names_a_folder_that_has_no_model_to_take_over(run, tmp_path):
    code, _, err = run("train", "--data", tmp_path, "--out", tmp_path / "base-1", "--from", tmp_path)
    assert code == 1
    assert "no model here" in err


def test_the_names_of_the_public_door_are_one_list():
    assert sorted([*moderation._HOMES, "__version__"]) == sorted(moderation.__all__)
    for name in moderation.__all__:
        assert getattr(moderation, name) is not None
    with pytest.raises(AttributeError, match="bake"):
        _ = moderation.bake
    assert set(moderation.__all__) <= set(dir(moderation))


def test_the_imports_for_types_are_the_same_list():
    source = Path(moderation.__file__).read_text()
    found = dict(re.findall(r"from moderation\.\w+ import (\w+) as (\w+)", source))
    assert found == {name: name for name in moderation._HOMES}
    assert {
        name: home for home, name in re.findall(r"from moderation\.(\w+) import (\w+) as", source)
    } == moderation._HOMES


# --- evaluate --------------------------------------------------------------------------------------------------------


def test_a_report_is_written_from_own_sentences_alone(ran, tmp_path):
    out, err = ran("evaluate", "--out", tmp_path / "report", "--sample", 30)
    assert out == ""
    assert re.search(r"report\.md \(\d+ of \d+ measured targets met\)", err)
    assert "1 of 4: scoring with accurate" in err, "a log shows how far it is"
    text = (tmp_path / "report/report.md").read_text("utf-8")
    assert "Only a sample was measured" in text
    assert (tmp_path / "report/plots/roc.png").is_file()
    figures = json.loads((tmp_path / "report/report.json").read_text("utf-8"))
    assert set(figures["scorers"]) == {"fast", "accurate", "cascade"}


def test_a_folder_without_data_sets_is_named(run, tmp_path):
    code, _, err = run("evaluate", "--data", tmp_path)
    assert code == 1
    assert "no data sets here" in err


# People and appeals.


def test_people_come_change_and_go(ran, run, home, monkeypatch):
    def give(password):
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))

    give("correct horse")
    code, _, err = run("people", "add", "ann", "--role", "lead")
    assert code == 1
    assert "the first account must be an admin's" in err
    assert "nobody: the desk asks nobody" in ran("people", "list")[1]
    give("correct horse")
    ran("people", "add", "root", "--role", "admin")
    give("battery staple")
    ran("people", "add", "ann")
    out, _ = ran("people", "list")
    assert [line.split()[:2] for line in out.strip().split("\n")[1:]] == [["ann", "moderator"], ["root", "admin"]]
    assert "correct horse" not in (home / "store.db").read_bytes().decode("latin-1")
    ran("people", "role", "ann", "viewer")
    give("a better one")
    ran("people", "password", "ann")
    with Store.open(home / "store.db") as store:
        now = datetime.now(UTC)
        assert access.sign_in(store, "ann", "a better one", at=now).role == "viewer"
    for command, fault in (
        (("people", "role", "ann", "boss"), "unknown role 'boss'"),
        (("people", "role", "cyd", "lead"), "nobody of the name 'cyd'"),
        (("people", "password", "cyd"), "nobody of the name 'cyd'"),
        (("people", "remove", "root"), "the last admin"),
    ):
        code, _, err = run(*command)
        assert (code, err.count("\n")) == (1, 1)
        assert fault in err
    give("short")
    assert "give another" in run("people", "password", "ann")[2]
    ran("people", "remove", "ann")
    assert "asks nobody for a password now" in ran("people", "remove", "root")[1]


def test_an_appeal_is_written_as_one_page(ran, run, home, export, tmp_path):
    ran("ingest", export)
    ran("score")
    with Store.open(home / "store.db") as store:
        name = store.queue(model="m", label=None, order="oldest", limit=1)["id"].iloc[0]
        store.add_review(Review(name, "ada", "reject", {"spam": True}, 0, datetime.now(UTC), note="an advert"))
    ran("appeal", name, "-o", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    for words in ("<b>Rejected</b>", "an advert", "ada", "Because of which words", "Policy version"):
        assert words in page
    assert "<script" not in page
    assert "<b>Rejected</b>" in ran("appeal", name)[0]
    assert "no comment 'nowhere'" in run("appeal", "nowhere")[2]
    assert "cannot be written" in run("appeal", name, "-o", tmp_path / "no" / "page.html")[2]
