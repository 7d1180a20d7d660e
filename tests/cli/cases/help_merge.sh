"$ASCRIBE" merge --help
