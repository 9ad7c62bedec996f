"""What a training of times to an event makes small."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import softplus

from fusekit.data import Target, TimeToEvent
from fusekit.training.objectives.objective import WithParts, mean


class Hazards(WithParts):
    """Negative log likelihood of hazards in intervals of time (logistic hazard: Gensheimer and Narasimhan 2019).

    A sample survives the intervals before its own, each at the cost of -log(1 - h). An event in its own interval costs
    -log h there; who is censored in it survives the share of it that was passed, at a constant hazard. With delayed
    entry intervals before it cost nothing, and that of the entry is that of the share that was left.

    Args:
        subjects: in training; not needed.
        image, table: weights of what the image and the table alone say; above 0, auxiliary heads are trained.
        losses: weight of the model's own losses.
    """

    targets = (TimeToEvent.kind,)
    late_entry = True

    def term(self, outputs: Tensor, labels: Tensor, there: Tensor | None = None) -> Tensor:
        """Of logits of hazards (B, W) for intervals passed (B,), with a minus sign where none ended by an event.

        With delayed entry (B, 2), also the intervals that were passed before it.
        """
        outputs = outputs.to(torch.promote_types(outputs.dtype, torch.float32))  # as torch's losses in mixed precision
        labels, entries = _parted(labels.to(outputs.dtype))
        intervals = torch.arange(outputs.shape[1], device=outputs.device)
        passed = (labels.abs()[:, None] - intervals).clamp(0, 1)
        seen = ~labels.signbit()[:, None]
        own = (passed > 0) & (labels.abs()[:, None] <= intervals + 1)
        lost, died = softplus(outputs), softplus(-outputs)  # -log(1 - h), -log h
        if entries is not None:
            before = (entries[:, None] - intervals).clamp(0, 1)
            # Single precision may round an entry to the end of the interval of the event.
            left = torch.where(own & seen & (before > 0), (1 - before).clamp_min(1e-6), 1.0)
            rest = torch.where(left < 1, left * lost, 1.0).clamp_min(1e-30)  # no gradient of what is not chosen
            died = torch.where(left < 1, -(-torch.expm1(-rest)).log(), died)
            passed = (passed - before).clamp_min(0)
        losses = torch.where(own & seen, died, passed * lost)
        return mean(losses.sum(dim=1), there)

    def tally(self, outputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Nothing: with people who are censored no error of a sample is known."""
        return {}


class Cox(WithParts):
    """Negative partial likelihood of log hazard ratios per event (Cox 1972), with Efron's correction for ties (1977).

    A sample is compared with those of its batch that are still followed when its event comes, so that batches should be
    large; one without an event teaches nothing. How high the hazard of everyone is is estimated after the training, on
    the training subjects (``TimeToEvent.calibrated``). With delayed entry it is compared with those who entered before.

    Args:
        subjects: in training; not needed.
        image, table: weights of what the image and the table alone say; above 0, auxiliary heads are trained.
        losses: weight of the model's own losses.
    """

    targets = (TimeToEvent.kind,)
    late_entry = True

    def trained(self, target: Target) -> Target:
        """One log hazard ratio in place of a hazard for each interval."""
        return replace(target, proportional=True) if isinstance(target, TimeToEvent) else target

    def term(self, outputs: Tensor, labels: Tensor, there: Tensor | None = None) -> Tensor:
        """Of log hazard ratios (B, 1) for times (B,) on any scale, with a minus sign where no event ended them.

        With delayed entry (B, 2), also the times of entry.
        """
        labels, entries = _parted(labels)
        risks = outputs[:, 0].to(torch.promote_types(outputs.dtype, torch.float32))
        times, seen = labels.abs(), ~labels.signbit()
        if there is not None:
            seen, risks = seen & there.bool(), risks.masked_fill(~there.bool(), -torch.inf)
        reached = times[None] >= times[:, None]  # (B, B): who is followed when the time of a row comes
        tied = (times[None] == times[:, None]) & seen[None]
        if entries is not None:  # single precision may round an entry to the time of the own event
            reached &= (entries[None] < times[:, None]) | tied
        # Of d events at one time, the one of turn r takes r / d of their own hazards out of those at risk.
        order = (tied & torch.ones_like(tied).tril(-1)).sum(dim=1)
        share = order / tied.sum(dim=1).clamp(min=1)
        weights = reached.to(risks.dtype) - share[:, None] * tied
        top = risks.detach().amax()
        at_risk = (weights * (risks - top).exp()).sum(dim=1)
        at_risk = torch.where(seen, at_risk, 1.0)
        found = torch.where(seen, top + at_risk.log() - torch.where(seen, risks, 0.0), 0.0)
        return found.sum() / seen.sum().clamp(min=1)

    def tally(self, outputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Nothing: with people who are censored no error of a sample is known."""
        return {}


def _parted(labels: Tensor) -> tuple[Tensor, Tensor | None]:
    """Labels (B,) or (B, 2) -> times with their signs (B,), and entries (B,) where they are delayed."""
    return (labels[:, 0], labels[:, 1]) if labels.ndim == 2 else (labels, None)
