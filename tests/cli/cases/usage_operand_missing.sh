"$ASCRIBE" verify
