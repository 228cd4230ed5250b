"""Environment variables in, places out; nothing but the environment is asked."""

from pathlib import Path

import pytest

from moderation import settings
from moderation.errors import InputError
from moderation.settings import check_files, seed_page, seeds_folder, settings_from, shipped_models


def test_every_variable_is_taken(tmp_path):
    found = settings_from(
        {
            "MODERATION_HOME": str(tmp_path),
            "MODERATION_STORE": "postgresql://ada@db/comments",
            "MODERATION_POLICY": str(tmp_path / "strict.toml"),
            "MODERATION_MODERATOR": "ada",
            "MODERATION_TIER": "cascade",
            "USER": "somebody else",
        }
    )
    assert found.home == tmp_path
    assert found.models == tmp_path / "models"
    assert found.store_url == "postgresql://ada@db/comments"
    assert found.policy_path == tmp_path / "strict.toml"
    assert found.moderator == "ada"
    assert found.tier == "cascade"


EMPTY = {f"MODERATION_{name}": "" for name in ("HOME", "STORE", "POLICY", "TIER")}


@pytest.mark.parametrize("environment", [{}, EMPTY])
def test_what_is_missing_or_empty_has_its_default(environment):
    found = settings_from(environment)
    assert found.home.is_absolute()
    assert found.home.name == "moderation"
    assert found.store_url == str(found.home / "store.db")
    assert found.policy_path is None
    assert found.tier == "accurate"


def test_an_unknown_tier_is_refused():
    with pytest.raises(InputError, match="MODERATION_TIER: unknown tier 'best'; known: fast, accurate, cascade"):
        settings_from({"MODERATION_TIER": "best"})


def test_the_store_lies_in_the_home_that_was_named(tmp_path):
    assert settings_from({"MODERATION_HOME": str(tmp_path)}).store_url == str(tmp_path / "store.db")


@pytest.mark.parametrize(
    ("environment", "moderator"),
    [
        ({"MODERATION_MODERATOR": "ada", "USER": "bo"}, "ada"),
        ({"MODERATION_MODERATOR": "", "USER": "bo"}, "bo"),
        ({"USERNAME": "cy"}, "cy"),
        ({}, "moderator"),
    ],
)
def test_who_is_at_the_keys(environment, moderator):
    assert settings_from(environment).moderator == moderator


def test_a_tilde_is_the_home_folder_and_a_relative_home_becomes_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert settings_from({"MODERATION_HOME": "~/site"}).home == Path.home() / "site"
    assert settings_from({"MODERATION_HOME": "site"}).home == tmp_path / "site"
    assert settings_from({"MODERATION_POLICY": "~/p.toml"}).policy_path == Path.home() / "p.toml"


def test_the_environment_of_the_process_is_the_default(tmp_path, monkeypatch):
    monkeypatch.setenv("MODERATION_HOME", str(tmp_path))
    assert settings_from().home == tmp_path


def test_what_is_shipped_is_there():
    assert seed_page().parent == seeds_folder()
    assert seed_page().is_file()
    assert (seeds_folder() / "policy.toml").is_file()
    assert all(path.is_file() for path in check_files())
    assert any(path.is_dir() for path in shipped_models().iterdir())


def test_what_is_not_shipped_is_said_to_be_missing():
    with pytest.raises(InputError, match="the shipped folder 'nothing' is missing; reinstall"):
        settings._shipped("nothing")


def test_roles_of_a_provider_s_groups_are_read():
    told = {"MODERATION_ROLES": "staff = moderator, team=it=admin,", "MODERATION_ROLES_CLAIM": "teams"}
    found = settings_from(told)
    assert found.roles == {"staff": "moderator", "team=it": "admin"}
    assert found.claim == "teams"
    assert settings_from({}).roles == {}
    assert settings_from({}).claim == "groups"


@pytest.mark.parametrize("told", ["staff", "staff=boss", "=admin", "staff=moderator,x"])
def test_roles_that_cannot_be_read_are_refused(told):
    with pytest.raises(InputError, match=r"MODERATION_ROLES: .* is not GROUP=ROLE; the roles are viewer, moderator"):
        settings_from({"MODERATION_ROLES": told})
