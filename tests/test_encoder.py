"""The encoder: what it reads, that it is exact, and what it refuses."""

import hashlib
import pickle
import shutil

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from moderation.encoder import FILES, HEADS, WINDOW, Encoder, passages_of, prepare
from moderation.errors import ModelError
from moderation.registry import Registry
from moderation.settings import shipped_models

SHIPPED = Registry(shipped_models(), shipped_models())
FOLDER = SHIPPED.folder(SHIPPED.default())
DIGESTS = SHIPPED.card(SHIPPED.default())["encoder"]["files"]
CALL = "Bomb them all, every last one, and then bomb the ruins."
REPORT = "The ferry was late again and the harbour master apologised."


@pytest.fixture(scope="module")
def encoder():
    return Encoder.load(FOLDER, DIGESTS)


def incitement(encoder, *texts):
    return encoder.logits(texts)[:, HEADS.index("incitement")]


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("  two\n\n words ", "two words"),
        ("see https://a.example/b?c=d and www.e.example", "see http and http"),
        ("@anna_b says so, me@b.example too", "@user says so, me@b.example too"),
        ("a\u200bb\u00adc", "abc"),
        ("ｆｕｌｌ width", "full width"),
        ("\U0001f52a you", "hocho you"),
    ],
)
def test_what_the_tokenizer_sees(text, seen):
    assert prepare(text) == seen


def test_passages_are_whole_sentences_of_about_sixty_words():
    text = " ".join(f"Sentence number {number} has exactly eight words here." for number in range(40))
    found = passages_of(text)
    assert " ".join(found) == text
    assert all(40 <= len(passage.split()) <= 60 for passage in found[:-1])
    assert passages_of("") == []
    assert len(passages_of("One. " * 100_000)) == 64


def test_a_call_is_told_from_a_report(encoder):
    call, report = incitement(encoder, CALL, REPORT)
    assert call > report + 2


def test_sentences_alike_have_embeddings_alike(encoder):
    a, b, c = encoder.embed(["A cat sat on the mat.", "There was a cat sitting on a rug.", "Rates rose by a point."])
    assert np.isclose((a * a).sum(), 1)
    assert a @ b > a @ c + 0.2


def test_every_batch_gives_the_same_to_the_last_bit(encoder):
    texts = [CALL, REPORT, "", "x", CALL, "a longer one: " + "words and words " * 200]
    together = encoder.logits(texts), encoder.embed(texts)
    for i, text in enumerate(texts):
        encoder.forget()
        assert (encoder.logits([text])[0] == together[0][i]).all()
        assert (encoder.embed([text])[0] == together[1][i]).all()
    assert encoder.logits([]).shape == (0, len(HEADS))
    assert encoder.embed([]).shape == (0, 384)


@pytest.mark.parametrize("place", [0, 3_000, 6_000])
def test_a_long_text_is_as_strong_as_its_strongest_window(encoder, place):
    filler = f"{REPORT} " * 100
    hidden = filler[:place] + f" {CALL} " + filler[place:]
    plain, planted = incitement(encoder, filler, hidden)
    assert planted > plain + 1


@settings(max_examples=25)
@given(st.text(max_size=300))
@example("\ud800 \x00 \U0001f52a" * 30)
@example("word " * (WINDOW + 1))
def test_any_text_has_logits(encoder, text):
    assert np.isfinite(encoder.logits([text.encode("utf-8", "replace").decode()])).all()


def test_it_goes_to_another_process_and_says_the_same(encoder):
    assert (pickle.loads(pickle.dumps(encoder)).logits([CALL]) == encoder.logits([CALL])).all()


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_or_missing_file_is_refused(tmp_path, name):
    folder = tmp_path / "model"
    folder.mkdir()
    for file in FILES:
        shutil.copy(FOLDER / file, folder / file)
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(ModelError, match=f"{name} is damaged .* restore it"):
        Encoder.load(folder, DIGESTS)
    (folder / name).unlink()
    with pytest.raises(ModelError, match=f"{name} cannot be read"):
        Encoder.load(folder, DIGESTS)


def test_a_file_that_is_no_model_is_refused_even_with_its_digest(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    for file in FILES:
        shutil.copy(FOLDER / file, folder / file)
    (folder / FILES[0]).write_bytes(b"not a model")
    digests = {**DIGESTS, FILES[0]: hashlib.sha256(b"not a model").hexdigest()}
    with pytest.raises(ModelError, match="cannot be read"):
        Encoder.load(folder, digests)
