"$ASCRIBE" export r.h5
