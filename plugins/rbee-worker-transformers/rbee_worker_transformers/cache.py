"""Keys and values of many sequences in one block of memory, where rows can come and go.

Every sequence is a row; all rows end at the same column, so that one step writes one column of all of them. What
stands before a row's beginning is hidden by the attention mask, as with any batch that is padded on the left: so each
model's own code makes the masks, sliding windows included. Rotations were applied before a key is stored: moving it is
harmless.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers.cache_utils import Cache, CacheLayerMixin, DynamicLayer

#: Columns that may be wasted before rows are moved to the left.
_SLACK = 64


class _Rows:
    """What all layers share: how many rows are in use, and the column that is written next."""

    __slots__ = ("capacity", "column", "kv_type", "most", "used")

    def __init__(self, most: int, capacity: int, kv_type: Any) -> None:
        self.most = most
        self.capacity = capacity
        self.kv_type = kv_type
        self.used = 0
        self.column = 0


class _Layer(CacheLayerMixin):
    """One layer's part: ``[rows, heads, columns, size of a head]``."""

    is_sliding = False
    supports_early_init = False

    def __init__(self, rows: _Rows) -> None:
        super().__init__()
        self._rows = rows

    def lazy_initialization(self, key_states: Any, value_states: Any) -> None:
        """Take the memory, for as many rows and columns as there can ever be."""
        rows = self._rows
        for name, states in (("keys", key_states), ("values", value_states)):
            shape = (rows.most, states.shape[1], rows.capacity, states.shape[-1])
            setattr(self, name, torch.zeros(shape, dtype=rows.kv_type, device=states.device))
        self.is_initialized = True

    def update(self, key_states: Any, value_states: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        """Write the new columns of the rows in use, and give all their columns."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        used, begin = self._rows.used, self._rows.column
        end = begin + key_states.shape[-2]
        self.keys[:used, :, begin:end] = key_states
        self.values[:used, :, begin:end] = value_states
        return (
            self.keys[:used, :, :end].to(key_states.dtype),
            self.values[:used, :, :end].to(value_states.dtype),
        )

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """How many columns there are after this step, and where they begin."""
        return self._rows.column + query_length, 0

    def get_seq_length(self) -> int:
        """The columns that are filled."""
        return self._rows.column

    def get_max_length(self) -> int:
        """The columns there are."""
        return self._rows.capacity


class RowCache:
    """The rows of all running sequences.

    :param layers: attention layers of the model.
    :param rows: sequences at once.
    :param capacity: columns: tokens that a sequence may have.
    """

    def __init__(self, layers: int, rows: int, capacity: int, kv_type: Any, device: Any) -> None:
        self._rows = _Rows(rows, capacity, kv_type)
        self.cache: Any = Cache(layers=[_Layer(self._rows) for _ in range(layers)])
        self._mask = torch.zeros((rows, capacity), dtype=torch.long, device=device)
        #: The tokens that each row in use has.
        self.lengths: list[int] = []

    def add(self, single: Any) -> None:
        """Add a row: what another cache has of one sequence."""
        rows, length = self._rows, int(single.get_seq_length())
        if rows.used and length > rows.column:
            self._move(length - rows.column)
        elif not rows.used:
            rows.column = length
        row, begin, end = rows.used, rows.column - length, rows.column
        for mine, its in zip(self.cache.layers, single.layers, strict=True):
            if not mine.is_initialized:
                mine.lazy_initialization(its.keys, its.values)
            mine.keys[row, :, begin:end] = its.keys[0]
            mine.values[row, :, begin:end] = its.values[0]
        self._mask[row] = 0
        self._mask[row, begin:end] = 1
        self.lengths.append(length)
        rows.used += 1

    def remove(self, row: int) -> None:
        """Drop a row; the last one takes its place."""
        rows, last = self._rows, self._rows.used - 1
        if row != last:
            begin, end = rows.column - self.lengths[last], rows.column
            for layer in self.cache.layers:
                layer.keys[row, :, begin:end] = layer.keys[last, :, begin:end]
                layer.values[row, :, begin:end] = layer.values[last, :, begin:end]
            self._mask[row] = self._mask[last]
            self.lengths[row] = self.lengths[last]
        self.lengths.pop()
        rows.used = last
        if self.lengths and rows.column - max(self.lengths) > _SLACK:
            self._move(max(self.lengths) - rows.column)

    def before_step(self) -> tuple[Any, Any]:
        """Make room for one more column; its mask and positions: ``[rows, columns]`` and ``[rows, 1]``."""
        rows = self._rows
        if rows.column == rows.capacity:
            self._move(max(self.lengths) - rows.column)
        self._mask[: rows.used, rows.column] = 1
        positions = torch.tensor(self.lengths, device=self._mask.device).unsqueeze(1)
        return self._mask[: rows.used, : rows.column + 1], positions

    def after_step(self) -> None:
        """The step has written its column."""
        self._rows.column += 1
        self.lengths = [length + 1 for length in self.lengths]

    def _move(self, by: int) -> None:
        """Move all rows to the right, or (less than 0) to the left."""
        rows = self._rows
        used, begin, end = rows.used, max(0, -by), rows.column
        for layer in self.cache.layers:
            for states in (layer.keys, layer.values):
                states[:used, :, begin + by : end + by] = states[:used, :, begin:end].clone()
        mask = self._mask[:used, begin:end].clone()
        self._mask[:used] = 0
        self._mask[:used, begin + by : end + by] = mask
        rows.column += by


def single_cache(layers: int) -> Any:
    """A cache for one sequence that is being read in."""
    return Cache(layers=[DynamicLayer() for _ in range(layers)])
