"""Read handwritten digits with a small network, as a Kubeflow training job would; goes on from its last checkpoint."""

import csv
import os
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

DATASET = Path(os.environ.get("DATASET_DIR", "/workspace/dataset"))
MODEL = Path(os.environ.get("MODEL_DIR", "/workspace/model"))
CHECKPOINTS = Path(os.environ.get("AIP_CHECKPOINT_DIR", "checkpoints"))
EPOCHS = int(os.environ.get("SM_HP_EPOCHS", "12"))


def load():
    with next(DATASET.rglob("*.csv")).open() as file:
        rows = [[float(value) for value in row] for row in list(csv.reader(file))[1:]]
    table = torch.tensor(rows)
    pixels, digits = table[:, :-1] / 16, table[:, -1].long()
    return (pixels[100:], digits[100:]), (pixels[:100], digits[:100])


def main():
    torch.manual_seed(7)
    torch.use_deterministic_algorithms(True)
    train, test = load()
    network = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    first, kept = 0, sorted(CHECKPOINTS.glob("epoch-*.pt"))
    if kept:
        state = torch.load(kept[-1], weights_only=True)
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["epoch"] + 1
        print(f"going on from {kept[-1].name}")
    for epoch in range(first, EPOCHS):
        loader = DataLoader(TensorDataset(*train), 50, shuffle=True, generator=torch.Generator().manual_seed(epoch))
        for pixels, digits in loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(network(pixels), digits)
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            accuracy = (network(test[0]).argmax(1) == test[1]).float().mean()
        print(f"epoch={epoch} loss={loss.item():.4f} accuracy={accuracy.item():.4f}")
        CHECKPOINTS.mkdir(parents=True, exist_ok=True)
        state = {"epoch": epoch, "network": network.state_dict(), "optimizer": optimizer.state_dict()}
        torch.save(state, CHECKPOINTS / f"epoch-{epoch:03}.pt")
    MODEL.mkdir(parents=True, exist_ok=True)
    torch.save(network.state_dict(), MODEL / "digits.pt")


if __name__ == "__main__":
    main()
