"""The safetensors worker of rbee: language models behind an OpenAI-compatible server, on PyTorch.

This package runs in an environment of its own, which a backend plugin builds from ``worker.toml``; nothing here imports
rbee. Two processes: the front (all of it ``rbee_worker_kit``'s) and the engine (``engine_child.py``: transformers).
"""
