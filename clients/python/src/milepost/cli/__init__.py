"""The `milepost` command. Each group of commands is loaded when it is used, and the client with it."""
