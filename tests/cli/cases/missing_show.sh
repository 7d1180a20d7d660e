"$ASCRIBE" show none.h5
