"$ASCRIBE" verify none.h5
