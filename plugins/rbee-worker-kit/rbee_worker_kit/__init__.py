"""What rbee's workers share: the process in front of an engine, from the command line to the last request.

A worker says what it is (`Program`), and gives a module that loads a model and answers OpenAI's API on a private
address (`child.run`). All else is here: HTTP, keys, states, the engine's process and its end, draining. This package is
copied into a worker's environment beside the worker's own (``include_packages`` in ``worker.toml``); nothing here
imports rbee.
"""
