"$ASCRIBE" devices --help
