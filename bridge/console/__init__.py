"""The console: what an operator looks at and does, in a browser.

It stands above `bridge.operations` as the command line does, and is as thin. A page is a module of `pages`
and a template of the same name; what it shows and does is an operation. Who may see and do what is one
table (`rights`), held to in one place (`app`).

::

    browser ─▶ protection (host, proxy, size, headers) ─▶ app (session, right, token of the form) ─▶ a page

It works without JavaScript, has no build step, and keeps nothing but the sessions of its users, in memory.
"""
