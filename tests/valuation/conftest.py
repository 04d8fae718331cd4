"""Small transformers whose gradients torch gives as well."""

from __future__ import annotations

import pytest


@pytest.fixture
def transformer(torch):
    """Build a decoder of `blocks` blocks in float64; `shared` heads of keys and values make queries grouped."""
    nn = torch.nn

    class Attention(nn.Module):
        def __init__(self, width, shared):
            super().__init__()
            self.q_proj, self.o_proj = nn.Linear(width, width), nn.Linear(width, width)
            self.k_proj, self.v_proj = nn.Linear(width, width // shared), nn.Linear(width, width // shared)
            self.shared = shared

        def forward(self, x, mask):
            q, k, v = self.q_proj(x), self.k_proj(x), self.v_proj(x)
            k, v = (part.repeat(1, 1, self.shared) for part in (k, v))
            scores = (q @ k.transpose(1, 2)).masked_fill(~mask, float("-inf"))
            return self.o_proj(torch.softmax(scores, -1) @ v)

    class Block(nn.Module):
        def __init__(self, width, shared):
            super().__init__()
            self.self_attn = Attention(width, shared)
            self.mlp = nn.ModuleDict({"up_proj": nn.Linear(width, 2 * width), "down_proj": nn.Linear(2 * width, width)})

        def forward(self, x, mask):
            x = x + self.self_attn(x, mask)
            return x + self.mlp["down_proj"](torch.relu(self.mlp["up_proj"](x)))

    class Tiny(nn.Module):
        def __init__(self, width, blocks, shared):
            super().__init__()
            self.embed_tokens = nn.Embedding(13, width)
            self.layers = nn.ModuleList(Block(width, shared) for _ in range(blocks))
            self.lm_head = nn.Linear(width, 13)

        def forward(self, tokens, lengths=None):
            length = tokens.shape[1]
            mask = torch.ones(length, length, dtype=torch.bool).tril()[None]
            if lengths is not None:
                seen = torch.arange(length)[None] < lengths[:, None]
                mask = mask & seen[:, None, :]
            x = self.embed_tokens(tokens)
            for block in self.layers:
                x = block(x, mask)
            return self.lm_head(x)

    def build(width=8, blocks=2, shared=1, seed=0):
        torch.manual_seed(seed)
        return Tiny(width, blocks, shared).double()

    return build


@pytest.fixture
def text(torch):
    """Five examples of seven tokens, some positions without a target."""
    generator = torch.Generator().manual_seed(3)
    tokens = torch.randint(0, 13, (5, 8), generator=generator)
    targets = tokens[:, 1:].clone()
    targets[0, :4] = -100
    targets[3, 2:] = -100
    return tokens[:, :-1], targets
