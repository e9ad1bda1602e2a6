"""``rbee plugins check``: what is right and wrong with a plugin, each plugin tried out in a process of its own.

`check` runs it and remembers what came of it; `rules` lists what is looked for; `probe` is what runs in the process;
the other modules each know one part: hooks, imports, files, metadata, workers, commands.
"""
