"""How somebody signs in: by an OpenID provider, or as a user of the console's own file."""
