"""Bytes of unknown encoding in, the encoding's name out; and text that was decoded wrongly before, repaired.

UTF-8 is the rule and is tried first; a byte-order mark is believed; Western text is read as cp1252 (a superset of
printable Latin-1); everything else is left to charset-normalizer.
"""

import codecs
import re
from contextlib import suppress
from typing import Final

import charset_normalizer

__all__ = ["BAD_BYTES", "encoding_of", "looks_binary", "repair", "replace_bad_bytes"]

# Longest first: the UTF-32 mark begins with the UTF-16 one.
MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

# Bytes that text does not hold. NUL is left out: it occurs singly in damaged exports and is repaired there.
_CONTROLS: Final = bytes(sorted({*range(1, 9), *range(14, 27), *range(28, 32)}))
BINARY_SHARE: Final = 0.03
NUL_SHARE: Final = 0.1
STRAYS: Final = 4

# What charset-normalizer may not guess: encodings that no export uses, and those settled before it is asked.
EXCLUDED: Final = ["utf_7", "utf_8", "utf_16", "utf_16_be", "utf_16_le", "utf_32", "utf_32_be", "utf_32_le", "cp037"]
SAMPLE: Final = 16_384

# Decoding with "surrogateescape" leaves each bad byte as one of these.
BAD_BYTES: Final = re.compile("[\udc80-\udcff]")


def _as_cp1252(byte: int) -> str:
    return bytes([byte]).decode("cp1252", "replace")


_BYTE_OF: Final = {0xDC00 + byte: _as_cp1252(byte) for byte in range(0x80, 0x100)}


def replace_bad_bytes(text: str) -> tuple[str, int]:
    """Return `text` with each byte that was not UTF-8 read as cp1252, and how many there were."""
    found = len(BAD_BYTES.findall(text))
    return (text.translate(_BYTE_OF), found) if found else (text, 0)


def looks_binary(head: bytes) -> bool:
    """Tell whether `head` is no text in any encoding handled here."""
    if not head or any(head.startswith(mark) for mark, _ in MARKS) or _wide(head):
        return False
    controls, nuls = len(head) - len(head.translate(None, _CONTROLS)), head.count(0)
    # In a few words, one stray byte is a large share: it takes several, or nearly nothing else.
    several = controls + nuls > STRAYS or controls + nuls > 0.3 * len(head)
    return several and (controls > BINARY_SHARE * len(head) or nuls > NUL_SHARE * len(head))


def _wide(head: bytes) -> str | None:
    """Return the UTF-16 flavour of `head` if every second byte is mostly NUL, as in Western text without a mark."""
    pairs = len(head) // 2
    if pairs < 2 or b"\0" not in head:
        return None
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if odd >= 0.7 * pairs and even <= 0.05 * pairs:
        return "utf-16-le"
    if even >= 0.7 * pairs and odd <= 0.05 * pairs:
        return "utf-16-be"
    return None


def encoding_of(head: bytes) -> str:
    """Return the codec to decode a file that begins with `head` (which may end inside a character)."""
    for mark, name in MARKS:
        if head.startswith(mark):
            return name
    wide = _wide(head)
    if wide:
        return wide
    if head.isascii():
        return "utf-8"
    with suppress(UnicodeDecodeError):
        codecs.utf_8_decode(head, "strict", False)  # a character cut short at the end is none of its faults
        return "utf-8"
    text = head.decode("utf-8", "surrogateescape")
    bad = len(BAD_BYTES.findall(text[:-3])) if len(text) > 3 else len(BAD_BYTES.findall(text))
    good = len(text) - len(text.encode("ascii", "ignore")) - bad
    # A few stray bytes in a UTF-8 file are read one by one as cp1252; the file itself is still UTF-8.
    return "utf-8" if good >= bad else _legacy(head)


def _legacy(head: bytes) -> str:
    first = next(i for i, byte in enumerate(head) if byte > 0x7F)
    start = max(0, first - SAMPLE // 2)
    sample = head[start : start + SAMPLE]
    if _western(sample):
        return "cp1252"
    best = charset_normalizer.from_bytes(sample, cp_exclusion=EXCLUDED).best()
    return best.encoding if best else "cp1252"


def _western(sample: bytes) -> bool:
    """Tell whether `sample` reads well as cp1252: accents are the exception, and no sign stands inside a word."""
    try:
        text = sample.decode("cp1252")
    except UnicodeDecodeError:
        return False
    letters = sum(character.isalpha() for character in text)
    accented = sum(character.isalpha() for character in text if character > "\x7f")
    return accented <= 0.4 * letters and not re.search(r"[^\W\d_][\xa1-\xa9\xab-\xb9\xbb-\xbf\xd7\xf7][^\W\d_]", text)


# UTF-8 bytes shown as cp1252 characters: the bytes C1 that cp1252 leaves undefined pass through as themselves.
_UNDEFINED: Final = {0x81, 0x8D, 0x8F, 0x90, 0x9D}
_TO_BYTE: Final = {
    **{ord(_as_cp1252(byte)): byte for byte in range(0x80, 0x100) if byte not in _UNDEFINED},
    **{byte: byte for byte in _UNDEFINED},
}
_TAIL: Final = "".join(re.escape(chr(point)) for point, byte in _TO_BYTE.items() if 0x80 <= byte <= 0xBF)
_RUN: Final = re.compile(f"[\xc2-\xdf][{_TAIL}]|[\xe0-\xef][{_TAIL}]{{2}}|[\xf0-\xf4][{_TAIL}]{{3}}")
_NOT_ASCII: Final = re.compile(r"[^\x00-\x7f]")


def repair(text: str) -> str:
    """Return `text` with doubly encoded UTF-8 ("donâ€™t") undone where that is certain, else unchanged.

    Certain means that every character above ASCII belongs to such a sequence, and that there is one of three bytes or
    more, or two of them: "Ã©" alone may be meant, "donâ€™t" may not.
    """
    runs = _RUN.findall(text)
    if not runs or not (len(runs) > 1 or len(runs[0]) > 2):
        return text
    if sum(map(len, runs)) != len(_NOT_ASCII.findall(text)):
        return text
    try:
        return _RUN.sub(lambda run: bytes(_TO_BYTE[ord(c)] for c in run.group()).decode("utf-8"), text)
    except UnicodeDecodeError:
        return text
