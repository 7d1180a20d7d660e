"$ASCRIBE" show r.h5 --row -2
