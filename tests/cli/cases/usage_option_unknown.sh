"$ASCRIBE" show r.h5 --frobnicate=3
