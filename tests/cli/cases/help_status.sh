"$ASCRIBE" status --help
