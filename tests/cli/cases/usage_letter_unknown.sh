"$ASCRIBE" show r.h5 -z
