"""From a folder to a model in memory: on which device, in which type, with which tokenizer."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from .folder import check_code, check_folder, read_json

log = logging.getLogger("rbee_worker_transformers")

_KV_TYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that is ready to compute.

    :param context: tokens that one request may use: what was asked for, and no more than the model was made for.
    :param kv_type: the type that keys and values are stored in.
    :param stops: the tokens that end an answer.
    :param defaults: the sampling that the model's makers recommend (``generation_config.json``).
    """

    model: Any
    tokenizer: Any
    device: Any
    context: int
    kv_type: Any
    stops: frozenset[int]
    defaults: dict[str, Any]
    vocabulary: int
    embeds: bool = False


def load_model(config: dict[str, Any]) -> Loaded:
    """Load what the worker's command line names.

    :raises ValueError: the folder is no model that can be run here.
    """
    folder = Path(config["model"])
    check_folder(folder)
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoTokenizer
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    table = read_json(folder / "config.json")
    check_code(folder, known=str(table.get("model_type")) in CONFIG_MAPPING)
    local = {"local_files_only": True, "trust_remote_code": False}
    kind = AutoConfig.from_pretrained(folder, **local)
    embeds = is_encoder(folder, table)
    device = find_device(str(config["device"]))
    if device.type == "cpu":
        torch.set_num_threads(int(config["threads"]))
    dtype = compute_type(device, kind)
    log.info("loading on %s in %s", device, str(dtype).removeprefix("torch."))
    maker = AutoModel if embeds else AutoModelForCausalLM
    model = maker.from_pretrained(folder, config=kind, dtype=dtype, use_safetensors=True, **local)
    model = model.to(device).eval().requires_grad_(False)
    tokenizer = AutoTokenizer.from_pretrained(folder, **local)
    if not tokenizer.is_fast:
        raise ValueError("the model's tokenizer has no tokenizer.json, and cannot be run without it")
    text = kind.get_text_config(decoder=True)
    context = _context(config["context"], text, tokenizer, embeds=embeds)
    return Loaded(
        model=model,
        tokenizer=tokenizer,
        device=device,
        context=context,
        kv_type=_KV_TYPES.get(config["kv_type"], model.dtype),
        stops=_stops(model, tokenizer),
        defaults=_defaults(model),
        vocabulary=int(model.get_input_embeddings().weight.shape[0]),
        embeds=embeds,
    )


def _context(wanted: int, text: Any, tokenizer: Any, *, embeds: bool) -> int:
    """Tokens per request: what is wanted, and no more than the model was made for."""
    limits = [wanted, int(getattr(text, "max_position_embeddings", 0) or 0)]
    if embeds:  # some encoders have positions that are not for tokens; the tokenizer knows how many are
        limits.append(int(tokenizer.model_max_length))
    context = min(limit for limit in limits if limit > 0)
    if context < wanted:
        log.info("the context is %d tokens: the model was not made for more", context)
    return context


def is_encoder(folder: Path, table: dict[str, Any]) -> bool:
    """Whether a model makes vectors, and no text: what sentence-transformers saved, or a bare encoder."""
    if (folder / "modules.json").is_file():
        return True
    names = table.get("architectures")
    return (
        isinstance(names, list)
        and bool(names)
        and all(
            re.search(r"(Model|ForMaskedLM|EncoderModel)$", str(name)) and not str(name).endswith("LMHeadModel")
            for name in names
        )
    )


def find_device(name: str) -> Any:
    """The device that rbee's id (``CPU-0``, ``GPU-1``) or PyTorch's name (``cuda:1``) means here.

    Which GPUs can be seen at all is the environment's business (``CUDA_VISIBLE_DEVICES``); where only one is, it is
    meant.

    :raises ValueError: there is no such device, or this PyTorch was not built for it.
    """
    found = re.fullmatch(r"(?i)(cpu|gpu|cuda|mps|xpu)(?:[-:](\d+))?", name)
    if found is None:
        raise ValueError(f"no device is called {name!r}; allowed: CPU-0, GPU-0, cpu, cuda, mps")
    kind, number = found[1].lower(), int(found[2] or 0)
    if kind == "cpu":
        return torch.device("cpu")
    if kind in ("gpu", "cuda") and torch.cuda.is_available():
        seen = torch.cuda.device_count()
        return torch.device("cuda", number if number < seen else 0)
    if kind in ("gpu", "mps") and torch.backends.mps.is_available():
        return torch.device("mps")
    raise ValueError(f"{name} cannot be used: this PyTorch ({torch.__version__}) finds no such device")


def compute_type(device: Any, kind: Any) -> Any:
    """The type to compute in: on a GPU the file's own; on a processor float32, unless it computes in bfloat16."""
    stored = getattr(kind, "dtype", None) or torch.float32
    if device.type != "cpu":
        return stored if isinstance(stored, torch.dtype) else torch.float16
    return torch.bfloat16 if stored == torch.bfloat16 and _computes_bf16() else torch.float32


def _computes_bf16() -> bool:
    """Whether the processor has instructions for bfloat16 matrices; without them float32 is quicker."""
    try:
        return any(f" {flag} " in f"{line} " for line in _cpu_flags() for flag in ("amx_bf16", "avx512_bf16", "bf16"))
    except OSError:
        return False


def _cpu_flags() -> list[str]:
    with Path("/proc/cpuinfo").open(encoding="ascii", errors="replace") as lines:
        return [line for line in lines if line.startswith(("flags", "Features"))][:1]


def _stops(model: Any, tokenizer: Any) -> frozenset[int]:
    settings = getattr(model, "generation_config", None)
    stops = getattr(settings, "eos_token_id", None)
    found = set(stops) if isinstance(stops, list) else {stops}
    found.add(tokenizer.eos_token_id)
    return frozenset(int(token) for token in found if token is not None)


def _defaults(model: Any) -> dict[str, Any]:
    settings = getattr(model, "generation_config", None)
    names = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty")
    return {name: value for name in names if (value := getattr(settings, name, None)) is not None}
