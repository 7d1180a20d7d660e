"$ASCRIBE" global --help
