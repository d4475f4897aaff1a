"""What the inner layers ask of the outer ones: protocols, named for the role."""
