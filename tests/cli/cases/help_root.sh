"$ASCRIBE" --help
