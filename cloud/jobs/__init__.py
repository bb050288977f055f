"""Jobs on the client's side: submit, wait."""
