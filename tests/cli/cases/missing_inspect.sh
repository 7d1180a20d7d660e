"$ASCRIBE" inspect none.h5
