"""What is kept on this machine beside the engine's labels."""
