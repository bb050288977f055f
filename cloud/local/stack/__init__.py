"""What `meshtwin up` starts, keeps and stops."""
