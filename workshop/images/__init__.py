"""From what a user names to an image: links, sources, detection, recipes, builders."""
