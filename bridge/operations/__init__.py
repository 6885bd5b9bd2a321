"""What an operator does: the same for the command line and for any other face."""
