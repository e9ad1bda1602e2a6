"""The language-model worker of rbee, on llama.cpp."""
