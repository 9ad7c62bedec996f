"""A model's forward pass as it is trained."""

from torch import Tensor, nn

from fusekit.models import FusionModel, Output


class Trained(nn.Module):
    """Gives a model's outputs, parts and losses, without the features that only explanations look at."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, image: Tensor, columns: Tensor) -> Output:
        """A model that is no ``FusionModel`` gives outputs."""
        if not isinstance(self.model, FusionModel):
            return Output(self.model(image, columns), {}, {})
        found = self.model.output(image, columns)
        return Output(found.outputs, dict(found.parts), dict(found.losses))
