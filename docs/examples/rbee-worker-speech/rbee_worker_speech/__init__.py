"""The worker `speech`: text to speech behind OpenAI's `/v1/audio/speech`, for rbee.

It runs in an environment of its own, which rbee builds from `worker.toml`; nothing here imports rbee. Two processes: the
front (`rbee_worker_kit`: HTTP, keys, draining, the engine's end) and the engine (`engine_child.py`, `voice.py`).
"""
