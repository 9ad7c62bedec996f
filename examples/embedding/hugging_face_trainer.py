"""A fusion model under the Trainer of Hugging Face's transformers."""

import tempfile

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import Dataset
from transformers import Trainer, TrainingArguments

import fusekit


class Fused(nn.Module):
    """What a Trainer expects: named inputs, and a loss beside the logits."""

    def __init__(self) -> None:
        super().__init__()
        self.model = fusekit.build("rbca", backbone="resnet10t", columns=29, classes=2)

    def forward(
        self, image: Tensor, columns: Tensor, labels: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Image (B, C, H, W), columns (B, F) -> logits (B, K), and a loss."""
        logits = self.model(image, columns)
        return (
            {"logits": logits}
            if labels is None
            else {"loss": cross_entropy(logits, labels), "logits": logits}
        )


class Patients(Dataset[dict[str, Tensor]]):
    """Random patients."""

    def __init__(self) -> None:
        self.image, self.columns = torch.randn(16, 1, 64, 64), torch.randn(16, 29)

    def __len__(self) -> int:
        return len(self.image)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {
            "image": self.image[index],
            "columns": self.columns[index],
            "labels": torch.tensor(index % 2),
        }


torch.manual_seed(0)
arguments = TrainingArguments(
    output_dir=tempfile.mkdtemp(),
    num_train_epochs=3,
    per_device_train_batch_size=8,
    learning_rate=1e-3,
    use_cpu=True,
    report_to=[],
    disable_tqdm=True,
)
trainer = Trainer(Fused(), arguments, train_dataset=Patients())
print(f"loss {trainer.train().training_loss:.3f}")
print(f"logits of {len(trainer.predict(Patients()).predictions)} patients")
