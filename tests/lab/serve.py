"""The NSD processes: one for each instance in servers.py."""

from . import nsd
from .servers import INSTANCES, instance_address
from .domains import ROWS
from .zones import instances_of

# These put into an answer what may be asked next, the others do not.
CHATTY = {"root", "lab", "alpha"}


def start_all(lab_dir, zone_files):
    """Start every instance; returns {name: Popen}. They are ready when their
    servers answer, which the caller asks for (ready.py)."""
    return {f"nsd {instance}": nsd.start(
                lab_dir / "nsd" / instance, instance_address(instance),
                {row.name: zone_files[row.name] for row in ROWS
                 if instance in instances_of(row)},
                minimal=instance not in CHATTY, start_new_session=True)
            for instance in INSTANCES}
