"""The stack: the services that `meshtwin up` starts, watches and stops."""
