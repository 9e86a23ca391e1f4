"""Vision Transformer: an image is worth 16x16 words (arXiv:2010.11929), and its compact relatives for small pictures.

Patches or a convolutional stem in front, the one Transformer, a pool and a linear head behind. Parameters carry timm's
names, so published weights load as they are: those of DeiT without distillation (arXiv:2012.12877) and DeiT-III
(arXiv:2204.07118) too, which differ in presets only. More presets of this class: `cct`, `dino`, `beit`, `eva02`.

Shapes: B batch, C channels, H x W pixels, N tokens (prefix + grid), D width.
"""

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple, cast

import torch
from torch import Tensor, nn

from smalti.configs import demand
from smalti.embed import ConvStem, PatchEmbed
from smalti.errors import InputError
from smalti.heads import ClsMeanPool, ClsPool, MapPool, MeanPool, SeqPool
from smalti.models.images import ImageConfig, check_images
from smalti.nn import (
    Attention,
    Block,
    GridConv,
    LastLinear,
    LayerScale,
    Mlp,
    NoKeyBias,
    RelativeBias,
    Residual,
    SwiGLU,
    Transformer,
    mimetic_,
    rope_2d,
    rotate,
    rotate_neighbours,
    sincos_2d,
    sixteen_grid,
    turn_grid,
    xavier_,
)

__all__ = ["PRESETS", "ViT", "ViTConfig"]


@dataclass(frozen=True)
class ViTConfig(ImageConfig):
    """What a ViT is made of.

    Args:
        img_size: (H, W) in pixels, or one number for a square.
        patch_size: side of a patch; with a stem, how many pixels a side one token stands for.
        in_chans: channels C of the image.
        num_classes: outputs of the head; 0 leaves the features.
        embed_dim: width D.
        depth: blocks.
        num_heads: heads of each attention.
        conv_blocks: how many blocks, from the first, mix tokens by a 3 x 3 convolution in place of attention (CoAtNet,
            arXiv:2106.04803); for patches alone, without a class token or registers.
        mlp_ratio: width of the MLP over D.
        stem: "patch" (one linear layer) or "conv" (CCT's convolutions).
        stem_dim: channels inside the convolutional stem.
        pool: what the head reads: "cls"; "mean" of the patches, normed behind it; "normed_mean", normed before it
            (DINOv3 in timm); "cls_mean", the class token and that mean side by side (DINOv2 in transformers); "map"
            (attention pooling with a learned query) or "seq" (CCT).
        cls_token: prepend a learned token; the pools "cls" and "cls_mean" need it.
        reg_tokens: learned tokens behind the class token that nothing reads (registers, arXiv:2309.16588).
        pos_embed: "learned", "sincos" (fixed, 2-D) or "none".
        pos_prefix: class and register tokens have positions too; False gives them to patches only, as in DeiT-III.
        rope: what 2-D rotary positions in every attention count: "tokens"; "turns" from edge to edge of the image,
            whatever the grid (DINOv3); "sixteen", tokens of a grid of 16 x 16 with which neighbours in a head turn
            (EVA-02); or "none" for no such positions.
        rel_bias: a learned bias on the scores for every offset between two tokens, in every attention (BEiT).
        mlp: "gelu", "swiglu" or "swiglu_norm" (with a norm inside, EVA-02).
        qkv_bias: a bias on queries, keys and values.
        k_bias: keys have that bias too; not in EVA-02 and DINOv3.
        qk_norm: layer norm of queries and keys.
        layer_scale: first value of the gates (LayerScale); None for no gates.
        norm_eps: what norms add to a variance.
        init: how attention and learned positions begin: "random", or "mimetic", as trained ones look (`nn.mimetic`).
        pre_logits: width of a hidden tanh layer in the head (the paper's pre-training head); None for one linear layer.
        drop_rate: dropout of tokens, MLP and head.
        attn_drop: dropout of attention weights.
        drop_path_rate: stochastic depth of the last block; earlier ones ramp up to it from zero.
    """

    img_size: int | tuple[int, int] = 224
    patch_size: int = 16
    in_chans: int = 3
    num_classes: int = 1000
    embed_dim: int = 768
    depth: int = 12
    num_heads: int = 12
    conv_blocks: int = 0
    mlp_ratio: float = 4.0
    stem: Literal["patch", "conv"] = "patch"
    stem_dim: int = 64
    pool: Literal["cls", "mean", "normed_mean", "cls_mean", "map", "seq"] = "cls"
    cls_token: bool = True
    reg_tokens: int = 0
    pos_embed: Literal["learned", "sincos", "none"] = "learned"
    pos_prefix: bool = True
    rope: Literal["none", "tokens", "turns", "sixteen"] = "none"
    rel_bias: bool = False
    mlp: Literal["gelu", "swiglu", "swiglu_norm"] = "gelu"
    qkv_bias: bool = True
    k_bias: bool = True
    qk_norm: bool = False
    layer_scale: float | None = None
    norm_eps: float = 1e-6
    init: Literal["random", "mimetic"] = "random"
    pre_logits: int | None = None
    drop_rate: float = 0.0
    attn_drop: float = 0.0
    drop_path_rate: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("patch_size", "embed_dim", "depth", "num_heads", "stem_dim"):
            demand(getattr(self, name) >= 1, name, getattr(self, name), "1 or more")
        demand(self.reg_tokens >= 0, "reg_tokens", self.reg_tokens, "0 or more")
        fits = not self.rel_bias or self.num_prefix_tokens <= 1
        demand(fits, "rel_bias", self.rel_bias, "for a class token and patches, without registers")
        left = f"0 or more and below the depth of {self.depth}"  # a block at least attends
        demand(0 <= self.conv_blocks < self.depth, "conv_blocks", self.conv_blocks, left)
        plain = not self.conv_blocks or self.num_prefix_tokens == 0
        demand(plain, "conv_blocks", self.conv_blocks, "for patches alone, without a class token or registers")
        demand(self.pre_logits is None or self.pre_logits >= 1, "pre_logits", self.pre_logits, "1 or more, or none")
        demand(self.norm_eps > 0, "norm_eps", self.norm_eps, "a number above 0")
        demand(self.mlp_ratio * self.embed_dim >= 1, "mlp_ratio", self.mlp_ratio, "a number above 0")
        for name in ("drop_rate", "attn_drop", "drop_path_rate"):
            demand(0 <= getattr(self, name) < 1, name, getattr(self, name), "a share in [0, 1)")

    @property
    def num_prefix_tokens(self) -> int:
        """Tokens in front of the patches."""
        return int(self.cls_token) + self.reg_tokens

    @property
    def grid_size(self) -> tuple[int, int]:
        """(h, w): rows and columns of patches."""
        h, w = (math.ceil(side / self.patch_size) for side in self.size)
        return h, w


class ViT(Transformer):
    """A Transformer whose tokens are the patches of an image.

    `forward` gives logits (B, num_classes) for images (B, C, H, W); `forward_features` the tokens after the last norm,
    `forward_head` what is read from them.
    """

    def __init__(self, config: ViTConfig) -> None:
        norm = partial(nn.LayerNorm, eps=config.norm_eps)
        D = config.embed_dim
        last_norm = (
            nn.Identity() if config.pool == "mean" else norm(D)
        )  # with mean pooling the norm comes after the pool
        super().__init__(lambda i: build_block(config, i), config.depth, last_norm)
        self.config = config
        self.patch_embed = STEMS[config.stem](config)
        self.grid_size: tuple[int, int] = self.patch_embed.grid_size
        self.num_prefix_tokens = config.num_prefix_tokens

        self.cls_token = nn.Parameter(torch.zeros(1, 1, D)) if config.cls_token else None
        self.reg_token = nn.Parameter(torch.zeros(1, config.reg_tokens, D)) if config.reg_tokens else None
        self.pos_embed = build_positions(config, self.grid_size)
        self.place = place_all if config.pos_prefix else place_patches
        self.pos_drop = nn.Dropout(config.drop_rate)
        self.rope: Tensor | None
        self.register_buffer("rope", build_rope(config, self.grid_size), persistent=False)

        self.pool = build_pool(config)
        self.fc_norm = norm(D) if config.pool == "mean" else nn.Identity()
        self.head_drop = nn.Dropout(config.drop_rate)
        pooled = 2 * D if config.pool == "cls_mean" else D
        width = config.pre_logits or pooled
        hidden: OrderedDict[str, nn.Module] = OrderedDict(fc=nn.Linear(pooled, width), act=nn.Tanh())
        self.pre_logits = nn.Sequential(hidden) if config.pre_logits else nn.Identity()
        self.head = LastLinear(width, config.num_classes) if config.num_classes else nn.Identity()
        self.init_weights()

    def forward(self, images: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride] - images, not tokens
        """Images (B, C, H, W) to logits (B, num_classes)."""
        return self.forward_head(self.forward_features(images))

    def forward_features(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) to tokens (B, N, D), prefix tokens first."""
        x = self.embed(images)
        return super().forward(x, rope=self.rope)

    def forward_head(self, x: Tensor) -> Tensor:
        """Tokens (B, N, D) to logits (B, num_classes)."""
        return self.head(self.head_drop(self.pre_logits(self.fc_norm(self.pool(x)))))

    def forward_pooled(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) to one vector each, (B, D) or (B, 2D): the features that search and probes use."""
        return self.fc_norm(self.pool(self.forward_features(images)))

    def embed(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) to tokens (B, N, D) with their positions (eq. 1 of the paper)."""
        check_images(images, self.config.in_chans, self.config.size)
        return self.pos_drop(self.place(self.prefix_tokens(), self.patch_embed(images), self.pos_embed))

    def prefix_tokens(self) -> list[Tensor]:
        """What stands in front of the patches, (1, n, D) each."""
        return [token for token in (self.cls_token, self.reg_token) if token is not None]

    def init_weights(self) -> None:
        """The paper's initialisation: Xavier-uniform linear layers, LeCun-normal patches, positions of deviation
        0.02, zero head.

        Convolutions of a stem are He-normal (arXiv:1502.01852), since ReLU follows them. A mimetic start gives learned
        positions half of the fixed ones, which attention can tell apart at once.
        """
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear):
                xavier_(name, module)
            elif isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
        if isinstance(self.patch_embed, PatchEmbed):
            projection = self.patch_embed.proj
            nn.init.normal_(projection.weight, std=projection.weight[0].numel() ** -0.5)
            nn.init.zeros_(cast(Tensor, projection.bias))
        if self.pos_embed is not None and self.pos_embed.requires_grad:
            nn.init.trunc_normal_(self.pos_embed, std=0.02)
        if self.reg_token is not None:
            nn.init.normal_(self.reg_token, std=1e-6)
        if self.config.init == "mimetic":
            self.init_mimetic()
        if isinstance(self.head, nn.Linear):
            nn.init.zeros_(self.head.weight)

    @torch.no_grad()
    def init_mimetic(self) -> None:
        """Attention and learned positions as in a trained model."""
        for block in self.blocks:
            if isinstance(block.attn, Attention):
                mimetic_(block.attn)
        if self.pos_embed is not None and self.pos_embed.requires_grad:
            D = self.config.embed_dim
            fixed = sincos_2d(self.grid_size, math.ceil(D / 4) * 4)[:, :D]  # they come in fours
            self.pos_embed[:, -len(fixed) :] = fixed / 2


def build_block(config: ViTConfig, index: int) -> Block:
    """Block `index` of `depth`: pre-norm, its drop-path rate on a linear ramp."""
    D = config.embed_dim
    norm = partial(nn.LayerNorm, eps=config.norm_eps)
    gate = partial(LayerScale, D, config.layer_scale) if config.layer_scale is not None else nn.Identity
    return Block(
        norm(D),
        GridConv(D, config.grid_size) if index < config.conv_blocks else build_attention(config),
        norm(D),
        build_mlp(config),
        ls1=gate(),
        ls2=gate(),
        residual=Residual(config.drop_path_rate * index / max(config.depth - 1, 1)),
    )


def build_attention(config: ViTConfig) -> Attention:
    """The attention of one block."""
    D = config.embed_dim
    head_norm = partial(nn.LayerNorm, D // config.num_heads, eps=config.norm_eps) if config.qk_norm else nn.Identity
    return Attention(
        D,
        config.num_heads,
        qkv=NoKeyBias(D) if config.qkv_bias and not config.k_bias else None,
        qkv_bias=config.qkv_bias,
        rotation=ROPES[config.rope].rotation,
        q_norm=head_norm(),
        k_norm=head_norm(),
        rel_bias=build_rel_bias(config),
        attn_drop=config.attn_drop,
        proj_drop=config.drop_rate,
    )


def build_rel_bias(config: ViTConfig) -> RelativeBias | None:
    """The bias for offsets of one attention, or none."""
    if not config.rel_bias:
        return None
    return RelativeBias(config.grid_size, config.num_heads, cls_token=config.cls_token)


def build_patches(config: ViTConfig) -> PatchEmbed:
    """Patches through one linear layer."""
    return PatchEmbed(config.size, config.patch_size, config.in_chans, config.embed_dim)


def build_stem(config: ViTConfig) -> ConvStem:
    """The convolutional stem of a compact transformer."""
    return ConvStem(config.size, config.patch_size, config.in_chans, config.embed_dim, hidden_dim=config.stem_dim)


def join(prefix: Sequence[Tensor], patches: Tensor) -> Tensor:
    """Tokens (1, n, D) in front of those of every image, (B, N, D)."""
    if not prefix:
        return patches
    return torch.cat([*(token.expand(patches.shape[0], -1, -1).to(patches.dtype) for token in prefix), patches], dim=1)


def place_all(prefix: Sequence[Tensor], patches: Tensor, positions: Tensor | None) -> Tensor:
    """Prefix and patches, then positions on all of them."""
    tokens = join(prefix, patches)
    return tokens if positions is None else tokens + positions


def place_patches(prefix: Sequence[Tensor], patches: Tensor, positions: Tensor | None) -> Tensor:
    """Positions on the patches, then the prefix in front."""
    return join(prefix, patches if positions is None else patches + positions)


def build_positions(config: ViTConfig, grid_size: tuple[int, int]) -> nn.Parameter | None:
    """Positions (1, N, D) that are added to the tokens; the fixed ones take no gradient."""
    if config.pos_embed == "none":
        return None
    prefix = config.num_prefix_tokens if config.pos_prefix else 0
    table = torch.zeros(1, prefix + grid_size[0] * grid_size[1], config.embed_dim)
    if config.pos_embed == "sincos":
        table[0, prefix:] = sincos_2d(grid_size, config.embed_dim)
    return nn.Parameter(table, requires_grad=config.pos_embed == "learned")


def build_rope(config: ViTConfig, grid_size: tuple[int, int]) -> Tensor | None:
    """Rotary angles of all tokens, or nothing."""
    table = ROPES[config.rope].table
    return table(grid_size, config.embed_dim // config.num_heads, num_prefix_tokens=config.num_prefix_tokens)


def build_mlp(config: ViTConfig) -> nn.Module:
    """The MLP of one block."""
    D, hidden, drop = config.embed_dim, int(config.embed_dim * config.mlp_ratio), config.drop_rate
    mlps = {
        "gelu": lambda: Mlp(D, hidden, drop=drop),
        "swiglu": lambda: SwiGLU(D, hidden, drop=drop),
        "swiglu_norm": lambda: SwiGLU(D, hidden, drop=drop, norm=nn.LayerNorm(hidden, eps=config.norm_eps)),
    }
    return mlps[config.mlp]()


class Rope(NamedTuple):
    """Rotary positions: their angles, and what turns by them."""

    table: Callable[..., Tensor | None]
    rotation: Callable[[Tensor, Tensor], Tensor]


def build_pool(config: ViTConfig) -> nn.Module:
    """The module that makes one vector of the tokens."""
    if config.pool in ("cls", "cls_mean") and not config.cls_token:
        raise InputError(f'pool "{config.pool}" needs cls_token=True', mend='use pool "mean", "map" or "seq"')
    D, hidden = config.embed_dim, int(config.embed_dim * config.mlp_ratio)
    pools = {
        "cls": ClsPool,
        "mean": lambda: MeanPool(config.num_prefix_tokens),
        "normed_mean": lambda: MeanPool(config.num_prefix_tokens),
        "cls_mean": lambda: ClsMeanPool(config.num_prefix_tokens),
        "map": lambda: MapPool(D, config.num_heads, hidden_dim=hidden, norm=nn.LayerNorm(D, eps=config.norm_eps)),
        "seq": lambda: SeqPool(D),
    }
    return pools[config.pool]()


STEMS = {"patch": build_patches, "conv": build_stem}
ROPES = {
    "none": Rope(lambda *sizes, **prefix: None, rotate),
    "tokens": Rope(rope_2d, rotate),
    "turns": Rope(partial(rope_2d, place=turn_grid), rotate),
    "sixteen": Rope(partial(rope_2d, place=sixteen_grid, temperature=10_000.0), rotate_neighbours),
}

TRUNKS: dict[str, dict[str, Any]] = {  # of every published family
    "tiny": {"embed_dim": 192, "depth": 12, "num_heads": 3},
    "small": {"embed_dim": 384, "depth": 12, "num_heads": 6},
    "medium": {"embed_dim": 512, "depth": 12, "num_heads": 8},
    "base": {"embed_dim": 768, "depth": 12, "num_heads": 12},
    "large": {"embed_dim": 1024, "depth": 24, "num_heads": 16},
    "huge": {"embed_dim": 1280, "depth": 32, "num_heads": 16},
    "giant": {"embed_dim": 1536, "depth": 40, "num_heads": 24, "mlp": "swiglu", "mlp_ratio": 8 / 3},
}

VIT = {
    f"vit_{name}_patch{patch}_{size}": ViTConfig(size, patch, **TRUNKS[name])
    for name in ("tiny", "small", "base", "large", "huge")
    for patch in (8, 14, 16, 32)
    for size in (224, 384)
    if size % patch == 0
}
DEIT = {
    f"deit_{name}_patch16_{size}": ViTConfig(size, 16, **TRUNKS[name])
    for name, sizes in {"tiny": (224,), "small": (224,), "base": (224, 384)}.items()
    for size in sizes
}
DEIT3 = {
    f"deit3_{name}_patch{patch}_{size}": ViTConfig(size, patch, **TRUNKS[name], layer_scale=1e-6, pos_prefix=False)
    for name, patch, sizes in (
        ("small", 16, (224, 384)),
        ("base", 16, (224, 384)),
        ("large", 16, (224, 384)),
        ("medium", 16, (224,)),
        ("huge", 14, (224,)),
    )
    for size in sizes
}
PRESETS = {**VIT, **DEIT, **DEIT3}
