"""The admin site: its frame, its first page, and the models that others bring."""
