"""Coverage-guided fuzzing of the readers: bytes in, exceptions other than one-line refusals out, each kept once.

    pip install atheris
    python tests/fuzz/readers.py [--minutes 30] [--work build/fuzz]

The first byte of an input chooses the format (or leaves it to be recognised), the second how it is read; the rest is
the file. Seeds are the samples of the tests. A fault is kept as a file in the work folder, named for the place where it
was raised, and the run goes on; make a case of it in `test_formats.py`. Beside exceptions, a report whose numbers
do not add up and a batch that breaks its schema are faults. Not a part of CI: a run has no end of its own.
"""

import argparse
import hashlib
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent.parent), str(HERE.parent)]

import atheris  # noqa: E402 - what is imported below is instrumented

with atheris.instrument_imports(include=["moderation.readers"]):
    from moderation.errors import ModerationError
    from moderation.readers import FORMATS, read

NAMES = sorted(FORMATS)
LARGEST = 1 << 16


def seeds(folder: Path) -> None:
    """Write the samples of the tests, each with the bytes before it that name its format."""
    from format_samples import samples

    found = [(name, content) for name, variants in samples().items() for content in variants.values()]
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in found:
        for chosen in (NAMES.index(name), len(NAMES)):
            data = bytes([chosen, 0]) + content
            (folder / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)


class Target:
    """What is called with each input; it counts, and keeps what went wrong."""

    def __init__(self, work: Path) -> None:
        self.faults = work / "faults"
        self.faults.mkdir(parents=True, exist_ok=True)
        memory = Path("/dev/shm")
        self.file = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None)) / "input"
        self.runs: Counter[str] = Counter()
        self.met: Counter[str] = Counter()
        self.begun = time.monotonic()

    def __call__(self, data: bytes) -> None:
        if len(data) < 2:
            return
        name = NAMES[data[0]] if data[0] < len(NAMES) else None
        self.file.write_bytes(data[2:])
        self.runs[name or "recognised"] += 1
        try:
            reading = read(self.file, name, chunk_rows=2 + data[1] % 4, keep_personal_data=bool(data[1] & 64))
            got = sum(len(batch.validate()) for batch in reading)
            report = reading.loss
            assert report.records_in == report.comments_out + report.lost, "the report does not add up"
            assert report.comments_out == got, "the report counts other comments than there are"
        except ModerationError as error:
            if "\n" in str(error):
                self.keep(data, name, "a message of several lines")
        except Exception as error:  # noqa: BLE001 - any is a find
            frame = traceback.extract_tb(error.__traceback__)[-1]
            self.keep(data, name, f"{type(error).__name__}-{Path(frame.filename).stem}-{frame.lineno}")
        if sum(self.runs.values()) % 5000 == 0:
            self.tell()

    def keep(self, data: bytes, name: str | None, what: str) -> None:
        self.met[what] += 1
        if self.met[what] == 1:
            (self.faults / f"{what.replace(' ', '-')}-{name or 'recognised'}").write_bytes(data)
            print(f"a fault: {what} ({name or 'recognised'})", file=sys.stderr, flush=True)

    def tell(self) -> None:
        runs, seconds = sum(self.runs.values()), time.monotonic() - self.begun
        faults = ", ".join(f"{what}: {count:,}" for what, count in self.met.items()) or "none"
        print(f"{runs:,} inputs in {seconds:,.0f} s; faults: {faults}", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--work", type=Path, default=Path("build/fuzz"))
    chosen = parser.parse_args()
    corpus, given = chosen.work / "corpus", chosen.work / "seeds"
    corpus.mkdir(parents=True, exist_ok=True)
    seeds(given)
    arguments = [
        sys.argv[0],
        str(corpus),
        str(given),
        f"-max_total_time={chosen.minutes * 60:.0f}",
        f"-max_len={LARGEST}",
        "-rss_limit_mb=4096",
        "-timeout=60",
        "-print_final_stats=1",
        f"-artifact_prefix={chosen.work}/",
    ]
    atheris.Setup(arguments, Target(chosen.work))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
