"$ASCRIBE" verify --help
