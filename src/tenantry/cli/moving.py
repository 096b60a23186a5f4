"""What `migrate` and `rollback` share: they move each service's schema and say where to."""

from __future__ import annotations

from collections.abc import Sequence

from tenantry.cli.options import find_services
from tenantry.cli.output import say, write, write_json

__all__ = ["run_moves"]


def run_moves(names: Sequence[str], revision: str, *, is_back: bool, as_json: bool) -> None:
    """Move the services one after the other; the first error ends it."""
    import asyncio

    from tenantry.development import load_settings
    from tenantry.lease import leased
    from tenantry.migrations.revisions import move
    from tenantry.separation import check_separate

    project, services = find_services(names)
    pairs = [(service, load_settings(service, project)) for service in services]
    asyncio.run(check_separate(pairs))
    moves = []
    # One lease for all, so that the server does not stop and start between two services.
    with leased(pairs):
        for service, settings in pairs:
            say(f"{service.name}: {'rolling back' if is_back else 'migrating'} to {revision}")
            moves.append(asyncio.run(move(service, settings, revision, is_back=is_back)))
    if as_json:
        write_json({"services": moves})
        return
    for done in moves:
        moved = "nothing to do" if done.previous == done.revision else f"was at {done.previous or 'nothing'}"
        write(f"{done.service}: at {done.revision or 'nothing'}, {moved}")
