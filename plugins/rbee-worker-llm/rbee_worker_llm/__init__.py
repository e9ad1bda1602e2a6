"""The language-model worker of rbee: GGUF models behind an OpenAI-compatible server, on llama.cpp.

This package runs in an environment of its own, which a backend plugin builds from ``worker.toml``; nothing here imports
rbee. Two processes: the front (`rbee_worker_llm.front`, HTTP) and the engine (`rbee_worker_llm.engine_child`, llama.cpp).
"""
