"$ASCRIBE" evaluate --help
