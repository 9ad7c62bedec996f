"""Fully connected clinical encoders."""

from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from fusekit.data.clinical.layout import ColumnLayout
from fusekit.errors import OptionError
from fusekit.models.encoders.defaults import checked_decay, width_for
from fusekit.models.encoders.drop import DropColumns
from fusekit.models.encoders.numbers import Numbers, QuantileBins
from fusekit.models.encoders.scale import ColumnScale
from fusekit.models.parts import ClinicalEncoder

Activation = Literal["relu", "gelu", "tanh", "none"]
_ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
    "none": nn.Identity,
}


class MLPEncoder(ClinicalEncoder):
    """F columns -> E = ``width``: ``depth`` linear layers with an activation between them, none after the last.

    ``width`` none chooses it by the number of training subjects. ``activation`` "none" leaves a linear map;
    ``dropout`` is a probability, after each activation. ``numbers`` in ``bins`` between training quantiles: see
    ``QuantileBins``. ``drop_columns`` is the probability with which a table column is hidden in training: see
    ``DropColumns``. ``scale`` is where a learned scale of each table column starts: see ``ColumnScale``. ``skip`` adds
    a linear map of the inputs to the result. ``weight_decay`` is that of the encoder's weights; none:
    ``training.weight_decay``.
    """

    def __init__(
        self,
        columns: int,
        *,
        width: int | None = 1024,
        depth: int = 2,
        activation: Activation = "relu",
        dropout: float = 0.0,
        numbers: Numbers = "plain",
        bins: int = 8,
        drop_columns: float = 0.0,
        scale: float | None = None,
        skip: bool = False,
        weight_decay: float | None = None,
        layout: ColumnLayout | None = None,
        people: int | None = None,
    ):
        super().__init__()
        width = width_for(people) if width is None else width
        if width < 1 or depth < 1 or not 0 <= dropout < 1:
            raise OptionError(
                "encoder.width and encoder.depth take 1 or more and encoder.dropout 0 or more and below 1, "
                f"not {width}, {depth} and {dropout}."
            )
        layout = layout or ColumnLayout.plain(columns)
        self.width = width
        self.weight_decay = checked_decay(weight_decay)
        self.drop = DropColumns(layout, drop_columns)
        self.bins = None if numbers == "plain" else QuantileBins(layout, numbers, bins)
        owners = layout.owners if self.bins is None else self.bins.owners
        self.scale = None if scale is None else ColumnScale(owners, scale)
        given = len(owners)
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise((given, *[width] * depth)):
            if layers:
                layers += [_ACTIVATIONS[activation](), nn.Dropout(dropout)]
            layers.append(nn.Linear(inputs, outputs))
        self.layers = nn.Sequential(*layers)
        self.skip = nn.Linear(given, width, bias=False) if skip else None

    def fit(self, columns: Tensor) -> None:
        """Place the bins of numbers, if there are any."""
        if self.bins is not None:
            self.bins.fit(columns)

    def forward(self, columns: Tensor) -> Tensor:
        """(B, F) -> (B, E)."""
        columns = self.drop(columns)
        if self.bins is not None:
            columns = self.bins(columns)
        if self.scale is not None:
            columns = self.scale(columns)
        encoded: Tensor = self.layers(columns)
        return encoded if self.skip is None else encoded + self.skip(columns)
