r"""Probabilities and rules in, decisions out: thresholds live here, in a TOML file, and nowhere else.

>>> from moderation.policy import parse_policy
>>> policy = parse_policy('[labels.spam]\nreview = 0.5\n[labels.others]\nunscored = "allow"\n')
>>> policy.labels["spam"].review
0.5

**Firmest reason wins.** Every threshold that is reached and every rule that holds is a reason, and the decision is the
firmest action among them; so the order of rules never changes a decision, and a higher probability never softens one.

A rule that says "allow" (by author, or by what the source's moderators had decided) lifts the reviews that thresholds
ask for. It lifts no rejection, no other rule, and no review of what nobody judged; and it does not work by words or
hosts, which anyone could put into a comment to escape review.

A label that the policy does not name, and one without a score, asks for a person unless the policy says otherwise.
"""

from moderation.policy.decision import Reason, decide, flagged, rule_hits
from moderation.policy.editing import with_rule, with_thresholds, without_rule
from moderation.policy.format import load_policy, parse_policy, shipped_policy
from moderation.policy.rules import ACTIONS, LISTS, Action, Policy, Rule, Thresholds
from moderation.policy.versions import Differing, Policies, Shadow, Version, compared

__all__ = [
    "ACTIONS",
    "LISTS",
    "Action",
    "Differing",
    "Policies",
    "Policy",
    "Reason",
    "Rule",
    "Shadow",
    "Thresholds",
    "Version",
    "compared",
    "decide",
    "flagged",
    "load_policy",
    "parse_policy",
    "rule_hits",
    "shipped_policy",
    "with_rule",
    "with_thresholds",
    "without_rule",
]
