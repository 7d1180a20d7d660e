"$ASCRIBE" inspect --help
