"""Which files of a repository a reference means: the rules, one row each."""

from __future__ import annotations

import pytest
from rbee_vendor_huggingface.choose import Wanted, choose
from rbee_vendor_huggingface.gguf import quant_label
from rbee_vendor_huggingface.listing import RepoFile

from rbee_core import ModelRef
from rbee_core.errors import ErrorCode, RbeeError

MANY = ["m-Q2_K.gguf", "m-Q4_K_M.gguf", "m-Q4_K_S.gguf", "m-Q8_0.gguf", "m-f16.gguf", "README.md", ".gitattributes"]
SHARDED = [f"Q4_K_M/m-Q4_K_M-0000{n}-of-00003.gguf" for n in (1, 2, 3)] + ["Q8_0/m-Q8_0.gguf"]
UNSLOTH = [
    "m-UD-Q4_K_XL.gguf",
    "m-Q4_K_M.gguf",
    "m-UD-IQ2_XXS.gguf",
    "BF16/m-BF16-00001-of-00001.gguf",
    "imatrix_unsloth.gguf",
]
VISION = [
    "m-Q4_K_M.gguf",
    "m-Q8_0.gguf",
    "mmproj-F32.gguf",
    "mmproj-Q8_0.gguf",
    "sub/m-Q6_K.gguf",
    "sub/mmproj-BF16.gguf",
]
SAFE = [
    "model.safetensors",
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.json",
    "merges.txt",
    "added_tokens.json",
    "chat_template.jinja",
]
BESIDE_SAFE = ["README.md", "pytorch_model.bin", "modeling_x.py", "flax_model.msgpack", "onnx/model.onnx", "LICENSE"]
SHARDED_SAFE = [
    "model-00001-of-00002.safetensors",
    "model-00002-of-00002.safetensors",
    "model.safetensors.index.json",
    "config.json",
]
MISTRAL = [*SHARDED_SAFE, "consolidated.safetensors", "params.json", "tekken.json"]
DIFFUSERS = [
    "model_index.json",
    "unet/config.json",
    "unet/diffusion.safetensors",
    "unet/diffusion.fp16.safetensors",
    "vae/config.json",
    "vae/vae.safetensors",
    "scheduler/scheduler_config.json",
    "vae/vae.bin",
]


def files(names: list[str]) -> list[RepoFile]:
    return [RepoFile(name, 1000 + number) for number, name in enumerate(names)]


def chosen(names: list[str], ref: str = "o/r", **options: tuple[str, ...]) -> list[str]:
    parsed = ModelRef.parse(ref)
    assert parsed.repo
    return [f.path for f in choose(files(names), Wanted(parsed.repo, parsed.path, parsed.selector, **options))]


@pytest.mark.parametrize(
    ("names", "ref", "expected"),
    [
        # one quantization of many
        (MANY, "o/r", ["m-Q4_K_M.gguf"]),
        (MANY, "o/r:Q8_0", ["m-Q8_0.gguf"]),
        (MANY, "o/r:q4_k_s", ["m-Q4_K_S.gguf"]),
        (MANY, "o/r:F16", ["m-f16.gguf"]),
        (MANY, "o/r:fp16", ["m-f16.gguf"]),
        (MANY, "o/r:m-Q2_K.gguf", ["m-Q2_K.gguf"]),
        (MANY, "o/r:M-q2_k.GGUF", ["m-Q2_K.gguf"]),
        (MANY, "o/r/m-Q2_K.gguf", ["m-Q2_K.gguf"]),
        (MANY, "o/r/README.md", ["README.md"]),
        (MANY, "o/r:gguf", ["m-Q4_K_M.gguf"]),
        (["m-Q2_K.gguf", "m-Q8_0.gguf"], "o/r", ["m-Q8_0.gguf"]),
        (["only.gguf", "README.md"], "o/r", ["only.gguf"]),
        (["m.bf16.gguf", "m.f16.gguf"], "o/r:f16", ["m.f16.gguf"]),
        (["M.Q4_K_M.GGUF"], "o/r:Q4_K_M", ["M.Q4_K_M.GGUF"]),
        (["a-Q4_K.gguf", "a-Q4_K_M.gguf"], "o/r:Q4_K", ["a-Q4_K.gguf"]),
        (["a-iq4_xs.gguf", "a-Q4_0.gguf"], "o/r:IQ4_XS", ["a-iq4_xs.gguf"]),
        (["mini-7b-q4.gguf", "mini-13b-q5.gguf"], "o/r:7b", ["mini-7b-q4.gguf"]),
        # variants
        (UNSLOTH, "o/r", ["m-Q4_K_M.gguf"]),
        (UNSLOTH, "o/r:UD-Q4_K_XL", ["m-UD-Q4_K_XL.gguf"]),
        (UNSLOTH, "o/r:Q4_K_XL", ["m-UD-Q4_K_XL.gguf"]),
        (UNSLOTH, "o/r:BF16", ["BF16/m-BF16-00001-of-00001.gguf"]),
        # shards
        (SHARDED, "o/r", SHARDED[:3]),
        (SHARDED, "o/r:Q4_K_M", SHARDED[:3]),
        (SHARDED, f"o/r/{SHARDED[0]}", SHARDED[:3]),
        (SHARDED, f"o/r/{SHARDED[2]}", SHARDED[:3]),
        (SHARDED, "o/r/Q8_0", ["Q8_0/m-Q8_0.gguf"]),
        (SHARDED, "o/r:m-Q4_K_M-00001-of-00003.gguf", SHARDED[:3]),
        # helpers of other models
        (["m-Q4_K_M.gguf", "mtp-m-Q4_K_M.gguf", "m.imatrix.gguf", "m-draft-Q4_K_M.gguf"], "o/r", ["m-Q4_K_M.gguf"]),
        (["eagle3-m.gguf", "m-Q5_K_M.gguf", "m-lora.gguf"], "o/r", ["m-Q5_K_M.gguf"]),
        (["m-DRAFT-0.6B-Q4_0.gguf"], "o/r", ["m-DRAFT-0.6B-Q4_0.gguf"]),
        (["m-Q4_K_M.gguf", "mtp-m-Q4_K_M.gguf"], "o/r/mtp-m-Q4_K_M.gguf", ["mtp-m-Q4_K_M.gguf"]),
        # projectors: the deepest folder shared, then the nearest in bits
        (VISION, "o/r", ["m-Q4_K_M.gguf", "mmproj-Q8_0.gguf"]),
        (VISION, "o/r:Q6_K", ["sub/m-Q6_K.gguf", "sub/mmproj-BF16.gguf"]),
        (VISION, "o/r/mmproj-F32.gguf", ["mmproj-F32.gguf"]),
        (["m-Q4_K_M.gguf", "other/mmproj-F16.gguf"], "o/r", ["m-Q4_K_M.gguf"]),
        (["deep/er/m-Q4_K_M.gguf", "mmproj-F16.gguf"], "o/r", ["deep/er/m-Q4_K_M.gguf", "mmproj-F16.gguf"]),
        # safetensors
        (SAFE + BESIDE_SAFE, "o/r", sorted(SAFE)),
        (SHARDED_SAFE, "o/r", sorted(SHARDED_SAFE)),
        (MISTRAL, "o/r", sorted([*SHARDED_SAFE, "params.json", "tekken.json"])),
        ([*SAFE, "model.fp16.safetensors", "README.md"], "o/r", sorted(SAFE)),
        (
            ["adapter_model.safetensors", "adapter_config.json"],
            "o/r",
            ["adapter_config.json", "adapter_model.safetensors"],
        ),
        (
            DIFFUSERS,
            "o/r",
            [
                "model_index.json",
                "unet/config.json",
                "unet/diffusion.safetensors",
                "vae/config.json",
                "vae/vae.safetensors",
            ],
        ),
        (
            MISTRAL,
            "o/r/consolidated.safetensors",
            ["config.json", "consolidated.safetensors", "params.json", "tekken.json"],
        ),
        # both: GGUF first, unless something else is named
        ([*SAFE, "m-Q8_0.gguf"], "o/r", ["m-Q8_0.gguf"]),
        ([*SAFE, "m-Q8_0.gguf"], "o/r:safetensors", sorted(SAFE)),
        ([*SAFE, "m-Q8_0.gguf"], "o/r/model.safetensors", sorted(SAFE)),
        ([*SAFE, "m.imatrix.gguf"], "o/r", sorted(SAFE)),
    ],
)
def test_chosen(names: list[str], ref: str, expected: list[str]) -> None:
    assert chosen(names, ref) == expected


@pytest.mark.parametrize(
    ("names", "options", "expected"),
    [
        (MANY, {"include": ("*Q2_K*", "README*")}, ["m-Q2_K.gguf", "README.md"]),
        (MANY, {"exclude": ("*Q4_K_M*",)}, ["m-Q8_0.gguf"]),
        (MANY, {"include": ("*.gguf",), "exclude": ("*f16*", "*Q4*")}, ["m-Q2_K.gguf", "m-Q8_0.gguf"]),
        (VISION, {"exclude": ("mmproj*",)}, ["m-Q4_K_M.gguf"]),
        (SAFE + BESIDE_SAFE, {"include": ("*",)}, [n for n in SAFE + BESIDE_SAFE if n != "pytorch_model.bin"]),
        (SAFE + BESIDE_SAFE, {"include": ("*.bin",)}, ["pytorch_model.bin"]),
        (SAFE + BESIDE_SAFE, {"include": ("pytorch_model.bin", "config.json")}, ["config.json", "pytorch_model.bin"]),
        (DIFFUSERS, {"include": ("vae/",)}, ["vae/config.json", "vae/vae.safetensors"]),
    ],
)
def test_globs(names: list[str], options: dict[str, tuple[str, ...]], expected: list[str]) -> None:
    assert chosen(names, **options) == expected


@pytest.mark.parametrize(
    ("names", "ref", "options", "said"),
    [
        (["a-Q2_K.gguf", "b-Q3_K_M.gguf"], "o/r", {}, ["several", "a-Q2_K.gguf (1.0 kB)", "b-Q3_K_M.gguf"]),
        (["a-Q4_K_M.gguf", "b-Q4_K_M.gguf"], "o/r", {}, ["several", "a-Q4_K_M.gguf", "b-Q4_K_M.gguf"]),
        (["a/m.gguf", "b/m.gguf"], "o/r:m.gguf", {}, ["several", "a/m.gguf", "b/m.gguf"]),
        (MANY, "o/r:Q5_K_M", {}, ["no Q5_K_M", "m-Q4_K_M.gguf", "m-Q8_0.gguf"]),
        (MANY, "o/r/m-Q4_K_N.gguf", {}, ["'m-Q4_K_N.gguf'", "Did you mean ", "m-Q4_K_M.gguf"]),
        (MANY, "o/r:nothing.gguf", {}, ["'nothing.gguf'"]),
        (MANY, "o/r", {"include": ("*.safetensors",)}, ["no file that matches *.safetensors", "m-Q4_K_M.gguf"]),
        (SHARDED[:2], "o/r", {}, ["incomplete", "Q4_K_M/m-Q4_K_M-00001-of-00003.gguf", "no part 3"]),
        (SHARDED_SAFE[:1] + SHARDED_SAFE[3:], "o/r", {}, ["incomplete", "model 2 of 2"]),
        (["m.Q2_K.gguf-00001-of-00002.gguf", "m.Q2_K.gguf-00002-of-00002.gguf"], "o/r", {}, ["pieces"]),
        (["pytorch_model.bin", "config.json"], "o/r", {}, ["run code", "pytorch_model.bin", "--include"]),
        (["pytorch_model.bin", "config.json"], "o/r/pytorch_model.bin", {}, ["run code", "--include"]),
        (["pytorch_model.bin"], "o/r:pytorch_model.bin", {}, ["run code", "--include"]),
        (["x.pt", "y.pkl"], "o/r", {"include": ("*",)}, ["no file that matches *"]),
        (["README.md", "model.onnx"], "o/r", {}, ["neither GGUF nor safetensors", "model.onnx"]),
        ([], "o/r", {}, ["neither", "nothing"]),
        (["evil\x1b[31m\n.bin"], "o/r", {}, ["evil\\x1b[31m\\x0a.bin"]),
    ],
)
def test_refused_with_what_there_is(
    names: list[str], ref: str, options: dict[str, tuple[str, ...]], said: list[str]
) -> None:
    with pytest.raises(RbeeError) as caught:
        chosen(names, ref, **options)
    assert caught.value.code is ErrorCode.MODEL_NOT_FOUND
    text = f"{caught.value.message} {caught.value.hint}"
    assert [part for part in said if part not in text] == [], text


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("m-Q4_K_M.gguf", "Q4_K_M"),
        ("m.q4_k_m.gguf", "Q4_K_M"),
        ("Q8_0/m-00001-of-00002.gguf", "Q8_0"),
        ("m-UD-IQ1_S.gguf", "UD-IQ1_S"),
        ("Qwen2.5-7B-f16.gguf", "F16"),
        ("m-fp16.gguf", "F16"),
        ("m-bf16.gguf", "BF16"),
        ("gpt-oss-20b-MXFP4.gguf", "MXFP4"),
        ("m-TQ1_0.gguf", "TQ1_0"),
        ("m.Q4_0_4_4.gguf", "Q4_0_4_4"),
        ("m-Q4_K_M_imatrix.gguf", "Q4_K_M"),
        ("Q-model.gguf", ""),
    ],
)
def test_quantization_in_a_name(path: str, label: str) -> None:
    assert quant_label(path) == label
