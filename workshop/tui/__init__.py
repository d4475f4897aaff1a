"""The terminal UI. Talks to the service alone; knows no engine, no gateway, no file of the state."""
