"""Vectors for texts, from models that make them: the mean over a text's tokens, or as the model's folder says."""

from __future__ import annotations

import base64
import struct
import threading
from pathlib import Path
from typing import Any

import torch
from rbee_worker_kit.errors import ApiError
from rbee_worker_kit.requests import EmbeddingRequest

from .folder import read_json
from .loading import Loaded

#: Texts of one request (OpenAI's limit).
MAX_TEXTS = 2048
#: Texts computed in one pass.
_BATCH = 16


class Embedder:
    """Makes vectors.

    How tokens' vectors become a text's is read where sentence-transformers writes it (``1_Pooling/config.json``): the
    first token's, the last one's, or their mean, which is what counts where nothing is said. Vectors have length 1.
    """

    def __init__(self, loaded: Loaded, folder: Path, model_id: str) -> None:
        self._loaded = loaded
        self._model_id = model_id
        self._lock = threading.Lock()
        self._pooling = _pooling(folder)

    def embed(self, asked: EmbeddingRequest) -> dict[str, Any]:
        """The answer to one request.

        :raises ApiError: 400: a text is empty, or longer than the model takes.
        """
        texts = _texts(asked)
        if len(texts) > MAX_TEXTS:
            raise ApiError(400, f"'input': one request has at most {MAX_TEXTS} texts", param="input")
        prompts = [self._tokens(text) for text in texts]
        vectors: list[list[float]] = []
        with self._lock, torch.inference_mode():
            for begin in range(0, len(prompts), _BATCH):
                vectors += self._vectors(prompts[begin : begin + _BATCH])
        used = sum(len(prompt) for prompt in prompts)
        shape = _as_base64 if asked.encoding_format == "base64" else list
        data = [{"object": "embedding", "index": i, "embedding": shape(vector)} for i, vector in enumerate(vectors)]
        usage = {"prompt_tokens": used, "total_tokens": used}
        return {"object": "list", "model": self._model_id, "data": data, "usage": usage}

    def _tokens(self, text: str | list[int]) -> list[int]:
        loaded = self._loaded
        ids = loaded.tokenizer(text, verbose=False)["input_ids"] if isinstance(text, str) else list(text)
        if not ids:
            raise ApiError(400, "'input': is empty", param="input")
        if not all(0 <= token < loaded.vocabulary for token in ids):
            raise ApiError(400, f"'input': tokens are from 0 to {loaded.vocabulary - 1}", param="input")
        if len(ids) > loaded.context:
            raise ApiError(
                400,
                f"A text has {len(ids)} tokens, and this model takes {loaded.context} here.",
                param="input",
                code="context_length_exceeded",
            )
        return ids

    def _vectors(self, prompts: list[list[int]]) -> list[list[float]]:
        loaded, longest = self._loaded, max(len(prompt) for prompt in prompts)
        filler = loaded.tokenizer.pad_token_id or 0
        ids = torch.tensor([[*prompt, *[filler] * (longest - len(prompt))] for prompt in prompts])
        mask = torch.tensor([[1] * len(prompt) + [0] * (longest - len(prompt)) for prompt in prompts])
        ids, mask = ids.to(loaded.device), mask.to(loaded.device)
        hidden = loaded.model(input_ids=ids, attention_mask=mask).last_hidden_state.float()
        if self._pooling == "first":
            found = hidden[:, 0]
        elif self._pooling == "last":
            found = hidden[torch.arange(len(prompts), device=loaded.device), mask.sum(1) - 1]
        else:
            weights = mask.unsqueeze(-1).float()
            found = (hidden * weights).sum(1) / weights.sum(1)
        vectors: list[list[float]] = torch.nn.functional.normalize(found, dim=-1).cpu().tolist()
        return vectors


def _texts(asked: EmbeddingRequest) -> list[str] | list[list[int]]:
    given = asked.input
    if isinstance(given, str):
        return [given]
    return [given] if isinstance(given[0], int) else given


def _pooling(folder: Path) -> str:
    path = folder / "1_Pooling" / "config.json"
    table = read_json(path) if path.is_file() else {}
    if table.get("pooling_mode_cls_token"):
        return "first"
    return "last" if table.get("pooling_mode_lasttoken") else "mean"


def _as_base64(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
