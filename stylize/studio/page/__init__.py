"""The page: one file a part of it. State belongs to a page's `Session` and to its project, never to a module."""
