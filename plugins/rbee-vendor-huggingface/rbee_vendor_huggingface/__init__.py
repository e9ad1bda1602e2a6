"""Models from the Hugging Face Hub, for rbee."""
