"$ASCRIBE" explain --help
