"""What the server adds to the `milepost` command, a module for each command."""
