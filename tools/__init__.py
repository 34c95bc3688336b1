"""Programs for those who write the course; its students need none of them."""
