"""The language-model worker of rbee: GGUF models behind an OpenAI-compatible server, on llama.cpp.

This package runs in an environment of its own, which a backend plugin builds from ``worker.toml``; nothing here imports
rbee. Two processes: the front (all of it ``rbee_worker_kit``'s) and the engine (``engine_child.py``: llama.cpp).
"""
