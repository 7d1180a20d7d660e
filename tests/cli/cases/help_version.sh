"$ASCRIBE" version --help
