"$ASCRIBE" export none.h5 --csv
