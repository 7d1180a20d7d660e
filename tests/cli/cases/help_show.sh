"$ASCRIBE" show --help
