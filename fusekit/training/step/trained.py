"""A model's forward pass as it is trained."""

from torch import Tensor, nn

from fusekit.models import FusionModel, Output
from fusekit.training.feed.features import Heads


class Trained(nn.Module):
    """Gives a model's outputs, parts and losses, without the features that only explanations look at."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, *inputs: Tensor, slices: Tensor | None = None) -> Output:
        """A model that says no more than outputs gives these."""
        if not isinstance(self.model, FusionModel | Heads):
            return Output(self.model(*inputs), {}, {})
        found = self.model.output(*inputs, slices=slices)
        return Output(found.outputs, dict(found.parts), dict(found.losses))
