"$ASCRIBE" compare --help
