"""PostgreSQL beside the ORM: hot statements, SQL functions and their installation, connections, poolers."""

from django.db import migrations


def install_sql(module_file: str, name: str) -> migrations.RunPython:
    """A step of old migrations, which does nothing: functions are installed after every migrate (sql_install).

    It ran the file as it is today, in a schema as it was then: one that a later migration has not changed yet.
    """
    return migrations.RunPython(migrations.RunPython.noop, migrations.RunPython.noop)
