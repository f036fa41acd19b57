"""Networks whose numbers can be worked out on paper, and small networks of every awkward kind."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def hand_set() -> nn.Sequential:
    """Two pixels, three hidden neurons, two scores; every weight is a small whole number.

    hidden = relu([x0, x1, -x0]); score = [2 h0 + 1 h1 + 5 h2, 0 h0 + 3 h1]. For positive pixels (a, b) and a zero
    baseline the path is straight and nothing switches: conductance is (2a, b, 0) for score 0, (0, 3b, 0) for score 1.
    """
    model = nn.Sequential(nn.Flatten(), nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2))
    with torch.no_grad():
        model[1].weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]))
        model[3].weight.copy_(torch.tensor([[2.0, 1.0, 5.0], [0.0, 3.0, 0.0]]))
        for layer in (model[1], model[3]):
            layer.bias.zero_()
    return model


class Residual(nn.Module):
    """A block with a skip connection added in place, one ReLU used twice, and batch norm."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_a = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm_a = nn.BatchNorm2d(channels)
        self.conv_b = nn.Conv2d(channels, channels, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv_b(self.relu(self.norm_a(self.conv_a(x))))
        out += x
        return self.relu(out)


def plain(inplace: bool = True, channels: int = 3) -> nn.Sequential:
    """Convolution, pooling, convolution, flatten, two linear layers; 12 x 12 images."""
    return nn.Sequential(
        nn.Conv2d(channels, 6, 3, stride=2, padding=1),
        nn.ReLU(inplace=inplace),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 3, padding=1),
        nn.ReLU(inplace=inplace),
        nn.Dropout(0.5),
        nn.Flatten(),
        nn.Linear(8 * 9, 10),
        nn.ReLU(inplace=inplace),
        nn.Linear(10, 4),
    )


def residual() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1),
        nn.ReLU(inplace=True),
        Residual(6),
        Residual(6),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(6, 4),
    )


def grouped() -> nn.Sequential:
    """Depthwise and grouped convolutions with batch norm, as in MobileNet."""
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU6(inplace=True),
        nn.Conv2d(6, 6, 3, padding=1, groups=6),
        nn.BatchNorm2d(6),
        nn.ReLU6(inplace=True),
        nn.Conv2d(6, 8, 3, stride=2, dilation=2, groups=2),
        nn.Hardswish(inplace=True),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(32, 4),
    )


class Transformer(nn.Module):
    """Patches, one encoder block, the mean token, a linear head."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, stride=4)
        self.block = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        return self.head(self.block(tokens).mean(1))


class Functional(nn.Module):
    """A convolution whose activation function is called without a module of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = ConvRelu(3, 6), ConvRelu(6, 8)
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.second(self.first(x)).mean((2, 3)))


class ConvRelu(nn.Module):
    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(channels, out, 3), nn.BatchNorm2d(out)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu_(self.norm(self.conv(x)))


class ChannelsLast(nn.Module):
    """Maps of shape (n, height, width, channels) with layer norm and a skip connection, as in Swin transformers."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, stride=4)
        self.block = LastBlock()
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.block(self.patches(x).permute(0, 2, 3, 1)).mean((1, 2)))


class LastBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.mix = nn.LayerNorm(8), nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.mix(self.norm(x))


def seeded(build: object, seed: int = 0) -> nn.Module:
    """A network with reproducible random weights, batch-norm statistics included, in evaluation mode."""
    torch.manual_seed(seed)
    model: nn.Module = build()  # type: ignore[operator]
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 1.5)
    return model.eval()
