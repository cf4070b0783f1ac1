"""PostgreSQL and Redis out of wheels, and what keeps all of Frontrow's processes running.

Nothing in here imports Django or anything else of ours: it runs before either may be loaded.
"""
