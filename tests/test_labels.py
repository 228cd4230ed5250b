"""The taxonomy, as everything else reads it."""

from moderation.labels import ABUSE, FLAGS, LABELS, TAXONOMY


def test_the_order_is_the_order_of_every_table() -> None:
    assert LABELS == (
        "off_topic",
        "spam",
        "trackback",
        "incitement",
        "toxicity",
        "severe_toxicity",
        "threat",
        "insult",
        "identity_attack",
        "profanity",
    )


def test_flags_and_abuse_part_the_labels() -> None:
    assert FLAGS == ("off_topic", "spam", "trackback", "incitement")
    assert FLAGS + ABUSE == LABELS
    assert not set(FLAGS) & set(ABUSE)


def test_every_label_can_be_asked_about() -> None:
    for label in TAXONOMY:
        assert label.name.isidentifier(), "the name is a column, a TOML key and a parameter"
        assert label.title
        assert label.yes
        assert label.no
        assert label.yes != label.no


def test_names_of_other_services_are_distinct_and_spelt_as_theirs() -> None:
    names = [label.perspective for label in TAXONOMY]
    assert len(set(names)) == len(names)
    assert all(name == name.upper() and name.replace("_", "").isalpha() for name in names)
