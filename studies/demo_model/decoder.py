"""The decoder behind `theodolite demo`: Llama's design in small, its tensors under Llama's names."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Architecture:
    """Shape of the decoder; `context` is the longest window of characters it sees."""

    vocabulary: int
    width: int = 112
    heads: int = 4
    hidden: int = 208
    layers: int = 4
    context: int = 128
    epsilon: float = 1e-5
    rotary_base: float = 10_000.0
    initial_deviation: float = 0.02


class Attention(nn.Module):
    """Causal self-attention with rotary positions, no biases."""

    def __init__(self, shape: Architecture) -> None:
        super().__init__()
        self.heads = shape.heads
        self.q_proj = nn.Linear(shape.width, shape.width, bias=False)
        self.k_proj = nn.Linear(shape.width, shape.width, bias=False)
        self.v_proj = nn.Linear(shape.width, shape.width, bias=False)
        self.o_proj = nn.Linear(shape.width, shape.width, bias=False)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        query, key, value = (
            projection(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        mixed = functional.scaled_dot_product_attention(
            rotated(query, cosine, sine), rotated(key, cosine, sine), value, is_causal=True
        )
        output: Tensor = self.o_proj(mixed.transpose(1, 2).flatten(-2))
        return output


class MLP(nn.Module):
    """Gated feed-forward layer: down(silu(gate x) · up x)."""

    def __init__(self, shape: Architecture) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.width, shape.hidden, bias=False)
        self.up_proj = nn.Linear(shape.width, shape.hidden, bias=False)
        self.down_proj = nn.Linear(shape.hidden, shape.width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))
        return output


class Layer(nn.Module):
    """Pre-normalised residual layer."""

    def __init__(self, shape: Architecture) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(shape.width, eps=shape.epsilon)
        self.self_attn = Attention(shape)
        self.post_attention_layernorm = nn.RMSNorm(shape.width, eps=shape.epsilon)
        self.mlp = MLP(shape)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), cosine, sine)
        output: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return output


class Decoder(nn.Module):
    """Character-level language model; its head is the embedding, transposed."""

    def __init__(self, shape: Architecture) -> None:
        super().__init__()
        self.shape = shape
        self.embed_tokens = nn.Embedding(shape.vocabulary, shape.width)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.width, eps=shape.epsilon)
        half = shape.width // shape.heads // 2
        frequencies = shape.rotary_base ** (-torch.arange(half) / half)
        angles = torch.outer(torch.arange(shape.context), frequencies).repeat(1, 2)
        self.register_buffer("cosine", angles.cos(), persistent=False)
        self.register_buffer("sine", angles.sin(), persistent=False)
        for weight in self.parameters():
            if weight.ndim == 2:
                nn.init.normal_(weight, std=shape.initial_deviation)

    def forward(self, tokens: Tensor) -> Tensor:
        length = tokens.shape[-1]
        cosine, sine = self.get_buffer("cosine")[:length], self.get_buffer("sine")[:length]
        x = self.embed_tokens(tokens)
        for layer in self.layers:
            x = layer(x, cosine, sine)
        return functional.linear(self.norm(x), self.embed_tokens.weight)


def rotated(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotate the pairs (i, i + half) of the last axis, as Llama does."""
    first, second = x.chunk(2, -1)
    return x * cosine + torch.cat([-second, first], -1) * sine


@torch.inference_mode()
def bits_per_character(model: Decoder, tokens: Tensor) -> float:
    """Cross-entropy of `tokens`, each predicted from at least half a context (the first ones from what there is)."""
    context, stride = model.shape.context, model.shape.context // 2
    nats, scored = 0.0, 0
    for start in range(0, len(tokens) - 1, stride):
        window = tokens[start : start + context + 1]
        losses = functional.cross_entropy(model(window[None, :-1])[0], window[1:], reduction="none")
        fresh = losses[max(0, scored - start) :]
        nats += float(fresh.sum(dtype=torch.float64))
        scored += len(fresh)
    return nats / scored / math.log(2)
