"$ASCRIBE" show r.h5 --list=yes
