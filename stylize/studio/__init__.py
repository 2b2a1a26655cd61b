"""The studio: projects, uploads, jobs and access (no page in them), and the page on top."""
