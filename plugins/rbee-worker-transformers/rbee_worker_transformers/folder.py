"""What a model's folder has to be before anything in it is loaded.

A downloaded model is data, and must stay data: weights are read from safetensors files only (pickled ones can run
code), and Python files that come with a model are never imported.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

#: Bytes that a JSON file beside the weights may have; the largest known (tokenizers) have some tens of millions.
MAX_JSON = 256 << 20


def check_folder(folder: Path) -> None:
    """Refuse a folder that is no safetensors model.

    :raises ValueError: saying what is missing, or wrong.
    """
    read_json(folder / "config.json")
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        others = sorted(path.name for ending in ("*.bin", "*.pt", "*.pth", "*.gguf") for path in folder.glob(ending))
        instead = f" (there is {', '.join(others[:3])})" if others else ""
        raise ValueError(f"{folder} has no .safetensors file{instead}; no other kind of weights is read")
    if not (folder / "tokenizer.json").is_file() and not (folder / "tokenizer_config.json").is_file():
        raise ValueError(f"{folder} has no tokenizer.json: text cannot be turned into tokens")


def read_json(path: Path) -> dict[str, Any]:
    """One of the JSON files beside the weights.

    :raises ValueError: it is missing, too large, or no JSON object.
    """
    try:
        if path.stat().st_size > MAX_JSON:
            raise ValueError(f"{path} is larger than {MAX_JSON} bytes")
        table = json.loads(path.read_bytes())
    except (OSError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not JSON: {error}") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not JSON: {error}") from None
    if not isinstance(table, dict):
        raise ValueError(f"{path} is not a JSON object")
    return table


def check_code(folder: Path, known: bool) -> None:
    """Refuse a model that only its own code can run.

    :param known: whether the engine has an implementation of its own for this kind of model; it is then used, and the
        model's code is left alone.
    :raises ValueError: the model needs code of its own.
    """
    config = read_json(folder / "config.json")
    if known:
        return
    kind = str(config.get("model_type"))[:80]
    code = config.get("auto_map")
    if code:
        raise ValueError(f"the model ({kind}) comes with code of its own (auto_map), and foreign code is never run")
    raise ValueError(f"unsupported model architecture {kind!r}: this version of transformers does not know it")
