"""Every command's name, options and help. What a command does is in the module of this name one level up.

That module is imported when the command runs, and nowhere else: help, completion and a misspelt option then
need neither the engine nor a bus, a database or settings.
"""
