"""The CPU backend of rbee: what this processor can do, and building workers for it."""
