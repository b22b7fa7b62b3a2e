"""The methods of attribution by name, and what an attribution says in words."""

from __future__ import annotations

from typing import Any

from ...errors import Error, show
from ..predictions import HeadPrediction
from ..targets import VECTOR, ModelWithHeads
from . import gradient_times_input, integrated_gradients, rollout
from .result import COMPLETE, Attribution

METHODS = (integrated_gradients.NAME, gradient_times_input.NAME, rollout.NAME)
MEANING = {
    integrated_gradients.NAME: "how much each token adds to the explained logit, compared with [PAD] in its place",
    gradient_times_input.NAME: "a first-order estimate of how much each token adds, compared with [PAD] in its place",
    rollout.NAME: "how much of each token reaches the head through attention (no sign, sums to 1)",
}
CAVEAT = {
    integrated_gradients.NAME: "The baseline is the same text with [PAD] in the place of every ordinary token; another "
    "baseline gives other scores. A score is not what changes if you delete the word.",
    gradient_times_input.NAME: "The baseline is the same text with [PAD] in the place of every ordinary token. The "
    "estimate is right only where the model is linear between baseline and text.",
    rollout.NAME: "Rollout says where attention looked, not for which answer.",
}


def explain(
    model: ModelWithHeads,
    text: str | tuple[str, str],
    method: str = METHODS[0],
    task: str | None = None,
    target: Any = None,
    steps: int = integrated_gradients.STEPS,
) -> Attribution:
    """A score for each token, by the name of a method. Error: an unknown method; else as targets.choose."""
    if method == integrated_gradients.NAME:
        return integrated_gradients.attribute(model, text, task, target, steps)
    if method == gradient_times_input.NAME:
        return gradient_times_input.attribute(model, text, task, target)
    if method == rollout.NAME:
        return rollout.attribute(model, text, task, target)
    raise Error(f"method: expected {', '.join(METHODS)}, got {show(method)}")


def question(attribution: Attribution) -> str:
    """What the scores answer: 'Why "negative" (0.92)?'"""
    answer = _only_answer(attribution)
    name = attribution.target.description if answer is None else f'"{answer.answer}"'
    probability = "" if answer is None or answer.probability is None else f" ({answer.probability:.2f})"
    start = "Where does attention look for" if attribution.method == rollout.NAME else "Why"
    return f"{start} {name}{probability}?"


def supported(attribution: Attribution) -> str:
    """What a positive score supports: '"negative"'."""
    answer = _only_answer(attribution)
    if answer is not None:
        return f'"{answer.answer}"' if answer.probability is not None else "a larger value"
    return "a larger value" if attribution.target.task == VECTOR else attribution.target.description


def prediction(attribution: Attribution) -> str:
    """What the model answers, in a sentence; "" without a head or where several positions were asked about."""
    if _only_answer(attribution) is None:
        return ""
    likeliest = attribution.predictions[0]
    probability = "" if likeliest.probability is None else f" with probability {likeliest.probability:.2f}"
    return f'The model predicts "{likeliest.answer}"{probability}.'


def _only_answer(attribution: Attribution) -> HeadPrediction | None:
    """The explained answer, where it is a single one."""
    explained = [prediction for prediction in attribution.predictions if prediction.wanted]
    return explained[0] if len(explained) == 1 else None


def completeness(attribution: Attribution) -> str:
    """Whether the scores add up; "" for a method that does not promise it."""
    if attribution.baseline is None or attribution.error is None:
        return ""
    change = attribution.value - attribution.baseline
    numbers = f"the scores add up to {attribution.total:.4f}"
    if attribution.error <= COMPLETE:
        return (
            f"Check passed: {numbers}, which is the change of the explained output from the baseline to this text "
            f"(relative error {attribution.error:.0e})."
        )
    return (
        f"Check FAILED: {numbers}, but the explained output changed by {change:.4f} from the baseline "
        f"(relative error {attribution.error:.0e}). Increase --steps."
    )
