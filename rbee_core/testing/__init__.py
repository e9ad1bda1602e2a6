"""What tests of rbee and of its plugins use: the command line as a process, hand-made distributions, real servers."""
