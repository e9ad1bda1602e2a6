"""``rbee plugins new``: a complete distribution to begin a plugin with.

`names` has the rules for what it is called, `layout` which files each kind has, ``templates/`` what is in them, `write`
puts them on the disk.
"""
