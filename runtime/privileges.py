"""Drop root privileges before serving."""

from __future__ import annotations

import os
import pwd

from meshtwin.runtime.logs import log
from meshtwin.runtime.settings import SettingsError


def drop_to(name: str) -> bool:
    """Switch to the user `name` for good, with that user's groups and home; whether it did.

    Only root can. Any other user is kept, as with `docker run --user`, with a warning in the log.
    SageMaker itself starts containers as root:
    https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html.

    Raises:
        SettingsError: root lacks the capabilities (`docker run --cap-drop`).
    """
    user = pwd.getpwnam(name)
    if os.getuid() != 0:
        if os.getuid() != user.pw_uid:
            log.warning("user_kept", user=name, uid=os.getuid())
        return False
    try:
        os.initgroups(name, user.pw_gid)
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
    except PermissionError as error:
        raise SettingsError(
            f"RUNTIME_USER {name!r}: root may not switch to it ({error.strerror}); "
            "expected the capabilities SETUID and SETGID, or RUNTIME_USER left empty"
        ) from error
    os.environ.update(HOME=user.pw_dir, USER=name, LOGNAME=name)
    return True
