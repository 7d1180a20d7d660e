"$ASCRIBE" export --help
