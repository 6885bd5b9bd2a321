"""Mutation testing: does a test fail when the code says something else?

``operators`` changes one thing of a module, ``targets`` says which modules and which tests are to notice,
``reach`` measures which of these come to which line, ``running`` lets them run over each change, ``equivalents``
lists changes that change nothing, ``__main__`` tells what no test noticed.

Why not a tool from the shelf: mutmut works in a copy of the repository, where an editable install imports what was
not changed, and leaves everything outside functions alone, which is most of what is published here; cosmic-ray
changes the files of the working tree and starts Python anew for each change, five times as long. Here a change is
made to a module as it is imported, in a process forked off one that has loaded everything else: no file is written.
"""
