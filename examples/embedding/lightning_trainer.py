"""A fusion model under Lightning's Trainer."""

import pytorch_lightning as lightning
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

import fusekit


class Fused(lightning.LightningModule):  # type: ignore[misc]
    """Optimises the cross entropy of a model that reads image and table."""

    def __init__(self, columns: int, classes: int):
        super().__init__()
        self.save_hyperparameters()  # load_from_checkpoint builds the same model
        self.model = fusekit.build(
            "rbca", backbone="resnet10t", columns=columns, classes=classes
        )

    def training_step(self, batch: list[Tensor], index: int) -> Tensor:
        """One batch of image (B, C, H, W), columns (B, F) and label (B,)."""
        image, columns, label = batch
        loss = cross_entropy(self.model(image, columns), label)
        self.log("loss", loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam, as the paper has it."""
        return torch.optim.Adam(self.parameters(), lr=1e-3)


lightning.seed_everything(0)
data = TensorDataset(
    torch.randn(16, 1, 64, 64), torch.randn(16, 29), torch.arange(16) % 2
)
module = Fused(columns=29, classes=2)
trainer = lightning.Trainer(
    max_epochs=3, accelerator="cpu", logger=False, enable_progress_bar=False
)
trainer.fit(module, DataLoader(data, batch_size=8))

again = Fused.load_from_checkpoint(trainer.checkpoint_callback.best_model_path)
same = all(
    torch.equal(a, b)
    for a, b in zip(
        again.state_dict().values(), module.state_dict().values(), strict=True
    )
)
print(
    f"loss {trainer.callback_metrics['loss']:.3f},",
    f"the checkpoint holds the same weights: {same}",
)
