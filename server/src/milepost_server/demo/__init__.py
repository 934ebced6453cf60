"""The demo: `training` is what a data scientist would write, `tour` shows what came of it, `command` runs both."""
