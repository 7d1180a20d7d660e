"$ASCRIBE" verify a.h5 b.h5
