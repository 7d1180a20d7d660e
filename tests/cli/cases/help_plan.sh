"$ASCRIBE" plan --help
