"""What a request of each kind costs, what that comes to at any load, and an hour of all of them at once."""
