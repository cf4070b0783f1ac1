"""`manage.py audit`: check the invariants over the whole database."""

from django.core.management.base import BaseCommand, CommandError

from concert_site.operations import audit


class Command(BaseCommand):
    help = "Check every invariant over the whole database: a line each, and an exit code for scripts."

    def handle(self, *args: object, **options: object) -> None:
        """Print the findings.

        :raises CommandError: if an invariant is broken
        """
        findings = audit.run()
        for finding in findings:
            self.stdout.write(str(finding))
        broken = [str(finding.invariant) for finding in findings if not finding.is_ok]
        if broken:
            raise CommandError(f"Broken: invariant {', '.join(broken)}. The rows are named above; nothing was changed.")
