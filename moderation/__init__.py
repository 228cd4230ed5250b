"""Comment moderation: read any export, score on a CPU, decide, and learn from every decision.

Everything travels in tables, and the table is the unit: one comment is a batch of one.

>>> from pathlib import Path
>>> from datetime import UTC, datetime
>>> import moderation
>>> batch = moderation.batch_of(
...     ["Thank you, the map of the river crossing helped a lot.", "CHEAP WATCHES http://deals.example/buy BUY NOW"],
...     article_title="A new bridge over the river",
... )
>>> registry = moderation.Registry(Path("models-of-my-site"), moderation.shipped_models())
>>> scores = registry.load().score(batch)
>>> bool(scores["spam"].iloc[1] > scores["spam"].iloc[0])
True
>>> decisions = moderation.decide(batch, scores, moderation.load_policy(), datetime.now(UTC))
>>> len(decisions) == len(batch)
True

The three jobs are `ingest`, `score_store` (or `score_file`) and `retrain`; they need a `Store`.
"""

# What is used is imported when it is used: `moderation --help` must not wait for pandas.
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from moderation.classifier import Classifier as Classifier
    from moderation.classifier import Explanation as Explanation
    from moderation.classifier import Span as Span
    from moderation.errors import ModerationError as ModerationError
    from moderation.evaluation import Comparison as Comparison
    from moderation.evaluation import Evaluation as Evaluation
    from moderation.evaluation import compare as compare
    from moderation.evaluation import evaluate as evaluate
    from moderation.jobs import ingest as ingest
    from moderation.jobs import retrain as retrain
    from moderation.jobs import score_file as score_file
    from moderation.jobs import score_store as score_store
    from moderation.labels import ABUSE as ABUSE
    from moderation.labels import FLAGS as FLAGS
    from moderation.labels import LABELS as LABELS
    from moderation.learning import Candidate as Candidate
    from moderation.learning import load_checks as load_checks
    from moderation.policy import Policy as Policy
    from moderation.policy import Reason as Reason
    from moderation.policy import decide as decide
    from moderation.policy import flagged as flagged
    from moderation.policy import load_policy as load_policy
    from moderation.readers import LossReport as LossReport
    from moderation.readers import Reading as Reading
    from moderation.readers import read as read
    from moderation.registry import Promotion as Promotion
    from moderation.registry import Registry as Registry
    from moderation.settings import seed_page as seed_page
    from moderation.settings import shipped_models as shipped_models
    from moderation.store import Review as Review
    from moderation.store import Store as Store
    from moderation.tables import Batch as Batch
    from moderation.tables import batch_of as batch_of
    from moderation.triage import Card as Card
    from moderation.triage import Lens as Lens
    from moderation.triage import next_for as next_for

__version__ = "0.1.0"

__all__ = [
    "ABUSE",
    "FLAGS",
    "LABELS",
    "Batch",
    "Candidate",
    "Card",
    "Classifier",
    "Comparison",
    "Evaluation",
    "Explanation",
    "Lens",
    "LossReport",
    "ModerationError",
    "Policy",
    "Promotion",
    "Reading",
    "Reason",
    "Registry",
    "Review",
    "Span",
    "Store",
    "__version__",
    "batch_of",
    "compare",
    "decide",
    "evaluate",
    "flagged",
    "ingest",
    "load_checks",
    "load_policy",
    "next_for",
    "read",
    "retrain",
    "score_file",
    "score_store",
    "seed_page",
    "shipped_models",
]

# Where each name lives; test_public_door holds this, the imports above and `__all__` to each other.
_HOMES: Final = {
    "Classifier": "classifier",
    "Explanation": "classifier",
    "Span": "classifier",
    "ModerationError": "errors",
    "Comparison": "evaluation",
    "Evaluation": "evaluation",
    "compare": "evaluation",
    "evaluate": "evaluation",
    "ingest": "jobs",
    "retrain": "jobs",
    "score_file": "jobs",
    "score_store": "jobs",
    "ABUSE": "labels",
    "FLAGS": "labels",
    "LABELS": "labels",
    "Candidate": "learning",
    "load_checks": "learning",
    "Policy": "policy",
    "Reason": "policy",
    "decide": "policy",
    "flagged": "policy",
    "load_policy": "policy",
    "LossReport": "readers",
    "Reading": "readers",
    "read": "readers",
    "Promotion": "registry",
    "Registry": "registry",
    "seed_page": "settings",
    "shipped_models": "settings",
    "Review": "store",
    "Store": "store",
    "Batch": "tables",
    "batch_of": "tables",
    "Card": "triage",
    "Lens": "triage",
    "next_for": "triage",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
