"$ASCRIBE" show r.h5 --color=sometimes
