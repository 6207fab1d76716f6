"""What happens when a shell or a command asks for keys."""
