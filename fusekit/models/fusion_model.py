"""The parts of a fusion, put together."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from fusekit.data.absence import MODALITIES, Modality
from fusekit.errors import DataError, OptionError
from fusekit.models.absence import StandIns, injected_where, lent
from fusekit.models.parts import (
    Backbone,
    ClinicalEncoder,
    ClinicalFeatures,
    FusionHead,
    ImageFeatures,
    Injector,
    Look,
    Output,
    Pool,
)
from fusekit.models.pools.bags import Bags
from fusekit.models.prior import Prior


class FusionModel(nn.Module):
    """An image and clinical columns to logits; ``fusekit.build`` makes one from names.

    Args:
        backbone: None if no image is read.
        encoder: None if no clinical columns are read.
        injector: built for the backbone's ``injected`` sites; None if image features are left as they are.
        head: reads what the other two make.
        pool: joins the slices of a scan before the head reads them; None: each slice is a sample of its own.
        prior: adds what a baseline says; its log probabilities then follow the encoded columns. None: nothing is added.
        reads: the encoded columns that the encoder reads, by their places in F; the prior's baseline has read them all.
            None: all.
        injected: indices into ``backbone.sites``, ascending; the injector's site 0 is the first of them. None: all.
        stand_ins: what is taken where a sample lacks its image or table; None: every sample has both.
        description: what ``build_from`` needs to build the model again, as plain JSON values.
    """

    def __init__(
        self,
        backbone: Backbone | None,
        encoder: ClinicalEncoder | None,
        injector: Injector | None,
        head: FusionHead,
        *,
        pool: Pool | None = None,
        prior: Prior | None = None,
        reads: Sequence[int] | None = None,
        injected: Sequence[int] | None = None,
        stand_ins: StandIns | None = None,
        description: Mapping[str, Any] | None = None,
    ):
        super().__init__()
        if injector is not None and (backbone is None or encoder is None):
            raise ValueError("an injector needs a backbone to change and an encoder to read.")
        self.backbone = backbone
        self.encoder = encoder
        self.injector = injector
        self.pool = pool
        self.head = head
        self.prior = prior
        self.stand_ins = stand_ins
        self.auxiliary = nn.ModuleDict()
        self.reads: Tensor | None
        self.register_buffer("reads", None if reads is None else torch.tensor(tuple(reads)), persistent=False)
        sites = range(len(backbone.sites)) if backbone is not None and injected is None else injected or ()
        self.injected = {site: i for i, site in enumerate(sites)}
        self.description = dict(description or {})

    @property
    def reads_image(self) -> bool:
        """Whether ``forward`` needs an image."""
        return self.backbone is not None

    @property
    def reads_clinical(self) -> bool:
        """Whether ``forward`` needs clinical columns."""
        return self.encoder is not None or self.prior is not None

    @property
    def absent(self) -> tuple[Modality, ...]:
        """What a sample may lack: "image", "table"."""
        return self.stand_ins.absent if self.stand_ins else ()

    @property
    def inputs(self) -> int:
        """How long a row of ``columns`` is: F, and K more with a prior."""
        return int(self.description["columns"]) + (self.prior.outputs if self.prior else 0)

    def fit(self, columns: Tensor) -> None:
        """Let the encoder see the training scans' columns (N, F) before training; see ``ClinicalEncoder.fit``."""
        if isinstance(self.encoder, ClinicalEncoder):
            self.encoder.fit(columns if self.reads is None else columns[:, self.reads])

    def add_auxiliary(self, names: Iterable[str], outputs: int) -> None:
        """Let "image" and "table" alone predict so many outputs, each by a linear layer of what the model makes of it.

        They are parts of ``output`` until ``drop_auxiliary``; a part that the head says is left to it. OptionError for
        a part that the fusion does not have.
        """
        read = {"image": self.backbone, "table": self.encoder}
        widths = {name: part.width for name, part in read.items() if part is not None}
        for name in names:
            if name in getattr(self.head, "part_names", ()):
                continue
            if name not in widths:
                has = " and ".join(widths)
                raise OptionError(
                    f"the objective asks what {name!r} alone says, and this fusion reads the {has} alone."
                )
            self.auxiliary[name] = nn.Linear(widths[name], outputs)

    def drop_auxiliary(self) -> None:
        """Leave the model as it is shipped."""
        self.auxiliary.clear()

    def forward(
        self,
        image: Tensor | None = None,
        columns: Tensor | None = None,
        present: Tensor | None = None,
        *,
        slices: Tensor | None = None,
    ) -> Tensor:
        """Image (B, C, *S) and columns (B, F) -> outputs (B, W); what the fusion does not read may be None.

        With a prior, columns are (B, F + K): its log probabilities come last. In a model that takes samples without
        image or table, ``present`` (B, 2) bool says which have an image, and which a table, whatever the other two hold
        there; None: all have what is given, and none has what is None. With a pool, images are the slices of scans,
        (B, N, C, *S); or (T, C, *S), where scans have different numbers of slices, of which ``slices`` (B, N) says
        which there are.

        Raises:
            DataError: what the fusion reads is None, and may not be absent; or images are not laid out so.
        """
        return self.output(image, columns, present, slices=slices).outputs

    def output(
        self,
        image: Tensor | None = None,
        columns: Tensor | None = None,
        present: Tensor | None = None,
        *,
        slices: Tensor | None = None,
        features: ImageFeatures | None = None,
        look: Look | None = None,
    ) -> Output:
        """Compute what ``forward`` does, the one way there is, and keep what lies on the way.

        Args:
            image, columns, present, slices: as for ``forward``.
            features: what the backbone made of these images before; it is not run again. Not with an injector, where
                they depend on the columns. With a pool, of one slice after the other, and ``slices`` are needed.
            look: called at every site, in order, with the features before an injector changes them.

        Raises:
            DataError: what the fusion reads is None, and may not be absent.
        """
        with_image, with_table = self._present(image, columns, present, features)
        if columns is None and with_table is not None:
            columns = with_table.new_zeros((with_table.shape[0], self.inputs), dtype=torch.float32)
        clinical = prepared = said = put_back = weights = None
        bags = self._bags(image, slices, features)
        if self.prior is not None and columns is not None:
            columns, said = columns[:, : -self.prior.outputs], columns[:, -self.prior.outputs :]
        if self.encoder is not None and columns is not None:
            read = columns if self.reads is None else columns.index_select(1, self.reads)
            made = self.encoder(self._lent(read, with_table))
            clinical = made if isinstance(made, ClinicalFeatures) else ClinicalFeatures(made)
            if self.stand_ins is not None and with_table is not None:
                clinical = self.stand_ins.of_table(clinical, with_table)
            if self.injector is not None:
                prepared = self.injector.prepare(clinical.vector if bags is None else bags.each(clinical.vector))
                there = with_table if bags is None or with_table is None else bags.of_slices(with_table)
                rested = None if there is None else self.injector.at_rest(prepared, there)
                prepared, put_back = (prepared, there) if rested is None else (rested, None)
        if self.backbone is not None and features is None and image is not None:
            meet = self.injector is not None or look is not None
            met = partial(self._meet, look, prepared, put_back) if meet else None
            if bags is None:
                features = self.backbone(self._lent(image, with_image), met)
            else:
                there = None if with_image is None else bags.of_slices(with_image)
                features = self.backbone(self._lent(bags.flat(image), there), met)
        joined = features
        if self.pool is not None and bags is not None and features is not None:
            joined, weights = self.pool(bags.padded(features), bags.mask, clinical and clinical.vector)
        if self.stand_ins is not None and with_image is not None:
            dims = self.backbone.spatial_dims if self.backbone is not None else 0
            joined = self.stand_ins.of_image(joined, with_image, dims)
        features = joined if self.pool is None else features
        found = self.head(joined, clinical)
        found = found if isinstance(found, Output) else Output(found)
        if self.auxiliary:
            vectors = {"image": joined and joined.vector, "table": clinical and clinical.vector}
            alone = {name: layer(vectors[name]) for name, layer in self.auxiliary.items()}
            found = found._replace(parts={**alone, **found.parts})
        if self.prior is not None and said is not None:
            if self.stand_ins is not None and with_table is not None:
                said = self.stand_ins.of_prior(said, with_table)
            found = found._replace(outputs=self.prior(found.outputs, said))
        return found._replace(image=features, clinical=clinical, weights=weights)

    def _bags(self, image: Tensor | None, slices: Tensor | None, features: ImageFeatures | None) -> Bags | None:
        """Which slices are of which scan; None where each image is a sample of its own."""
        given = image if features is None else features.vector
        if self.pool is None and slices is not None:
            raise DataError("this model reads each slice alone, and slices of scans were given: it has no pool.")
        if self.pool is None or given is None:
            return None
        return Bags(given, 1 if features is not None else 3, slices)

    def _present(
        self, image: Tensor | None, columns: Tensor | None, present: Tensor | None, features: ImageFeatures | None
    ) -> tuple[Tensor | None, Tensor | None]:
        """Which samples have an image, and which a table, each (B,) bool; None where all do, or it is not read."""
        if self.stand_ins is None and present is not None:
            raise DataError(
                "this model has nothing to take in place of an image or a table that is absent: leave `present` out, "
                "or train it on rows without them, or with training.drop_image or training.drop_table."
            )
        shown = image if features is None else features.vector
        given = {"image": shown, "table": columns}
        reads = {"image": self.backbone is not None, "table": self.reads_clinical}
        for name, what in {"image": "an image; none was given.", "table": "clinical columns; none were given."}.items():
            if reads[name] and given[name] is None and name not in self.absent:
                raise DataError(f"this model reads {what}")
        if self.stand_ins is None:
            return None, None
        known = [tensor for tensor in (shown, columns) if tensor is not None]
        if not known:
            raise DataError("this model takes samples without image or without table, and there is neither.")
        count = known[-1].shape[0]  # of columns, where slices of scans lie one after the other
        nobody = known[0].new_zeros(count, dtype=torch.bool)
        said = (None, None) if present is None else present.unbind(1)
        with_image, with_table = (
            nobody if reads[name] and given[name] is None else one if name in self.absent else None
            for name, one in zip(MODALITIES, said, strict=True)
        )
        return with_image, with_table

    def _lent(self, values: Tensor, present: Tensor | None) -> Tensor:
        return lent(values, present) if present is not None and self.training else values

    def _meet(self, look: Look | None, prepared: Any, put_back: Tensor | None, site: int, features: Tensor) -> Tensor:
        """At a site: let the caller look, and the injector change."""
        if look is not None:
            look(site, features, prepared)
        if self.injector is None or site not in self.injected:
            return features
        return injected_where(put_back, self.injector(self.injected[site], features, prepared), features)
