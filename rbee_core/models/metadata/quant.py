"""Names of quantizations: from a header's number, from a tensor's type, from a file's name."""

from __future__ import annotations

import re

#: ``general.file_type`` (llama.cpp, ``llama_ftype``).
FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S", 12: "Q3_K_M",
    13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS",
    21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S",
    29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 33: "Q4_0_4_4", 34: "Q4_0_4_8", 35: "Q4_0_8_8", 36: "TQ1_0",
    37: "TQ2_0", 38: "MXFP4_MOE", 39: "NVFP4", 40: "Q1_0", 41: "Q2_0",
}  # fmt: skip

#: Types of single tensors (ggml, ``ggml_type``).
TENSOR_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K",
    12: "Q4_K", 13: "Q5_K", 14: "Q6_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S",
    20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64",
    29: "IQ1_M", 30: "BF16", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4", 40: "NVFP4", 41: "Q1_0",
}  # fmt: skip

# The header's number with this bit means that the converter guessed.
_GUESSED = 1024

_NAMES = "|".join(sorted({*FILE_TYPES.values(), *TENSOR_TYPES.values(), "MXFP4"}, key=len, reverse=True))
# As huggingface.js does (packages/gguf); the label stands alone between separators.
_LABEL = re.compile(rf"(?<![A-Za-z0-9])(UD-)?({_NAMES})((?:_[A-Z]+)?)(?![A-Za-z0-9_])", re.IGNORECASE)


def quant_label(name: str) -> str | None:
    """The quantization that a file's name tells, upper-case: ``model-UD-Q4_K_XL.gguf`` → ``UD-Q4_K_XL``."""
    found = None
    for found in _LABEL.finditer(name.rsplit("/", 1)[-1][:512]):  # noqa: B007 — the last one counts
        pass
    return found[0].upper() if found else None


def file_type_name(number: int | None) -> str | None:
    """The name of a header's ``general.file_type``."""
    return None if number is None else FILE_TYPES.get(number & ~_GUESSED)


def main_type_name(types: dict[int, int]) -> str | None:
    """The type that most of the elements have."""
    return TENSOR_TYPES.get(max(types, key=lambda kind: types[kind])) if types else None
